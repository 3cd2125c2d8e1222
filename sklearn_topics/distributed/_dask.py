"""Fits to dask arrays, on the workers of a cluster of dask.distributed: `fit_dask`."""

import socket
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
import torch.distributed as dist

from ._group import made_group, process_group

Estimator = TypeVar("Estimator")

#: Name of the lock of a cluster: fits of several programs wait for each other.
_LOCK = "sklearn_topics.fit_dask"

#: Seconds in which the other workers of a fit that failed may end.
_PATIENCE = 5


def fit_dask(estimator: Estimator, X, client=None) -> Estimator:
    """Fit a model to a dask array, on the workers that hold its chunks.

    Each worker fits the model to its chunks; together the workers form a
    :func:`process_group`. The result is the model that one process would fit to all
    rows, up to the order of sums. Documents stay with their workers, but for
    those that a start by k-means looks at.

    Read more in the :ref:`User Guide <several_machines>`.

    Parameters
    ----------
    estimator : estimator
        A model that can be fitted in a process group. It is not changed.
    X : dask.array.Array of shape (n_samples, n_features)
        Document-term counts in chunks of rows: sparse matrices or arrays.
    client : distributed.Client, default=None
        The cluster. None is the current client.

    Returns
    -------
    estimator : object
        A fitted copy of the estimator.

    Raises
    ------
    ImportError
        If dask.distributed is not installed.
    ValueError
        If X is not split into rows, or workers are threads of one process.
    RuntimeError
        If a worker fails or ends.

    See Also
    --------
    process_group : Fit with processes that were started otherwise.

    Notes
    -----
    Each worker fits consecutive chunks, about as many rows as the others, and as far as
    possible those that it has in memory; the others are copied to it. Fits wait until
    each worker has a thread for them.

    Examples
    --------
    With a client of a cluster, such as ``Client("scheduler:8786")``:

    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.distributed import fit_dask
    >>> def fit_model(X, client):
    ...     return fit_dask(TorchPoissonNMF(20, random_state=0), X, client)
    """
    distributed = _distributed()
    client = client or distributed.get_client()
    if not hasattr(X, "to_delayed") or X.ndim != 2 or X.numblocks[1] != 1:
        raise ValueError(
            "X must be a dask array whose chunks have all columns: use "
            "X.rechunk({1: -1})."
        )
    workers = _workers(client)
    runs = _consecutive_runs(_sizes(X), len(workers))
    chunks = client.compute(list(X.to_delayed().ravel()))
    distributed.wait(chunks)
    places = _places(runs, workers, client.who_has(chunks), chunks)
    with client.as_current(), distributed.Lock(_LOCK):
        address = client.submit(_free_address, workers=[places[0]], pure=False).result()
        fits = []
        for rank, (run, worker) in enumerate(zip(runs, places, strict=True)):
            parts = [chunks[i] for i in run]
            group = {"address": address, "rank": rank, "size": len(runs)}
            options = {**group, "workers": [worker], "pure": False}
            fits.append(client.submit(_fit_part, estimator, parts, **options))
        try:
            return client.gather(fits)[0]
        finally:
            with suppress(TimeoutError):  # the other workers end as well
                distributed.wait(fits, timeout=_PATIENCE)
            client.cancel(fits)  # one of a worker that is gone would wait for ever


def _distributed():
    try:
        import distributed
    except ImportError as missing:
        raise ImportError(
            "fit_dask needs dask.distributed: pip install distributed, or "
            "pip install sklearn_topics[dask]."
        ) from missing
    return distributed


def _workers(client) -> list[str]:
    """Addresses of the workers of a cluster."""
    workers = sorted(client.nthreads())
    if any(address.startswith("inproc:") for address in workers):
        raise ValueError(
            "fit_dask needs workers that are processes: use LocalCluster("
            "processes=True)."
        )
    if not workers:
        raise ValueError("The cluster of the client has no workers: start some.")
    return workers


def _sizes(X) -> np.ndarray:
    """Rows of each chunk; ones if they are not known."""
    sizes = np.array(X.chunks[0], dtype=float)
    return np.ones_like(sizes) if np.isnan(sizes).any() else sizes


def _consecutive_runs(sizes: np.ndarray, n_workers: int) -> list[list[int]]:
    """Numbers of chunks, in runs of about equal size: one for each worker at most."""
    n = min(n_workers, len(sizes))
    middle = (sizes.cumsum() - sizes / 2) / max(sizes.sum(), 1)
    runs = np.minimum(middle * n, n - 1).astype(int)
    return [np.flatnonzero(runs == run).tolist() for run in np.unique(runs)]


def _places(runs, workers: list[str], who_has: Mapping, chunks) -> list[str]:
    """A worker for each run: of those left, the one with most of its chunks."""
    places: list[str] = []
    for run in runs:
        holders = (worker for i in run for worker in who_has.get(chunks[i].key, ()))
        count = Counter(holders)
        left = [worker for worker in workers if worker not in places]
        places.append(max(left, key=count.__getitem__))
    return places


def _free_address() -> tuple[str, int]:
    """Where the first rank meets the others, on this worker."""
    from distributed import get_worker
    from distributed.comm import get_address_host

    host = get_address_host(get_worker().address)
    with socket.socket() as unused:
        unused.bind(("", 0))
        return host, unused.getsockname()[1]


def _fit_part(estimator, parts, *, address, rank, size):
    """Fit to the chunks of this worker; the model, if it is the first."""
    options = {"is_master": rank == 0, "timeout": dist.default_pg_timeout}
    store = dist.TCPStore(*address, size, **options)
    with made_group("gloo", store, rank, size), process_group():
        sparse = any(map(sp.issparse, parts))
        X = sp.vstack(parts, format="csr") if sparse else np.vstack(parts)
        estimator.fit(X)
    return estimator if rank == 0 else None
