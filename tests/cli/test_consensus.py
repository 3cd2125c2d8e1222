"""consensus: fit an estimator many times, from the command line."""

import json
from inspect import signature

import numpy as np
import pytest

from sklearn_topics import ConsensusTopics, TorchPoissonNMF
from sklearn_topics._cli.corpus import read_corpus
from sklearn_topics._cli.main import main
from sklearn_topics._cli.run_folder import load_run
from sklearn_topics._cli.settings import Consensus, Data
from sklearn_topics._cli.yaml_file import read_yaml

pytestmark = pytest.mark.usefixtures("one_thread")


def test_keys_are_the_parameters():
    keys = {name: field.default for name, field in Consensus.model_fields.items()}
    parameters = {
        name: parameter.default
        for name, parameter in signature(ConsensusTopics).parameters.items()
    }
    assert parameters.keys() - keys.keys() == {"estimator", "random_state"}
    assert keys.items() <= parameters.items()


def test_fit(config, folder, capsys):
    pytest.importorskip("matplotlib")
    changes = {"consensus": {"n_fits": 3}, "output.plots": True, "output.report": True}
    assert main(["fit", config(changes)]) == 0
    printed = capsys.readouterr()
    assert "fitting: TorchPoissonNMF, 3 times (ConsensusTopics)" in printed.err
    metrics = json.loads(printed.out)
    run = load_run("run")
    model = run.model
    assert isinstance(model, ConsensusTopics)
    assert model.labels_.shape == (3, 3)
    assert metrics["stability"] == model.stability_
    assert metrics["topic_stability"] == model.topic_stability_.tolist()
    assert f"stability: {model.stability_:.2f}" in printed.err
    names = {path.name for path in (folder / "run").iterdir()}
    plots = {"top_terms.png", "structure.png", "convergence.png", "stability.png"}
    assert plots | {"report.html"} <= names
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "<h3>ConsensusTopics</h3>" in page
    assert "<td>n_fits</td><td>3</td>" in page
    assert f"<dt>stability</dt><dd>{model.stability_:.2f}</dd>" in page
    # The same topics as in Python.
    settings = read_yaml("run/config.yaml")
    corpus = read_corpus(Data.model_validate(settings["data"]), settings["seed"])
    X = run.pipeline[:-1].transform(corpus.documents["train"])
    direct = ConsensusTopics(TorchPoissonNMF(3), n_fits=3, random_state=1).fit(X)
    np.testing.assert_array_equal(model.components_, direct.components_)


def test_settings_of_the_run_give_the_same_tables(config, folder, capsys):
    assert main(["fit", config({"consensus": {"n_fits": 2}}), "-o", "first"]) == 0
    settings = read_yaml("first/config.yaml")
    assert settings["estimator"]["name"] == "TorchPoissonNMF"
    assert settings["estimator"]["params"]["n_components"] == 3
    assert settings["consensus"]["n_fits"] == 2
    assert main(["fit", "first/config.yaml", "-o", "second"]) == 0
    for name in ("topics.csv", "document_topics.csv"):
        first, second = (folder / run / name for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    capsys.readouterr()
    assert main(["topics", "second"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["transform", "second", "texts.jsonl"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 121
    assert main(["evaluate", "second", "texts.jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["perplexity"] > 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"consensus": 20}, "consensus: must be a section with the keys n_fits, "),
        ({"consensus": {"n_fits": 1}}, "consensus.n_fits: must be greater than or"),
        (
            {"consensus": {"fits": 5}},
            "consensus.fits: unknown key; did you mean 'n_fits'?",
        ),
        (
            {"consensus": {}, "estimator.name": "TorchETM"},
            "consensus: ConsensusTopics cannot fit TorchETM from the consensus topics. "
            "Use TorchPoissonNMF, ",
        ),
        (
            {
                "consensus": {},
                "estimator": {"name": "TorchDeepNMF", "params": {"layer_sizes": [3]}},
            },
            "consensus: ConsensusTopics cannot fit TorchDeepNMF",
        ),
        (
            {"consensus": {}, "estimator.name": "TorchTruncatedSVD"},
            "consensus: ConsensusTopics cannot fit TorchTruncatedSVD",
        ),
        (
            {"consensus": {}, "estimator.params.init": "nndsvd"},
            "consensus: ConsensusTopics needs fits that differ, but init='nndsvd'",
        ),
        (
            {"consensus": {}, "estimator.params.checkpoint": "a.pt"},
            "consensus: The fits of ConsensusTopics cannot share the file",
        ),
    ],
)
def test_errors(config, folder, capsys, changes, message):
    changes = {"data.path": "no.txt", **changes}  # the documents are not read
    assert main(["fit", config(changes)]) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: config.yaml: ")
    assert message in line
    assert line.count("\n") == 1
