"""What import-linter cannot check of imports; the layers are its own (setup.cfg)."""

import ast
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import sklearn_topics

PACKAGE = Path(sklearn_topics.__file__).parent

# Imported in one file each, so that a new version of it touches one file.
OPTIONAL = {
    "anndata",
    "distributed",
    "formulaic",
    "gensim",
    "h5py",
    "matplotlib",
    "pandas",
    "pydantic",
    "pyLDAvis",
    "rich",
    "skops",
    "tensorboard",
    "torch.utils.tensorboard",
    "tqdm",
    "yaml",
    "zarr",
}
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
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} | {"_version"}
    for path, source in files.items():
        folder = Path(path).parts[0] if "/" in path else None
        for name in imports(path, source):
            root, *rest = name.split(".")
            # A public name, which leads to any layer; the command line is above all.
            if root == "sklearn_topics" and not {*rest[:1]} & folders:
                if folder not in (None, "_cli"):
                    found.append(f"{path}: {name} belongs to users")
            elif folder == "_core" and root not in {
                *("sklearn_topics", "torch"),
                *sys.stdlib_module_names,
            }:
                found.append(f"{path}: _core imports torch alone, not {root}")
            if root == "triton" and not path.startswith("_kernels/cuda/"):
                found.append(f"{path}: triton is for _kernels/cuda alone")
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


def test_package_imports_what_it_may():
    files = {
        path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8")
        for path in PACKAGE.rglob("*.py")
    }
    assert "_kernels/ops.py" in files
    assert violations(files) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("_core/a.py", "import numpy as np", "torch alone, not numpy"),
        ("_core/a.py", "def f():\n    import sklearn", "torch alone, not sklearn"),
        ("models/_a.py", "from .. import TorchB", "sklearn_topics.TorchB belongs to"),
        ("_kernels/ops.py", "import triton.language as tl", "for _kernels/cuda alone"),
        ("_fit/a.py", "import sklearn_topics", "sklearn_topics belongs to users"),
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


def test_other_imports_are_not_violations():
    files = {
        "__init__.py": "from .models._a import A",
        "_boundary/sklearn_private.py": "from sklearn.base import _fit_context",
        "_cli/a.py": "import sklearn_topics\nfrom .. import A\nfrom ..plot import a",
        "models/_a.py": "import sklearn.base\nfrom ._base import Base\n"
        "from .._core import svd\nfrom .._version import __version__",
    }
    assert violations(files) == []
