"""A text corpus: the docstrings of the installed scikit-learn, scipy and numpy."""

import ast
import collections
import contextlib
import gc
import gzip
import importlib.metadata
import importlib.util
import json
import os
import uuid
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import get_data_home
from sklearn.utils import Bunch

from ._prose import count_words, docstring_to_prose

# Increase it with every change of the extraction, so that old caches are not read.
_FORMAT = 2
_DISTRIBUTIONS = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
_MIN_WORDS = 30
_MIN_TARGET_SIZE = 10

# Vendored or internal modules, and numpy.distutils, which exists for some versions of
# Python only: the corpus must depend on the three package versions alone.
_LEFT_OUT = frozenset(
    {
        "numpy._pyinstaller",
        "numpy.distutils",
        "scipy._lib",
        "sklearn._build_utils",
        "sklearn.externals",
    }
)
# Folders that implement public names of the package above.
_PART_OF_TOP = frozenset({"numpy.core", "numpy.lib", "numpy.matrixlib"})

_DESCR = """\
Docstrings of scikit-learn {sklearn}, scipy {scipy} and numpy {numpy}
=====================================================================

The prose of {n_documents} docstrings of modules, classes, functions and methods, read
from the installed source files, with the subpackage ({n_targets} of them) as target.
Markup, section headings, type lines, references, formulas, tables and code are removed;
texts of fewer than {min_words} words and repeated texts are left out.

The texts are those of the three projects, each under the 3-clause BSD licence.
"""


def load_docstrings(*, data_home=None, return_X_y=False) -> Any:
    """Load the docstrings of the installed scikit-learn, scipy and numpy as a corpus.

    It is real text about some fifty subjects that needs no download. The source files
    are parsed, never imported. The first call takes a few seconds; the result is
    cached in the data home for each combination of the three versions.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Data folder of scikit-learn, as in :func:`sklearn.datasets.get_data_home`. The
        corpus is cached in its subfolder ``sklearn_topics`` as gzipped JSON.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    docstrings : :class:`~sklearn.utils.Bunch`
        The corpus, with the attributes

        data : list of str, length n_documents
            The prose of each docstring: at least 30 words, one line per paragraph. No
            text occurs twice.
        target : ndarray of shape (n_documents,), dtype int64
            Subpackage of each document, as an index into `target_names`.
        target_names : list of str
            Names of the subpackages in alphabetical order: the first two parts of the
            dotted name (``"scipy.stats"``). Documents of private modules
            (``numpy._core``), of modules that implement top-level names of numpy
            (``numpy.lib``) and of subpackages with fewer than 10 documents belong to
            the top-level package (``"numpy"``).
        names : list of str, length n_documents
            Dotted name of the documented object where it is defined, for example
            ``"scipy.stats._stats_py.ttest_ind"``.
        DESCR : str
            Description of the corpus with the three versions.

        Documents are sorted by dotted module name and, within a module, in the order
        of the source.
    (data, target) : tuple if `return_X_y` is true
        The list of texts and the array of targets.

    Raises
    ------
    FileNotFoundError
        If a package is installed without its source files.

    Warns
    -----
    UserWarning
        If the corpus cannot be cached; it is returned nevertheless.

    See Also
    --------
    API_STOP_WORDS : Stop words for such texts.
    make_topic_corpus : Synthetic corpus with known topics.

    Examples
    --------
    >>> from sklearn_topics.datasets import load_docstrings
    >>> docstrings = load_docstrings()
    >>> "scipy.stats" in docstrings.target_names
    True
    """
    versions = {
        package: importlib.metadata.version(distribution)
        for package, distribution in _DISTRIBUTIONS.items()
    }
    path, problem = _cache_path(data_home, versions)
    corpus = _read_cache(path) if problem is None else None
    if corpus is None:
        with _no_garbage_collection():
            corpus = _extract()
        if problem is None:
            problem = _write_cache(path, corpus)
    if problem is not None:
        warnings.warn(
            f"The docstrings cannot be cached in {path.parent}, so the next call will "
            f"extract them again: {problem}. Pass data_home, a writable folder.",
            UserWarning,
            stacklevel=2,
        )

    target_names = sorted(set(corpus["targets"]))
    index = {name: i for i, name in enumerate(target_names)}
    target = np.array([index[name] for name in corpus["targets"]], dtype=np.int64)
    if return_X_y:
        return corpus["data"], target
    return Bunch(
        data=corpus["data"],
        target=target,
        target_names=target_names,
        names=corpus["names"],
        DESCR=_DESCR.format(
            n_documents=len(target),
            n_targets=len(target_names),
            min_words=_MIN_WORDS,
            **versions,
        ),
    )


# ---------------------------------------------------------------- extraction


@contextlib.contextmanager
def _no_garbage_collection():
    """Disable the garbage collector, which takes as much time as parsing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _extract():
    """Parse the three packages into a dict of the lists data, names and targets."""
    documents = {}  # text -> (name, subpackage); keys remove duplicates
    for package in sorted(_DISTRIBUTIONS):
        for module, tree in _modules(package):
            for name, docstring in _docstrings(tree, module):
                # Skip the expensive cleaning: prose is no longer than its docstring.
                if len(docstring.split()) < _MIN_WORDS:
                    continue
                text = docstring_to_prose(docstring)
                if count_words(text) >= _MIN_WORDS:
                    documents.setdefault(text, (name, _subpackage(module)))
    sizes = collections.Counter(target for _, target in documents.values())
    return {
        "data": list(documents),
        "names": [name for name, _ in documents.values()],
        "targets": [
            target if sizes[target] >= _MIN_TARGET_SIZE else target.split(".")[0]
            for _, target in documents.values()
        ],
    }


def _modules(package):
    """Yield (dotted name, syntax tree) for every source file of a package."""
    # This does not import the package, because its name has no dot.
    spec = importlib.util.find_spec(package)
    root = Path(spec.origin).parent
    modules = {}
    for path in root.rglob("*.py"):
        parts = [package, *path.relative_to(root).with_suffix("").parts]
        if parts[-1] == "__init__":
            del parts[-1]
        if (
            "tests" in parts
            or parts[-1] == "conftest"
            or ".".join(parts[:2]) in _LEFT_OUT
        ):
            continue
        modules[".".join(parts)] = path
    if not modules:
        raise FileNotFoundError(
            f"{package} has no source files in {root}. Reinstall the package with its "
            ".py files."
        )
    for name, path in sorted(modules.items()):
        with warnings.catch_warnings():
            # Third-party source files contain invalid escapes.
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield name, ast.parse(path.read_bytes(), filename=str(path))


def _docstrings(node, name):
    """Yield (dotted name, docstring) of a module or class and of its members."""
    docstring = ast.get_docstring(node, clean=False)
    if docstring is not None:
        yield name, docstring
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return  # inner functions are not public documentation
    statements = collections.deque(node.body)
    while statements:
        statement = statements.popleft()
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _docstrings(statement, f"{name}.{statement.name}")
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            blocks = ("body", "handlers", "orelse", "finalbody")
            inner = [s for block in blocks for s in getattr(statement, block, ())]
            statements.extendleft(reversed(inner))
        elif isinstance(statement, ast.ExceptHandler):
            statements.extendleft(reversed(statement.body))
        elif isinstance(statement, ast.Expr):
            yield from _added_docstrings(statement.value, name)


def _added_docstrings(call, module):
    """Yield the docstrings of compiled objects, which ``add_newdoc`` sets.

    The forms of the call are ``([module,] object, docstring)`` and, for members,
    ``(module, object, (member, docstring))`` or a list of such pairs.
    """
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return
    if not call.func.id.startswith("add_newdoc") or len(call.args) < 2:
        return
    try:
        *names, added = map(ast.literal_eval, call.args)
    except ValueError:
        return  # the docstring is composed at run time
    names = [name for name in names if isinstance(name, str)]
    if not names or names[0].split(".")[0] not in _DISTRIBUTIONS:
        names.insert(0, module.rpartition(".")[0])  # a file with such calls only
    if isinstance(added, str):
        yield ".".join(names), added
        return
    for member, docstring in [added] if isinstance(added, tuple) else added:
        yield ".".join([*names, member]), docstring


def _subpackage(module):
    package, *parts = module.split(".")
    name = f"{package}.{parts[0]}" if parts else package
    if not parts or parts[0].startswith("_") or name in _PART_OF_TOP:
        return package
    return name


# --------------------------------------------------------------------- cache


def _cache_path(data_home, versions):
    """Path of the cache file, and the error if its folder cannot be created."""
    key = "-".join(f"{package}{version}" for package, version in versions.items())
    name = f"docstrings-{key}-format{_FORMAT}.json.gz"
    home = data_home or os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")
    path = Path(home).expanduser() / "sklearn_topics" / name
    try:
        path = Path(get_data_home(data_home)) / "sklearn_topics" / name
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        return path, error
    return path, None


def _read_cache(path):
    """The cached corpus, or None if it is missing or damaged."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            corpus = json.load(file)
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    if not isinstance(corpus, dict) or set(corpus) != {"data", "names", "targets"}:
        return None
    columns = list(corpus.values())
    for column in columns:
        if not isinstance(column, list) or len(column) != len(columns[0]):
            return None
        if not all(isinstance(item, str) for item in column):
            return None
    return corpus


def _write_cache(path, corpus):
    """Store the corpus atomically; return the error if that fails, or None."""
    # Write to another name first, so that no reader sees an incomplete file.
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    content = gzip.compress(json.dumps(corpus).encode("utf-8"), compresslevel=6)
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        return error
    return None
