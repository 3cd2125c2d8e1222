"""The examples that users read: they run and print what they say."""

import contextlib
import doctest
import inspect
import io
import re
import textwrap
from pathlib import Path

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from skops.io import dump

import sklearn_topics
import sklearn_topics.io
from sklearn_topics import (
    callbacks,
    curation,
    datasets,
    distributed,
    inspection,
    metrics,
    nn,
    plot,
    report,
    single_cell,
)
from sklearn_topics._boundary.sklearn_private import HAS_CALLBACKS

MODULES = (
    *(sklearn_topics, callbacks, curation, datasets, inspection, sklearn_topics.io),
    *(distributed, metrics, nn, plot, report, single_cell),
)

ROOT = Path(__file__).parents[1]
#: Pages and names that need scikit-learn's callbacks.
WITH_CALLBACKS = {*callbacks.__all__, "user_guide/callbacks"}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _public():
    for module in MODULES:
        for name in module.__all__:
            item = getattr(module, name)
            if callable(item):
                yield _case(name, item)


#: Pages of prose, tables or lists, or that quote the source.
WITHOUT_EXAMPLES = {
    "api",
    "changelog",
    "citing",
    "developer/add_a_kernel",
    "developer/add_a_model",
    "developer/architecture",
    "developer/contract",
    "developer/defaults",
    "developer/index",
    "glossary",
    "index",
    "migration/index",
    "performance",
    "user_guide/index",
}

#: What a build of the documentation writes, or takes as it is.
BUILT = {"_build", "_templates", "auto_examples", "generated", "sg_execution_times"}

#: What a block of a page may hold that is not run here: commands, and files.
OTHER_LANGUAGES = {"bash", "console", "none", "text", "yaml"}

PROMPT = re.compile(r"^ *>>>(?= |$)", re.M)
#: A block of Python without prompts, and what it holds.
PYTHON = re.compile(r"^( *)\.\. code-block:: python\n((?:\1 +.*\n|\n)+)", re.M)
#: What a page says that the block above prints.
OUTPUT = re.compile(r" *\.\. code-block:: text\n((?: +.*\n|\n)+)")
#: An import in an indented block, without a prompt.
BARE = re.compile(r"^ +(?:from \w[\w.]* import|import \w)", re.M)
BLOCK = re.compile(r"^ *\.\. (?:code|code-block|sourcecode):: *(\S*)", re.M)


def _pages():
    """Name and text of each page that is written by hand."""
    folder = ROOT / "docs"
    for path in sorted(folder.rglob("*.rst")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name.split("/")[0] not in BUILT:
            yield name, path.read_text(encoding="utf-8")


def _case(name, *values):
    lacking = pytest.mark.skipif(
        name in WITH_CALLBACKS and not HAS_CALLBACKS,
        reason="scikit-learn has callbacks from 1.9 on",
    )
    return pytest.param(*values, id=name, marks=lacking)


def _runs(page) -> bool:
    _, text = page
    return bool(PROMPT.search(text) or PYTHON.search(text))


def _params(pages):
    return [_case(name, name, text) for name, text in pages]


def _run(tests) -> tuple[str, int]:
    """What doctest has to say against the examples, and how many it ran."""
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for test in tests:
        runner.run(test, out=report.append)
    return "".join(report), runner.summarize(verbose=False).attempted


def _agree(printed: str, shown: str) -> bool:
    """Whether a third of the shown words is printed: the corpus differs by version."""
    words = set(shown.split())
    return len(words & set(printed.split())) > len(words) / 3


def _small_run(folder):
    """The model that the commands on a page leave, of less text."""
    model = sklearn_topics.TorchETM(2, hidden_layer_sizes=(4,), max_iter=1)
    pipeline = make_pipeline(CountVectorizer(), model).fit(["a text", "one other"] * 9)
    Path(folder).mkdir(parents=True)
    dump(pipeline, Path(folder) / "model.skops")


@pytest.mark.parametrize("item", list(_public()))
def test_docstring(item):
    finder = doctest.DocTestFinder(exclude_empty=True)
    report, attempted = _run(finder.find(item, module=inspect.getmodule(item)))
    assert report == ""
    assert attempted > 0, "there is no example"


@pytest.mark.parametrize(("name", "text"), _params(filter(_runs, _pages())))
def test_page(name, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a block may write files
    if name == "user_guide/command_line":
        _small_run("runs/etm")
    namespace = {}
    for match in PYTHON.finditer(text):
        block = compile(textwrap.dedent(match[2]), f"{name}.rst", "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(block, namespace)
        shown = OUTPUT.match(text, match.end())
        assert shown is None or _agree(printed.getvalue(), shown[1])
    parser = doctest.DocTestParser()
    examples = parser.get_doctest(text, namespace, name, f"{name}.rst", 0)
    report, attempted = _run([examples])
    assert report == ""
    assert attempted == len(PROMPT.findall(text)), "an example did not run"


@pytest.mark.parametrize(("name", "text"), _params(_pages()))
def test_page_shows_no_python_that_does_not_run(name, text):
    assert _runs((name, text)) != (name in WITHOUT_EXAMPLES)
    text = PYTHON.sub("", text)
    assert set(BLOCK.findall(text)) <= OTHER_LANGUAGES
    assert BARE.findall(text) == [], "write Python with prompts"
    assert "doctest: +SKIP" not in text


def test_pages_are_found():
    names = {name for name, _ in _pages()}
    guide = {path.stem for path in (ROOT / "docs/user_guide").glob("*.rst")}
    assert {"index", "poisson_nmf", "beta_nmf", "etm", "metrics"} <= guide
    assert {"index", "install", *(f"user_guide/{page}" for page in guide)} <= names


@pytest.mark.parametrize("indent", ["", "   "])
def test_blocks_of_a_page_are_found(indent):
    lines = [".. code-block:: python", "", "   import os", "", "   os.sep", "", "End."]
    page = "\n".join(indent + line if line else line for line in lines)
    ((_, block),) = PYTHON.findall(page)
    assert textwrap.dedent(block).strip() == "import os\n\nos.sep"
    assert BLOCK.findall(page) == ["python"]
    assert BLOCK.findall(PYTHON.sub("", page)) == []
    assert BARE.findall(page) != []  # as in a block of any other directive
    assert not PROMPT.search(page)


def test_readme_example(capsys):
    (example,) = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S
    )
    exec(compile(example, "README.md", "exec"), {})
    topics = [set(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert len(topics) == 5
    assert any({"matrix", "sparse"} <= topic for topic in topics)
