"""``fit``: read, count and fit what a configuration says."""

import contextlib
import inspect
import re
import sys
import time
from pathlib import Path

from .._boundary.embeddings import embedding_matrix
from ..callbacks import TensorBoardLogger
from ..datasets import load_word_vectors
from .corpus import Corpus, read_corpus
from .documents import reading
from .errors import CommandError, data_errors, one_line, within, within_key
from .outputs import Fitted, log, write_outputs
from .pictures import check_plots
from .run_folder import TENSORBOARD, begin_folder, check_folder, clear
from .settings import Settings, load_settings
from .steps import make_estimator, make_vectorizer

#: About how often topics are logged for TensorBoard in a fit of max_iter iterations.
_REPORTS = 20


def fit(config, *, output=None, overwrite=None) -> dict:
    """Fit what the file says, write the folder, and return the metrics.

    What can be checked without the documents is checked before they are read.
    """
    with within(config):
        settings = load_settings(config, folder=output, overwrite=overwrite)
        vectorizer, estimator = _make_steps(settings)
        with within_key("output"):
            checkpoint = getattr(estimator, "checkpoint", None)
            folder = check_folder(settings.output, checkpoint)
            resumes = checkpoint is not None and Path(checkpoint).exists()
            if settings.output.plots:
                check_plots()
            watcher = _watcher(settings.output, folder, estimator)
        with within_key("data"):
            corpus = read_corpus(settings.data, settings.seed)
        _check_vectorizer(vectorizer, corpus)
        log(str(corpus))
        counts, names = _count(vectorizer, corpus)
        with within_key("estimator.params.embeddings"):
            _look_up_embeddings(estimator, names)
        old = begin_folder(folder)
        if watcher is not None:
            watcher.feature_names = names
        seconds = _fit(estimator, counts, watcher)
    if not resumes:  # else the log there is the first half of this run's
        clear(old)
    fitted = Fitted(vectorizer, estimator, names, counts, corpus.numbers, seconds)
    return write_outputs(folder, settings, fitted)


def _make_steps(settings: Settings):
    """Vectorizer (or None) and estimator, with valid parameters, not fitted."""
    vectorizer = None
    if settings.vectorizer is not None:
        with within_key("vectorizer"):
            vectorizer = make_vectorizer(**dict(settings.vectorizer))
    with within_key("estimator"):
        estimator = make_estimator(**dict(settings.estimator), seed=settings.seed)
    return vectorizer, estimator


def _watcher(output, folder, estimator):
    """The callback that logs for TensorBoard, if one is asked for."""
    if not output.tensorboard:
        return None
    with within_key("tensorboard"):
        # Of fits of many short iterations, the topics of some.
        every = max(1, getattr(estimator, "max_iter", 1) // _REPORTS)
        options = {"n_terms": output.n_terms, "every": every}
        try:
            watcher = TensorBoardLogger(folder / TENSORBOARD, **options)
        except ImportError as error:
            raise CommandError(one_line(error)) from error
        if not hasattr(estimator, "set_callbacks"):
            raise CommandError(
                f"{type(estimator).__name__} cannot be watched; set it to false, or "
                "choose one of our iterative models"
            )
        return watcher


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
    with within_key("vectorizer"), data_errors(TypeError, re.error):
        counts = {"train": vectorizer.fit_transform(corpus.documents["train"])}
    for part in corpus.documents.keys() - counts.keys():
        counts[part] = vectorizer.transform(corpus.documents[part])
    log(f"terms: {counts['train'].shape[1]}")
    counts = {part: counts[part] for part in corpus.documents}
    return counts, vectorizer.get_feature_names_out().tolist()


def _look_up_embeddings(estimator, names):
    """In place of a file of word vectors those of the terms, in their order."""
    path = getattr(estimator, "embeddings", None)
    if not isinstance(path, str):
        return
    if names is None:
        raise CommandError("needs data.vocabulary, the terms to look up")
    with data_errors(), reading(path):
        vectors = load_word_vectors(path, vocabulary=names)
    if not vectors:
        raise CommandError(
            f"{path}: none of the {len(names)} terms has a vector; expected lines of a "
            "word and its numbers, words written as the vectorizer writes them"
        )
    log(f"word vectors: of {len(vectors)} of {len(names)} terms")
    seed = estimator.random_state
    with data_errors():
        matrix = embedding_matrix(names, vectors, random_state=seed)
    estimator.embeddings = matrix


def _fit(estimator, counts, watcher) -> float:
    """Seconds of the fit. Models that take validation documents get those of valid."""
    options = {}
    if "valid" in counts and "X_val" in inspect.signature(estimator.fit).parameters:
        options["X_val"] = counts["valid"]
    log(f"fitting: {type(estimator).__name__}")
    if watcher is not None:
        estimator.set_callbacks(watcher)
    begin = time.perf_counter()
    # Some models of scikit-learn print their progress on standard output.
    with contextlib.redirect_stdout(sys.stderr), within_key("estimator"), data_errors():
        estimator.fit(counts["train"], **options)
    seconds = time.perf_counter() - begin
    if watcher is not None:
        estimator.set_callbacks()  # a model file holds the model alone
    iterations = getattr(estimator, "n_iter_", None)
    told = f", {iterations} iterations" if iterations is not None else ""
    log(f"fitted: {len(estimator.components_)} topics in {seconds:.2f} s{told}")
    return seconds
