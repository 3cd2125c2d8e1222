"""Where the documentation is published, for the links in scikit-learn's diagrams."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata


@cache
def page_template() -> str:
    """Address of a model's page, to be formatted with its `estimator_name`.

    It begins with the URL that the package's metadata declare as "Documentation", and
    is empty, which scikit-learn takes for no link, where they declare none.
    """
    try:
        declared = metadata("sklearn_topics").get_all("Project-URL", [])
    except PackageNotFoundError:  # run from the source
        return ""
    for line in declared:
        label, _, url = line.partition(", ")
        if label == "Documentation":
            return url.rstrip("/") + "/generated/sklearn_topics.{estimator_name}.html"
    return ""
