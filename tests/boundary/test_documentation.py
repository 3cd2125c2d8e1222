"""Links from scikit-learn's HTML diagrams to the reference."""

from email.message import Message
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from sklearn.decomposition import NMF
from sklearn.pipeline import make_pipeline

import sklearn_topics
from sklearn_topics import TorchBetaNMF, TorchPoissonNMF
from sklearn_topics._boundary import documentation

ESTIMATORS = [
    getattr(sklearn_topics, name)
    for name in sklearn_topics.__all__
    if name.startswith("Torch")
]


@pytest.fixture
def declare(monkeypatch):
    """Function of the package's Project-URL lines; None: it is not installed."""

    def as_declared(*lines):
        message = Message()
        for line in lines:
            message["Project-URL"] = line

        def metadata(name):
            assert name == "sklearn_topics"
            if lines == (None,):
                raise PackageNotFoundError(name)
            return message

        monkeypatch.setattr(documentation, "metadata", metadata)
        documentation.page_template.cache_clear()

    yield as_declared
    documentation.page_template.cache_clear()


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_diagram_links_to_the_reference(Estimator, declare):
    declare("Source, https://a.invalid", "Documentation, https://docs.invalid/en/")
    page = f"sklearn_topics.{Estimator.__name__}.html"
    link = f"https://docs.invalid/en/generated/{page}"
    assert f'href="{link}' in Estimator()._repr_html_()
    assert f'href="{link}' in make_pipeline(Estimator())._repr_html_()
    # Autosummary makes the page of that name from this line.
    reference = Path(__file__).parents[2] / "docs" / "api.rst"
    assert f"   {Estimator.__name__}\n" in reference.read_text(encoding="utf-8")


@pytest.mark.parametrize("lines", [(), ("Source, https://a.invalid",), (None,)])
def test_no_link_where_no_documentation_is_declared(lines, declare):
    declare(*lines)
    assert "href" not in TorchPoissonNMF()._repr_html_()


def test_other_classes_are_not_ours_to_document(declare):
    class Mine(TorchBetaNMF):
        pass

    declare("Documentation, https://docs.invalid")
    assert "docs.invalid" not in Mine()._repr_html_()
    assert "docs.invalid" not in NMF()._repr_html_()
