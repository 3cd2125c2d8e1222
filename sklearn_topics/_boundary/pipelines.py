"""The topic model of a pipeline or search, and the input that it gets."""

from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from .containers import readable
from .documents import as_counts


def split_pipeline(estimator):
    """The steps before the topic model (or None), and the topic model."""
    before, last = _split(estimator)
    # A fitted consensus has a topic model, which does all that one does.
    return before, getattr(last, "_topic_model", last)


def last_step(estimator):
    """The topic model of a pipeline or search, or the consensus that has one."""
    return _split(estimator)[1]


def _split(estimator):
    if hasattr(estimator, "best_estimator_"):  # a fitted search
        return _split(estimator.best_estimator_)
    if not hasattr(estimator, "steps"):
        return None, estimator
    before = estimator[:-1] if len(estimator) > 1 else None
    within, last = _split(estimator[-1])  # nested pipelines or searches
    if within is not None:
        before = within if before is None else make_pipeline(before, within)
    return before, last


def accepts_missing(estimator) -> bool:
    """Whether the topic model accepts unobserved cells."""
    _, model = split_pipeline(estimator)
    tagged = hasattr(model, "__sklearn_tags__")
    return tagged and get_tags(model).input_tags.allow_nan


def check_texts(before, X) -> None:
    """Raise an error for a table where the pipeline begins with a vectorizer of text.

    A vectorizer would fail on counts, and take the columns of a DataFrame for texts.
    """
    is_table = hasattr(X, "shape") and len(X.shape) == 2
    reads_text = isinstance(getattr(before[0], "analyzer", None), str)
    if not (is_table and reads_text):
        return
    if hasattr(X, "columns"):
        raise ValueError(
            "X is a table, but the pipeline reads texts. Pass the column with the "
            "texts, for example X['text']."
        )
    raise ValueError(
        "X contains counts, but the pipeline counts the words of texts itself. Pass "
        "the texts, or the model without its vectorizer, pipeline[-1]."
    )


def model_input(before, X, *, missing: bool = False):
    """X, transformed by the steps before the topic model; lists and tensors as counts.

    The steps get X as in fit. numpy warns when it copies a tensor, and cannot read a
    sparse one.
    """
    if before is not None:
        check_texts(before, X)
    found = readable(X if before is None else before.transform(X), missing=missing)
    return found if hasattr(found, "sum") else as_counts(found)
