"""Every tensor that is made from nothing is made on a device that is named.

Without a name, `torch.set_default_device` would decide. ``**factory_kwargs`` holds a
`device`; in a module None means that default, as in the modules of torch.
"""

import ast
from pathlib import Path

import pytest
from torch.utils._device import _device_constructors

import sklearn_topics

PACKAGE = Path(sklearn_topics.__file__).parent
#: torch's own list of what the default device decides on, and generators.
CREATORS = {function.__name__ for function in _device_constructors()} | {"Generator"}


def unplaced(source):
    """Lines that create a tensor or a generator without naming a device.

    A creator may be handed over to `draw`, which names one.
    """
    tree, placed = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            placed.update(map(id, ast.walk(node.annotation)))
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            placed.update(map(id, ast.walk(node.returns)))
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "draw":
            placed.update(map(id, node.args))
        names = {keyword.arg for keyword in node.keywords}
        starred = {ast.unparse(k.value) for k in node.keywords if k.arg is None}
        of_generator = getattr(node.func, "attr", "") == "Generator" and node.args
        if "device" in names or "factory_kwargs" in starred or of_generator:
            placed.add(id(node.func))
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "torch"
        and node.attr in CREATORS
        and id(node) not in placed
    ]


def test_the_package_names_a_device_for_each():
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in PACKAGE.rglob("*.py")
        for line in unplaced(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "torch.arange(3)",
        "torch.ones(2, dtype=torch.int32)",
        "f(torch.randn)",
        "torch.Generator()",
        "torch.tensor([1.0], **options)",
        "torch.randperm(3, generator=torch.Generator('cpu'))",
    ],
)
def test_planted_creation_is_found(source):
    assert unplaced(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "torch.arange(3, device=X.device)",
        "torch.empty(2, **factory_kwargs)",
        "draw(torch.randn, like, generator)",
        "torch.Generator('cpu')",
        "torch.from_numpy(array)",
        "torch.zeros_like(X)",
        "def f(generator: torch.Generator | None = None) -> None: ...",
    ],
)
def test_what_has_a_device_is_none(source):
    assert unplaced(source) == []
