"""Files of HDF5: .h5ad of AnnData and .h5 of 10x Genomics; imports h5py."""

from pathlib import Path

from .._disk.errors import file_error


def open_hdf5(path):
    """The root group of a file, which stays open as long as its arrays are used."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{path} needs h5py. Install it with: pip install 'sklearn_topics[io]'"
        ) from error
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: file not found")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise file_error(path, f"not a file of HDF5: {error}") from error
