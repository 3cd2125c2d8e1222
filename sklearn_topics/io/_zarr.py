"""Folders of zarr, by AnnData; imports zarr."""

from pathlib import Path

from .._disk.errors import file_error


def open_zarr(path):
    """The root group of a folder."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError(
            f"{path} needs zarr. Install it with: pip install 'sklearn_topics[io]'"
        ) from error
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: folder not found")
    try:
        return zarr.open_group(str(path), mode="r")
    except (ValueError, KeyError, OSError) as error:
        raise file_error(path, f"not a group of zarr: {error}") from error
