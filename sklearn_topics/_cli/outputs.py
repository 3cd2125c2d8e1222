"""Outputs of ``fit``: model, settings, tables, metrics and plots."""

import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy
import scipy
import sklearn
import torch
from sklearn.pipeline import Pipeline

import sklearn_topics

from . import run_folder as files
from .corpus import Corpus
from .errors import data_errors, within
from .measures import is_signed, measure_documents, measure_topics
from .model_file import save_model
from .plots import save_plots
from .report import save_report
from .settings import Settings, save_settings
from .steps import all_params
from .tables import (
    TOPIC_COLUMNS,
    proportion_columns,
    proportion_rows,
    topic_lines,
    topic_rows,
    write_csv,
)


def log(text):
    """Print progress to standard error; standard output is for programs."""
    print(text, file=sys.stderr, flush=True)


@dataclass
class Fitted:
    """A fitted model and its data.

    Parameters
    ----------
    vectorizer : estimator or None
        The fitted vectorizer.
    model : estimator
        The fitted topic model.
    names : list of str or None
        Names of the terms.
    counts : dict of str to matrix
        Part -> counts of shape (n_documents, n_terms).
    corpus : Corpus
        The documents as they were read, and their numbers in their file.
    seconds : float
        Time of the fit.
    """

    vectorizer: object
    model: object
    names: list[str] | None
    counts: dict
    corpus: Corpus
    seconds: float


def write_outputs(folder: Path, settings: Settings, fitted: Fitted) -> dict:
    """Write all files and return the metrics."""
    steps = [("vectorizer", fitted.vectorizer), ("model", fitted.model)]
    steps = [(name, step) for name, step in steps if step is not None]
    save_model(Pipeline(steps), folder / files.MODEL)
    _write_settings(folder, settings, fitted)
    if fitted.vectorizer is None and fitted.names is not None:
        lines = "".join(f"{name}\n" for name in fitted.names)
        _write(folder / files.VOCABULARY, lines)
    _write_topics(folder, fitted, settings.output.n_terms)
    _write_document_topics(folder, fitted)
    metrics = _measure(fitted, settings.metrics)
    _write(folder / files.METRICS, json.dumps(metrics, indent=2) + "\n")
    if settings.output.plots:
        train, n_terms = fitted.counts["train"], settings.output.n_terms
        save_plots(folder, fitted.model, fitted.names, train, n_terms)
    if settings.output.report:
        _write_report(folder, Pipeline(steps), fitted)
    log(f"saved: {folder}")
    return metrics


def _write(path: Path, text: str):
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_settings(folder, settings, fitted):
    """Write the settings with all parameters, and the versions of the packages."""
    model = fitted.model
    if isinstance(model, sklearn_topics.ConsensusTopics):
        model = model.estimator
    steps = {"vectorizer": fitted.vectorizer, "estimator": model}
    resolved = {}
    for key, step in steps.items():
        if step is not None:
            given = getattr(settings, key)
            params = {**all_params(step), **given.params}
            resolved[key] = given.model_copy(update={"params": params})
    versions = ", ".join(
        f"{module.__name__} {module.__version__}"
        for module in (sklearn_topics, sklearn, torch, numpy, scipy)
    )
    heading = [
        "All settings of this run, to repeat the fit.",
        f"python {platform.python_version()}, {versions}",
    ]
    save_settings(folder / files.CONFIG, settings.model_copy(update=resolved), heading)


def _write_topics(folder, fitted, n_terms):
    rows = topic_rows(fitted.model, fitted.names, n_terms)
    with open(folder / files.TOPICS, "w", encoding="utf-8", newline="") as file:
        write_csv(file, TOPIC_COLUMNS, rows)
    for line in topic_lines(rows):
        log(line)


def _write_document_topics(folder, fitted):
    def rows():
        for part, counts in fitted.counts.items():
            theta = fitted.model.transform(counts)
            ids = metadata[part].get("id")
            numbers = fitted.corpus.numbers[part]
            yield from proportion_rows(theta, numbers, part, ids=ids)

    metadata = fitted.corpus.metadata
    columns = proportion_columns(fitted.model)
    if "id" in metadata["train"]:
        columns = ["id", *columns]
    path = folder / files.DOCUMENT_TOPICS
    with open(path, "w", encoding="utf-8", newline="") as file:
        write_csv(file, ("part", "document", *columns), rows())


def _write_report(folder, pipeline, fitted):
    """The report on the train documents, if it is defined for this model."""
    if is_signed(fitted.model):
        log("report: omitted, because the topics have negative weights")
        return
    save_report(folder, pipeline, fitted.corpus, fitted.names)


def _measure(fitted, names) -> dict:
    """Metrics of the topics, and of the documents that the model was not fitted on."""
    unseen = {part: X for part, X in fitted.counts.items() if part != "train"}
    if not unseen:
        log("metrics: of the topics only, because valid and test are missing")
    elif is_signed(fitted.model):
        log("metrics: no likelihood (null), because the topics have negative weights")
    metrics = {"fit_seconds": round(fitted.seconds, 3)}
    if isinstance(fitted.model, sklearn_topics.ConsensusTopics):
        metrics["stability"] = fitted.model.stability_
        metrics["topic_stability"] = fitted.model.topic_stability_.tolist()
    metrics |= measure_topics(fitted.model, names)
    for part, counts in unseen.items():
        with within(f"metrics of {part}"), data_errors():
            values = measure_documents(fitted.model, counts, names)
        metrics[part] = {"documents": counts.shape[0], **values}
    return metrics
