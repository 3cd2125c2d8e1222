"""fit, topics, transform and evaluate: what they write and print."""

import csv
import gzip
import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import yaml
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline

import sklearn_topics
from sklearn_topics import TorchPoissonNMF, metrics
from sklearn_topics._boundary.sklearn_private import HAS_CALLBACKS
from sklearn_topics._cli.documents import read_documents, split_documents
from sklearn_topics._cli.main import main
from sklearn_topics._cli.run_folder import load_run
from sklearn_topics._cli.settings import Data, Output, Settings, Split
from sklearn_topics._cli.steps import ESTIMATORS
from sklearn_topics._cli.yaml_file import read_yaml, write_yaml

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "config.yaml"


@pytest.fixture
def run(capsys):
    """Standard output and standard error of a command that must do."""

    def run(*arguments):
        assert main(list(arguments)) == 0
        printed = capsys.readouterr()
        return printed.out, printed.err

    return run


def read_csv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def proportions(rows):
    return np.array(
        [[row[key] for key in row if key.startswith("topic_")] for row in rows],
        dtype=np.float64,
    )


def fitted_directly(texts):
    """The pipeline of the configuration, fitted without the command line."""
    train = split_documents(len(texts), {"train": 0.7, "valid": 0.1, "test": 0.2}, 1)[
        "train"
    ]
    pipeline = make_pipeline(CountVectorizer(), TorchPoissonNMF(3, random_state=1))
    return pipeline.fit([texts[i] for i in train])


def test_fit_writes_and_prints(config, run, folder):
    out, err = run("fit", config())
    files = {path.name for path in (folder / "run").iterdir()}
    assert files == {
        "config.yaml",
        "document_topics.csv",
        "metrics.json",
        "model.skops",
        "topics.csv",
    }
    assert json.loads(out) == json.loads((folder / "run" / "metrics.json").read_text())
    assert "documents: 84 train, 12 valid, 24 test" in err
    assert "fitting: TorchPoissonNMF\nfitted: 3 topics in " in err
    topics = read_csv(folder / "run" / "topics.csv")
    assert list(topics[0]) == ["topic", "rank", "term", "weight"]
    first = {
        frozenset(row["term"] for row in topics if row["topic"] == k) for k in "012"
    }
    assert all(len(terms) == 10 for terms in first)
    assert any({"moon", "orbit", "comet", "planet"} <= terms for terms in first)
    assert any({"flute", "opera", "cello", "chord"} <= terms for terms in first)


def test_documents_of_all_parts_with_their_numbers(config, run, folder, texts):
    run("fit", config())
    rows = read_csv(folder / "run" / "document_topics.csv")
    parts = split_documents(120, {"train": 0.7, "valid": 0.1, "test": 0.2}, 1)
    for part, numbers in parts.items():
        found = [int(row["document"]) for row in rows if row["part"] == part]
        assert found == numbers.tolist()
    theta = fitted_directly(texts).transform(texts)
    found = proportions(rows).astype(theta.dtype)
    np.testing.assert_array_equal(found, theta[[int(r["document"]) for r in rows]])


def test_another_process_transforms_as_the_pipeline_does(config, run, folder, texts):
    run("fit", config())
    command = [sys.executable, "-m", "sklearn_topics", "transform", "run"]
    result = subprocess.run(
        [*command, "texts.jsonl", "-o", "out.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    rows = read_csv(folder / "out.csv")
    assert [int(row["document"]) for row in rows] == list(range(120))
    theta = fitted_directly(texts).transform(texts)
    np.testing.assert_array_equal(proportions(rows).astype(theta.dtype), theta)
    out, _ = run("transform", "run", "texts.jsonl")
    assert out == (folder / "out.csv").read_text()


def tables(folder):
    names = "topics.csv", "document_topics.csv"
    return [(folder / name).read_bytes() for name in names]


def test_equal_configurations_give_equal_tables(config, run, folder):
    run("fit", config(), "-o", "first")
    run("fit", config(), "-o", "second")
    assert tables(folder / "first") == tables(folder / "second")
    # All settings are in the folder, the defaults too.
    run("fit", "first/config.yaml", "-o", "third")
    assert tables(folder / "first") == tables(folder / "third")
    run("fit", config({"seed": 2}), "-o", "other")
    assert tables(folder / "first")[1] != tables(folder / "other")[1]


def test_random_state_given_beside_the_seed(config, run, folder):
    run("fit", config({"estimator.params.random_state": 7}))
    settings = read_yaml(folder / "run" / "config.yaml")
    assert settings["estimator"]["params"]["random_state"] == 7
    assert settings["seed"] == 1
    assert load_run("run").model.random_state == 7


def test_evaluate_is_the_metrics_called_directly(config, run, texts):
    run("fit", config())
    pipeline = fitted_directly(texts)
    found = json.loads(run("evaluate", "run", "texts.jsonl")[0])
    assert found == {
        "documents": 120,
        "completion": pytest.approx(metrics.completion_score(pipeline, texts)),
        "perplexity": pytest.approx(metrics.perplexity(pipeline, texts)),
        "npmi": pytest.approx(metrics.coherence(pipeline, texts).mean),
        "diversity": metrics.topic_diversity(pipeline),
    }
    few = run("evaluate", "run", "texts.jsonl", "--metrics", "npmi")[0]
    assert json.loads(few) == {"documents": 120, "npmi": found["npmi"]}


def test_metrics_by_the_names_of_topic_scorer(config, run, texts):
    names = ["coherence", "u_mass", "topic_quality", "rbo_diversity"]
    run("fit", config({"metrics": names}))
    assert load_run("run").settings.metrics == [
        *("npmi", "umass", "quality", "rbo_diversity"),
    ]
    out, _ = run("evaluate", "run", "texts.jsonl", "--metrics", *names)
    pipeline = fitted_directly(texts)
    assert json.loads(out) == {
        "documents": 120,
        **{
            name: pytest.approx(metrics.topic_scorer(name)(pipeline, texts))
            for name in ("npmi", "umass", "quality", "rbo_diversity")
        },
    }


def test_metrics_of_a_fit_are_those_of_unseen_documents(config, run, folder, texts):
    out, _ = run("fit", config({"metrics": ["perplexity", "diversity"]}))
    rows = split_documents(120, {"train": 0.7, "valid": 0.1, "test": 0.2}, 1)["test"]
    (folder / "test.txt").write_text("\n".join(texts[i] for i in rows))
    found = json.loads(run("evaluate", "run", "test.txt")[0])
    fitted = json.loads(out)
    assert set(fitted) == {"fit_seconds", "diversity", "valid", "test"}
    assert fitted["test"] == {"documents": 24, "perplexity": found["perplexity"]}


def test_topics_as_lines_and_as_csv(config, run, folder):
    run("fit", config())
    lines = run("topics", "run", "-n", "4")[0].splitlines()
    rows = read_csv(folder / "run" / "topics.csv")
    for k, line in enumerate(lines):
        terms = [row["term"] for row in rows if row["topic"] == str(k)]
        assert line == f"{k}\t{' '.join(terms[:4])}"
    out, _ = run("topics", "run", "--csv")
    assert out == (folder / "run" / "topics.csv").read_text()
    lifted = run("topics", "run", "--by", "lift", "-n", "4")[0].splitlines()
    assert len(lifted) == 3
    assert lifted != lines


@pytest.mark.parametrize("name", ["a.txt", "b.txt.gz", "a.jsonl", "a.csv", "a.tsv"])
def test_formats_hold_the_same_documents(tmp_path, name):
    texts = ["moon, orbit", "flûte\u2028opera", "", 'say "bread"']
    comma = 'text,n\n"moon, orbit",1\nflûte\u2028opera,2\n"",3\n"say ""bread""",4'
    tab = 'n\ttext\n1\tmoon, orbit\n2\tflûte\u2028opera\n3\t\n4\t"say ""bread"""'
    content = {
        "txt": "".join(f"{text}\n" for text in texts),
        "jsonl": "\n\n".join(json.dumps({"n": 1, "text": text}) for text in texts),
        "csv": comma,
        "tsv": tab,
    }[name.split(".")[1]].encode("utf-8-sig")
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert read_documents(path) == texts


def test_long_field_of_csv(tmp_path):
    text = "moon " * 50_000
    (tmp_path / "a.csv").write_text(f"id,body\n1,{text}\n")
    assert read_documents(tmp_path / "a.csv", field="body") == [text]


def test_names_of_topics(config, run, folder):
    names = {"estimator.params.topic_names": ["space", None, "pets"]}
    run("fit", config(names))
    printed, _ = run("topics", "run")
    labels = [line.split("\t")[0] for line in printed.splitlines()]
    assert labels == ["space", "1", "pets"]
    rows = read_csv(folder / "run" / "document_topics.csv")
    assert list(rows[0])[-3:] == ["space", "topic_1", "pets"]
    printed, _ = run("transform", "run", "texts.jsonl")
    assert printed.splitlines()[0] == "document,space,topic_1,pets"


@pytest.mark.parametrize("n", [1, 7, 100, 1001])
def test_parts_are_disjoint_and_all(n):
    shares = {"train": 0.5, "valid": 0.25, "test": 0.25} if n > 1 else {"train": 1.0}
    shares = {"valid": 0.0, "test": 0.0, **shares}
    parts = split_documents(n, shares, 3)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(n))
    assert all(abs(len(rows) - shares[part] * n) <= 1 for part, rows in parts.items())


def test_counts_with_vocabulary_in_files_of_their_own(config, run, folder, texts):
    """As the corpora of the original ETM are stored."""
    vectorizer = CountVectorizer()
    counts = sp.csr_array(vectorizer.fit_transform(texts), dtype=np.int32)
    names = vectorizer.get_feature_names_out()
    sp.save_npz("counts.npz", counts[:90])
    sp.save_npz("counts_test.npz", counts[90:])
    (folder / "vocab.txt").write_text("".join(f"{name}\n" for name in names))
    data = {"train": "counts.npz", "test": "counts_test.npz"}
    changes = {"data": {**data, "vocabulary": "vocab.txt"}, "vectorizer": None}
    out, _ = run("fit", config(changes))
    found = json.loads(out)
    assert found["test"]["documents"] == 30
    model = TorchPoissonNMF(3, random_state=1).fit(counts[:90])
    assert found["test"]["completion"] == pytest.approx(model.score(counts[90:]))
    lines = run("topics", "run", "-n", "2")[0].splitlines()
    best = [names[np.argsort(-row)[:2]] for row in model.components_]
    assert lines == [f"{k}\t{a} {b}" for k, (a, b) in enumerate(best)]
    rows, _ = run("transform", "run", "counts_test.npz")
    assert len(rows.splitlines()) == 31
    run("fit", config({"data": data, "vectorizer": None}), "-o", "nameless")
    out, _ = run("topics", "nameless", "-n", "1")
    assert out.split()[1::2] == [str(np.argmax(row)) for row in model.components_]


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys() - {"TorchETM"}))
def test_every_estimator(config, run, name):
    size = {"layer_sizes": [6, 3]} if name == "TorchDeepNMF" else {"n_components": 3}
    estimator = {"name": name, "params": size}
    fitted, _ = run("fit", config({"estimator": estimator}))
    lines = run("topics", "run")[0].splitlines()
    assert [line.split("\t")[0] for line in lines] == ["0", "1", "2"]
    found = json.loads(run("evaluate", "run", "texts.jsonl")[0])
    signed = name == "TorchTruncatedSVD"
    assert (found["completion"] is None) == signed
    assert (json.loads(fitted)["test"]["perplexity"] is None) == signed
    assert found["npmi"] > -1


def test_all_models_of_the_package_are_known():
    own = {name for name in sklearn_topics.__all__ if name.startswith("Torch")}
    assert own
    assert own | {"NMF", "LatentDirichletAllocation"} == set(ESTIMATORS)


def test_what_models_print_does_not_reach_standard_output(config, run):
    params = {"n_components": 3, "verbose": 1}
    estimator = {"name": "LatentDirichletAllocation", "params": params}
    out, err = run("fit", config({"estimator": estimator}))
    assert json.loads(out)["valid"]["documents"] == 12
    assert "iteration: 1" in err


@pytest.mark.filterwarnings("ignore:Topics .* coincide")  # of 3 subjects 20 topics
def test_example_configuration(run, folder, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    (folder / "texts.jsonl").rename(folder / "docstrings.jsonl")
    run("fit", str(EXAMPLE))
    written = folder / "runs" / "etm"
    for name in ("top_terms", "structure", "convergence"):
        content = (written / f"{name}.png").read_bytes()
        assert content[:4] == b"\x89PNG"
        assert len(content) > 5000
    model = load_run(written).model
    # Early stopping looks at the valid part.
    assert "validation" in model.loss_history_
    assert model.batch_size == 250


def test_example_shows_every_key():
    example = yaml.safe_load(EXAMPLE.read_text())
    alternatives = {"train", "valid", "test", "vocabulary", "key"}
    assert set(example) == set(Settings.model_fields)
    assert set(example["data"]) == set(Data.model_fields) - alternatives
    assert set(example["data"]["split"]) == set(Split.model_fields)
    assert set(example["output"]) == set(Output.model_fields)


def test_tensorboard(config, run, folder, capsys):
    path = config({"output.tensorboard": True})
    if not HAS_CALLBACKS:
        assert main(["fit", path]) == 2
        assert "output.tensorboard: TensorBoardLogger needs scikit-learn >= 1.9" in (
            capsys.readouterr().err
        )
        return
    run("fit", path)
    (log,) = (folder / "run" / "tensorboard").glob("*/events*")
    content = log.read_bytes()
    assert b"objective" in content
    assert b"moon" in content  # the topics have their terms
    assert load_run("run").model.n_iter_ > 1
    run("fit", path, "--overwrite")
    (again,) = (folder / "run" / "tensorboard").glob("*/events*")
    assert again != log
    path = config({"output.tensorboard": True, "estimator.name": "NMF"})
    assert main(["fit", path, "-o", "new"]) == 2
    assert (
        "output.tensorboard: NMF does not support callbacks" in capsys.readouterr().err
    )


def test_embeddings_by_the_name_of_a_file(config, run, folder, texts):
    names = CountVectorizer().fit(texts).get_feature_names_out()
    vectors = np.random.default_rng(0).normal(size=(len(names), 5)).round(3)
    lines = [
        f"{name} {' '.join(map(str, v))}"
        for name, v in zip(names, vectors, strict=True)
    ]
    (folder / "vectors.txt").write_text("\n".join(lines[::-1]))
    params = {"embeddings": "vectors.txt", "train_embeddings": False}
    params |= {"n_components": 3, "max_iter": 1, "init": "random"}
    _, err = run("fit", config({"estimator": {"name": "TorchETM", "params": params}}))
    assert "word vectors: found for 24 of 24 terms" in err
    np.testing.assert_allclose(load_run("run").model.embeddings_, vectors, rtol=1e-6)
    settings = read_yaml("run/config.yaml")
    assert settings["estimator"]["params"]["embeddings"] == "vectors.txt"


def test_documents_without_known_terms(config, run, folder, capsys):
    run("fit", config({"vectorizer": {"name": "CountVectorizer", "params": None}}))
    (folder / "a.txt").write_text("nothing known\n\n")
    out, _ = run("transform", "run", "a.txt")
    (folder / "b.csv").write_text(out)
    np.testing.assert_allclose(proportions(read_csv("b.csv")), np.full((2, 3), 1 / 3))
    assert main(["evaluate", "run", "a.txt"]) == 2
    assert "error: a.txt: X contains no tokens to score" in capsys.readouterr().err
    data = {"train": "texts.jsonl", "valid": "a.txt"}
    assert main(["fit", config({"data": data}), "-o", "new"]) == 2
    assert "error: metrics of valid: X contains no tok" in capsys.readouterr().err
    assert len(run("topics", "new")[0].splitlines()) == 3


def test_anchors_of_yaml(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "a: &a {n: 1, m: 2}\nb: &b {<<: *a, n: 3}\nc: {<<: *b, k: 4}\n"
    )
    found = read_yaml(tmp_path / "a.yaml")
    assert found["c"] == {"n": 3, "m": 2, "k": 4}


@pytest.mark.parametrize("text", ["5e-4", "5.0e-4", "0.0005", "+5E-4", "5.e-4"])
def test_numbers_that_yaml_1_1_takes_for_text(tmp_path, text):
    (tmp_path / "a.yaml").write_text(f"rate: {text}\nname: e5\nword: 1e\n")
    found = read_yaml(tmp_path / "a.yaml")
    assert found == {"rate": 0.0005, "name": "e5", "word": "1e"}


@pytest.mark.parametrize(
    "word", "no on off yes y n No ON 2020-01-01 12:30:00 1_000 010.5.1 = .".split()
)
def test_words_that_yaml_1_1_takes_for_something_else(tmp_path, word):
    (tmp_path / "a.yaml").write_text(f"words: [{word}, the]\n")
    assert read_yaml(tmp_path / "a.yaml") == {"words": [word, "the"]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0123", 123),
        ("-7", -7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -np.inf),
    ],
)
def test_values_of_yaml_1_2(tmp_path, text, value):
    (tmp_path / "a.yaml").write_text(f"a: {text}\n")
    found = read_yaml(tmp_path / "a.yaml")["a"]
    assert found == value
    assert type(found) is type(value)


def test_what_is_written_is_read_again(tmp_path):
    """By this reader, and by those of YAML 1.1."""
    words = "no on y 2020-01-01 12:30:00 1_000 1e3 0o17 0x1F null ~ true 7 .5 = <<"
    content = {
        "words": [*words.split(), "", " a", "naïve: no"],
        "numbers": [1e-5, 1e300, 5e-324, 3, -0.5, float("inf")],
        "others": [True, False, None],
    }
    write_yaml(tmp_path / "a.yaml", content, ["a heading"])
    assert read_yaml(tmp_path / "a.yaml") == content
    assert yaml.safe_load((tmp_path / "a.yaml").read_text("utf-8")) == content


def test_stop_words_that_look_like_booleans_are_removed(config, run, folder, texts):
    (folder / "texts.jsonl").write_text(
        "".join(json.dumps({"text": f"{text} no on"}) + "\n" for text in texts)
    )
    path = config({"vectorizer.params.stop_words": "STOP"})
    content = (folder / path).read_text().replace("STOP", "[no, on]")
    (folder / path).write_text(content)
    run("fit", path)
    names = load_run("run").names
    assert "no" not in names
    assert "moon" in names
    again = load_run("run").settings.vectorizer.params["stop_words"]
    assert again == ["no", "on"]


@pytest.mark.parametrize(("yes", "no"), [("yes", "no"), ("on", "off"), ("Yes", "OFF")])
def test_booleans_of_yaml_1_1_where_there_is_no_other_meaning(config, run, yes, no):
    """Text in a setting or parameter that takes a boolean; PyYAML quotes it."""
    changes = {"output.overwrite": yes, "output.plots": no}
    changes |= {"vectorizer.params": {"lowercase": no, "binary": yes}}
    changes |= {"estimator.params.warm_start": yes}
    run("fit", config(changes))
    settings, pipeline = load_run("run").settings, load_run("run").pipeline
    assert (settings.output.overwrite, settings.output.plots) == (True, False)
    assert (pipeline[0].lowercase, pipeline[0].binary) == (False, True)
    assert pipeline[1].warm_start is True


def test_lists_where_scikit_learn_wants_tuples(config, run):
    run("fit", config({"vectorizer.params.ngram_range": [1, 2]}))
    assert " " in run("topics", "run", "-n", "60")[0].split("\t")[1]
    assert load_run("run").pipeline[0].ngram_range == (1, 2)


def test_interruption(config, folder, capsys, monkeypatch):
    def interrupted(self, X, y=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(TorchPoissonNMF, "fit", interrupted)
    assert main(["fit", config()]) == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert not (folder / "run" / "model.skops").exists()


@pytest.mark.parametrize("command", ["fit", "topics", "transform", "evaluate"])
def test_help_names_every_argument(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: python -m sklearn_topics {command}" in out
    assert ("CONFIG" if command == "fit" else "RUN_DIR") in out


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"sklearn_topics {sklearn_topics.__version__}\n"


def test_console_script_is_the_same_function():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, function = project["scripts"]["sklearn-topics"].split(":")
    assert getattr(importlib.import_module(module), function) is main


def test_an_earlier_run_stays_until_the_next_has_ended_well(config, folder, run):
    run("fit", config())
    before = {path.name for path in (folder / "run").iterdir()}
    bad = {"estimator.params.solver": "mu", "estimator.name": "TorchBetaNMF"}
    bad = {**bad, "estimator.params.missing": "mask", "estimator.params.tol": -1}
    assert main(["fit", config(bad, "bad.yaml"), "--overwrite"]) == 2
    wrong = {"estimator.name": "NMF", "estimator.params.beta_loss": "kullback-leibler"}
    assert main(["fit", config(wrong, "wrong.yaml"), "--overwrite"]) == 2
    assert {path.name for path in (folder / "run").iterdir()} == before
    run("fit", str(folder / "run" / "config.yaml"), "--overwrite")
    assert {path.name for path in (folder / "run").iterdir()} == before


def test_a_run_with_its_checkpoint_in_its_folder_goes_on(config, folder, run):
    settings = {"estimator.params.checkpoint": "run/fit.npz"}
    (folder / "run").mkdir()
    (folder / "run" / "fit.npz.part").touch()
    run("fit", config(settings))
    assert (folder / "run" / "model.skops").exists()


def test_transform_does_not_write_over_what_it_reads(config, folder, run, capsys):
    run("fit", config())
    before = (folder / "texts.jsonl").read_bytes()
    for output in ("texts.jsonl", "run/model.skops"):
        assert main(["transform", "run", "texts.jsonl", "-o", output]) == 2
        assert "this command reads this file" in capsys.readouterr().err
    assert main(["transform", "run", "texts.jsonl", "-o", "none/theta.csv"]) == 2
    assert (folder / "texts.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"vectorizer.params.token_pattern": "(a"},
        {"vectorizer.params.ngram_range": ["a", 2]},
    ],
)
def test_what_only_the_vectorizer_finds_wrong_is_one_line(config, capsys, changes):
    assert main(["fit", config(changes)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()[-1:]) == 1


def test_an_array_is_no_matrix_of_counts(config, folder, capsys):
    with (folder / "counts.npz").open("wb") as file:
        np.save(file, np.ones(3))
    data = {"path": "counts.npz", "split": {"train": 1.0}}
    assert main(["fit", config({"data": data, "vectorizer": None})]) == 2
    assert "not a sparse matrix" in capsys.readouterr().err
