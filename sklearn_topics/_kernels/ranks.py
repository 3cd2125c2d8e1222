"""Sums over the documents of several processes, each of which calls fit with its own.

The processes of a group are its ranks. Each holds some rows of X, in the order of the
ranks, and the same rows of W; all hold the same H. Whatever adds up documents, or finds
a largest one, passes through a function of this module. Outside a group these functions
return their argument.

`distributed` opens groups. A rank that leaves out a message that the others wait for
stops them all: the calls must not depend on what a rank alone knows.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate
from math import ceil
from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class Ranks(Protocol):
    """The processes of a group, as one of them sees them.

    Attributes
    ----------
    rank : int
        The number of this process.
    size : int
        The number of processes.
    messages : int
        Number of messages that this process has taken part in.
    common_error : BaseException or None
        An error that all ranks raise alike, so that none has to be told.
    opening : bool
        Whether the next message of all ranks is an `exchange`, in which a rank that
        fails can take part.
    """

    rank: int
    size: int
    messages: int
    common_error: BaseException | None
    opening: bool

    def sum(self, A: Tensor) -> Tensor:
        """The sum of the tensors of all ranks; the same bits on each."""

    def max(self, A: Tensor) -> Tensor:
        """The elementwise maximum of the tensors of all ranks; NaN stays."""

    def broadcast(self, A: Tensor, source: int) -> Tensor:
        """The tensor of one rank; that of the others has its shape and dtype."""

    def gather(self, A: Tensor) -> list[Tensor]:
        """The tensors of all ranks, which may differ in their number of rows."""

    def exchange(self, text: str) -> list[str]:
        """The texts of all ranks."""

    def settle(self, error: BaseException) -> None:
        """Make the group fail, unless all ranks raise errors at this place."""


#: Environment variable with the number of a process that is in a group.
_MARK = "SKLEARN_TOPICS_PROCESS_GROUP"

_ranks: Ranks | None = None
_thread = _process = 0


class _Local(threading.local):
    """What each thread knows by itself."""

    alone = False


_local = _Local()


def current() -> Ranks | None:
    """The group that this process computes in, if any.

    Raises
    ------
    RuntimeError
        In another thread than that which opened the group: messages of several threads
        would have no order that all ranks share.
    """
    if _ranks is None or _local.alone:
        return None
    if _process != os.getpid():
        raise RuntimeError(
            "A process group does not reach into processes that were started within "
            "it. Start them before, or fit models one after the other (n_jobs=1)."
        )
    if threading.get_ident() != _thread:
        raise RuntimeError(
            "A process group works in the thread that opened it only. Fit models one "
            "after the other (n_jobs=1), or outside the process group."
        )
    return _ranks


def is_member() -> bool:
    """Whether this process is in a group, and not `alone`; in any thread."""
    return _ranks is not None and _process == os.getpid() and not _local.alone


@contextmanager
def joined(ranks: Ranks) -> Iterator[None]:
    """Compute in this group."""
    global _ranks, _thread, _process
    before = _ranks, _thread, _process
    _ranks, _thread, _process = ranks, threading.get_ident(), os.getpid()
    try:
        yield
    finally:
        _ranks, _thread, _process = before


@contextmanager
def marked() -> Iterator[None]:
    """Mark the environment, so that workers that start meanwhile know of the group."""
    os.environ[_MARK] = str(os.getpid())
    try:
        yield
    finally:
        os.environ.pop(_MARK, None)


def refuse_workers() -> None:
    """Raise an error in a worker of a process that is in a group.

    It would take the rows of one rank for the whole corpus.
    """
    if os.environ.get(_MARK, str(os.getpid())) != str(os.getpid()):
        raise RuntimeError(
            "A process within a process group has sent this fit to a worker, which "
            "has no part in the group. Fit one after the other (n_jobs=1), or outside "
            "the process group."
        )


@contextmanager
def alone() -> Iterator[None]:
    """Compute on data that are whole, or rows by themselves: outside the group.

    In any thread: this sends nothing.
    """
    before, _local.alone = _local.alone, True
    try:
        yield
    finally:
        _local.alone = before


def of_all(error: BaseException) -> BaseException:
    """An error that all ranks raise at the same place: the group can be used again."""
    ranks = current()
    if ranks is not None:
        ranks.common_error = error
    return error


def met_by_all(error: BaseException) -> bool:
    """Whether all ranks raise this error, or there are no other ranks."""
    ranks = current()
    return ranks is None or error is ranks.common_error


def is_first() -> bool:
    """Whether this process prints and writes what all ranks could, also `alone`."""
    return _ranks is None or _ranks.rank == 0


def all_sum(A: Tensor, *others: Tensor):
    """The sum over all ranks, of several tensors in one message."""
    ranks = current()
    if not others:
        return A if ranks is None else ranks.sum(A)
    parts = A, *others
    if ranks is None:
        return parts
    flat = ranks.sum(torch.cat([part.reshape(-1) for part in parts]))
    split = flat.split([part.numel() for part in parts])
    pairs = zip(parts, split, strict=True)
    return tuple(total.to(part.dtype).reshape(part.shape) for part, total in pairs)


def all_max(A: Tensor) -> Tensor:
    """The largest over all ranks, by element."""
    ranks = current()
    return A if ranks is None else ranks.max(A)


def all_any(condition: bool) -> bool:
    """Whether a condition holds on any rank."""
    if current() is None:
        return condition
    return bool(all_sum(torch.tensor(float(condition), device="cpu")) > 0)


def all_rows(n: int) -> int:
    """The number of rows of all ranks."""
    return rows_before(n)[1]


def rows_before(n: int) -> tuple[int, int]:
    """The numbers of rows of the ranks before this one, and of all ranks."""
    ranks = current()
    if ranks is None:
        return 0, n
    counts = torch.zeros(ranks.size, dtype=torch.int64, device="cpu")
    counts[ranks.rank] = n
    ends = list(accumulate(ranks.sum(counts).tolist(), initial=0))
    return ends[ranks.rank], ends[-1]


class Share(NamedTuple):
    """The rows of this rank in a batch of all ranks.

    Attributes
    ----------
    start, stop : int
    before : int
        Number of the batch's rows on the ranks before this one.
    size : int
        Number of the batch's rows on all ranks.
    """

    start: int
    stop: int
    before: int
    size: int


def batches(n: int, size: int) -> Iterator[Share]:
    """Batches of this many rows, of which each rank has as many as of all rows.

    The next row is always that whose (2 i + 1) / 2 n is the least, row i of the n of
    its rank: as seats go to parties by the method of Webster. Within a batch, rows are
    in the order of the ranks.
    """
    ranks = current()
    if ranks is None:
        for start in range(0, n, size):
            stop = min(start + size, n)
            yield Share(start, stop, 0, stop - start)
        return
    numbers = torch.zeros(ranks.size, 1, dtype=torch.int64, device="cpu")
    numbers[ranks.rank] = n
    numbers = ranks.sum(numbers)
    taken, most = torch.zeros_like(numbers), float(numbers.max() / numbers.sum())
    while (left := int((numbers - taken).sum())) > 0:
        size = min(size, left)
        # Shares are proportional but for a few rows.
        few = torch.arange(min(size, ceil(size * most) + ranks.size + 2), device="cpu")
        rows = taken + few
        order = (2 * rows + 1) / (2 * numbers).double()
        order[rows >= numbers] = torch.inf
        first = order.reshape(-1).sort(stable=True).indices[:size]
        shares = torch.bincount(first // len(few), minlength=ranks.size)
        start, own = int(taken[ranks.rank]), int(shares[ranks.rank])
        before = int(shares[: ranks.rank].sum())
        yield Share(start, start + own, before, size)
        taken += shares[:, None]


def gathered_rows(A: Tensor) -> Tensor:
    """The rows of all ranks."""
    ranks = current()
    return A if ranks is None else torch.cat(ranks.gather(A.contiguous()))


def draw_in_turn(generator: torch.Generator, draw: Callable[[], object]) -> None:
    """Advance a generator by what the ranks before this one draw from it.

    `draw` draws what this rank will draw, from a generator that all ranks have in the
    same state.
    """
    ranks = current()
    for rank in range(0 if ranks is None else ranks.size):
        if rank == ranks.rank:
            begin = generator.get_state()
            draw()
        generator.set_state(ranks.broadcast(generator.get_state(), rank))
    if ranks is not None:
        generator.set_state(begin)


def agreed(A: Tensor) -> Tensor:
    """What rank 0 has: numbers on which a decision depends.

    They would be equal, but that processors of different kinds may round differently.
    """
    ranks = current()
    if ranks is None:
        return A
    if A.dtype == torch.bool:  # which gloo does not send
        return ranks.broadcast(A.to(torch.uint8), 0).bool()
    return ranks.broadcast(A, 0)


def agreed_numbers(numbers: Mapping[str, float]) -> Mapping[str, float]:
    """The same for plain numbers."""
    if current() is None:
        return numbers
    values = torch.tensor([*numbers.values()], dtype=torch.float64, device="cpu")
    return dict(zip(numbers, agreed(values).tolist(), strict=True))
