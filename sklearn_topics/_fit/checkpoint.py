"""Checkpoints: save the state of a fit to a file, atomically, and resume from it.

The file is a zip archive of arrays, as `numpy.savez` writes it; one of them contains
everything else as JSON. Reading it executes no code.
"""

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path

import numpy as np
import torch

from .._boundary.containers import from_torch
from .._kernels import CSR
from .._version import __version__
from .callbacks import watchers
from .run import Observer, Run

#: Minimum time between two writes, in units of the duration of a write.
_PAUSE = 9.0

#: Name of the entry with the JSON.
_TREE = "sklearn_topics"

#: Parameters that do not change the result, or that are part of the data of the run.
_NOT_COMPARED = "checkpoint", "device", "verbose", "embeddings"


class Checkpoint(Observer):
    """The checkpoint of one fit: read at its beginning, written between iterations.

    Parameters
    ----------
    path : str or path-like
    estimator : estimator
        The estimator to fit. `random_state` must be an int.

    Raises
    ------
    ValueError
        If `random_state` or `warm_start` would let a resumed fit start differently.
    FileNotFoundError
        If the folder does not exist.
    """

    def __init__(self, path, estimator):
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"checkpoint={str(path)!r}: there is no folder "
                f"{str(self.path.parent)!r}."
            )
        if not isinstance(estimator.random_state, Integral):
            raise ValueError(
                "checkpoint needs an int as random_state, so that a resumed fit draws "
                f"the same random numbers. Got {estimator.random_state!r}."
            )
        if getattr(estimator, "warm_start", False):
            raise ValueError(
                "checkpoint cannot be used with warm_start=True: a resumed fit would "
                "start from another model. Use checkpoint=None or warm_start=False."
            )
        self._estimator = estimator
        self._parameters = _parameters(estimator)
        self._identity = None
        self._next = -float("inf")
        self._content = None  # content of the run before the current iteration

    def resume(self, run: Run) -> None:
        """Restore the run from the file, if an earlier process has written it."""
        content = self.read({"X": run.X, **run.data})
        if content is not None:
            run.restore(content)

    def begin_iteration(self, run: Run) -> None:
        """Write the file, unless writing would take too much of the time.

        Before an iteration, because after the last one there is nothing to resume.
        """
        if run.n_iter == 0:
            return
        self._content = run.content()
        if self.is_due():
            self.write(self._content)

    def is_due(self) -> bool:
        """Whether to write the file before this iteration."""
        return time.monotonic() >= self._next

    def end(self, run: Run) -> None:
        """After Ctrl-C write the state of the last complete iteration."""
        if isinstance(run.interrupted, KeyboardInterrupt) and self._content:
            self.write(self._content)

    def read(self, data: Mapping) -> dict | None:
        """The content of the file, or None if there is no file.

        Parameters
        ----------
        data : mapping of str to CSR, Tensor, array-like or None
            The data of the fit; "X" determines the device.

        Raises
        ------
        ValueError
            If the file is not a checkpoint of this fit; the message names the
            differences.
        """
        self.identify(data)
        if not self.path.exists():
            return None
        device = data["X"].device
        return self.load(self.path, device)

    def identify(self, data: Mapping, **circumstances: str) -> None:
        """Note which fit this is, by the same data: others cannot be resumed."""
        fit = _circumstances(self._estimator, data["X"].device)
        self._identity = {
            "fit": {**fit, **circumstances},
            "parameters": self._parameters,
            "data": {name: fingerprint(value) for name, value in data.items()},
        }

    def load(self, path: Path, device: torch.device) -> dict:
        """The content of a file of this fit."""
        try:
            with np.load(path, allow_pickle=False) as file:
                tree = dict(json.loads(str(file[_TREE])))
                arrays = [file[f"array{i}"] for i in range(tree["arrays"])]
        # TypeError: a single array, or JSON that is not a dict.
        except (ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"checkpoint={str(self.path)!r} exists and is not a checkpoint of "
                "sklearn_topics. Choose another file."
            ) from error
        self._compare(tree["identity"])
        return _rebuild(tree["content"], [torch.from_numpy(a) for a in arrays], device)

    def _compare(self, found):
        wrong = []
        for part, values in self._identity.items():
            was = {**dict.fromkeys(values, "not there"), **found.get(part, {})}
            wrong += [
                f"{name} was {was[name]} and is {value}"
                for name, value in values.items()
                if was[name] != value
            ]
        if wrong:
            raise ValueError(
                f"checkpoint={str(self.path)!r} belongs to another fit: "
                f"{'; '.join(wrong)}. Delete the file to start again, or choose "
                "another file."
            )

    def write(self, content: dict) -> None:
        """Replace the file atomically: readers find the old or the new one."""
        begin = time.monotonic()
        arrays: dict[int, tuple[int, torch.Tensor]] = {}
        plain = _plain(content, arrays)
        tree = {"identity": self._identity, "content": plain, "arrays": len(arrays)}
        columns = {f"array{i}": t.cpu().numpy() for i, t in arrays.values()}
        part = self.path.with_name(f"{self.path.name}.part")
        with part.open("wb") as file:
            np.savez(file, **{_TREE: np.array(json.dumps(tree))}, **columns)
            file.flush()
            os.fsync(file.fileno())
        self.replace(part)
        end = time.monotonic()
        self._next = end + _PAUSE * (end - begin)

    def replace(self, part: Path) -> None:
        """Put the new file in the place of the old one."""
        os.replace(part, self.path)

    def remove(self) -> None:
        """Delete the file: the fit has succeeded, there is nothing to resume."""
        self.path.unlink(missing_ok=True)


def _plain(value, arrays):
    """Convert to JSON types; tensors become numbers in `arrays`, each once."""
    if isinstance(value, torch.Tensor):
        number, _ = arrays.setdefault(id(value), (len(arrays), value.detach()))
        return {"array": number, "host": value.device.type == "cpu"}
    if isinstance(value, dict):
        return {"dict": {name: _plain(v, arrays) for name, v in value.items()}}
    if isinstance(value, list):
        return [_plain(v, arrays) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"A checkpoint cannot contain a {type(value).__name__}: {value!r}.")


def _rebuild(value, tensors, device):
    if isinstance(value, list):
        return [_rebuild(v, tensors, device) for v in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {name: _rebuild(v, tensors, device) for name, v in value["dict"].items()}
    tensor = tensors[value["array"]]
    return tensor if value["host"] else tensor.to(device)


def _circumstances(estimator, device) -> dict[str, str]:
    return {
        "estimator": type(estimator).__name__,
        "sklearn_topics": __version__,
        "torch": str(torch.__version__),
        "the device": device.type,
        "the list of callbacks": ", ".join(watchers(estimator)) or "empty",
    }


def _parameters(estimator) -> dict[str, str]:
    """Parameters as text.

    Raises
    ------
    ValueError
        If a parameter contains a value that cannot be compared, such as a function.
    """
    return {
        name: _description(name, value)
        for name, value in estimator.get_params(deep=False).items()
        if name not in _NOT_COMPARED
    }


def _description(name, value) -> str:
    """The value of a parameter as text; a hash if it is long."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple | list) and len(value) < 100:
        return f"[{', '.join(_description(name, v) for v in value)}]"
    if type(value) is dict:
        items = (f"{key!r}: {_description(name, v)}" for key, v in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, torch.Tensor | tuple | list) or hasattr(value, "__array__"):
        return fingerprint(value)
    raise ValueError(
        f"{name} contains a {type(value).__name__}, but checkpoint needs parameters of "
        f"numbers, strings and arrays, to compare fits. Use a named value of {name}, "
        "or checkpoint=None."
    )


def fingerprint(value) -> str:
    """Shape, dtype and a hash of all entries and their positions."""
    if value is None:
        return "None"
    if isinstance(value, CSR):
        parts = [from_torch(A) for A in (value.indptr, value.indices, value.data)]
        what = f"{value.nnz} entries {parts[-1].dtype}"
    else:
        value = np.asarray(from_torch(value))
        if value.dtype.kind not in "fiub":  # such as words
            value = np.frombuffer(repr(value.tolist()).encode(), np.uint8)
        value = value.astype(value.dtype.newbyteorder("="), order="C")
        parts, what = [value], str(value.dtype)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    shape = " x ".join(map(str, value.shape)) or "a number"
    return f"{shape}, {what}, hash {digest.hexdigest()[:16]}"
