"""What users get wrong: one line, and status 2."""

import json
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skops import io

from sklearn_topics import _cli
from sklearn_topics._cli.main import main


@pytest.fixture
def complaint(capsys):
    """The one line that a command must end with; nothing is on standard output."""

    def run(*arguments):
        assert main(list(arguments)) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        *_, line = printed.err.splitlines()
        assert printed.err.count("error: ") == 1
        assert line.startswith("error: ")
        return line

    return run


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seeds": 1}, "seeds: unknown key; did you mean 'seed'?"),
        ({"seed": -1}, "seed: must be greater than or equal to 0. Got -1"),
        ({"estimator": None}, "estimator: this key is required"),
        ({"estimator": "NMF"}, "a section with the keys name, params. Got 'NMF'"),
        (
            {"estimator.parameters": {}},
            "estimator.parameters: unknown key; did you mean 'params'",
        ),
        (
            {"estimator.name": "TorchPoisonNMF"},
            "estimator.name: unknown name 'TorchPoisonNMF'; did you mean "
            "'TorchPoissonNMF'? Expected one of: TorchBetaNMF, ",
        ),
        (
            {"estimator.params.n_componentz": 3},
            "estimator.params.n_componentz: TorchPoissonNMF has no such parameter; did "
            "you mean 'n_components'?",
        ),
        (
            {"estimator.params.n_components": "three"},
            "estimator.params.n_components: must be an int in the range [1, inf)",
        ),
        (
            {"estimator.params.device": "cuda:99"},
            "estimator.params.device: device='cuda:99' is not available on this",
        ),
        ({"vectorizer": None}, "vectorizer: missing, but the documents are text"),
        ({"vectorizer.name": "HashingVectorizer"}, "one of: CountVectorizer, Tfidf"),
        ({"vectorizer.params.min_df": -1}, "vectorizer.params.min_df: must be a float"),
        ({"vectorizer.params.min_df": 500}, "vectorizer: max_df corresponds to <"),
        ({"metrics": ["nmpi"]}, "metrics.0: unknown name 'nmpi'; did you mean 'npmi'?"),
        (
            {"data.split": {"train": 0.8, "test": 0.1}},
            "data.split: train, valid and test must sum to 1. They sum to 0.9",
        ),
        (
            {"data.split.vald": 0.1},
            "data.split.vald: unknown key; did you mean 'valid'",
        ),
        ({"data.split": 0.8}, "data.split: must be a section with the keys train, "),
        ({"data.split.train": 8}, "data.split.train: must be less than or equal to 1"),
        (
            {"data.split": {"train": 0.999, "test": 0.001}},
            "data.split.test: 0.001 of 120 documents rounds to 0 documents",
        ),
        ({"data.test": "a.txt"}, "data: valid and test cannot be combined with path"),
        (
            {"data": {}},
            "data: set either path (one file, which split divides) or",
        ),
        ({"data.path": "no.txt"}, "data.path: no.txt: file not found"),
        (
            {"data.path": "config.yaml"},
            "the file extension '.yaml' is unknown",
        ),
        ({"data.format": "json"}, "data.format: unknown name 'json'; did you mean"),
        (
            {"data.field": "body"},
            "data.path: texts.jsonl: line 1: no field 'body'; expected one of: id, ",
        ),
        (
            {"data.vocabulary": "v.txt"},
            "data.vocabulary: allowed for counts only",
        ),
    ],
)
def test_broken_configuration(config, complaint, folder, changes, expected):
    line = complaint("fit", config(changes))
    assert line.startswith("error: config.yaml: ")
    assert expected in line
    assert not (folder / "run").exists()


def test_all_complaints_are_told_and_unknown_keys_first(config, capsys):
    path = config({"estimator": None, "estimater": {"name": "NMF"}, "seed": -1})
    assert main(["fit", path]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: config.yaml: ") for line in lines)
    assert "estimater: unknown key; did you mean 'estimator'? Expected" in lines[0]
    assert "config.yaml: seed: must be greater" in lines[1]
    assert "config.yaml: estimator: this key is required" in lines[2]


def test_all_unknown_parameters_are_told(config, capsys):
    params = {"n_topics": 3, "alphas": 1, "n_components": 3}
    path = config({"estimator.name": "NMF", "estimator.params": params})
    assert main(["fit", path]) == 2
    lines = sorted(capsys.readouterr().err.splitlines(), reverse=True)
    assert len(lines) == 2
    assert "estimator.params.n_topics: NMF has no such parameter; did " in lines[0]
    assert "estimator.params.alphas: NMF has no such parameter" in lines[1]


@pytest.mark.parametrize(
    ("model", "given", "meant"),
    [
        ("TorchPoissonNMF", "n_topics", "n_components"),
        ("TorchETM", "num_topics", "n_components"),
        ("NMF", "topics", "n_components"),
        ("LatentDirichletAllocation", "alpha", "doc_topic_prior"),
        ("TorchPoissonNMF", "alpha", "doc_topic_pseudocount"),
        ("TorchPoissonNMF", "eta", "topic_word_pseudocount"),
        ("TorchDeepNMF", "n_components", "layer_sizes"),
        ("TorchETM", "epochs", "max_iter"),
        ("TorchETM", "lr", "learning_rate"),
        ("TorchETM", "seed", "random_state"),
    ],
)
def test_names_of_other_packages(config, complaint, model, given, meant):
    estimator = {"name": model, "params": {given: 3}}
    line = complaint("fit", config({"estimator": estimator}))
    assert f"estimator.params.{given}: {model} has no such parameter" in line
    assert f"did you mean {meant!r}?" in line


def test_parameters_beside_the_name(config, complaint):
    line = complaint("fit", config({"estimator.n_components": 3}))
    assert "estimator.n_components: unknown key" in line
    assert "Set parameters in estimator.params" in line


@pytest.mark.parametrize("word", [True, None, 10, 1.5])
@pytest.mark.parametrize("key", ["stop_words", "vocabulary"])
def test_lists_of_words_hold_text(config, complaint, key, word):
    line = complaint("fit", config({f"vectorizer.params.{key}": ["moon", word]}))
    assert f"vectorizer.params.{key}.1: must be text. Got {word!r}; put it in" in line


_LOADED = """
import sys
from sklearn_topics._cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["fit", "--help"],
        ["evaluate", "--help"],
        ["fitt"],
        ["topics", "run", "-n", "0"],
    ],
)
def test_help_and_wrong_arguments_load_no_library(arguments):
    command = [sys.executable, "-c", _LOADED, *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(found.stderr.splitlines()[-1].split())
    assert "sklearn_topics._cli.main" in loaded
    assert not loaded & {"torch", "sklearn", "numpy", "scipy", "pydantic", "yaml"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty. Expected the keys seed, data,"),
        (b"- 1\n- 2\n", "the file does not contain a mapping"),
        (b"seed: [1", "not valid YAML: while parsing a flow sequence"),
        (b"? [a]\n: 1\n", "not valid YAML: while constructing a mapping"),
        (b"seed: 1\nseed: 2\n", "line 2: the key 'seed' is repeated"),
        (b"seed: \xff", "not UTF-8 text"),
        (
            b"seed: !!python/object/apply:os.getcwd []",
            "not valid YAML: could not",
        ),
    ],
)
def test_broken_file(folder, complaint, content, expected):
    (folder / "config.yaml").write_bytes(content)
    assert expected in complaint("fit", "config.yaml")


def test_missing_file(folder, complaint):
    line = complaint("fit", "nowhere.yaml")
    assert line == "error: nowhere.yaml: No such file or directory"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"", "a.txt: the file contains no documents"),
        ("a.txt", b"\n \n", "a.txt: the file contains blank lines only"),
        ("a.txt", b"\xff\xfe", "a.txt: not UTF-8 text"),
        ("a.txt.gz", b"plain", "a.txt.gz: cannot be read: Not a gzipped file"),
        ("a.jsonl", b'{"text": "a"}\n{"txt": "b"}\n', "line 2: no field 'text'; did "),
        ("a.jsonl", b'{"text": "a"}\n\n{"text"}\n', "a.jsonl: line 3: not JSON: "),
        ("a.jsonl", b'{"text": null}\n', "must be text. Got type NoneType"),
        (
            "a.jsonl",
            b'{"text": "\\ud83d\\ude00"}\n{"text": "cat\\ud83d"}\n',
            r"line 2: the field 'text' contains the lone surrogate \ud83d at char",
        ),
        ("a.txt", b"cat\n\xed\xa0\xbd\n", "a.txt: not UTF-8 text"),
        ("a.csv", b"id,text\n1,\xed\xa0\xbd\n", "a.csv: not UTF-8 text"),
        ("a.jsonl", b"[1]\n", "line 1: expected a JSON object with the field 'text'"),
        ("a.csv", b"id,body\n1,b\n", "no column 'text'; expected one of: id, body"),
        ("a.csv", b"id,text\n1,b\n2\n", "line 3: the row ends before column 'text'"),
        ("a.npz", b"no zip", "a.npz: not a sparse matrix; expected a file written"),
    ],
)
def test_broken_documents(config, complaint, folder, name, content, expected):
    (folder / name).write_bytes(content)
    line = complaint("fit", config({"data": {"path": name}}))
    assert line.startswith(f"error: config.yaml: data.path: {name}: ")
    assert expected in line


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_counts_below_zero(config, complaint, folder, bad):
    counts = sp.csr_array([[1.0, 0, 2], [0, 0, 0], [3, bad, 0]])
    sp.save_npz("a.npz", counts)
    line = complaint("fit", config({"data": {"path": "a.npz"}, "vectorizer": None}))
    assert f"Row 2, column 1 contains {bad}" in line


def test_array_that_is_no_sparse_matrix(config, complaint, folder):
    np.savez("a.npz", np.eye(3))
    line = complaint("fit", config({"data": {"path": "a.npz"}, "vectorizer": None}))
    assert "a.npz: not a sparse matrix" in line


def test_counts_and_what_goes_with_text_only(config, complaint, folder):
    sp.save_npz("a.npz", sp.csr_array(np.eye(4)))
    (folder / "vocabulary.txt").write_text("one\ntwo\n")
    data = {"path": "a.npz", "vocabulary": "vocabulary.txt"}
    line = complaint("fit", config({"data": data, "vectorizer": None}))
    assert "data.vocabulary: vocabulary.txt: 2 terms, but the counts have 4" in line
    (folder / "vocabulary.txt").write_bytes(b"\xff")
    line = complaint("fit", config({"data": data, "vectorizer": None}))
    assert "data.vocabulary: vocabulary.txt: not UTF-8 text" in line
    line = complaint("fit", config({"data": {"path": "a.npz"}}))
    assert "vectorizer: the data are counts; remove this section" in line


def test_parts_that_differ(config, complaint, folder):
    sp.save_npz("a.npz", sp.csr_array(np.eye(4)))
    sp.save_npz("b.npz", sp.csr_array(np.eye(5)))
    data = {"train": "a.npz", "test": "b.npz"}
    line = complaint("fit", config({"data": data, "vectorizer": None}))
    assert "data.test: has 5 columns, but train has 4" in line
    line = complaint("fit", config({"data": {**data, "test": "texts.jsonl"}}))
    assert "data.test: contains text, but train contains counts" in line


def test_folder_that_is_not_empty(config, complaint, folder, capsys):
    assert main(["fit", config()]) == 0
    capsys.readouterr()
    assert "output.folder: run is not empty; name" in complaint("fit", config())
    (folder / "run" / "thesis.tex").write_text("dear to somebody")
    assert main(["fit", config({"output.overwrite": True})]) == 0
    capsys.readouterr()
    assert (folder / "run" / "thesis.tex").read_text() == "dear to somebody"
    line = complaint("fit", config(), "-o", ".", "--overwrite")
    assert "output.folder: . is not empty and contains no earlier run" in line
    assert "output.folder: texts.jsonl is a file" in complaint(
        "fit", config(), "-o", "texts.jsonl"
    )


def test_error_of_the_data_in_fit(config, complaint, folder):
    sp.save_npz("a.npz", sp.csr_array([[1.0, 0.0], [1.0, 2.0]]))
    data, estimator = {"path": "a.npz"}, {"name": "TorchTruncatedSVD"}
    estimator["params"] = {"n_components": 5}
    changes = {"data": data, "vectorizer": None, "estimator": estimator}
    line = complaint("fit", config(changes))
    assert "config.yaml: estimator: n_components(5) must be <= n_features(2)" in line


def test_traceback_on_demand_and_of_bugs(config, folder, monkeypatch):
    from sklearn_topics import TorchPoissonNMF
    from sklearn_topics._cli.errors import CommandError

    with pytest.raises(CommandError):
        main(["fit", config({"seed": -1}), "--traceback"])

    def broken(self, X, y=None):
        raise AttributeError("a bug")

    monkeypatch.setattr(TorchPoissonNMF, "fit", broken)
    with pytest.raises(AttributeError, match="a bug"):
        main(["fit", config()])


@pytest.mark.parametrize("command", ["topics", "transform", "evaluate"])
def test_no_folder_of_a_fit(folder, complaint, command):
    data = [] if command == "topics" else ["texts.jsonl"]
    assert "nowhere: folder not found" in complaint(command, "nowhere", *data)
    (folder / "empty").mkdir()
    line = complaint(command, "empty", *data)
    assert "model.skops: file not found; expected a model written by fit" in line


class Foreign(LogisticRegression):
    """Of a type that a model file must not bring along."""


def test_model_file_of_foreign_types_is_refused(folder, complaint):
    (folder / "run").mkdir()
    io.dump(make_pipeline(Foreign()), "run/model.skops")
    line = complaint("topics", "run")
    assert "contains types that are not trusted: " in line
    assert line.count("Foreign") == 1
    io.dump(LogisticRegression(), "run/model.skops")
    assert "not a pipeline that ends in a fitted topic" in complaint("topics", "run")
    (folder / "run" / "model.skops").write_bytes(b"PK")
    assert "model.skops: not a model file" in complaint("topics", "run")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("sun 1 2\n", "v.txt: none of the 24 terms has a vector"),
        ("sun 1 2\nmoon 1 x\n", "v.txt: line 2: expected a word and 2 finite numbers"),
        (None, "v.txt: file not found"),
    ],
)
def test_broken_word_vectors(config, complaint, folder, content, expected):
    if content is not None:
        (folder / "v.txt").write_text(content)
    estimator = {"name": "TorchETM", "params": {"embeddings": "v.txt"}}
    line = complaint("fit", config({"estimator": estimator}))
    assert line.startswith("error: config.yaml: estimator.params.embeddings: v.txt: ")
    assert expected in line


def test_word_vectors_without_words(config, complaint, folder):
    sp.save_npz("a.npz", sp.csr_array(np.eye(4)))
    estimator = {"name": "TorchETM", "params": {"embeddings": "v.txt"}}
    changes = {"data": {"path": "a.npz"}, "vectorizer": None, "estimator": estimator}
    line = complaint("fit", config(changes))
    assert "estimator.params.embeddings: needs data.vocabulary" in line


def test_other_documents_than_those_of_the_fit(config, complaint, folder, capsys):
    assert main(["fit", config()]) == 0
    capsys.readouterr()
    sp.save_npz("a.npz", sp.csr_array(np.eye(4)))
    assert "a.npz: contains counts, but the model was fitted on text" in complaint(
        "evaluate", "run", "a.npz"
    )
    (folder / "b.jsonl").write_text(json.dumps({"body": "moon"}))
    line = complaint("transform", "run", "b.jsonl")
    assert "b.jsonl: line 1: no field 'text'" in line


@pytest.mark.parametrize("library", ["yaml", "pydantic", "skops"])
def test_missing_library_is_named_with_its_extra(complaint, monkeypatch, library):
    for name in list(sys.modules):
        if name.startswith("sklearn_topics._cli."):
            monkeypatch.delitem(sys.modules, name)
            monkeypatch.delattr(_cli, name.rpartition(".")[2])
    monkeypatch.setitem(sys.modules, library, None)
    line = complaint("fit", "config.yaml")
    assert (
        f"needs {library}; install it with: pip install 'sklearn_topics[cli]'" in line
    )


def test_plots_without_matplotlib(config, complaint, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    line = complaint("fit", config({"output.plots": True}))
    assert "output.plots: needs matplotlib; install it with: pip install 'sk" in line


@pytest.mark.parametrize(
    "arguments", [[], ["fitt", "a"], ["topics", "run", "-n", "0"], ["evaluate", "run"]]
)
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert "usage: python -m sklearn_topics" in err
    assert ("must be an integer above 0. Got '0'" in err) == ("-n" in arguments)
