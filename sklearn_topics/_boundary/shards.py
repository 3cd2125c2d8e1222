"""Data of a fit in a process group: checks that all ranks make together."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from numbers import Integral
from typing import Any, TypeVar

import numpy as np

from .._kernels import ranks

#: Methods in which X are this rank's rows of a larger X. In others, X are rows by
#: themselves.
SHARED = "fit", "partial_fit", "score", "perplexity"

#: Parameters in which ranks may differ.
_OWN = "verbose", "device"

F = TypeVar("F", bound=Callable[..., Any])


def on_all_ranks(method: F) -> F:
    """Decorate a method that all ranks of a process group call with their data.

    No rank waits for one that has raised an error. Before the first message, up to
    `checked_on_all_ranks`, the other ranks learn of the error and raise it as well.
    After it, either all ranks raise an error at the same place, or the group fails.
    """

    @wraps(method)
    def call(*args, **kwargs):
        group = ranks.current()
        if group is None:
            return method(*args, **kwargs)
        group.opening = True
        try:
            return method(*args, **kwargs)
        except BaseException as error:
            if error is group.common_error:
                raise
            if group.opening and isinstance(error, Exception):
                group.exchange(_as_problem(error))
                ranks.of_all(error)
            else:
                group.settle(error)
            raise

    return call


def reopen() -> None:
    """Say that the next message of all ranks validates data again."""
    if ranks.current() is not None:
        ranks.current().opening = True


def exchanged(about: dict) -> list[dict]:
    """What all ranks of the group know about themselves, in JSON's types.

    Raises
    ------
    ValueError
        If a rank has sent an error in place of it (see `on_all_ranks`), or something
        else, because it calls another method.
    """
    texts = ranks.current().exchange(json.dumps(about, default=int))
    found = [json.loads(text) for text in texts]
    for rank, one in enumerate(found):
        if "problem" in one:
            message = f"Rank {rank} of the process group: {one['problem']}"
            raise ranks.of_all(ValueError(message))
    if any(one.keys() != about.keys() for one in found):
        raise ranks.of_all(
            ValueError(
                "The ranks of the process group call different methods. All must call "
                "the same methods, in the same order."
            )
        )
    return found


def _as_problem(error: Exception) -> str:
    return json.dumps({"problem": f"{type(error).__name__}: {error}"})


@contextmanager
def checked_together() -> Iterator[None]:
    """Raise an error of one rank on all ranks; no messages are sent within."""
    if ranks.current() is None:
        yield
        return
    try:
        yield
    except (TypeError, ValueError) as error:
        ranks.current().exchange(_as_problem(error))
        ranks.of_all(error)
        raise
    exchanged({})


def require_no_group(name: str) -> None:
    """Raise an error for a function that fits models to some of its documents.

    Raises
    ------
    ValueError
        In a process group, where ranks choose and pass different documents.
    """
    if ranks.is_member():
        raise ValueError(
            f"{name} cannot be used in a process group. Call it outside of the group, "
            "with all documents or a sample of them."
        )


def require_support(estimator, method: str) -> None:
    """Raise an error for a method that knows nothing of process groups, in a group.

    Raises
    ------
    ValueError
        If it would treat the rows of this rank as the whole corpus.
    """
    if method not in SHARED:
        return
    ranks.refuse_workers()
    if ranks.current() is None:
        return
    refused = getattr(estimator, "_refused_in_groups", _refused)(method)
    if refused is not None:
        raise ValueError(
            f"{type(estimator).__name__}.{method} cannot be used in a process group"
            f"{refused}. In a process group, TorchPoissonNMF can be fitted with solver "
            "'scd' or 'em', TorchBetaNMF with solver 'cd', 'mu' or 'scd' (beta_loss "
            "'frobenius' or 'kullback-leibler'), TorchTruncatedSVD with algorithm "
            "'randomized', TorchLDA and TorchETM. Fit other models outside of it, to "
            "all documents."
        )


def _refused(method: str) -> str:
    return ""


def checked_on_all_ranks(estimator, method: str, check: Callable, dtype_of: Callable):
    """Validated data of this rank, after all ranks have validated theirs.

    Parameters
    ----------
    check : callable
        () -> data, with `shape`.
    dtype_of : callable
        (data, name of the dtype) -> data.

    Raises
    ------
    ValueError
        On all ranks if the data of one are invalid, or if ranks differ in what must be
        equal.
    """
    data = check()  # `on_all_ranks` tells the others of an error
    found = exchanged(_description(estimator, method, data))
    ranks.current().opening = False
    problem = _problem(found)
    if problem is not None:
        raise ranks.of_all(problem)
    return dtype_of(data, max(one["dtype"] for one in found))  # float64 if any is


def _problem(found: list[dict]) -> ValueError | None:
    for rank, one in enumerate(found):
        for name, value in one["equal"].items():
            if value != found[0]["equal"].get(name):
                return ValueError(
                    f"The ranks of the process group must agree, but {name} is {value} "
                    f"on rank {rank} and {found[0]['equal'].get(name)} on rank 0."
                )
    if not any(one["rows"] for one in found):
        return ValueError(
            "X has no documents on any rank of the process group: pass each rank its "
            "rows."
        )
    return None


def _description(estimator, method: str, data) -> dict:
    names = getattr(estimator, "feature_names_in_", None)
    parameters = {
        f"the parameter {name}": _text(name, value)
        for name, value in sorted(estimator.get_params(deep=False).items())
        if name not in _OWN
    }
    return {
        "rows": int(data.shape[0]),
        "dtype": str(data.dtype).removeprefix("torch."),
        "equal": {
            "the method": f"{type(estimator).__name__}.{method}",
            "the number of columns of X": int(data.shape[1]),
            "the container of X": "sparse" if hasattr(data, "indptr") else "dense",
            "the list of feature names": _text("names", names),
            "the device": estimator._resolve_device(data).type,
            "warm start": str(getattr(estimator, "_continues", False)),
            **parameters,
        },
    }


def _text(name: str, value) -> str:
    """A parameter as text; objects by their type alone."""
    if name == "random_state" and not isinstance(value, Integral):
        return "not an integer"  # rank 0 draws one
    if value is None or isinstance(value, bool | str):
        return repr(value)
    if name == "schedule_params":
        return repr(sorted(value.items()))
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.dtype.kind == "O" and array.ndim == 0:
        return type(value).__name__
    if array.size < 20:
        return repr(array.tolist())
    if array.dtype.kind in "biuf":
        content = np.ascontiguousarray(array, np.float64).tobytes()
    else:
        content = repr(array.tolist()).encode()
    digest = hashlib.sha256(content).hexdigest()
    return f"an array of shape {array.shape} with the hash {digest[:12]}"
