"""Address of the documentation, for the links in scikit-learn's diagrams."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata


@cache
def page_template() -> str:
    """URL template of a model's page, to be formatted with its `estimator_name`.

    It begins with the "Documentation" URL of the package's metadata. Without one the
    template is empty, and scikit-learn shows no link.
    """
    try:
        declared = metadata("sklearn_topics").get_all("Project-URL", [])
    except PackageNotFoundError:  # run from the source
        return ""
    url = dict(line.split(", ", 1) for line in declared).get("Documentation")
    page = "/generated/sklearn_topics.{estimator_name}.html"
    return url.rstrip("/") + page if url else ""
