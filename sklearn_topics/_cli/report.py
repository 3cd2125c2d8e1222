"""The report of a run."""

import importlib.util

from .errors import CommandError

REPORT = "report.html"


def check_report():
    for library in ("matplotlib", "pandas"):
        if importlib.util.find_spec(library) is None:
            raise CommandError(
                f"needs {library}; install it with: pip install "
                "'sklearn_topics[cli,plot,tables]'",
                "report",
            )


def save_report(folder, pipeline, corpus, names):
    """Write the report on the train documents."""
    from ..report import write_report  # imports matplotlib

    metadata = corpus.metadata["train"]
    groups = {name: metadata[name] for name in ("label", "date") if name in metadata}
    write_report(
        pipeline,
        corpus.documents["train"],
        folder / REPORT,
        feature_names=None if corpus.is_text else names,
        groups=groups,
        ids=metadata.get("id"),
    )
