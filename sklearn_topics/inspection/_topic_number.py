"""Fits with several numbers of topics, and a recommendation with its reason."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._boundary.arguments import check_integer, check_number, check_sequence
from .._boundary.documents import as_counts
from .._boundary.inputs import count_rows, take_rows
from .._boundary.pipelines import check_texts
from .._boundary.shards import require_no_group
from .._boundary.topics import topic_distributions
from .._fit.consensus import find_consensus, training_error, with_random_init
from .._kernels.threads import divided_threads
from ..metrics import coherence, completion_score
from ._frames import data_frame

#: Difference of held-out log-likelihoods per token that does not matter: a perplexity
#: one percent higher.
_TOLERANCE = 0.01

#: Stability that fits to data without topics reach by chance.
_CHANCE = 0.1

_SCORES = "completion", "coherence", "stability", "error"


@dataclass(frozen=True, eq=False)
class TopicNumberChoice:
    """Scores for several numbers of topics, the result of :func:`choose_n_topics`.

    ``print(choice)`` shows the table and the recommendation.

    Parameters
    ----------
    numbers : list of int
        The numbers of topics, ascending.
    scores : dict of str to ndarray of shape (n_numbers, n_fits)
        "completion", "coherence", "stability" and "error" of each fit.
    n_topics : int
        The recommended number of topics.
    recommendation : str
        The recommendation and its reason, in words.

    See Also
    --------
    choose_n_topics : Function that computes the scores.
    sklearn_topics.plot.TopicNumberDisplay.from_choice : Plot of the scores.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_topics.inspection import TopicNumberChoice
    >>> scores = {"completion": np.array([[-3.2, -3.1], [-3.0, -3.0]])}
    >>> choice = TopicNumberChoice([2, 4], scores, 4, "4 topics.")
    >>> choice.table["completion"].round(2).tolist()
    [-3.15, -3.0]
    """

    numbers: list
    scores: dict
    n_topics: int
    recommendation: str

    @property
    def table(self):
        """DataFrame with a row for each number of topics.

        Its columns are the means of the scores over the fits, and their standard
        deviations ("completion_std", ...).
        """
        columns = {}
        for name, values in self.scores.items():
            columns[name] = values.mean(axis=1)
            columns[f"{name}_std"] = values.std(axis=1)
        table = data_frame(columns, index=self.numbers)
        table.index.name = "n_topics"
        return table

    def __str__(self):
        shown = self.table.to_string(float_format=lambda value: f"{value:.4g}")
        return f"{shown}\n\n{self.recommendation}"


def choose_n_topics(
    estimator,
    X,
    grid=(5, 10, 20, 40, 80),
    *,
    n_fits=5,
    test_size=0.1,
    parameter=None,
    random_state=None,
    n_jobs=None,
    verbose=0,
) -> TopicNumberChoice:
    """Compare numbers of topics: held-out likelihood, coherence, stability and error.

    The model is fitted `n_fits` times for each number of topics. Each fit leaves other
    documents out and has another seed; all numbers of topics have the same splits.

    Parameters
    ----------
    estimator : estimator or pipeline
        The topic model, or a pipeline that ends in one. The steps before the model are
        fitted once, to all documents, so that all fits have the same terms. If `init`
        of the model is "auto" or None, the fits use "random", or their stability would
        be that of the initialisation.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    grid : sequence of int, default=(5, 10, 20, 40, 80)
        The numbers of topics.
    n_fits : int, default=5
        Number of fits for each number of topics, at least 2.
    test_size : float, default=0.1
        Share of the documents that each fit leaves out to evaluate the held-out
        likelihood.
    parameter : str, default=None
        Name of the model's parameter that is the number of topics. If None, it is
        "n_components", alone or at the end of a name such as
        "estimator__n_components".
    random_state : int, RandomState instance or None, default=None
        Determines the splits and the seeds. Pass an int for reproducible results.
    n_jobs : int, default=None
        Number of fits that run in parallel, in threads that share the cores. None is 1,
        unless in a :obj:`joblib.parallel_backend` context; -1 uses all processors.
    verbose : int, default=0
        If positive, :class:`joblib.Parallel` reports the progress of the fits; larger
        values report more often.

    Returns
    -------
    choice : TopicNumberChoice
        The scores of all fits, a table of them, and a recommendation in words:

        - "completion": :func:`~sklearn_topics.metrics.completion_score` of the
          documents that were left out; higher is better;
        - "coherence": mean NPMI of the top terms in all documents; higher is better;
        - "stability": mean silhouette of the topics of the fit among the topics of all
          fits, see :func:`~sklearn_topics.metrics.topic_stability`; higher is better;
        - "error": deviance, reconstruction error or perplexity of the training data;
          NaN if the model has none of `deviance_`, `reconstruction_err_` and `bound_`.
          It decreases with the number of topics.

        The recommended number is the smallest one whose held-out perplexity is at most
        1 % (or one standard error of the differences, if that is more) above the best.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import choose_n_topics
    >>> X, _, _ = make_topic_corpus(400, 200, 6, random_state=0)
    >>> choice = choose_n_topics(TorchPoissonNMF(), X, [3, 6, 12], random_state=0)
    >>> choice.n_topics
    6
    """
    require_no_group("choose_n_topics")
    numbers = sorted(
        {check_integer(K, "grid") for K in check_sequence(grid, "grid", "int")}
    )
    if len(numbers) < 2:
        raise ValueError(f"grid needs at least two numbers of topics. Got {grid!r}.")
    check_integer(n_fits, "n_fits", least=2)
    check_number(test_size, "test_size", 0, 1, open=True)
    model, X = _model_and_counts(estimator, X)
    parameter = _number_parameter(model, parameter)
    rng = check_random_state(random_state)
    splits = [_split(X, test_size, rng) for _ in range(n_fits)]
    seeds = rng.randint(np.iinfo(np.int32).max, size=n_fits)
    jobs = [
        (clone(model).set_params(**{parameter: K}), *split, int(seed))
        for K in numbers
        for split, seed in zip(splits, seeds, strict=True)
    ]
    parallel = Parallel(n_jobs=n_jobs, verbose=verbose, prefer="threads")
    workers = min(parallel._effective_n_jobs(), len(jobs))
    fits = parallel(delayed(_measured)(workers, X, *job) for job in jobs)
    scores = _collected(fits, len(numbers), n_fits)
    n_topics, recommendation = _recommend(numbers, scores)
    return TopicNumberChoice(numbers, scores, n_topics, recommendation)


def _model_and_counts(estimator, X):
    """An unfitted copy of the topic model, and the counts that it is fitted to."""
    if hasattr(estimator, "steps"):
        pipeline = clone(estimator)
        if len(pipeline.steps) > 1:
            check_texts(pipeline[:-1], X)
            X = pipeline[:-1].fit_transform(X)
        estimator = pipeline[-1]
    return with_random_init(estimator, "choose_n_topics"), as_counts(X)


def _number_parameter(model, name):
    """Name of the parameter that is the number of topics."""
    parameters = model.get_params()
    if name is None:
        found = [key for key in parameters if key.split("__")[-1] == "n_components"]
        if len(found) == 1:
            return found[0]
        raise ValueError(
            f"It is unclear which parameter of {type(model).__name__} is the number of "
            f"topics. Pass parameter=, one of {', '.join(sorted(parameters))}."
        )
    if name not in parameters:
        raise ValueError(
            f"{type(model).__name__} has no parameter {name!r}. Pass one of "
            f"{', '.join(sorted(parameters))}."
        )
    return name


def _split(X, test_size, rng):
    """Row numbers of training and test documents."""
    n = count_rows(X)
    n_test = round(test_size * n)
    if not 0 < n_test < n:
        raise ValueError(
            f"test_size={test_size} of {n} documents leaves {n_test} to evaluate and "
            f"{n - n_test} to fit. Both are needed."
        )
    order = rng.permutation(n)
    return np.sort(order[n_test:]), np.sort(order[:n_test])


def _measured(workers, X, model, train, test, seed):
    """Topics and scores of one fit."""
    if "random_state" in model.get_params(deep=False):
        model.set_params(random_state=seed)
    with divided_threads(workers):
        model.fit(take_rows(X, train))
        held_out = completion_score(model, take_rows(X, test))
    topics = topic_distributions(model)
    return topics, held_out, coherence(topics, X).mean, training_error(model)


def _collected(fits, n_numbers, n_fits):
    """The scores, each of shape (n_numbers, n_fits), from the fits in order."""
    topics, *columns = zip(*fits, strict=True)
    shape = n_numbers, n_fits
    found = dict(
        zip(
            ("completion", "coherence", "error"),
            (np.reshape(column, shape).astype(float) for column in columns),
            strict=True,
        )
    )
    found["stability"] = np.array(
        [
            find_consensus(topics[i : i + n_fits])
            .silhouettes.reshape(n_fits, -1)
            .mean(axis=1)
            for i in range(0, len(topics), n_fits)
        ]
    )
    return {name: found[name] for name in _SCORES}


def _recommend(numbers, scores):
    """The recommended number of topics, and why."""
    held_out = scores["completion"].mean(axis=1)
    best = int(held_out.argmax())
    # The fits with the same number have the same splits in each row.
    behind = scores["completion"][best] - scores["completion"]
    error = behind.std(axis=1, ddof=1) / np.sqrt(behind.shape[1])
    chosen = int((behind.mean(axis=1) <= np.maximum(error, _TOLERANCE)).argmax())
    K, most = numbers[chosen], numbers[best]
    if chosen == best:
        reason = f"the held-out perplexity ({_perplexity(held_out[best])}) is best."
    else:
        reason = (
            f"the smallest number whose held-out perplexity "
            f"({_perplexity(held_out[chosen])}) is about as good as the best "
            f"({_perplexity(held_out[best])} with {most})."
        )
    text = [f"Recommended: {K} topics, {'' if chosen != best else 'where '}{reason}"]
    text += _better_elsewhere(numbers, scores, chosen)
    if chosen == len(numbers) - 1:
        text.append(
            "The perplexity still improves at the end of the grid: try more topics."
        )
    if scores["stability"].mean(axis=1).max() < _CHANCE:
        text.append(
            "The fits share no topics with any of these numbers: the data may have no "
            "topics."
        )
    return K, " ".join(text)


def _better_elsewhere(numbers, scores, chosen):
    """Sentences on the numbers of topics that are best by other scores."""
    text = []
    for name in ("coherence", "stability"):
        means = scores[name].mean(axis=1)
        best = int(means.argmax())
        errors = scores[name].var(axis=1, ddof=1) / scores[name].shape[1]
        clear = means[best] - means[chosen] > 2 * np.sqrt(errors[best] + errors[chosen])
        comparison = f"{means[best]:.2f}, against {means[chosen]:.2f}"
        if clear:
            text.append(
                f"The {name} is best with {numbers[best]} topics ({comparison} with "
                f"{numbers[chosen]})."
            )
    if text:
        text.append(
            "Choose between these numbers: fewer topics are easier to read and to "
            "reproduce, more topics describe the documents better."
        )
    return text


def _perplexity(held_out):
    return f"{np.exp(-held_out):.0f}"
