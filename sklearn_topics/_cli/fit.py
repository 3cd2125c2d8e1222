"""``fit``: read documents, count terms and fit a model from a configuration."""

import contextlib
import inspect
import re
import sys
import time
from pathlib import Path

from .. import ConsensusTopics
from .._boundary.embeddings import embedding_matrix
from ..callbacks import TensorBoardLogger
from ..datasets import load_word_vectors
from .corpus import Corpus, read_corpus
from .documents import reading
from .errors import CommandError, data_errors, one_line, within, within_key
from .outputs import Fitted, log, write_outputs
from .plots import check_plots
from .report import check_report
from .run_folder import TENSORBOARD, check_folder, prepare_folder, remove
from .settings import Settings, load_settings
from .steps import make_consensus, make_estimator, make_vectorizer

#: Approximate number of times that topics are logged for TensorBoard in one fit.
_TOPIC_LOGS = 20


def fit(config, *, output=None, overwrite=None) -> dict:
    """Fit the model of a configuration file, save the results, return the metrics.

    Everything that does not depend on the documents is checked before they are read.
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
            if settings.output.report:
                check_report()
            logger = _tensorboard_logger(settings.output, folder, estimator)
        with within_key("data"):
            corpus = read_corpus(settings.data, settings.seed)
        _check_vectorizer(vectorizer, corpus)
        log(str(corpus))
        counts, names = _count_terms(vectorizer, corpus)
        with within_key("estimator.params.embeddings"):
            _look_up_embeddings(estimator, names)
        old_files = prepare_folder(folder)
        if logger is not None:
            logger.feature_names = names
        seconds = _fit(estimator, counts, logger)
    if not resumes:  # a resumed run continues the log in the folder
        remove(old_files)
    fitted = Fitted(vectorizer, estimator, names, counts, corpus, seconds)
    return write_outputs(folder, settings, fitted)


def _make_steps(settings: Settings):
    """Vectorizer (or None) and estimator with valid parameters, not fitted."""
    vectorizer = None
    if settings.vectorizer is not None:
        with within_key("vectorizer"):
            vectorizer = make_vectorizer(**dict(settings.vectorizer))
    with within_key("estimator"):
        estimator = make_estimator(**dict(settings.estimator), seed=settings.seed)
    if settings.consensus is not None:
        with within_key("consensus"):
            estimator = make_consensus(estimator, dict(settings.consensus))
    return vectorizer, estimator


def _tensorboard_logger(output, folder, estimator):
    """The callback that logs for TensorBoard, or None if it is switched off."""
    if not output.tensorboard:
        return None
    with within_key("tensorboard"):
        # Fits with many short iterations do not log topics in each of them.
        every = max(1, getattr(estimator, "max_iter", 1) // _TOPIC_LOGS)
        options = {"n_terms": output.n_terms, "every": every}
        try:
            logger = TensorBoardLogger(folder / TENSORBOARD, **options)
        except ImportError as error:
            raise CommandError(one_line(error)) from error
        if not hasattr(estimator, "set_callbacks"):
            raise CommandError(
                f"{type(estimator).__name__} does not support callbacks; set "
                "output.tensorboard to false, or use an iterative model of this package"
            )
        return logger


def _check_vectorizer(vectorizer, corpus):
    if vectorizer is None and corpus.is_text:
        raise CommandError(
            "missing, but the documents are text; add this section with a name, for "
            "example CountVectorizer",
            "vectorizer",
        )
    if vectorizer is not None and not corpus.is_text:
        raise CommandError("the data are counts; remove this section", "vectorizer")


def _count_terms(vectorizer, corpus: Corpus):
    """Counts of each part, and the names of the terms; train fits the vectorizer."""
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
    """Replace the path of a word vector file by the embeddings of the terms."""
    path = getattr(estimator, "embeddings", None)
    if not isinstance(path, str):
        return
    if names is None:
        raise CommandError("needs data.vocabulary, the terms whose vectors are read")
    with data_errors(), reading(path):
        vectors = load_word_vectors(path, vocabulary=names)
    if not vectors:
        raise CommandError(
            f"{path}: none of the {len(names)} terms has a vector; the words must be "
            "spelled as the vectorizer spells them, for example in lower case"
        )
    log(f"word vectors: found for {len(vectors)} of {len(names)} terms")
    seed = estimator.random_state
    with data_errors():
        matrix = embedding_matrix(names, vectors, random_state=seed)
    estimator.embeddings = matrix


def _fit(estimator, counts, logger) -> float:
    """Fit on train, with valid if the model uses validation documents; the seconds."""
    options = {}
    if "valid" in counts and "X_val" in inspect.signature(estimator.fit).parameters:
        options["X_val"] = counts["valid"]
    log(f"fitting: {_described(estimator)}")
    if logger is not None:
        estimator.set_callbacks(logger)
    start = time.perf_counter()
    # Some models of scikit-learn print their progress to standard output.
    with contextlib.redirect_stdout(sys.stderr), within_key("estimator"), data_errors():
        estimator.fit(counts["train"], **options)
    seconds = time.perf_counter() - start
    if logger is not None:
        estimator.set_callbacks()  # the model file must not contain the callback
    n_iter = getattr(estimator, "n_iter_", None)
    iterations = f", {n_iter} iterations" if n_iter is not None else ""
    log(f"fitted: {len(estimator.components_)} topics in {seconds:.2f} s{iterations}")
    if isinstance(estimator, ConsensusTopics):
        log(f"stability: {estimator.stability_:.2f}")
    return seconds


def _described(estimator) -> str:
    if isinstance(estimator, ConsensusTopics):
        inner = type(estimator.estimator).__name__
        return f"{inner}, {estimator.n_fits} times (ConsensusTopics)"
    return type(estimator).__name__
