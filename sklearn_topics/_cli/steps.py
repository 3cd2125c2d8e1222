"""Create vectorizers and estimators by name."""

import inspect
import re

from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import sklearn_topics

from .._boundary.transfer import resolve_device
from ..models._consensus import for_many_fits
from .errors import CommandError, choice, data_errors, one_line, within_key
from .yaml_file import boolean


def _by_name(classes) -> dict[str, type]:
    return {cls.__name__: cls for cls in classes}


def own_estimators() -> dict[str, type]:
    """The estimators of the package, without those that take another estimator."""
    public = (getattr(sklearn_topics, name) for name in sklearn_topics.__all__)
    return _by_name(
        item
        for item in public
        if inspect.isclass(item)
        and issubclass(item, BaseEstimator)
        and not issubclass(item, MetaEstimatorMixin)
    )


ESTIMATORS = own_estimators() | _by_name([LatentDirichletAllocation, NMF])

#: Vectorizers with term names; a HashingVectorizer has none.
VECTORIZERS = _by_name([CountVectorizer, TfidfVectorizer])


#: Parameters of vectorizers and models that may be lists of words.
_LISTS_OF_WORDS = "stop_words", "vocabulary"


def make_vectorizer(name, params):
    return _make(VECTORIZERS, name, params)


def make_estimator(name, params, seed):
    """Create the estimator; the seed is the default of its random_state."""
    if name in ESTIMATORS and "random_state" in _defaults(ESTIMATORS[name]):
        params = {"random_state": seed, **params}
    estimator = _make(ESTIMATORS, name, params)
    if hasattr(estimator, "device"):
        with within_key("params.device"), data_errors():
            resolve_device(estimator.device)
    return estimator


def make_consensus(estimator, options):
    """Create the model that fits `estimator` many times, from seeds by its seed."""
    with data_errors(TypeError):
        for_many_fits(estimator)
    seed = estimator.random_state
    return sklearn_topics.ConsensusTopics(estimator, random_state=seed, **options)


def _defaults(cls) -> dict:
    return cls().get_params(deep=False)


def _make(known, name, params):
    if name not in known:
        raise CommandError(f"unknown name {name!r}; {choice(name, known)}", "name")
    defaults = _defaults(known[name])
    problems = [
        (f"{name} has no such parameter; {choice(key, defaults)}", f"params.{key}")
        for key in params
        if key not in defaults
    ]
    problems += _check_words(params)
    if problems:
        raise CommandError.of(problems)
    params = {
        key: _convert(known[name], key, value, defaults[key])
        for key, value in params.items()
    }
    step = known[name](**params)
    try:
        step._validate_params()
    except ValueError as error:
        message = one_line(error)
        named = re.match(r"The '(\w+)' parameter of \w+ (.*)", message)
        key, problem = named.groups() if named else ("", message)
        raise CommandError(problem, f"params.{key}".rstrip(".")) from error
    return step


def _convert(cls, key, value, default):
    """Convert a YAML list to a tuple, or yes and no to booleans, if expected."""
    if isinstance(value, list) and isinstance(default, tuple):
        return tuple(value)
    constraints = cls._parameter_constraints.get(key, ())
    is_boolean = (
        isinstance(default, bool)
        or isinstance(constraints, list)
        and any(kind in ("boolean", "verbose", bool) for kind in constraints)
    )
    return boolean(value) if is_boolean else value


def _check_words(params) -> list[tuple[str, str]]:
    """Problems with words that YAML reads as numbers, booleans or null."""
    lists = {key: params.get(key) for key in _LISTS_OF_WORDS}
    return [
        (f"must be text. Got {word!r}; put it in quotes", f"params.{key}.{number}")
        for key, words in lists.items()
        if isinstance(words, list)
        for number, word in enumerate(words)
        if not isinstance(word, str)
    ]


def all_params(step) -> dict:
    """Parameters of a step; values that YAML cannot represent are left out."""
    params = step.get_params(deep=False)
    return {key: value for key, value in params.items() if _is_plain(value)}


def _is_plain(value) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, [*value, *value.values()]))
    return value is None or isinstance(value, bool | int | float | str)
