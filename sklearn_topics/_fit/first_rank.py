"""Initialisations of a process group that one rank computes from documents of all."""

from collections.abc import Callable

import torch
from torch import Tensor

from .._core.topic_model import even_weights
from .._kernels import CSR
from .._kernels.csr import take
from .._kernels.ranks import alone, current, gathered_rows, of_all, rows_before
from .checkpoint import fingerprint

#: Largest number of documents that is shuffled to draw some of them.
_SHUFFLED = 10_000_000

#: Names of initialisations, which are sent by their number.
_NAMES = "kmeans", "nndsvda", "random"


def drawn_rows(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Ascending numbers of `size` of n documents, drawn at random."""
    factory_kwargs = {"generator": generator, "device": generator.device}
    if n <= _SHUFFLED:
        return torch.randperm(n, **factory_kwargs)[:size].sort().values
    rows = torch.empty(0, dtype=torch.int64, device=generator.device)
    while len(rows) < size:
        rows = torch.cat([rows, torch.randint(n, (size,), **factory_kwargs)]).unique()
    return rows[drawn_rows(len(rows), size, generator)]


def on_first_rank(
    start: Callable[[CSR | Tensor], tuple[str, Tensor, Tensor]],
    X: CSR | Tensor,
    K: int,
    generator: torch.Generator,
    sample: int,
) -> tuple[str, Tensor, Tensor]:
    """``start(X of all ranks)``: its name, the rows of W of this rank, and HT.

    Rank 0 computes it, as it would alone: from `sample` documents, drawn at random, if
    there are more.

    Parameters
    ----------
    start : callable
        X -> name, W (n x K) and HT (m x K). It may use the generator.
    X : CSR or Tensor
        The rows of this rank.
    K : int
    generator : torch.Generator
        In the same state on all ranks, and in the end again.
    sample : int
    """
    ranks, (first, n) = current(), rows_before(X.shape[0])
    last, mine = first + X.shape[0], X
    if n > sample:
        some = drawn_rows(n, sample, generator)
        mine = take(X, some[(some >= first) & (some < last)] - first)
    whole = gathered(mine)
    number = torch.zeros((), dtype=torch.int64, device="cpu")
    W, HT = _zeros(X, min(n, sample), K), _zeros(X, X.shape[1], K)
    if ranks.rank == 0:
        with alone():
            name, W, HT = start(whole)
        number += _NAMES.index(name)
    name = _NAMES[int(ranks.broadcast(number, 0))]
    HT = ranks.broadcast(HT.contiguous(), 0)
    generator.set_state(ranks.broadcast(generator.get_state(), 0))
    if n > sample:
        return name, even_weights(X, K), HT
    return name, ranks.broadcast(W.contiguous(), 0)[first:last].clone(), HT


def _zeros(X: CSR | Tensor, *shape: int) -> Tensor:
    return torch.zeros(shape, dtype=X.dtype, device=X.device)


def gathered(X: CSR | Tensor) -> CSR | Tensor:
    """The rows of all ranks."""
    if not isinstance(X, CSR):
        return gathered_rows(X)
    lengths, indices, data = map(gathered_rows, (X.indptr.diff(), X.indices, X.data))
    indptr = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    return CSR(indptr, indices, data, (len(lengths), X.shape[1]))


def require_given_topics(W, H) -> None:
    """Raise an error if init="custom" does not give all ranks of a group the same H."""
    if current() is None:
        return
    require_equal("H", H)
    if H is None:
        raise of_all(
            ValueError(
                "init='custom' needs H in a process group, the same on all ranks. W, "
                "if given, has the rows of this rank."
            )
        )
    require_same("W", "None" if W is None else "given")


def require_equal(name: str, value) -> None:
    """Raise an error if ranks of the group have been given different arrays."""
    if current() is not None:
        require_same(name, fingerprint(value))


def require_same(name: str, text: str) -> None:
    """Raise an error if ranks of the group have other texts for what is named."""
    if current() is None:
        return
    found = current().exchange(text)
    for rank, other in enumerate(found):
        if other != found[0]:
            raise of_all(
                ValueError(
                    f"The ranks of the process group must agree, but {name} is {other} "
                    f"on rank {rank} and {found[0]} on rank 0."
                )
            )
