"""Process groups of torch.distributed: `process_group`."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from weakref import WeakKeyDictionary

import torch
import torch.distributed as dist

from .._kernels import ranks
from ._ranks import TorchRanks

#: Group -> its backend for the CPU, which goes after the group. A group that ends its
#: backend holds Python's lock (seen with torch 2.6), and waits for ever if a thread of
#: the backend needs the lock, to free the tensors of the last message. A backend that
#: ends by itself does not hold it.
_BACKENDS = WeakKeyDictionary()

#: Variables that torchrun sets, and that `torch.distributed.rendezvous` needs.
_ENVIRONMENT = "RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"


@contextmanager
def process_group(group=None) -> Iterator[None]:
    """Fit models to the documents of all processes of a group together.

    Within the context, the X that is passed to ``fit`` are the rows that this process
    holds, of a larger X whose rows are those of rank 0, then those of rank 1, and so
    on. All processes call ``fit`` with their own rows; some may have none. Each ends
    with the same model, which is the model that one process would fit to all rows, up
    to the order of sums. ``score`` and ``perplexity`` are those of all rows as well.
    ``transform`` works on the rows that it is given, without other processes.

    :class:`~sklearn_topics.TorchPoissonNMF` can be fitted with solver "scd" or "em", at
    once or by ``partial_fit``; :class:`~sklearn_topics.TorchBetaNMF` with solver "cd",
    "mu" (Frobenius or Kullback-Leibler) or "scd";
    :class:`~sklearn_topics.TorchTruncatedSVD` with algorithm "randomized";
    :class:`~sklearn_topics.TorchLDA`, whose online updates take documents of all
    processes: one process would find the same with its rows in another order; and
    :class:`~sklearn_topics.TorchETM`, which takes the batches of one process, of which
    each process computes its own documents. Other models raise an error.

    Read more in the :ref:`User Guide <several_machines>`.

    Parameters
    ----------
    group : torch.distributed.ProcessGroup, default=None
        The processes. None is the default group of torch.distributed; if there is none
        yet, it is created from the environment that ``torchrun`` sets, and destroyed at
        the end: with gloo on CPUs, and NCCL on the GPU with the number LOCAL_RANK.

    Yields
    ------
    None
        The context has no value.

    Raises
    ------
    RuntimeError
        If there is no group and no environment of torchrun, or within another process
        group. In the context: on all processes, if one of them fails or ends.
    ValueError
        If the group has no backend for tensors on the CPU, such as gloo.

    Examples
    --------
    A program that ``torchrun --nproc-per-node 2`` starts twice:

    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.distributed import process_group
    >>> def fit_model(rows_of_this_process):
    ...     with process_group():
    ...         return TorchPoissonNMF(20, random_state=0).fit(rows_of_this_process)
    """
    if ranks.current() is not None:
        raise RuntimeError("Process groups cannot be nested: leave the first one.")
    with _torch_group(group) as found, ranks.marked():
        _require_cpu(found)
        _BACKENDS[found] = found._get_backend(torch.device("cpu"))
        members = TorchRanks(found)
        with ranks.joined(members), members.answering():
            try:
                yield
            except BaseException as error:
                members.report(error)  # others may go on
                raise
            members.part()


def _require_cpu(group: dist.ProcessGroup) -> None:
    backends = dist.get_backend_config(group)
    if "cpu:" not in backends:
        raise ValueError(
            f"The backend {backends!r} of the process group sends no tensors of "
            "the CPU. Use init_process_group('cpu:gloo,cuda:nccl'), or let "
            "sklearn_topics.distributed.process_group create the group."
        )


@contextmanager
def _torch_group(group) -> Iterator[dist.ProcessGroup]:
    """A group of torch.distributed, which is made and destroyed if there is none."""
    if group is not None or dist.is_initialized():
        yield dist.group.WORLD if group is None else group
        return
    missing = sorted(set(_ENVIRONMENT) - set(os.environ))
    if missing:
        raise RuntimeError(
            "There is no process group, and no environment of torchrun to create one: "
            f"{', '.join(missing)} not set. Start the program with torchrun, "
            "or call torch.distributed.init_process_group first."
        )
    card, backend = int(os.environ.get("LOCAL_RANK", 0)), "gloo"
    with_card = dist.is_nccl_available() and card < torch.cuda.device_count()
    if with_card:
        torch.cuda.set_device(card)
        backend = "cpu:gloo,cuda:nccl"
    environment = [os.environ[name] for name in _ENVIRONMENT]
    store, rank, size = _meeting(os.getpid(), *environment)
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)
    store = dist.PrefixStore(f"sklearn_topics {attempt}", store)
    number = store.add(f"groups of rank {rank}", 1)
    own = dist.PrefixStore(f"group {number} of {size}", store)
    with made_group(backend, own, rank, size) as made:
        yield made


@lru_cache(maxsize=1)
def _meeting(*environment) -> tuple[dist.Store, int, int]:
    """The store in which all processes meet, rank and size.

    It is kept for all groups of this process. Each has a place of its own there:
    otherwise torch would take the addresses of the last group for those of the next.
    """
    return next(dist.rendezvous("env://"))


@contextmanager
def made_group(
    backend: str, store: dist.Store, rank: int, size: int
) -> Iterator[dist.ProcessGroup]:
    """Make the default group, wait for all to connect, and destroy it at the end.

    If a process fails and ends before the others have connected, they report a broken
    connection instead of the reason, or hang: so it waits for them.
    """
    try:
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    except BaseException as error:
        store.set(f"connected {rank}", f"{type(error).__name__}: {error}")
        raise
    try:
        store.set(f"connected {rank}", "")
        _await_all(store, size)
        yield dist.group.WORLD
    finally:
        dist.destroy_process_group()


def _await_all(store: dist.Store, size: int) -> None:
    names = [f"connected {rank}" for rank in range(size)]
    end = time.monotonic() + dist.default_pg_timeout.total_seconds()
    while not store.check(names):  # no wait in torch: Ctrl-C would do nothing
        if time.monotonic() > end:
            raise RuntimeError("Not all processes have connected to the process group.")
        time.sleep(0.01)
    for rank, name in enumerate(names):
        if problem := store.get(name).decode():
            raise RuntimeError(
                f"Rank {rank} could not connect to the process group: {problem}"
            )
