"""EarlyStopping: ends a fit when a held-out score no longer rises."""

import math
from numbers import Real

from .._fit.callbacks import FitWatcher
from ._arguments import check_count

#: Under this name loggers find the score.
_SCORE = "validation_score"


class EarlyStopping(FitWatcher):
    """Stop a fit when a score of held-out data no longer improves.

    The score is that of the model as if fit had stopped after the iteration. For all
    iterative models of this package; needs scikit-learn >= 1.9.

    Parameters
    ----------
    X_valid : {array-like, sparse matrix, torch.Tensor} of shape (n_valid, n_features)
        Data that the model is not fitted to, as the model gets them: for a model in a
        pipeline, what the steps before it make of them.

    metric : "completion" or callable, default="completion"
        - "completion": the model's own `score`. For topic models this is document
          completion, the mean log-probability of a held-out token; for
          :class:`~sklearn_topics.TorchBetaNMF` the share of the divergence explained in
          held-out columns.
        - a callable (model, X_valid) -> float, of which greater is better, such as a
          scorer of :func:`sklearn_topics.metrics.topic_scorer`.

    patience : int, default=3
        Scores in a row without improvement after which fit stops.

    min_delta : float, default=0.0
        An improvement is a rise by more than this over the best score so far.

    every : int, default=1
        Iterations from one score to the next. A score costs as much as inferring the
        topics of `X_valid`: for the models whose iterations are many and short, such as
        :class:`~sklearn_topics.TorchPoissonNMF`, choose 10.

    restore_best : bool, default=True
        Which model fit returns: True, that of the iteration with the best score, so the
        last one that was an improvement; False, the model that it would return had
        `max_iter` been reached here. `n_iter_` counts all iterations either way.

    See Also
    --------
    HistoryLogger : What the scores were.
    sklearn_topics.metrics.completion_score : The score.

    Notes
    -----
    Of several starts (`n_init`) each is judged by itself, and the first that stops ends
    them all.

    The scores are in the logs of a :class:`HistoryLogger` or :class:`TensorBoardLogger`
    that is attached after this, as "validation_score".

    Examples
    --------
    >>> from sklearn_topics import TorchETM
    >>> from sklearn_topics.callbacks import EarlyStopping
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> X, theta, topics = make_topic_corpus(
    ...     n_samples=300, n_features=50, n_topics=3, random_state=0
    ... )
    >>> model = TorchETM(n_components=3, max_iter=100, random_state=0)
    >>> model = model.set_callbacks(EarlyStopping(X[:50], patience=2)).fit(X[50:])
    >>> model.n_iter_ < 100
    True
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
    ):
        super().__init__()
        if metric != "completion" and not callable(metric):
            raise ValueError(
                "metric must be 'completion' or a callable (model, X_valid) -> float; "
                f"got {metric!r}."
            )
        if not isinstance(min_delta, Real) or not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be a number >= 0; got {min_delta!r}.")
        self.X_valid = X_valid
        self.metric = metric
        self.patience = check_count("patience", patience)
        self.min_delta = min_delta
        self.every = check_count("every", every)
        self.restore_best = restore_best

    @property
    def _settings(self):
        """What a resumed fit must have in common with the killed one."""
        metric = getattr(self.metric, "__qualname__", self.metric)
        numbers = self.patience, self.min_delta, self.every, self.restore_best
        return f" by {metric}, {numbers}"

    def _begin(self, fit):
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
                f"The score of X_valid is {score} after {model.n_iter_} iterations: "
                "there is nothing to compare. Check X_valid and metric."
            )
        return float(score)
