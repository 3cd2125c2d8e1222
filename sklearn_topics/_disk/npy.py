"""One-dimensional .npy files: written and read piece by piece, or mapped."""

import os

import numpy as np

from .errors import file_error


class NpyFile:
    """A new .npy file of one dimension; its header is completed on leaving.

    Parameters
    ----------
    path : path-like
    dtype : dtype
    """

    def __init__(self, path, dtype):
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._file = open(path, "w+b")
        self._write_header()
        self._start = self._file.tell()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.seek(0)
        self._write_header()  # numpy leaves room for any length
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def append(self, values: np.ndarray) -> None:
        """Write values at the end."""
        self.put(self.length, values)

    def put(self, position: int, values: np.ndarray) -> None:
        """Write values from a position on, which may be behind the end."""
        values = np.ascontiguousarray(values, self.dtype)
        self._file.seek(self._start + position * self.dtype.itemsize)
        self._file.write(values.data)
        self.length = max(self.length, position + len(values))

    def take(self, start: int, stop: int) -> np.ndarray:
        """A copy of the values [start, stop), which were written before."""
        self._file.seek(self._start + start * self.dtype.itemsize)
        found = self._file.read((stop - start) * self.dtype.itemsize)
        return np.frombuffer(bytearray(found), self.dtype)

    def _write_header(self):
        described = np.lib.format.dtype_to_descr(self.dtype)
        header = {"descr": described, "fortran_order": False, "shape": (self.length,)}
        np.lib.format.write_array_header_1_0(self._file, header)


class NpyArray:
    """A .npy file of numbers of one dimension; ``array[i:j]`` reads a copy.

    A copy, and not a part of a memory map, whose pages would stay in memory.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ValueError
        If the file is not a one-dimensional .npy file of numbers.
    """

    def __init__(self, path):
        self._path = os.path.abspath(path)  # the working folder may change
        with open(path, "rb") as file:
            try:
                version = np.lib.format.read_magic(file)
                if version != (1, 0):
                    raise ValueError(f"the version of its .npy format is {version}")
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            except ValueError as error:
                raise file_error(path, f"not a .npy file: {error}") from error
            self._start = file.tell()
        if len(shape) != 1 or dtype.kind not in "biuf":
            found = f"the shape {shape} and the dtype {dtype}"
            expected = "expected numbers in one dimension"
            raise file_error(path, f"{expected}. Got {found}")
        self.dtype, self.shape = dtype, shape

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(self.shape[0])
        count = max(0, stop - start)
        offset = self._start + start * self.dtype.itemsize
        found = np.fromfile(self._path, self.dtype, count, offset=offset)
        if len(found) < count:
            ends = f"ends after {start + len(found)} of {self.shape[0]} values"
            raise file_error(self._path, ends)
        return found

    def mapped(self) -> np.ndarray:
        """All values, in a memory map: the system reads what is used."""
        if self.shape == (0,):  # which cannot be mapped
            return np.empty(0, self.dtype)
        mode = {"mode": "r", "offset": self._start}
        return np.asarray(np.memmap(self._path, self.dtype, shape=self.shape, **mode))
