"""The folder of a run: which files it holds, and reading them again."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sklearn.pipeline import Pipeline

from .documents import is_text, read_documents, read_vocabulary
from .errors import CommandError, within
from .model_file import load_model
from .pictures import PICTURES
from .settings import Settings, load_settings

CONFIG, MODEL, VOCABULARY = "config.yaml", "model.skops", "vocabulary.txt"
TOPICS, DOCUMENT_TOPICS = "topics.csv", "document_topics.csv"
METRICS, TENSORBOARD = "metrics.json", "tensorboard"

#: Files of a run that no user is likely to have put there.
_SURELY_OURS = {MODEL, TOPICS, DOCUMENT_TOPICS, METRICS, TENSORBOARD, *PICTURES}


def check_folder(output, checkpoint=None) -> Path:
    """The output folder, if a run may go there; nothing is changed.

    A checkpoint there, and the log that goes with it, are of the run that goes on.
    """
    folder = Path(output.folder)
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder} is a file", "folder")
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if checkpoint is not None and Path(checkpoint).parent.resolve() == folder.resolve():
        name = Path(checkpoint).name
        if name in found:
            found.discard(TENSORBOARD)
        found -= {name, f"{name}.part"}
    if found and not output.overwrite:
        raise CommandError(
            f"{folder} is not empty; name another one, or set overwrite: true "
            "(--overwrite), which replaces the files of an earlier run",
            "folder",
        )
    if MODEL not in found and not found <= _SURELY_OURS:
        raise CommandError(
            f"{folder} is not empty and holds no earlier run; name another one",
            "folder",
        )
    return folder


def begin_folder(folder) -> list[Path]:
    """Make it; what an earlier run has left there, to be removed by `clear`.

    Not before the new run has ended well: until then the earlier one is worth more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {CONFIG, VOCABULARY, *_SURELY_OURS} - {TENSORBOARD}
    logs = folder / TENSORBOARD
    old = [folder / name for name in names]
    return old + (list(logs.iterdir()) if logs.is_dir() else [])


def clear(old: list[Path]):
    for path in old:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@dataclass
class Run:
    """What a fit has left."""

    pipeline: Pipeline
    names: list[str] | None
    settings: Settings

    @property
    def model(self):
        return self.pipeline[-1]

    def counts(self, path, format=None, field=None):
        """Counts of the documents of a file, by the run's vectorizer if it has one."""
        data = self.settings.data
        documents = read_documents(path, format or data.format, field or data.field)
        if is_text(documents) != (len(self.pipeline) > 1):
            wanted = "counts" if is_text(documents) else "text"
            raise CommandError(f"{path}: the model was fitted on {wanted}")
        if len(self.pipeline) == 1:
            return documents
        return self.pipeline[:-1].transform(documents)


def load_run(folder) -> Run:
    folder = Path(folder)
    if not folder.is_dir():
        raise CommandError(f"{folder}: there is no such folder; expected that of a fit")
    pipeline = load_model(folder / MODEL)
    with within(folder / CONFIG):
        settings = load_settings(folder / CONFIG)
    names = None
    if len(pipeline) > 1:
        names = pipeline[:-1].get_feature_names_out().tolist()
    elif (folder / VOCABULARY).exists():
        n_terms = pipeline[-1].components_.shape[1]
        names = read_vocabulary(folder / VOCABULARY, n_terms)
    return Run(pipeline, names, settings)
