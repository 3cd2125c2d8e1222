"""The output folder of a run: its files, and how to load them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sklearn.pipeline import Pipeline

from .counts import takes_key
from .documents import check_vocabulary, kind_of, read_file, read_vocabulary
from .errors import CommandError, within
from .model_file import load_model
from .plots import PLOTS
from .report import REPORT
from .settings import Settings, load_settings

CONFIG, MODEL, VOCABULARY = "config.yaml", "model.skops", "vocabulary.txt"
TOPICS, DOCUMENT_TOPICS = "topics.csv", "document_topics.csv"
METRICS, TENSORBOARD = "metrics.json", "tensorboard"

#: Files of a run whose names a user is unlikely to choose.
_RUN_FILES = {MODEL, TOPICS, DOCUMENT_TOPICS, METRICS, REPORT, TENSORBOARD, *PLOTS}


def check_folder(output, checkpoint=None) -> Path:
    """Return the output folder if a run may write there; nothing is changed.

    A checkpoint in the folder, and its TensorBoard log, belong to the resumed run.
    """
    folder = Path(output.folder)
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is a file; name a folder", "folder")
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if checkpoint is not None and Path(checkpoint).parent.resolve() == folder.resolve():
        name = Path(checkpoint).name
        if name in present:
            present.discard(TENSORBOARD)
        present -= {name, f"{name}.part"}
    if present and not output.overwrite:
        raise CommandError(
            f"{folder} is not empty; name another folder, or set overwrite: true "
            "(--overwrite) to replace the files of an earlier run",
            "folder",
        )
    if MODEL not in present and not present <= _RUN_FILES:
        raise CommandError(
            f"{folder} is not empty and contains no earlier run; name another folder",
            "folder",
        )
    return folder


def prepare_folder(folder) -> list[Path]:
    """Create the folder, and list the files of an earlier run, for `remove`.

    They are removed only after the new fit succeeds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {CONFIG, VOCABULARY, *_RUN_FILES} - {TENSORBOARD}
    logs = folder / TENSORBOARD
    old = [folder / name for name in names]
    return old + (list(logs.iterdir()) if logs.is_dir() else [])


def remove(paths: list[Path]):
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@dataclass
class Run:
    """A fitted pipeline with its term names and settings."""

    pipeline: Pipeline
    names: list[str] | None
    settings: Settings

    @property
    def model(self):
        return self.pipeline[-1]

    def counts(self, path, format=None, field=None, key=None):
        """Counts of the documents in a file; the vectorizer of the run counts text."""
        data = self.settings.data
        if key is None and takes_key(path):
            key = data.key
        options = {"key": key, "n_terms": self.model.components_.shape[1]}
        format, field = format or data.format, field or data.field
        documents, _ = read_file(path, format, field, **options)
        expected = "text" if len(self.pipeline) > 1 else "counts"
        if kind_of(documents) != expected:
            raise CommandError(
                f"{path}: contains {kind_of(documents)}, but the model was fitted on "
                f"{expected}"
            )
        if len(self.pipeline) == 1:
            return documents
        return self.pipeline[:-1].transform(documents)


def load_run(folder) -> Run:
    folder = Path(folder)
    if not folder.is_dir():
        raise CommandError(f"{folder}: folder not found; expected the output of fit")
    pipeline = load_model(folder / MODEL)
    with within(folder / CONFIG):
        settings = load_settings(folder / CONFIG)
    names = None
    if len(pipeline) > 1:
        names = pipeline[:-1].get_feature_names_out().tolist()
    elif (folder / VOCABULARY).exists():
        names = read_vocabulary(folder / VOCABULARY)
        n_terms = pipeline[-1].components_.shape[1]
        check_vocabulary(folder / VOCABULARY, names, n_terms)
    return Run(pipeline, names, settings)
