"""The texts of the documents, as passed or as the input of a pipeline."""

from collections.abc import Iterator

import numpy as np

from .._boundary.arguments import check_sequence
from .._boundary.pipelines import split_pipeline


def readable_documents(model, X):
    """X; an iterator of documents as a list: the pipeline and the tables read it."""
    is_read_twice = isinstance(X, Iterator) and split_pipeline(model)[0] is not None
    return list(X) if is_read_twice else X


def texts_of(X, texts, n: int) -> list | None:
    """One text per document: `texts`, or X if it contains text, or None."""
    if texts is None:
        return check_sequence(X, "X", "str") if _is_text(X) else None
    if hasattr(texts, "columns"):
        raise TypeError(
            "texts is a table. Pass one of its columns, as in texts['text']."
        )
    texts = check_sequence(texts, "texts", "str")
    if len(texts) != n:
        raise ValueError(
            f"texts has {len(texts)} items, but X has {n} documents. Pass one text "
            "per document."
        )
    return texts


def _is_text(X) -> bool:
    """Whether documents are texts: a list, an array or a column of str."""
    one_each = not hasattr(X, "columns") and (isinstance(X, list) or np.ndim(X) == 1)
    return one_each and isinstance(next(iter(X), None), str)
