"""The examples that users read: they run and print what they say."""

import doctest
import inspect
import re
from pathlib import Path

import pytest

import sklearn_topics
from sklearn_topics import callbacks, datasets, inspection, metrics, nn, plot
from sklearn_topics._boundary.sklearn_private import HAS_CALLBACKS

ROOT = Path(__file__).parents[1]
#: Pages and names that need scikit-learn's callbacks.
WITH_CALLBACKS = {*callbacks.__all__, "callbacks"}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _public():
    for module in (sklearn_topics, callbacks, datasets, inspection, metrics, nn, plot):
        for name in module.__all__:
            item = getattr(module, name)
            if callable(item):
                yield _case(item, name)


def _pages():
    for pattern in ("*.rst", "user_guide/*.rst", "developer/*.rst"):
        for path in sorted((ROOT / "docs").glob(pattern)):
            if ">>>" in path.read_text(encoding="utf-8"):
                yield _case(path, path.stem)


def _case(item, name):
    lacking = pytest.mark.skipif(
        name in WITH_CALLBACKS and not HAS_CALLBACKS,
        reason="scikit-learn has callbacks from 1.9 on",
    )
    return pytest.param(item, id=name, marks=lacking)


def _failures(tests) -> str:
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for test in tests:
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).attempted > 0, "there is no example"
    return "".join(report)


@pytest.mark.parametrize("item", list(_public()))
def test_docstring(item):
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert _failures(finder.find(item, module=inspect.getmodule(item))) == ""


@pytest.mark.parametrize("page", list(_pages()))
def test_page(page):
    text = page.read_text(encoding="utf-8")
    parser = doctest.DocTestParser()
    examples = parser.get_doctest(text, {}, page.name, str(page), 0)
    assert _failures([examples]) == ""


def test_readme_example(capsys):
    (example,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S
    )
    exec(compile(example, "README.md", "exec"), {})
    topics = [set(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert len(topics) == 12
    assert any({"test", "statistic"} <= topic for topic in topics)
