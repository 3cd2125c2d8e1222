"""Version, changelog and citation agree, and the extras that texts name exist."""

import re
import tomllib
from pathlib import Path

import sklearn_topics

ROOT = Path(__file__).parents[1]


def test_changelog_begins_with_what_is_unreleased_or_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## \[(.+?)\](.*)$", text, re.M)
    assert headings[0] == ("Unreleased", "")
    released, dates = zip(*headings[1:], strict=True)
    assert sklearn_topics.__version__ == released[0]
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for date in dates)
    kinds = set(re.findall(r"^### (.+)$", text, re.M))
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert kinds <= known


def test_citation_has_the_version_and_its_date():
    version = sklearn_topics.__version__
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    date = re.search(rf"^## \[{version}\] - (.+)$", changelog, re.M)[1]
    assert f"\nversion: {version}\n" in citation
    assert f'\ndate-released: "{date}"\n' in citation


def test_extras_that_texts_name_exist():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = set(tomllib.load(file)["project"]["optional-dependencies"])
    folders = "sklearn_topics", "docs", "examples"
    files = [p for f in folders for p in (ROOT / f).rglob("*") if p.is_file()]
    named = {
        name
        for path in files
        if path.suffix in (".py", ".rst")
        for group in re.findall(r"sklearn_topics\[([\w,]+)\]", path.read_text("utf-8"))
        for name in group.split(",")
    }
    assert len(named) > 5
    assert named <= extras
    install = (ROOT / "docs" / "install.rst").read_text("utf-8")
    assert set(re.findall(r"^``(\w+)``$", install, re.M)) == extras
