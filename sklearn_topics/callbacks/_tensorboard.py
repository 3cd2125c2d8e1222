"""TensorBoardLogger: losses, topics and topic usage in TensorBoard."""

import time
import warnings
from copy import copy
from pathlib import Path
from uuid import uuid4

import numpy as np

from .._boundary.arguments import check_integer
from .._boundary.inputs import count_rows, take_rows
from .._boundary.top_terms import greatest
from .._boundary.topics import term_names
from .._fit.callbacks import FitWatcher
from .._kernels.ranks import is_first

#: Number of documents for the topic usage.
_SAMPLE = 256


class TensorBoardLogger(FitWatcher):
    """Log losses, learning rate, topics and topic usage of fits to TensorBoard.

    View the logs with ``tensorboard --logdir <log_dir>``. Needs scikit-learn >= 1.9 and
    the extra ``tensorboard``.

    Parameters
    ----------
    log_dir : str or path-like
        Folder of the logs. Each fit writes to a new subfolder, named by the model, the
        time and eight random digits, so that fits never mix, not even in a search with
        ``n_jobs=2``.

    feature_names : sequence of str, default=None
        Names of the terms. If None, `feature_names_in_` of the model; without names,
        terms are column numbers.

    n_terms : int, default=10
        Number of top terms of each topic.

    every : int, default=1
        Number of iterations between logs of topics and topic usage, which take a copy
        of the topics from the device and inference for a sample of documents.

    See Also
    --------
    HistoryLogger : Log losses and scores to a file.
    EarlyStopping : Stop a fit by a held-out score.

    Notes
    -----
    The logs contain

    - scalars: the columns of `loss_history_` whenever the model records them, such as
      losses and learning rate; and "validation_score" of an :class:`EarlyStopping`
      attached before this logger;
    - the text "topics": a table of the top terms of each topic;
    - the histogram "topic usage": the mean proportion of each topic in at most 256
      documents spread over X, by ``transform``;
    - the text "model": its parameters, and its place in a pipeline or search.

    The step is the iteration, counted over all initialisations (see `n_init`).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.callbacks import TensorBoardLogger
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(
    ...     n_samples=200, n_features=50, n_topics=3, random_state=0
    ... )
    >>> log_dir = tempfile.mkdtemp()
    >>> model = TorchPoissonNMF(n_components=3, random_state=0)
    >>> model = model.set_callbacks(TensorBoardLogger(log_dir, every=10)).fit(X)
    >>> [run.name.partition("-")[0] for run in Path(log_dir).iterdir()]
    ['TorchPoissonNMF']
    """

    def __init__(self, log_dir, feature_names=None, n_terms=10, every=1) -> None:
        super().__init__()
        _summary_writer()  # raise now, not in the middle of a search
        self.log_dir = Path(log_dir)
        self.feature_names = feature_names
        self.n_terms = check_integer(n_terms, "n_terms")
        self.every = check_integer(every, "every")
        self._writers = {}

    def __getstate__(self):
        return {**vars(self), "_writers": {}}  # each process opens its own

    def _begin(self, fit):
        name = type(fit.estimator).__name__
        run = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:8]}"
        about = f"{fit.path}\n\n{fit.estimator!r}"
        fit.memory(self).update(run=run, about=about, start=0, written=0)

    def _writer(self, fit):
        if fit not in self._writers:
            memory = fit.memory(self)
            writer = _summary_writer()(self.log_dir / memory["run"])
            writer.add_text("model", memory["about"])
            self._writers[fit] = writer
        return self._writers[fit]

    def _iteration(self, fit):
        shown = fit.run.n_iter % self.every == 0
        model = fit.model() if shown else None  # made by all ranks together
        if not is_first():
            return
        writer, step = self._writer(fit), self._step(fit, fit.run.n_iter)
        self._add_scalars(fit)
        for name, (iteration, score) in fit.scores.items():
            if iteration == fit.run.n_iter:
                writer.add_scalar(name, score, step)
        if shown:
            writer.add_text("topics", self._table(model), step)
            if count_rows(fit.X):  # the first rank of a process group may have none
                writer.add_histogram("topic usage", _usage(model, fit.X), step)

    def _end(self, fit):
        if not is_first():
            return
        self._add_scalars(fit)  # the record after the last iteration
        if fit in self._writers:
            self._writers.pop(fit).close()

    def _step(self, fit, iteration):
        return fit.run.start * fit.run.max_iter + iteration

    def _add_scalars(self, fit):
        memory = fit.memory(self)
        if memory["start"] != fit.run.start:
            memory.update(start=fit.run.start, written=0)
        iterations = fit.run.history.get("iteration", ())
        for row in range(memory["written"], len(iterations)):
            for name, column in fit.run.history.items():
                if name != "iteration":
                    step = self._step(fit, iterations[row])
                    self._writer(fit).add_scalar(name, column[row], step)
        memory["written"] = len(iterations)

    def _table(self, model):
        names = term_names(model, self.feature_names)
        lines = ["| topic | terms |", "| ---: | :--- |"]
        for k, row in enumerate(model.components_):
            terms = (str(names[j]) for j in greatest(row, self.n_terms))
            lines.append(f"| {k} | {' '.join(terms)} |")
        return "\n".join(lines)


def _usage(model, X):
    model = copy(model)
    model.verbose = 0  # no progress of this transform
    n = count_rows(X)
    rows = np.linspace(0, n - 1, min(n, _SAMPLE)).round().astype(int)
    with warnings.catch_warnings():
        # Convergence does not matter here.
        warnings.simplefilter("ignore")
        W = np.asarray(model.transform(take_rows(X, rows)))
    # Scale W by the topics' sums, which are one for topic models only.
    share = W.mean(axis=0, dtype=np.float64) * model.components_.sum(axis=1)
    return share / (share.sum() or 1.0)


def _summary_writer():
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as missing:
        raise ImportError(
            "TensorBoardLogger needs tensorboard: pip install tensorboard, or "
            "pip install sklearn_topics[tensorboard]."
        ) from missing
    return SummaryWriter
