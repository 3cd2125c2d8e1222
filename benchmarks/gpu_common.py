"""What the sections of gpu.py share: the device, budgets, figures, times, corpora."""

import gc
import os
import time
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_topics._boundary.transfer import to_device
from sklearn_topics._kernels import CSR

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

#: Documents, terms and nonzeros of the corpora, for copies of their size.
_SIZES = {"nips": (2483, 14036, 1304438), "newsgroups20": (11314, 5000, 866316)}

#: Tokens that are drawn at once.
_TOKENS = 1 << 24


@dataclass
class Bench:
    """A run of the benchmark: where, how long, and what it found.

    Parameters
    ----------
    device : torch.device
    seconds : float
        The time for all sections.
    tiny : bool
        Whether problems are tiny and times mean nothing: a trial of the code.
    quick : bool
        Whether sections leave out what is not in the table of bars.
    """

    device: torch.device
    seconds: float
    tiny: bool = False
    quick: bool = False
    begun: float = field(default_factory=time.perf_counter)
    section: str = ""
    deadline: float = 0.0
    figures: dict = field(default_factory=dict)
    bars: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    seconds_of: dict = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds left for all."""
        return self.begun + self.seconds - time.perf_counter()

    def begin(self, section: str, seconds: float) -> None:
        self.section = section
        self.deadline = time.perf_counter() + min(seconds, self.left)
        self.figures[section] = []
        self.free()

    def enough(self, seconds: float, what: str) -> bool:
        """Whether the section has time for this; a note says what is left out."""
        if self.tiny or time.perf_counter() + seconds < self.deadline:
            return True
        self.note(f"left out, no time: {what}")
        return False

    def note(self, text: str) -> None:
        self.notes.append(f"{self.section}: {text}")
        print(f"    {text}", flush=True)

    def figure(self, **values) -> None:
        """Record and print a row of the section's table."""
        self.figures[self.section].append(values)
        cells = (f"{name} {_text(value)}" for name, value in values.items())
        print("    " + "  ".join(cells), flush=True)

    def bar(self, what: str, value: float, *, least=None, most=None) -> bool:
        """Record whether a figure is at least, or at most, what it should be."""
        passed = value >= least if least is not None else value <= most
        bound = {"least": least} if least is not None else {"most": most}
        row = {"section": self.section, "what": what, "value": value, **bound}
        self.bars.append({**row, "passed": bool(passed)})
        return bool(passed)

    @cached_property
    def copy_bandwidth(self) -> float:
        """Bytes a second of a copy on the device, read and written."""
        size = 1 << (12 if self.tiny else 30)
        source = torch.zeros(size, dtype=torch.uint8, device=self.device)
        target = torch.empty_like(source)
        return 2 * size / self.time(lambda: target.copy_(source))

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def begin_peak(self) -> None:
        """From here on the most memory in use is noted."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int | None:
        """The most bytes in use on the device since `begin_peak`."""
        return torch.cuda.max_memory_allocated() if self.device.type == "cuda" else None

    def free(self) -> None:
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def timed(self, function) -> float:
        """Seconds of one call."""
        self.wait()
        begin = time.perf_counter()
        function()
        self.wait()
        return time.perf_counter() - begin

    def time(self, function, least=0.05) -> float:
        """Median seconds of a call, of calls that take `least` seconds in all.

        One more call goes first, which compiles.
        """
        function()
        once = self.timed(function)
        if self.tiny or once > 1:
            return once
        number = int(min(max(least / once, 1), 200))

        def several():
            for _ in range(number):
                function()

        return median(self.timed(several) / number for _ in range(3))


def _text(value) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:,.0f}"


def random_factors(X, K: int, dtype=None):
    """Positive W (n x K) and HT (m x K) where X is."""
    drawn_on = X.device if X.device.type == "cuda" else torch.device("cpu")
    generator = torch.Generator(drawn_on).manual_seed(0)
    place = {"dtype": dtype or X.dtype, "device": drawn_on, "generator": generator}
    factors = (torch.rand(size, K, **place).add_(0.1) for size in X.shape)
    return tuple(A.to(X.device) for A in factors)


def to(X: CSR, device) -> CSR:
    return CSR(*(A.to(device) for A in (X.indptr, X.indices, X.data)), X.shape)


def stepper(solver, X, K):
    """A function that makes the next step each time that it is called."""
    state = solver.init_state(X, *random_factors(X, K), torch.Generator())

    def step():
        nonlocal state
        state = solver.step(X, state)

    return step


def scipy_csr(X: CSR) -> sp.csr_matrix:
    parts = (A.cpu().numpy() for A in (X.data, X.indices, X.indptr))
    return sp.csr_matrix(tuple(parts), shape=X.shape)


def corpus(name: str, tiny=False) -> tuple[sp.csr_matrix, bool]:
    """Counts in float32, and whether they are the real ones, or synthetic and alike."""
    folder = Path(os.environ.get("SKLEARN_TOPICS_DATA", _DATA)) / name
    if not tiny and (folder / "counts.npz").exists():
        X = sp.load_npz(folder / "counts.npz").tocsr().astype(np.float32)
        X.sort_indices()
        return X, True
    n, m, nnz = (9, 12, 40) if tiny else _SIZES[name]
    return scipy_csr(synthetic(nnz, m, "cpu", per_document=nnz / n)), False


@lru_cache(maxsize=1)
def synthetic(nnz: int, m: int, device, per_document=150.0, n_topics=20) -> CSR:
    """Counts with about `nnz` nonzeros, of documents with lognormal lengths.

    Half of the tokens have Zipf's distribution over the terms, the others that of one
    of the document's two topics, Zipf's over a permutation.
    """
    generator = torch.Generator(device).manual_seed(0)
    place = {"device": device, "generator": generator}
    n = max(2, round(nnz / min(per_document, m / 3)))
    # About 1.3 tokens for a nonzero; lengths have the quotient 2.2 to their mean.
    per_document = nnz / n
    spread = torch.randn(n, **place).mul_(0.8).exp_().div_(1.377)
    lengths = spread.mul_(1.3 * per_document).clamp_(1, 4 * m).round_().long()
    ranks = torch.arange(m, device=device, dtype=torch.float64).add_(2.7)
    ends = ranks.pow_(-1.05).cumsum(0)
    ends = (ends / ends[-1]).float()
    terms = torch.stack([torch.randperm(m, **place) for _ in range(n_topics)])
    terms = torch.cat([torch.arange(m, device=device).expand(n_topics, m), terms])
    topics = torch.randint(n_topics, (n, 2), **place)
    parts, row, before = [], 0, lengths.cumsum(0)
    while row < n:
        drawn = int(before[row - 1]) if row else 0
        stop = int(torch.searchsorted(before, drawn + _TOKENS, right=True))
        stop = max(stop, row + 1)
        parts.append(_counts(lengths[row:stop], topics[row:stop], ends, terms, place))
        row = stop
    sizes, indices, data = map(torch.cat, zip(*parts, strict=True))
    indptr = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return CSR(indptr, indices, data, (n, m))


def _counts(lengths, topics, ends, terms, place):
    """Sizes of rows, terms and counts of some documents."""
    n, m = len(lengths), len(ends)
    rows = torch.repeat_interleave(lengths)
    draws = torch.rand(3, len(rows), **place)
    ranks = torch.searchsorted(ends, draws[0]).clamp_(max=m - 1)
    own = topics[rows, (draws[1] < 0.3).long()]
    own += (draws[2] < 0.5) * (len(terms) // 2)  # the second half are permuted
    keys = rows.mul_(m).add_(terms[own, ranks])
    keys, counts = torch.unique(keys, return_counts=True)
    sizes = torch.bincount(keys // m, minlength=n)
    return sizes, (keys % m).int(), counts.float()


def upload(X, device, dtype=np.float32) -> CSR:
    """A scipy matrix on the device."""
    return to_device(X.astype(dtype), torch.device(device))
