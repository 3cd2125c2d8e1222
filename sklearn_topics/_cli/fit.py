"""``fit``: from a configuration to a folder with the model and what it has found."""

import contextlib
import inspect
import json
import platform
import sys
import time
from pathlib import Path

import numpy
import scipy
import sklearn
import torch
from sklearn.pipeline import Pipeline

import sklearn_topics

from . import run_folder as files
from .corpus import Corpus, read_corpus
from .errors import CommandError, data_errors, within, within_key
from .measures import is_signed, measure_documents, measure_topics
from .model_file import save_model
from .pictures import check_plots, draw
from .settings import Settings, load_settings, save_settings
from .steps import all_params, make_estimator, make_vectorizer
from .tables import (
    TOPIC_COLUMNS,
    proportion_columns,
    proportion_rows,
    topic_lines,
    topic_rows,
    write_csv,
)


def log(text):
    """Progress, on standard error: standard output is for what programs read."""
    print(text, file=sys.stderr, flush=True)


def fit(config, *, output=None, overwrite=None) -> dict:
    """Fit what the file says, write the folder, and return the metrics."""
    with within(config):
        settings = load_settings(config, folder=output, overwrite=overwrite)
        vectorizer, estimator = _make_steps(settings)
        with within_key("output"):
            folder = files.check_folder(settings.output)
            if settings.output.plots:
                check_plots()
        with within_key("data"):
            corpus = read_corpus(settings.data, settings.seed)
        _check_vectorizer(vectorizer, corpus)
        log(str(corpus))
        counts, names = _count(vectorizer, corpus)
        files.begin_folder(folder)
        seconds = _fit(estimator, counts)
    steps = [("vectorizer", vectorizer), ("model", estimator)]
    pipeline = Pipeline([step for step in steps if step[1] is not None])
    save_model(pipeline, folder / files.MODEL)
    _save_settings(folder, settings, vectorizer, estimator)
    if vectorizer is None and names is not None:
        _write(folder / files.VOCABULARY, "".join(f"{name}\n" for name in names))
    _write_tables(folder, estimator, names, counts, corpus, settings.output.n_terms)
    metrics = _measure(estimator, counts, settings.metrics, seconds)
    _write(folder / files.METRICS, json.dumps(metrics, indent=2) + "\n")
    if settings.output.plots:
        train, n_terms = counts["train"], settings.output.n_terms
        draw(folder, estimator, names, train, n_terms)
    log(f"written: {folder}")
    return metrics


def _make_steps(settings: Settings):
    """Vectorizer (or None) and estimator, with valid parameters, not fitted."""
    vectorizer = None
    if settings.vectorizer is not None:
        with within_key("vectorizer"):
            vectorizer = make_vectorizer(**dict(settings.vectorizer))
    with within_key("estimator"):
        estimator = make_estimator(**dict(settings.estimator), seed=settings.seed)
    return vectorizer, estimator


def _check_vectorizer(vectorizer, corpus):
    if vectorizer is None and corpus.is_text:
        raise CommandError(
            "missing, but the documents are text; expected a section with the name of "
            "one, for example CountVectorizer",
            "vectorizer",
        )
    if vectorizer is not None and not corpus.is_text:
        raise CommandError("the data are counts; leave this section out", "vectorizer")


def _count(vectorizer, corpus: Corpus):
    """Part -> counts, the vectorizer being fitted on train; names of the terms."""
    if vectorizer is None:
        return corpus.documents, corpus.names
    with within_key("vectorizer"), data_errors():
        counts = {"train": vectorizer.fit_transform(corpus.documents["train"])}
    for part in corpus.documents.keys() - counts.keys():
        counts[part] = vectorizer.transform(corpus.documents[part])
    log(f"terms: {counts['train'].shape[1]}")
    counts = {part: counts[part] for part in corpus.documents}
    return counts, vectorizer.get_feature_names_out().tolist()


def _fit(estimator, counts) -> float:
    """Seconds of the fit. Models that take validation documents get those of valid."""
    options = {}
    if "valid" in counts and "X_val" in inspect.signature(estimator.fit).parameters:
        options["X_val"] = counts["valid"]
    name = type(estimator).__name__
    log(f"fitting: {name} with {estimator.n_components} components")
    begin = time.perf_counter()
    # Some models of scikit-learn print their progress on standard output.
    with contextlib.redirect_stdout(sys.stderr), within_key("estimator"), data_errors():
        estimator.fit(counts["train"], **options)
    seconds = time.perf_counter() - begin
    iterations = getattr(estimator, "n_iter_", None)
    told = f", {iterations} iterations" if iterations is not None else ""
    log(f"fitted: {seconds:.2f} s{told}")
    return seconds


def _save_settings(folder: Path, settings: Settings, vectorizer, estimator):
    """The settings with all parameters, and the versions they were fitted with."""
    update = {}
    for key, step in (("vectorizer", vectorizer), ("estimator", estimator)):
        if step is not None:
            params = {"params": all_params(step)}
            update[key] = getattr(settings, key).model_copy(update=params)
    versions = [
        f"{module.__name__} {module.__version__}"
        for module in (sklearn_topics, sklearn, torch, numpy, scipy)
    ]
    heading = [
        "All settings of this run, to fit it again.",
        f"python {platform.python_version()}, {', '.join(versions)}",
    ]
    save_settings(folder / files.CONFIG, settings.model_copy(update=update), heading)


def _write(path: Path, text: str):
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_tables(folder, estimator, names, counts, corpus, n_terms):
    topics = topic_rows(estimator, names, n_terms)
    with open(folder / files.TOPICS, "w", encoding="utf-8", newline="") as file:
        write_csv(file, TOPIC_COLUMNS, topics)
    for line in topic_lines(topics):
        log(line)
    with open(
        folder / files.DOCUMENT_TOPICS, "w", encoding="utf-8", newline=""
    ) as file:
        columns = proportion_columns(len(estimator.components_))
        write_csv(
            file,
            ("part", "document", *columns),
            (
                row
                for part, X in counts.items()
                for row in proportion_rows(
                    estimator.transform(X), corpus.numbers[part], part
                )
            ),
        )


def _measure(estimator, counts, names, seconds) -> dict:
    """Of the topics, and of the documents that the fit has not seen."""
    unseen = {part: X for part, X in counts.items() if part != "train"}
    if not unseen:
        log("metrics: no valid or test documents, so only those of the topics")
    elif is_signed(estimator):
        log("metrics: negative weights give no probabilities, so no likelihood (null)")
    found = {"fit_seconds": round(seconds, 3), **measure_topics(estimator, names)}
    for part, X in unseen.items():
        figures = measure_documents(estimator, X, names)
        found[part] = {"documents": X.shape[0], **figures}
    return found
