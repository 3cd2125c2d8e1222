"""Vectorizers and estimators by their names."""

import inspect
import re

from sklearn.base import BaseEstimator
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import sklearn_topics

from .._boundary.transfer import resolve_device
from .errors import CommandError, choice, one_line, within


def _by_name(classes) -> dict[str, type]:
    return {cls.__name__: cls for cls in classes}


def own_estimators() -> dict[str, type]:
    """All models that the package exports."""
    public = (getattr(sklearn_topics, name) for name in sklearn_topics.__all__)
    return _by_name(
        item
        for item in public
        if inspect.isclass(item) and issubclass(item, BaseEstimator)
    )


ESTIMATORS = own_estimators() | _by_name([LatentDirichletAllocation, NMF])

#: Those that know their terms: a HashingVectorizer cannot say what a topic is about.
VECTORIZERS = _by_name([CountVectorizer, TfidfVectorizer])


def make_vectorizer(name, params):
    return _make(VECTORIZERS, name, params)


def make_estimator(name, params, seed):
    """The estimator; the seed is its random_state, unless that is among `params`."""
    if name in ESTIMATORS and "random_state" in _defaults(ESTIMATORS[name]):
        params = {"random_state": seed, **params}
    estimator = _make(ESTIMATORS, name, params)
    if hasattr(estimator, "device"):
        with within("params.device"):
            try:
                resolve_device(estimator.device)
            except ValueError as error:
                raise CommandError(one_line(error)) from error
    return estimator


def _defaults(cls) -> dict:
    return cls().get_params(deep=False)


def _make(known, name, params):
    if name not in known:
        raise CommandError(f"name: unknown name {name!r}; {choice(name, list(known))}")
    defaults = _defaults(known[name])
    for key in params:
        if key not in defaults:
            raise CommandError(
                f"params.{key}: {name} has no such parameter; "
                f"{choice(key, list(defaults))}"
            )
    # YAML has no tuples.
    params = {
        key: tuple(value)
        if isinstance(value, list) and isinstance(defaults[key], tuple)
        else value
        for key, value in params.items()
    }
    step = known[name](**params)
    try:
        step._validate_params()
    except ValueError as error:
        key = re.search(r"The '(\w+)' parameter", str(error))
        where = f"params.{key[1]}" if key else "params"
        raise CommandError(f"{where}: {one_line(error)}") from error
    return step


def all_params(step) -> dict:
    """Parameters as YAML can hold them; a default that it cannot is left out."""
    params = step.get_params(deep=False)
    return {key: _plain(value) for key, value in params.items() if _is_plain(value)}


def _is_plain(value) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, [*value, *value.values()]))
    return value is None or isinstance(value, bool | int | float | str)


def _plain(value):
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
