"""Count the terms of texts of any number, in bounded memory."""

import tempfile
from collections import defaultdict
from contextlib import suppress
from itertools import islice
from numbers import Integral
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from .._disk.canonical import canonical_csr
from .._disk.counts import Counts
from .._disk.write import check_new_folder, write_counts

#: Texts whose counts are in memory at once.
_TEXTS = 2048
#: Number of columns before the vocabulary is known.
_COLUMNS = np.iinfo(np.int32).max


def vectorize(texts, vectorizer, path) -> Counts:
    """Count the terms of texts and write the counts to disk, in bounded memory.

    Parameters
    ----------
    texts : iterable of str
        The documents; read once, from first to last. A generator that reads files is
        never in memory as a whole.
    vectorizer : CountVectorizer, or a fitted vectorizer
        A fitted one transforms the texts, 2048 at a time. A CountVectorizer that is not
        fitted is fitted, as by its ``fit_transform``: all terms are counted on disk
        first, then those that ``min_df``, ``max_df`` and ``max_features`` leave are
        kept. In memory are the vocabulary before that, and one block.
    path : path-like
        Folder for the counts; it must not exist, or be empty. The temporary counts are
        written beside it.

    Returns
    -------
    X : Counts
        The counts, opened as by :func:`open_counts`; equal to those of
        ``vectorizer.fit_transform(texts)``, or of ``transform``.

    Raises
    ------
    NotFittedError
        If another vectorizer than CountVectorizer is not fitted. Fit it to a sample of
        the texts first.
    ValueError
        If there are no texts, or no terms remain.

    See Also
    --------
    write_counts : Write counts that are there in blocks.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn_topics import io
    >>> texts = (f"text number {i % 3}" for i in range(10_000))
    >>> with TemporaryDirectory() as folder:
    ...     X = io.vectorize(texts, CountVectorizer(), f"{folder}/corpus")
    >>> X.shape, X.feature_names
    ((10000, 2), ['number', 'text'])
    """
    if isinstance(texts, str | bytes):
        raise ValueError(
            "texts is a single text. Pass an iterable of texts, for example an open "
            "file, which yields its lines."
        )
    if isinstance(vectorizer, type):
        raise TypeError(
            f"vectorizer is a class. Pass an instance: {vectorizer.__name__}()."
        )
    check_new_folder(Path(path))
    if not _is_to_be_fitted(vectorizer):
        blocks = (sp.csr_array(vectorizer.transform(some)) for some in _batches(texts))
        return write_counts(path, blocks, feature_names=_names(vectorizer))
    # scikit-learn checks the parameters; the texts need not be there for that.
    clone(vectorizer).set_params(vocabulary=["term"]).fit([])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        vocabulary = defaultdict()
        vocabulary.default_factory = vocabulary.__len__
        raw = _count_all(texts, vectorizer, vocabulary)
        all_counts = write_counts(Path(folder, "all"), raw)
        if not vocabulary:
            raise ValueError("The texts contain no terms; perhaps only stop words.")
        terms = sorted(vocabulary)
        order = np.array([vocabulary[term] for term in terms])
        kept = _kept(all_counts, order, vectorizer)
        names = [terms[k] for k in kept]
        place = np.full(len(order), -1)
        place[order[kept]] = np.arange(len(kept))
        blocks = _placed_columns(all_counts, place, len(kept))
        X = write_counts(path, blocks, feature_names=names)
    vectorizer.vocabulary_ = {name: k for k, name in enumerate(names)}
    vectorizer.fixed_vocabulary_ = False
    return X


def _is_to_be_fitted(vectorizer) -> bool:
    """Whether it is a CountVectorizer, not one of its subclasses that learn weights."""
    fit = getattr(type(vectorizer), "fit_transform", None)
    return (
        fit is CountVectorizer.fit_transform
        and vectorizer.vocabulary is None
        and not hasattr(vectorizer, "vocabulary_")
    )


def _names(vectorizer):
    """The terms; None for hashed ones, which have no names."""
    with suppress(AttributeError):
        return vectorizer.get_feature_names_out()
    return None


def _batches(texts):
    texts = iter(texts)
    while some := list(islice(texts, _TEXTS)):
        yield some


def _count_all(texts, vectorizer, vocabulary):
    """Counts of all terms, numbered as they come, which `vocabulary` records."""
    analyze = vectorizer.build_analyzer()
    for some in _batches(texts):
        found = [[vocabulary[term] for term in analyze(text)] for text in some]
        indptr = np.cumsum([0, *map(len, found)])
        terms = np.fromiter((term for text in found for term in text), np.int32)
        parts = np.ones(len(terms), np.int64), terms, indptr
        counts = canonical_csr(sp.csr_array(parts, shape=(len(some), _COLUMNS)))
        if vectorizer.binary:
            counts.data[:] = 1
        yield counts.astype(vectorizer.dtype, copy=False)


def _kept(counts, order, vectorizer) -> np.ndarray:
    """Positions in `order` of the terms that remain, as scikit-learn chooses them."""
    documents, tokens = np.zeros((2, len(order)), np.int64)
    for _, block in counts.blocks():
        size = {"minlength": len(order)}
        documents += np.bincount(block.indices, **size)
        weights = np.bincount(block.indices, weights=block.data, **size)
        tokens += weights.astype(np.int64)
    documents, tokens = documents[order], tokens[order]
    least, most = (
        limit if isinstance(limit, Integral) else limit * counts.shape[0]
        for limit in (vectorizer.min_df, vectorizer.max_df)
    )
    if most < least:
        raise ValueError("max_df corresponds to < documents than min_df")
    kept = np.flatnonzero((documents <= most) & (documents >= least))
    limit = vectorizer.max_features
    if limit is not None and len(kept) > limit:
        # In the dtype of scikit-learn's sums, whose sort decides between equal ones.
        sums = sp.csr_array((1, 1), dtype=counts.dtype).sum(axis=0)
        frequent = (-tokens[kept].astype(sums.dtype)).argsort()[:limit]
        kept = np.sort(kept[frequent])
    if len(kept) == 0:
        raise ValueError(
            "After pruning, no terms remain. Try a lower min_df or a higher max_df."
        )
    return kept


def _placed_columns(counts, place, n_terms):
    """Blocks with each column at its place; those whose place is -1 are left out."""
    for _, block in counts.blocks():
        indices = place[block.indices]
        taken = indices >= 0
        ends = np.concatenate([[0], np.cumsum(taken)])
        parts = block.data[taken], indices[taken], ends[block.indptr]
        yield sp.csr_array(parts, shape=(block.shape[0], n_terms))
