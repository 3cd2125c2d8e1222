"""Batches of documents for training by gradients, in one process or in several.

Ranks of a process group take the same batches of the documents of all. Each computes
with those of its own; sums over a batch are sums over ranks.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .._kernels import CSR
from .._kernels.chunks import row_blocks
from .._kernels.csr import take
from .._kernels.ranks import all_sum, current, gathered_rows, rows_before

#: Documents in a batch: at most, at least, and batches in an epoch of few documents.
MAX_BATCH, _LEAST_BATCH, _BATCHES = 250, 16, 20


def default_batch_size(n: int) -> int:
    """Documents in a batch of n documents."""
    return min(MAX_BATCH, max(_LEAST_BATCH, n // _BATCHES))


def noise_generator(host: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator on the device, seeded from that of the host; on the CPU that itself.

    Its numbers depend on the type of the device.
    """
    if device.type == "cpu":
        return host
    seed = torch.randint(2**62, (), generator=host, device="cpu")
    return torch.Generator(device).manual_seed(int(seed))


@dataclass(frozen=True)
class PartOfBatch:
    """Random numbers for the documents of a batch that are on this rank.

    They are those that one process would draw for the whole batch.

    Parameters
    ----------
    generator : torch.Generator
    own : Tensor
        Whether a document of the batch is on this rank: on the host.
    lengths : Tensor
        How many numbers one process draws for the entries of each document.
    """

    generator: torch.Generator
    own: Tensor
    lengths: Tensor

    @property
    def device(self) -> torch.device:
        return self.generator.device

    @property
    def n(self) -> int:
        """The number of documents of the batch, on all ranks."""
        return len(self.own)

    def draw(self, distribution: Callable, shape: tuple[int, ...], **options) -> Tensor:
        """Numbers for own documents (rows), or for their entries (one dimension)."""
        own = self.own
        if len(shape) == 1:
            own = own.repeat_interleave(self.lengths)
        whole = distribution(
            (len(own), *shape[1:]), generator=self.generator, **options
        )
        return whole[own.nonzero()[:, 0].to(whole.device)]


@dataclass(frozen=True)
class Batch:
    """Documents of this rank, in a batch of all ranks.

    Parameters
    ----------
    rows : Tensor
        Their numbers in the X of this rank, on the host.
    n : int
        The number of documents of the batch, on all ranks.
    draws : torch.Generator or PartOfBatch
        For the random numbers of the model.
    """

    rows: Tensor
    n: int
    draws: torch.Generator | PartOfBatch


def shuffled_batches(
    X: CSR | Tensor,
    size: int,
    *,
    generator: torch.Generator,
    noise: torch.Generator,
    drops: bool,
) -> Iterator[Batch]:
    """All documents once, shuffled, in batches of about equal size.

    `generator` shuffles, on the host; `noise` draws for the model, on the device of X.
    `drops`: whether it draws a number for each entry.
    """
    begin, n = rows_before(X.shape[0])
    order = torch.randperm(n, generator=generator, device="cpu")
    parts = order.tensor_split(n_batches(n, size))
    if current() is None:
        yield from (Batch(rows, len(rows), noise) for rows in parts)
        return
    lengths = gathered_rows(_entries(X).cpu()) if drops else torch.zeros_like(order)
    for rows in parts:
        own = (rows >= begin) & (rows < begin + X.shape[0])
        draws = PartOfBatch(noise, own, lengths[rows])
        yield Batch(rows[own] - begin, len(rows), draws)


def n_batches(n: int, size: int) -> int:
    """The number of batches of n documents."""
    return max(1, -(-n // size))


def batches(X: CSR | Tensor, size: int) -> Iterator[CSR | Tensor]:
    """X in batches of about equal size, in order."""
    order = torch.arange(X.shape[0], device="cpu")
    parts = order.tensor_split(n_batches(X.shape[0], size))
    return (take(X, rows) for rows in parts)


def with_empty_rows(X: CSR | Tensor, least: int) -> CSR | Tensor:
    """X with empty documents at the end, if it has fewer than `least`."""
    missing = least - X.shape[0]
    if missing <= 0:
        return X
    if not isinstance(X, CSR):
        return torch.nn.functional.pad(X, (0, 0, 0, missing))
    indptr = torch.cat([X.indptr, X.indptr[-1:].expand(missing)])
    return CSR(indptr, X.indices, X.data, (least, X.shape[1]))


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Add up what the documents of all ranks give to the gradients."""
    if current() is None:
        return
    found = [value for value in parameters if value.grad is not None]
    total = all_sum(torch.cat([value.grad.reshape(-1) for value in found]))
    parts = total.split([value.numel() for value in found])
    for value, part in zip(found, parts, strict=True):
        value.grad = part.view_as(value)


def _entries(X: CSR | Tensor) -> Tensor:  # [n]
    """How many numbers token dropout draws for the entries of each document."""
    if isinstance(X, CSR):
        return X.indptr.diff()  # a validated X stores no zeros
    counts = torch.zeros(X.shape[0], dtype=torch.int64, device="cpu")
    if X.device.type == "cpu":  # elsewhere there is a number for each cell
        for start, stop in row_blocks(*X.shape):
            counts[start:stop] = X[start:stop].count_nonzero(1)
    return counts
