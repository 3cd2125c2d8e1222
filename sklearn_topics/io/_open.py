"""Open, read or iterate over counts in any of the formats."""

import tempfile
import zipfile
from pathlib import Path

import scipy.sparse as sp

from .._disk.counts import CountBlocks, Counts, CountsInMemory
from .._disk.errors import file_error
from .._disk.folder import open_folder
from .._disk.transpose import write_transpose
from ._coordinates import Coordinates
from ._formats import COORDINATES, KEYED, ROWS, format_of
from ._hdf5 import open_hdf5
from ._rows import Rows
from ._single_cell import ByColumns, anndata_counts, tenx_counts
from ._vocabulary import read_vocabulary, vocabulary_beside
from ._zarr import open_zarr


def open_counts(path, *, key=None) -> Counts:
    """Open counts on disk; rows are read when they are asked for.

    Parameters
    ----------
    path : path-like
        A folder that :func:`write_counts` wrote; ``.h5ad`` or ``.zarr`` of AnnData;
        ``.h5`` of 10x Genomics; or ``.npz`` of :func:`scipy.sparse.save_npz`, which is
        compressed and therefore read into memory.
    key : str, default=None
        Place of the counts in a file of AnnData, such as "layers/counts" or "raw/X";
        None: "X". In a file of 10x Genomics: the group, if there are several.

    Returns
    -------
    X : Counts
        The counts, with ``shape``, ``dtype``, ``nnz`` and ``feature_names``; ``X[i:j]``
        reads rows.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ImportError
        If h5py or zarr is not installed: ``pip install sklearn_topics[io]``.
    ValueError
        If the file is not as its format says, was cut off, or has no rows that could be
        read one by one: text, or a matrix that is stored by columns.

    See Also
    --------
    read_counts : Read counts of any format into memory.
    iter_counts : Read counts of any format block by block.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_topics import TorchPoissonNMF, io
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> counts, *_ = make_topic_corpus(100, 30, 3, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     _ = io.write_counts(f"{folder}/corpus", counts)
    ...     X = io.open_counts(f"{folder}/corpus")
    ...     theta = TorchPoissonNMF(3, random_state=0).fit_transform(X)
    >>> theta.shape
    (100, 3)
    """
    path, format = Path(path), format_of(path)
    if format in (*COORDINATES, *ROWS):
        raise file_error(
            path,
            "text, whose rows cannot be read one by one. read_counts reads it into "
            f"memory; write_counts(folder, iter_counts({str(path)!r})) converts it",
        )
    X = _stored(path, format, key)
    if isinstance(X, ByColumns):
        raise file_error(
            path,
            "the matrix is stored by columns, so that its rows cannot be read one by "
            "one. read_counts reads it into memory; write_counts(folder, "
            f"iter_counts({str(path)!r})) converts it",
        )
    return X


def iter_counts(
    path, *, format=None, vocabulary=None, n_features=None, key=None
) -> CountBlocks:
    """Read counts of any format block by block, in bounded memory.

    Parameters
    ----------
    path : path-like
        A file that :func:`open_counts` opens, or text, which may be compressed
        (``.gz``): Matrix Market (``.mtx``, ``.mm``; also of gensim), UCI's bag of words
        (``docword.*.txt``), Blei's ldac (``.ldac``, ``.lda-c``, ``.dat``) or SVMlight
        (``.svmlight``, ``.libsvm``, ``.svm``).
    format : {"matrix_market", "uci", "ldac", "svmlight"}, default=None
        Format of a text file. If None, its name and first line decide.
    vocabulary : path-like, default=None
        File with the terms: one per line, or gensim's ``Dictionary.save_as_text``. If
        None, the terms that the file contains, or for UCI's and Blei's formats the file
        beside it: ``vocab.NAME.txt`` of ``docword.NAME.txt``, or ``FILE.vocab``.
    n_features : int, default=None
        Number of terms of an ldac or SVMlight file. If None, as many as `vocabulary`
        has or as occur.
    key : str, default=None
        Place of the counts in a file of AnnData or 10x Genomics, see
        :func:`open_counts`.

    Returns
    -------
    blocks : iterable of csr_array
        Blocks of consecutive documents, with the attributes ``shape`` and
        ``feature_names``. Each iteration reads the file once more.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the file is not as its format says; the message names the line.

    See Also
    --------
    write_counts : Write the blocks to disk.

    Notes
    -----
    Entries of Matrix Market and UCI files, and matrices that are stored by columns, are
    first written to a temporary folder, with 24 bytes an entry, or 48 if they must be
    sorted; the environment variable TMPDIR moves it. The labels of SVMlight files are
    not read: :func:`sklearn.datasets.load_svmlight_file` reads them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_topics import io
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "corpus.ldac")
    ...     _ = file.write_text("2 0:1 3:2\\n1 1:4\\n")
    ...     io.write_counts(f"{folder}/corpus", io.iter_counts(file))[:].toarray()
    array([[1, 0, 0, 2],
           [0, 4, 0, 0]])
    """
    path, format = Path(path), format_of(path, format)
    if vocabulary is None and format in ("uci", "ldac"):
        vocabulary = vocabulary_beside(path)
    names = None if vocabulary is None else read_vocabulary(vocabulary)
    if format in ROWS and names is not None and n_features is None:
        n_features = len(names)
    source = _source(path, format, n_features, key)
    m = source.shape[1]
    if n_features not in (None, m):
        raise file_error(path, f"{m} columns; n_features is {n_features}")
    if names is None:
        return source
    if len(names) != m:
        problem = f"{len(names)} terms, but {path.name} has {m} columns"
        raise file_error(vocabulary, problem)
    return CountBlocks(source.read, source.shape, names)


def read_counts(
    path, *, format=None, vocabulary=None, n_features=None, key=None
) -> Counts:
    """Read counts of any format into memory.

    Parameters
    ----------
    path : path-like
        A file that :func:`iter_counts` reads.
    format : {"matrix_market", "uci", "ldac", "svmlight"}, default=None
        Format of a text file. If None, its name and first line decide.
    vocabulary : path-like, default=None
        File with the terms, see :func:`iter_counts`.
    n_features : int, default=None
        Number of terms of an ldac or SVMlight file.
    key : str, default=None
        Place of the counts in a file of AnnData or 10x Genomics, see
        :func:`open_counts`.

    Returns
    -------
    X : Counts
        The counts, with ``shape`` and ``feature_names``; ``X.tocsr()`` is the scipy CSR
        array.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the file is not as its format says; the message names the line.

    See Also
    --------
    open_counts : Open counts without reading them into memory.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_topics import io
    >>> with TemporaryDirectory() as folder:
    ...     file, terms = Path(folder, "corpus.ldac"), Path(folder, "terms.txt")
    ...     _ = file.write_text("2 0:1 2:2\\n1 1:4\\n")
    ...     _ = terms.write_text("apple\\npear\\nplum\\n")
    ...     X = io.read_counts(file, vocabulary=terms)
    >>> X.feature_names
    ['apple', 'pear', 'plum']
    >>> X.tocsr().toarray()
    array([[1, 0, 2],
           [0, 4, 0]])
    """
    options = {"n_features": n_features, "key": key}
    source = iter_counts(path, format=format, vocabulary=vocabulary, **options)
    blocks = list(source) or [sp.csr_array(source.shape)]
    X = sp.csr_array(sp.vstack(blocks, format="csr"))
    return CountsInMemory.of(X, feature_names=source.feature_names, path=Path(path))


def _source(path, format, n_features, key) -> CountBlocks:
    """The blocks of a file, with the terms that it contains."""
    if format in (*ROWS, *COORDINATES):
        _check_key(path, format, key)
        is_row = format in ROWS
        text = Rows(path, format, n_features) if is_row else Coordinates(path, format)
        return CountBlocks(text.blocks, text.shape)
    X = _stored(path, format, key)
    if isinstance(X, ByColumns):
        shape = X.transpose.shape[::-1]
        return CountBlocks(lambda: _sorted_blocks(X.transpose), shape, X.feature_names)
    return CountBlocks(lambda: _rows_of(X), X.shape, X.feature_names)


def _stored(path, format, key) -> Counts | ByColumns:
    """Counts of a file that need not be read as a whole."""
    _check_key(path, format, key)
    if format == "h5ad":
        return anndata_counts(open_hdf5(path), path, key)
    if format == "zarr":
        return anndata_counts(open_zarr(path), path, key)
    if format == "10x":
        return tenx_counts(open_hdf5(path), path, key)
    return open_folder(path) if format == "folder" else _read_npz(path)


def _check_key(path, format, key):
    if key is not None and format not in KEYED:
        raise file_error(path, "key is for files of AnnData and 10x Genomics only")


def _rows_of(X: Counts):
    return (block for _, block in X.blocks())


def _sorted_blocks(XT: Counts):
    """Blocks of rows of the transpose of XT, which is sorted in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "rows")
        write_transpose(XT, place)
        yield from _rows_of(open_folder(place))


def _read_npz(path) -> Counts:
    try:
        X = sp.csr_array(sp.load_npz(path))
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        expected = "expected a file written by scipy.sparse.save_npz"
        raise file_error(path, f"not a sparse matrix; {expected}") from error
    return CountsInMemory.of(X, path=path)
