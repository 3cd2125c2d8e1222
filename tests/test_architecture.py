"""The layers, read from the import statements in the source."""

import ast
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import sklearn_topics

PACKAGE = Path(sklearn_topics.__file__).parent

# Above all layers: it may import from all of them and from the package itself, as may
# the files at the top of the package (__init__, __main__); none may import from it.
COMMAND_LINE = "_cli"

# Folder -> the folders that its files may import from, its own aside.
BELOW = {"_kernels": set(), "datasets": set()}
BELOW["_boundary"] = BELOW["_core"] = {"_kernels"}
BELOW["nn"] = {"_core", "_boundary", "_kernels"}
BELOW["_fit"] = {"_core", "_boundary", "_kernels"}
BELOW["callbacks"] = {"_fit", "_boundary"}
BELOW["models"] = {"_fit", "nn", "_core", "_boundary", "_kernels"}
BELOW["metrics"] = BELOW["models"] | {"models"}
BELOW["inspection"] = BELOW["metrics"] | {"metrics"}
BELOW["plot"] = BELOW["inspection"] | {"inspection"}

# Imported in one file each, so that a new version of it touches one file.
OPTIONAL = {
    "gensim",
    "matplotlib",
    "pandas",
    "pydantic",
    "pyLDAvis",
    "rich",
    "skops",
    "tensorboard",
    "torch.utils.tensorboard",
    "tqdm",
    "triton",
    "yaml",
}
#: TorchBetaNMF as a function: no model, and above one.
FUNCTION = "models/_non_negative_factorization.py"
SKLEARN_PRIVATE = "_boundary/sklearn_private.py"


def imports(path, source):
    """Full dotted names that the file at `path`, relative to the package, imports."""
    package = ["sklearn_topics", *Path(path).parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base += [node.module] if node.module else []
            yield from (".".join([*base, alias.name]) for alias in node.names)


def violations(files):
    """Sentences about the imports in `files`, a dict of path to source."""
    found, importers = [], defaultdict(set)
    for path, source in files.items():
        folder = Path(path).parts[0] if "/" in path else None
        for name in imports(path, source):
            root, *rest = name.split(".")
            if root == "sklearn_topics":
                if folder not in (None, COMMAND_LINE):
                    found += _own_violations(path, folder, rest)
                continue
            if root in ("sklearn", "scipy") and folder in ("_core", "_kernels"):
                found.append(f"{path}: {folder} must not know {root}")
            elif folder == "_core" and root not in {"torch", *sys.stdlib_module_names}:
                found.append(f"{path}: _core imports torch alone, not {root}")
            private = [part for part in rest if part[0] == "_" and part[:2] != "__"]
            if root == "sklearn" and private and path != SKLEARN_PRIVATE:
                found.append(f"{path}: {name} belongs in {SKLEARN_PRIVATE}")
            for library in OPTIONAL:
                if f"{name}.".startswith(f"{library}."):
                    importers[library].add(path)
    for library, paths in importers.items():
        if len(paths) > 1:
            found.append(f"{library} is imported by {', '.join(sorted(paths))}")
    return found


def _own_violations(path, folder, target):
    where = ".".join(target)
    # Files are stamped with the version, a literal.
    if not target or target[0] not in {folder, "_version", *BELOW[folder]}:
        yield f"{path}: {folder} must not import {where}"
    elif (
        path.startswith("models/")
        and path != FUNCTION
        and target[0] == "models"
        and target[1:2] != ["_base"]
    ):
        yield f"{path}: a model must not import another, {where}"


def test_package_keeps_to_its_layers():
    files = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in PACKAGE.rglob("*.py")
    }
    assert "_kernels/ops.py" in files
    assert {path.split("/")[0] for path in files if "/" in path} <= {
        COMMAND_LINE,
        *BELOW,
    }
    assert violations(files) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("_kernels/a.py", "from .._core import svd", "must not import _core.svd"),
        ("_core/a.py", "from sklearn_topics import models", "must not import models"),
        ("_core/a.py", "import sklearn_topics.models._base", "must not import models"),
        ("_core/a.py", "from .. import _boundary", "must not import _boundary"),
        ("_core/a.py", "from scipy import sparse", "_core must not know scipy"),
        ("_core/a.py", "import numpy as np", "torch alone, not numpy"),
        ("_core/a.py", "def f():\n    import sklearn", "_core must not know sklearn"),
        ("_boundary/a.py", "from ..nn import NMF", "must not import nn.NMF"),
        ("datasets/a.py", "from .._core import svd", "must not import _core.svd"),
        ("models/_a.py", "from ..datasets import x", "must not import datasets.x"),
        ("callbacks/a.py", "from .._core import svd", "must not import _core.svd"),
        ("models/_a.py", "from ._b import B", "another, models._b.B"),
        ("models/_a.py", "from . import _b", "another, models._b"),
        ("models/_a.py", "from .. import TorchB", "must not import TorchB"),
        ("models/_a.py", "from .._cli import fit", "must not import _cli.fit"),
        ("models/_a.py", "from sklearn.base import _fit_context", "belongs in"),
        ("models/_a.py", "import sklearn.utils._tags", "belongs in"),
    ],
)
def test_planted_violation_is_found(path, source, complaint):
    (found,) = violations({path: source})
    assert complaint in found


def test_second_importer_of_an_optional_library_is_found():
    files = {"plot/a.py": "import matplotlib.pyplot as plt"}
    assert violations(files) == []
    files["plot/b.py"] = "def plot():\n    from matplotlib import cm"
    assert violations(files) == ["matplotlib is imported by plot/a.py, plot/b.py"]


def test_imports_that_point_down_are_not_violations():
    files = {
        "__init__.py": "from .models._a import A",
        "_boundary/sklearn_private.py": "from sklearn.base import _fit_context",
        "_cli/a.py": "import sklearn_topics\nfrom .. import A\nfrom ..plot import a",
        "models/_a.py": "import sklearn.base\nfrom ._base import Base\n"
        "from .._core import svd\nfrom .._boundary import inputs",
        "plot/a.py": "from ..inspection import top_terms",
    }
    assert violations(files) == []
