"""Time and peak memory of TorchPoissonNMF by n, m, nonzeros and K, for asv.

asv run --config benchmarks/asv.conf.json --python=same --quick
"""

import warnings

from sklearn.exceptions import ConvergenceWarning

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus

#: One quantity at a time departs from the middle: n, m, tokens a document, K.
_MIDDLE = 5_000, 5_000, 100, 20
SHAPES = sorted(
    {
        _MIDDLE,
        *((n, *_MIDDLE[1:]) for n in (1_000, 20_000)),
        *((_MIDDLE[0], m, *_MIDDLE[2:]) for m in (1_000, 20_000)),
        *((*_MIDDLE[:2], length, _MIDDLE[3]) for length in (25, 400)),
        *((*_MIDDLE[:3], K) for K in (5, 80)),
    }
)
_SOLVERS = {"scd": {}, "em": {}, "adam": {"learning_rate": 0.5}}


class Fit:
    """Ten iterations."""

    params = (SHAPES, list(_SOLVERS))
    param_names = ("n, m, tokens a document, K", "solver")
    timeout = 300

    def setup(self, shape, solver):
        warnings.simplefilter("ignore", ConvergenceWarning)
        n, m, length, K = shape
        self.X = make_topic_corpus(n, m, K, doc_length=length, random_state=0)[0]
        parameters = {"max_iter": 10, "tol": 0, "random_state": 0}
        self.model = TorchPoissonNMF(K, solver=solver, **parameters, **_SOLVERS[solver])
        self.model.fit(self.X[:50])  # loads the compiled kernels

    def time_fit(self, shape, solver):
        self.model.fit(self.X)

    def peakmem_fit(self, shape, solver):
        self.model.fit(self.X)


class Transform:
    params = (SHAPES, ["map", "variational"])
    param_names = ("n, m, tokens a document, K", "inference")
    timeout = 300

    def setup(self, shape, inference):
        warnings.simplefilter("ignore", ConvergenceWarning)
        n, m, length, K = shape
        self.X = make_topic_corpus(n, m, K, doc_length=length, random_state=0)[0]
        parameters = {"max_iter": 10, "tol": 0, "random_state": 0}
        self.model = TorchPoissonNMF(K, inference=inference, **parameters)
        self.model.fit(self.X)

    def time_transform(self, shape, inference):
        self.model.transform(self.X)

    def peakmem_transform(self, shape, inference):
        self.model.transform(self.X)
