"""EarlyStopping: stop a fit when a held-out score no longer improves."""

import math
from numbers import Real

from .._boundary.arguments import check_integer
from .._fit.callbacks import FitWatcher
from .._kernels.ranks import current

#: Name of the score in logs.
_SCORE = "validation_score"


class EarlyStopping(FitWatcher):
    """Stop a fit when a score on held-out data no longer improves.

    After each iteration the current model is evaluated on held-out data. For all
    iterative models of this package; needs scikit-learn >= 1.9.

    Parameters
    ----------
    X_valid : {array-like, sparse matrix, torch.Tensor} of shape (n_valid, n_features)
        Held-out data, in the form that the model gets: for a model in a pipeline,
        transformed by the steps before it.

    metric : "completion" or callable, default="completion"
        Score to monitor; higher is better.

        - "completion": the `score` method of the model. For topic models this is
          document completion, the mean held-out log-likelihood per token; for
          :class:`~sklearn_topics.TorchBetaNMF` the fraction of the divergence explained
          in held-out columns.
        - a callable (model, X_valid) -> float, such as a scorer of
          :func:`sklearn_topics.metrics.topic_scorer`.

    patience : int, default=3
        Number of consecutive evaluations without improvement after which fit stops.

    min_delta : float, default=0.0
        Minimum increase over the best score so far that counts as an improvement.

    every : int, default=1
        Number of iterations between evaluations. An evaluation takes as long as
        inferring the topics of `X_valid`: choose 10 for models with many short
        iterations, such as :class:`~sklearn_topics.TorchPoissonNMF`.

    restore_best : bool, default=True
        Whether fit returns the model with the best score, i.e. of the last improvement.
        If False, it returns the model as if `max_iter` had been reached. `n_iter_`
        counts all iterations in both cases.

    See Also
    --------
    HistoryLogger : Log losses and scores to a file.
    sklearn_topics.metrics.completion_score : Document completion as a function.

    Notes
    -----
    With several initialisations (`n_init`) each is monitored separately, and the first
    that stops ends the fit.

    A :class:`HistoryLogger` or :class:`TensorBoardLogger` attached after this callback
    logs the scores as "validation_score".

    Examples
    --------
    >>> from sklearn_topics import TorchETM
    >>> from sklearn_topics.callbacks import EarlyStopping
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(
    ...     n_samples=300, n_features=50, n_topics=3, random_state=0
    ... )
    >>> model = TorchETM(n_components=3, max_iter=100, random_state=0)
    >>> stopping = EarlyStopping(X[:50], patience=2, min_delta=0.01)
    >>> model.set_callbacks(stopping).fit(X[50:]).n_iter_
    3
    """

    def __init__(
        self,
        X_valid,
        *,
        metric="completion",
        patience=3,
        min_delta=0.0,
        every=1,
        restore_best=True,
    ) -> None:
        super().__init__()
        if metric != "completion" and not callable(metric):
            raise ValueError(
                "metric must be 'completion' or a callable (model, X_valid) -> float, "
                f"such as topic_scorer('npmi'). Got {metric!r}."
            )
        if not isinstance(min_delta, Real) or not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be a number >= 0. Got {min_delta!r}.")
        self.X_valid = X_valid
        self.metric = metric
        self.patience = check_integer(patience, "patience")
        self.min_delta = min_delta
        self.every = check_integer(every, "every")
        self.restore_best = restore_best

    @property
    def _settings(self):
        """The settings that a resumed fit must share with the interrupted one."""
        metric = getattr(self.metric, "__qualname__", self.metric)
        numbers = self.patience, self.min_delta, self.every, self.restore_best
        return f" by {metric}, {numbers}"

    def _begin(self, fit):
        if current() is not None:
            raise ValueError(
                "EarlyStopping cannot be used in a process group, whose ranks could "
                "choose different iterations. Use tol and max_iter instead."
            )
        fit.scores[_SCORE] = [0, math.nan]

    def _iteration(self, fit):
        memory = fit.memory(self)
        if memory.get("start") != fit.run.start:
            memory.update(start=fit.run.start, best=-math.inf, waited=0)
        if fit.run.n_iter % self.every:
            return False
        score = self._score(fit.model())
        fit.scores[_SCORE] = [fit.run.n_iter, score]
        if score > memory["best"] + self.min_delta:
            memory.update(best=score, waited=0)
            if self.restore_best:
                fit.run.pin()
        else:
            memory["waited"] += 1
        return memory["waited"] >= self.patience

    def _score(self, model):
        if self.metric == "completion":
            score = model.score(self.X_valid)
        else:
            score = self.metric(model, self.X_valid)
        if not math.isfinite(score):
            raise ValueError(
                f"The score of X_valid is {score} after {model.n_iter_} iterations. It "
                "must be finite: check X_valid and metric."
            )
        return float(score)
