"""output.report, and the fields of metadata."""

import csv
import json

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_topics._cli.corpus import read_corpus
from sklearn_topics._cli.main import main
from sklearn_topics._cli.settings import load_settings

pytestmark = pytest.mark.usefixtures("one_thread")

FIELDS = {
    "data.id_field": "id",
    "data.label_field": "outlet",
    "data.date_field": "when",
}


@pytest.fixture
def records(texts):
    """Texts with an identifier, a label and a date; some are missing."""
    return [
        {
            "id": f"doc-{i}",
            "text": text,
            "outlet": ["Post", "Times", None][i % 3],
            "when": None if i == 7 else f"20{10 + i % 9}-05-01T10:00:00Z",
        }
        for i, text in enumerate(texts)
    ]


@pytest.fixture
def jsonl(folder, records):
    lines = "\n".join(map(json.dumps, records))
    (folder / "texts.jsonl").write_text(lines + "\n")


def fails(capsys, *arguments):
    assert main(["fit", *arguments]) == 2
    return capsys.readouterr().err


def test_report(config, jsonl, folder):
    assert main(["fit", config({**FIELDS, "output.report": True})]) == 0
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    for words in ("TorchPoissonNMF: 3 topics", "Topics by label", "Topics over time"):
        assert words in page
    for words in (">Post<", ">Times<", ">(none)<", ">2010<", ">2018<", ">doc-"):
        assert words in page
    with open(folder / "run" / "document_topics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 120
    assert all(row["id"] == f"doc-{row['document']}" for row in rows)
    # A later run with the settings that were saved gives the same page.
    saved = str(folder / "run" / "config.yaml")
    assert main(["fit", saved, "--overwrite"]) == 0
    assert (folder / "run" / "report.html").read_text(encoding="utf-8") == page


def test_csv(config, folder, records):
    with open(folder / "texts.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)
    changes = {**FIELDS, "data.path": "texts.csv", "output.report": True}
    assert main(["fit", config(changes)]) == 0
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert ">(none)<" in page  # an empty cell


def test_without_metadata(config, folder, texts):
    assert main(["fit", config({"output.report": True})]) == 0
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "Topics by" not in page
    assert "Topics over time" not in page
    assert page.count("<blockquote>") == 9


def test_counts(config, folder):
    X = np.random.default_rng(0).poisson(0.5, (40, 6))
    sp.save_npz(folder / "counts.npz", sp.csr_matrix(X))
    (folder / "vocab.txt").write_text("\n".join(["<b>", *"bcdef"]))
    data = {"train": "counts.npz", "vocabulary": "vocab.txt"}
    changes = {"data": data, "vectorizer": None, "output.report": True}
    assert main(["fit", config(changes)]) == 0
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;" in page


def test_signed_topics_have_no_report(config, folder, capsys):
    estimator = {"name": "TorchTruncatedSVD", "params": {"n_components": 2}}
    assert main(["fit", config({"estimator": estimator, "output.report": True})]) == 0
    assert "report: omitted" in capsys.readouterr().err
    assert not (folder / "run" / "report.html").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.label_field": "outlt"}, "no field 'outlt'; did you mean 'outlet'"),
        ({"data.date_field": "outlet"}, "dates such as 2020-05-31 or 2020. Got 'Post'"),
        ({"data.id_feld": "id"}, "unknown key; did you mean 'id_field'"),
    ],
)
def test_fields_that_are_wrong(config, jsonl, capsys, changes, message):
    assert message in fails(capsys, config(changes))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2020", "2020-01-01T00:00:00"),
        ("2020-05", "2020-05-01T00:00:00"),
        ("2020-05-31", "2020-05-31T00:00:00"),
        ("2020-05-31T10:00", "2020-05-31T10:00:00"),
        ("2020-05-31T10:00+02:00", "2020-05-31T10:00:00"),
        ("2020-05-31 10:00Z", "2020-05-31T10:00:00"),
        ("2020-05-31T10:00:30.5-11:00", "2020-05-31T10:00:30"),
    ],
)
def test_times_are_local(config, folder, records, written, read):
    for record in records:
        record["when"] = written
    (folder / "texts.jsonl").write_text("\n".join(map(json.dumps, records)))
    settings = load_settings(config({"data.date_field": "when"}))
    corpus = read_corpus(settings.data, 0)
    assert set(corpus.metadata["train"]["date"].astype(str)) == {read}


def test_date_that_does_not_exist(config, folder, records, capsys):
    records[3]["when"] = "2020-02-30"
    lines = "\n".join(map(json.dumps, records))
    (folder / "texts.jsonl").write_text(lines)
    error = fails(capsys, config({"data.date_field": "when"}))
    assert "has no valid dates" in error


def test_metadata_of_files_without_fields(config, folder, texts, capsys):
    (folder / "texts.txt").write_text("\n".join(texts))
    changes = {"data.path": "texts.txt", "data.label_field": "outlet"}
    assert "only JSON lines and CSV have fields" in fails(capsys, config(changes))


def test_needs_pandas(config, folder, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = fails(capsys, config({"output.report": True}))
    assert "output.report: needs matplotlib; install it with" in error
