"""Every format that others write, by the libraries that write it."""

import gzip
import tracemalloc

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from gensim.corpora import BleiCorpus, Dictionary, MmCorpus, UciCorpus
from gensim.matutils import Sparse2Corpus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from sklearn_topics import io

from .conftest import same_bits


def _corpus(counts):
    """Documents as gensim has them: lists of (term, count)."""
    return [[(int(t), int(c)) for t, c in doc] for doc in Sparse2Corpus(counts.T)]


def _dictionary(names):
    return dict(enumerate(names))


def _write_mtx(path, counts, names):
    scipy.io.mmwrite(path, counts.tocoo())


def _write_mm(path, counts, names):
    MmCorpus.serialize(str(path), _corpus(counts))


def _write_uci(path, counts, names):
    UciCorpus.serialize(str(path), _corpus(counts), id2word=_dictionary(names))


def _write_ldac(path, counts, names):
    BleiCorpus.serialize(str(path), _corpus(counts), id2word=_dictionary(names))


def _write_svmlight(path, counts, names):
    labels = np.zeros(counts.shape[0])
    dump_svmlight_file(counts, labels, str(path), zero_based=False)


FORMATS = {
    "a.mtx": (_write_mtx, "int64", False),
    "a.mm": (_write_mm, "float64", False),
    "docword.a.txt": (_write_uci, "int64", True),
    "a.lda-c": (_write_ldac, "int64", True),
    "a.svmlight": (_write_svmlight, "float64", False),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("compressed", [False, True])
def test_text(tmp_path, counts, names, small_pieces, name, compressed):
    write, dtype, has_names = FORMATS[name]
    path = tmp_path / name
    write(path, counts, names)
    if compressed:
        vocabulary = tmp_path / f"{name}.vocab"
        if vocabulary.exists():
            vocabulary.rename(tmp_path / f"{name}.gz.vocab")
        content = path.read_bytes()
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(content))
    expected = sp.csr_array(counts.astype(dtype))
    X = io.read_counts(path)
    assert same_bits(X.tocsr(), expected)
    assert X.feature_names == (names if has_names else None)
    assert same_bits(X.T[:], sp.csr_array(expected.T.tocsr()))
    source = io.iter_counts(path)
    assert len(list(source)) > 0
    Y = io.write_counts(tmp_path / "folder", source)  # a second iteration
    assert same_bits(Y[:], expected)
    assert Y.feature_names == X.feature_names
    with pytest.raises(ValueError, match="rows cannot be read one by one. read_c"):
        io.open_counts(path)


def test_gensim_names_its_terms(tmp_path, names):
    texts = [["b", "a", "größe"], ["a", "c", "a"]]
    dictionary = Dictionary(texts)
    corpus = [dictionary.doc2bow(text) for text in texts]
    MmCorpus.serialize(str(tmp_path / "a.mm"), corpus, id2word=dictionary)
    dictionary.save_as_text(str(tmp_path / "terms.txt"))
    X = io.read_counts(tmp_path / "a.mm", vocabulary=tmp_path / "terms.txt")
    assert X.feature_names == [dictionary[k] for k in range(4)]
    assert X[1:2].toarray()[0, dictionary.token2id["a"]] == 2


@st.composite
def entries(draw):
    n, m = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    entry = st.tuples(st.integers(1, n), st.integers(1, m), st.integers(0, 9))
    return (n, m), draw(st.lists(entry, max_size=40))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries(), st.sampled_from(["integer", "real", "pattern"]))
def test_matrix_market_in_any_order(tmp_path_factory, small_pieces, drawn, field):
    """As scipy reads it: entries in any order, duplicates are summed."""
    (n, m), found = drawn
    path = tmp_path_factory.mktemp("any") / "a.mtx"
    lines = [f"{i} {j}" + ("" if field == "pattern" else f" {x}") for i, j, x in found]
    head = [f"%%MatrixMarket matrix coordinate {field} general", "% comment", ""]
    path.write_text("\n".join([*head, f"{n} {m} {len(found)}", *lines, "", ""]))
    expected = sp.csr_array(scipy.io.mmread(path))
    expected.sum_duplicates()
    expected.eliminate_zeros()
    if field == "pattern":
        expected = expected.astype(np.int64)
    folder = io.write_counts(path.with_name("folder"), io.iter_counts(path))
    assert same_bits(folder[:], expected)


def test_matrix_market_is_known_by_its_first_line(tmp_path, counts):
    with open(tmp_path / "counts", "wb") as file:
        scipy.io.mmwrite(file, counts)
    assert same_bits(io.read_counts(tmp_path / "counts").tocsr(), counts)


@pytest.mark.parametrize("first", [0, 1])
def test_svmlight_terms_are_counted_as_scikit_learn_does(tmp_path, counts, first):
    path = tmp_path / "a.svm"
    dump_svmlight_file(counts, np.ones(40), str(path), zero_based=first == 0)
    path.write_text("# a comment\n" + path.read_text() + "\n")
    expected, _ = load_svmlight_file(str(path))
    assert same_bits(io.read_counts(path).tocsr(), sp.csr_array(expected))
    wider = io.read_counts(path, n_features=20)
    assert wider.shape == (40, 20)


def test_ldac_with_as_many_terms_as_names(tmp_path):
    (tmp_path / "a.ldac").write_text("2 3:1 0:2\n0\n1 1:1\n")  # in any order
    (tmp_path / "terms").write_bytes(b"a\r\nb\r\nc\r\nd\r\ne\r\n")
    X = io.read_counts(tmp_path / "a.ldac", vocabulary=tmp_path / "terms")
    assert X.feature_names == list("abcde")
    expected = [[2, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
    assert X[:].toarray().tolist() == expected


def test_npz(tmp_path, counts):
    for matrix in (counts, sp.csc_matrix(counts), sp.coo_array(counts)):
        sp.save_npz(tmp_path / "a.npz", matrix)
        assert same_bits(io.open_counts(tmp_path / "a.npz")[:], counts)


def test_folder_is_read_like_any_other(tmp_path, counts, names):
    io.write_counts(tmp_path / "a", counts, feature_names=names)
    X = io.read_counts(tmp_path / "a")
    assert same_bits(X.tocsr(), counts)
    assert X.feature_names == names
    copy = io.write_counts(tmp_path / "b", io.open_counts(tmp_path / "a"))
    assert same_bits(copy[:], counts)
    assert copy.feature_names == names


def test_memory_is_bounded(tmp_path, monkeypatch):
    """Reading a file of 32,000 entries in any order takes no more than of 8,000."""
    monkeypatch.setattr("sklearn_topics.io._text._BYTES", 1 << 13)
    monkeypatch.setattr("sklearn_topics._disk.sorting.ENTRIES", 1 << 10)
    monkeypatch.setattr("sklearn_topics.io._coordinates._ENTRIES", 1 << 10)
    monkeypatch.setattr(io.Counts.blocks, "__defaults__", (1 << 10,))
    peaks = []
    for size in (8_000, 32_000):
        rng = np.random.default_rng(0)
        entries = rng.integers(1, 1000, (size, 3))
        path = tmp_path / f"{size}.mtx"
        with open(path, "w") as file:
            file.write(f"{_MTX}1000 1000 {size}\n")
            np.savetxt(file, entries, fmt="%d")
        tracemalloc.start()
        X = io.write_counts(tmp_path / str(size), io.iter_counts(path))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert X.tocsr().sum() == entries[:, 2].sum()
    assert peaks[1] < 1.2 * peaks[0]


_MTX = "%%MatrixMarket matrix coordinate integer general\n"
BROKEN = [
    ("a.mtx", "1 1 2\n", r"line 1: expected %%MatrixMarket.*Got b'1 1 2"),
    (
        "a.mtx",
        _MTX.replace("general", "symmetric"),
        "line 1: .*Got 'integer symm",
    ),
    ("a.mtx", _MTX + "3 x 1\n", "line 2: expected the numbers of documents, terms and"),
    ("a.mtx", _MTX + "3 -3 1\n", "line 2: expected the numbers of documents, terms"),
    ("a.mtx", _MTX, "line 2: expected the numbers of documents.*Got ''"),
    ("a.mtx", _MTX + "3 3 2\n1 1 1\n2 9 1\n", "line 4: the column must be from 1 to 3"),
    (
        "a.mtx",
        _MTX + "3 3 2\n1 1 1\n0 2 1\n",
        "line 4: the row must be from 1 to 3",
    ),
    ("a.mtx", _MTX + "3 3 2\n1 1 1\n2 2\n", "line 4: expected the numbers row column"),
    ("a.mtx", _MTX + "3 3 2\n1 1 1.5\n2 2 1\n", "line 3: .*Got '1 1 1.5'"),
    ("a.mtx", _MTX + "3 3 9\n1 1 1\n2 2 1\n", "2 entries, but the header says 9: the"),
    (
        "docword.a.txt",
        "2\n3\n",
        "line 1: expected the numbers of docu.*Got '2 3 '",
    ),
    ("docword.a.txt", "2\n3\n1\n1 x 1\n", "line 4: expected the numbers.*Got '1 x 1'"),
    ("a.ldac", "1 0:1\n2 0:1\n", "line 2: the number of terms differs.*Got '2 0:1'"),
    ("a.ldac", "1 0:1\n\n", "line 2: expected the number of terms, then term:count"),
    ("a.ldac", "1 0:1\n1 0:x\n", "line 2: expected the number.*Got '1 0:x'"),
    ("a.ldac", "1 0:1\n1 0 1\n", "line 2: "),
    ("a.ldac", "1 -1:1\n", "line 1: expected the number of terms"),
    ("a.svm", "1 0:1\n1 0:1 x\n", "line 2: .*Got '1 0:1 x'"),
    ("a.svm", "1 0:1\n" * 99 + "1 0:1 -3:1", "line 100: .*Got '1 0:1 -3:1'"),
    ("a.npz", "no zip", "not a sparse matrix; expected a file written by scipy"),
    ("a.h5ad", "no HDF5", "not a file of HDF5"),
    ("a.xyz", "1 2 3", "unknown format. Expected a folder of write_counts, docword"),
]


@pytest.mark.parametrize("chunk", [30, 1 << 20])
@pytest.mark.parametrize(("name", "content", "expected"), BROKEN)
def test_broken_file(tmp_path, monkeypatch, name, content, expected, chunk):
    monkeypatch.setattr("sklearn_topics.io._text._BYTES", chunk)
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=expected) as raised:
        io.read_counts(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("part", [slice(0, -20), slice(0, 20)])
def test_compressed_file_that_was_cut_off(tmp_path, part):
    entries = "".join(f"{i} {i} 1\n" for i in range(1, 100))
    text = f"{_MTX}99 99 99\n{entries}"
    (tmp_path / "a.mtx.gz").write_bytes(gzip.compress(text.encode())[part])
    with pytest.raises(ValueError, match=r"a.mtx.gz: the compressed file is broken"):
        io.read_counts(tmp_path / "a.mtx.gz")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\nb\n", "terms.txt: 2 terms, but a.mtx has 12 columns"),
        ("5\n0\ta\t1\n2\tb\t1\n", "terms.txt: no term has the id 1"),
        ("5\n0\ta\t1\nb\n", "terms.txt: line 3: expected id, term and number"),
    ],
)
def test_broken_vocabulary(tmp_path, counts, content, expected):
    scipy.io.mmwrite(tmp_path / "a.mtx", counts)
    (tmp_path / "terms.txt").write_text(content)
    with pytest.raises(ValueError, match=expected):
        io.iter_counts(tmp_path / "a.mtx", vocabulary=tmp_path / "terms.txt")


def test_arguments(tmp_path, counts):
    with pytest.raises(FileNotFoundError, match="a.mtx: file not found"):
        io.open_counts(tmp_path / "a.mtx")
    scipy.io.mmwrite(tmp_path / "a.mtx", counts)
    with pytest.raises(ValueError, match="format must be one of matrix_market, uci"):
        io.read_counts(tmp_path / "a.mtx", format="mtx")
    with pytest.raises(ValueError, match="12 columns; n_features is 9"):
        io.read_counts(tmp_path / "a.mtx", n_features=9)
    sp.save_npz(tmp_path / "a.npz", counts)
    with pytest.raises(ValueError, match="key is for files of AnnData"):
        io.open_counts(tmp_path / "a.npz", key="X")
    with pytest.raises(ValueError, match="key is for files of AnnData"):
        io.iter_counts(tmp_path / "a.mtx", key="X")
    (tmp_path / "a.ldac").write_text("1 7:1\n")
    with pytest.raises(ValueError, match="the terms are 0 to 7; expected 5 terms"):
        io.read_counts(tmp_path / "a.ldac", n_features=5)
    with pytest.raises(ValueError, match="the transpose has no place in this format"):
        _ = io.Counts([0, 1], np.zeros(1, int), np.ones(1), (1, 2), path="a").T
