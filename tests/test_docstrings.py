"""The docstrings of everything public, by numpydoc and scikit-learn's policy."""

import inspect

import pytest
from numpydoc.validate import validate

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

MODULES = (
    *(sklearn_topics, callbacks, curation, datasets, inspection, sklearn_topics.io),
    *(distributed, metrics, nn, plot, report, single_cell),
)

#: Never looked at in scikit-learn's tests/test_docstrings.py: names of what is
#: returned, and where the first line of a docstring and blank lines are.
IGNORED = {"RT02", "GL01", "GL02"}

#: Asked of classes only: an extended summary, a See Also section, examples. (Examples
#: of functions are asked for by test_doctests.py.)
OF_CLASSES = {"ES01", "SA01", "EX01"}


#: What scikit-learn calls of a callback; it documents none of them.
PROTOCOL = {"setup", "teardown", "on_fit_task_begin", "on_fit_task_end"}


def _public():
    for module in MODULES:
        for name in module.__all__:
            item = getattr(module, name)
            if callable(item):
                yield f"{module.__name__}.{name}", item


def _own_members(cls):
    """Public methods and properties that a class of ours defines."""
    for name in dir(cls):
        if name.startswith("_") or name in PROTOCOL:
            continue
        owner = next(base for base in cls.__mro__ if name in vars(base))
        item = inspect.getattr_static(cls, name)
        documented = callable(getattr(cls, name)) or isinstance(item, property)
        if documented and owner.__module__.startswith("sklearn_topics"):
            yield name


def _paths():
    for path, item in _public():
        yield path
        if inspect.isclass(item):
            yield from (f"{path}.{name}" for name in _own_members(item))


def _findings(path):
    is_class = inspect.isclass(dict(_public()).get(path))
    excused = IGNORED if is_class else IGNORED | OF_CLASSES
    return [
        f"{code}: {text}"
        for code, text in validate(path)["errors"]
        if code not in excused
    ]


@pytest.mark.parametrize("path", list(_paths()))
def test_docstring_is_valid(path):
    assert _findings(path) == []


def test_methods_are_looked_at():
    found = set(_paths())
    assert {
        "sklearn_topics.TorchPoissonNMF.transform",  # inherited from a class of ours
        "sklearn_topics.TorchBetaNMF.score",
        "sklearn_topics.nn.ETM.proportions",
        "sklearn_topics.metrics.topic_scorer",
    } <= found
    # What torch and scikit-learn define, they document.
    assert "sklearn_topics.nn.ETM.register_buffer" not in found
    assert "sklearn_topics.TorchETM.set_params" not in found


ESTIMATORS = [
    name
    for name in sklearn_topics.__all__
    if hasattr(getattr(sklearn_topics, name), "fit")
]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator_says_how_it_scales(name):
    assert "**How it scales.**" in getattr(sklearn_topics, name).__doc__
