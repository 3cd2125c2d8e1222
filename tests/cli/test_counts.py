"""The command line fits from counts in any format."""

import json

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
from gensim.corpora import BleiCorpus
from gensim.matutils import Sparse2Corpus
from sklearn.datasets import dump_svmlight_file
from sklearn.feature_extraction.text import CountVectorizer

from sklearn_topics import io
from sklearn_topics._cli.choices import FORMATS
from sklearn_topics._cli.main import main
from sklearn_topics.io._formats import COORDINATES, ROWS


@pytest.fixture
def counts(texts):
    vectorizer = CountVectorizer()
    counts = sp.csr_array(vectorizer.fit_transform(texts))
    return counts, list(vectorizer.get_feature_names_out())


def _write_ldac(path, counts, names):
    corpus = [[(int(t), int(c)) for t, c in doc] for doc in Sparse2Corpus(counts.T)]
    BleiCorpus.serialize(path, corpus, id2word=dict(enumerate(names)))


def _write_h5ad(path, counts, names):
    var = pd.DataFrame(index=names)
    adata = anndata.AnnData(sp.csr_matrix(counts * 2.0), var=var)
    adata.layers["counts"] = sp.csr_matrix(counts)
    with anndata.settings.override(allow_write_nullable_strings=True):
        adata.write_h5ad(path)


WRITERS = {
    "a.mtx": lambda path, X, names: scipy.io.mmwrite(path, X),
    "a.lda-c": _write_ldac,
    "a.h5ad": _write_h5ad,
    "a.svm": lambda path, X, names: dump_svmlight_file(
        X, np.ones(len(X.indptr) - 1), path
    ),
    "folder": lambda path, X, names: io.write_counts(path, X, feature_names=names),
}


def _key(name):
    return {"key": "layers/counts"} if name == "a.h5ad" else {}


def _run(arguments, capsys):
    assert main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", WRITERS)
def test_fit_from_files(config, counts, folder, capsys, name):
    X, names = counts
    WRITERS[name](name, X, names)
    sp.save_npz("a.npz", X.astype(io.read_counts(name, **_key(name)).dtype))
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in names))
    data = {"split": {"train": 0.8, "test": 0.2}, "vocabulary": "names.txt"}
    has_names = (folder / f"{name}.vocab").exists() or name in ("folder", "a.h5ad")
    of_file = {**data, "path": name, "vocabulary": None if has_names else "names.txt"}
    of_file |= _key(name)
    runs = {"found": of_file, "expected": {**data, "path": "a.npz"}}
    for out, section in runs.items():
        section = {key: value for key, value in section.items() if value is not None}
        settings = {"data": section, "vectorizer": None, "output.folder": out}
        _run(["fit", config(settings)], capsys)
    for file in ("topics.csv", "document_topics.csv", "vocabulary.txt"):
        texts = [(folder / out / file).read_text() for out in runs]
        assert texts[0] == texts[1]
    thetas = [
        _run(["transform", out, section["path"]], capsys)
        for out, section in runs.items()
    ]
    assert thetas[0] == thetas[1]
    found = json.loads(_run(["evaluate", "found", name], capsys))
    assert found["documents"] == 120
    _run(["evaluate", "found", "a.npz"], capsys)  # a key of the fit does not apply
    with_key = [v for pair in _key(name).items() for v in ("--" + pair[0], pair[1])]
    assert json.loads(_run(["evaluate", "expected", name, *with_key], capsys)) == found


def test_format_for_any_name(config, counts, folder, capsys):
    X, _ = counts
    scipy.io.mmwrite("a.mtx", X)
    lines = (folder / "a.mtx").read_text().splitlines()
    sizes, *entries = (line for line in lines if not line.startswith("%"))
    (folder / "bag.txt").write_text("\n".join([*sizes.split(), *entries]))
    settings = {"data": {"path": "bag.txt", "format": "uci"}, "vectorizer": None}
    _run(["fit", config(settings)], capsys)
    assert len((folder / "run" / "document_topics.csv").read_text().splitlines()) == 121


def test_terms_of_the_test_documents_may_be_fewer(config, folder, capsys):
    """ldac does not say how many terms there are; the vocabulary does."""
    (folder / "train.ldac").write_text("2 0:1 4:3\n2 1:1 2:2\n" * 20)
    (folder / "test.ldac").write_text("2 0:1 1:3\n" * 9)
    (folder / "terms.txt").write_text("a\nb\nc\nd\ne\n")
    data = {"train": "train.ldac", "test": "test.ldac", "vocabulary": "terms.txt"}
    settings = {"data": data, "vectorizer": None}
    _run(["fit", config(settings)], capsys)
    assert len(_run(["transform", "run", "test.ldac"], capsys).splitlines()) == 10


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.mtx",
            "1 2 3\n",
            "data.path: a.mtx: line 1: expected %%MatrixMarket matrix",
        ),
        ("a.ldac", "1 0:1\n1 x\n", "data.path: a.ldac: line 2: expected the number of"),
        ("a.ldac", "1 0:1\n1 0:-1\n", "data.path: a.ldac: line 2: expected the number"),
        (
            "a.svm",
            "1 0:1\n1 3:-2\n",
            "counts must be at least 0 and not NaN. Row 1, col",
        ),
        ("a.h5ad", "x", "data.path: a.h5ad: not a file of HDF5"),
    ],
)
def test_broken_file_is_one_line(config, folder, capsys, name, content, expected):
    (folder / name).write_text(content)
    path = config({"data": {"path": name}, "vectorizer": None})
    assert main(["fit", path]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: config.yaml: ")
    assert expected in line


def test_cut_off_folder_is_one_line(config, counts, folder, capsys):
    io.write_counts("corpus", counts[0])
    (folder / "corpus" / "meta.json").unlink()
    path = config({"data": {"path": "corpus"}, "vectorizer": None})
    assert main(["fit", path]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "data.path: corpus: no meta.json: not a folder of counts" in line


def test_formats_are_those_of_io():
    """Help on the arguments needs them without importing anything."""
    assert FORMATS[-4:] == (*COORDINATES, *ROWS)
