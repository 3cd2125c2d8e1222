"""Time and peak memory of TorchPoissonNMF by n, m, nonzeros and K, for asv.

    cd benchmarks && asv run --python=same --quick

Some four minutes: asv starts a process for each figure.
"""

import warnings

from sklearn.exceptions import ConvergenceWarning

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus

#: n, m, tokens a document, K; elsewhere one at a time departs from these.
_MIDDLE = 5_000, 5_000, 100, 20
SHAPES = [
    _MIDDLE,
    *((n, *_MIDDLE[1:]) for n in (1_000, 20_000)),
    *((_MIDDLE[0], m, *_MIDDLE[2:]) for m in (1_000, 20_000)),
    *((*_MIDDLE[:2], length, _MIDDLE[3]) for length in (25, 400)),
    *((*_MIDDLE[:3], K) for K in (5, 80)),
]
SOLVERS = {"scd": {}, "em": {}, "adam": {"learning_rate": 0.5}}
_NAME = "n, m, tokens a document, K"


def _corpus(shape):
    n, m, length, K = shape
    return make_topic_corpus(n, m, K, doc_length=length, random_state=0)[0]


def _model(shape, **parameters):
    """A model of ten iterations, its kernels loaded."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    model = TorchPoissonNMF(shape[3], max_iter=10, tol=0, random_state=0, **parameters)
    return model.fit(_corpus((50, *shape[1:])))


class Fit:
    """Ten iterations of coordinate descent and what surrounds them."""

    params = SHAPES
    param_names = (_NAME,)

    def setup(self, shape):
        self.model, self.X = _model(shape), _corpus(shape)

    def time_fit(self, shape):
        self.model.fit(self.X)

    def peakmem_fit(self, shape):
        self.model.fit(self.X)


class Solver:
    """Ten iterations of each solver."""

    params = list(SOLVERS)
    param_names = ("solver",)

    def setup(self, solver):
        self.model = _model(_MIDDLE, solver=solver, **SOLVERS[solver])
        self.X = _corpus(_MIDDLE)

    def time_fit(self, solver):
        self.model.fit(self.X)

    def peakmem_fit(self, solver):
        self.model.fit(self.X)


class Transform:
    """Fold-in of all documents."""

    params = SHAPES
    param_names = (_NAME,)

    def setup(self, shape):
        self.model, self.X = _model(shape), _corpus(shape)
        self.model.fit(self.X)

    def time_transform(self, shape):
        self.model.transform(self.X)

    def peakmem_transform(self, shape):
        self.model.transform(self.X)
