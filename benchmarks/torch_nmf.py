"""nn.NMF and nn.BetaMu beside torchnmf, from one start: factors and times.

    python benchmarks/torch_nmf.py [--counts COUNTS.npz]

Needs torchnmf (0.3.5). Prints, for

- ``fit`` of dense and sparse targets, several beta: the largest difference of the
  factors after 50 iterations in float64, and the medians over interleaved repeats of
  the time of an iteration (the difference of a long and a short fit) in float32;
- BetaMu on a chain of three modules, (1024, 10) to 64, and a wider one: the same for 50
  steps, and for a step.

Each package runs in a process of its own, so that neither meets the other's threads.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp
import torch
from processes import Processes

#: name -> target's shape, rank
DENSE = {"64 x 1024": ((1024, 64), 10), "2000 x 1500": ((2000, 1500), 20)}
SPARSE = {"2000 x 3000, 1 %": ((2000, 3000), 10)}
#: name -> rows, columns of H W', then rows of each further W
CHAINS = {"1024 x 64": (1024, 10, 4, 24, 64), "2000 x 500": (2000, 40, 20, 80, 500)}
#: Iterations of the long fit: of 1 ms each, and of more.
MANY, FEW = 202, 22


def target(shape, density, dtype, counts=None):
    """A dense or sparse COO target."""
    if counts is not None:
        X = sp.load_npz(counts).tocoo()
    elif density < 1:
        rng = np.random.default_rng(0)
        X = sp.random(*shape, density=density, random_state=0, format="coo")
        X.data = 1.0 + rng.poisson(1.0, X.nnz)
    else:
        rng = np.random.default_rng(0)
        low_rank = rng.random((shape[0], 6)) @ rng.random((6, shape[1]))
        return torch.tensor(low_rank + 0.1 * rng.random(shape), dtype=dtype)
    where = torch.tensor(np.stack([X.row, X.col]), dtype=torch.int64)
    values = torch.tensor(X.data, dtype=dtype)
    made = torch.sparse_coo_tensor(where, values, X.shape, check_invariants=True)
    return made.coalesce()


def factor(rows, rank, seed, dtype):
    rng = np.random.default_rng(seed)
    return torch.tensor(np.abs(rng.standard_normal((rows, rank))), dtype=dtype)


def classes(package):
    if package == "ours":
        from sklearn_topics.nn import NMF, BetaMu
    else:
        from torchnmf.nmf import NMF
        from torchnmf.trainer import BetaMu
    return NMF, BetaMu


def made_in(dtype):
    torch.set_default_dtype(dtype)  # torchnmf makes its parameters in it


def fit(package, problem, rank, beta, n_iter, dtype):
    """Seconds of a fit, and its factors."""
    made_in(dtype)
    V = (
        target(*problem, dtype=dtype)
        if len(problem) == 2
        else target(*problem[:2], dtype, problem[2])
    )
    NMF, _ = classes(package)
    N, C = V.shape
    model = NMF(W=factor(C, rank, 1, dtype), H=factor(N, rank, 2, dtype))
    # With torchnmf tol=0 would stop at the first rise by rounding.
    options = {"tol": 0.0 if package == "ours" else -1e9}
    begin = time.perf_counter()
    model.fit(V, beta=beta, max_iter=n_iter, **options)
    seconds = time.perf_counter() - begin
    return seconds, [A.detach().numpy() for A in (model.W, model.H)]


def steps(package, sizes, beta, n_steps, dtype):
    """Seconds of some steps of a chain, and its factors."""
    made_in(dtype)
    NMF, BetaMu = classes(package)
    rows, columns, rank, *further = sizes
    chain = [NMF(W=factor(columns, rank, 1, dtype), H=factor(rows, rank, 2, dtype))]
    for number, size in enumerate(further, 3):
        chain.append(NMF(W=factor(size, columns, number, dtype)))
        columns = size
    model = torch.nn.Sequential(*chain)
    V = target((columns, rows), 1, dtype)  # transposed, as in the introduction
    trainer = BetaMu(model.parameters(), beta=beta)

    def closure():
        trainer.zero_grad()
        return V.t(), model(None)

    begin = time.perf_counter()
    for _ in range(n_steps):
        trainer.step(closure)
    seconds = time.perf_counter() - begin
    return seconds, [A.detach().numpy() for A in model.parameters()]


def largest_difference(run):
    found = [run(package)[1] for package in ("theirs", "ours")]
    pairs = zip(*found, strict=True)
    return max(float(np.abs(a - b).max() / max(a.max(), 1)) for a, b in pairs)


def compare(label, run, n_long, repeats):
    """`run` maps (package, iterations, dtype) to seconds and factors."""
    difference = largest_difference(lambda p: run(p, 50, torch.float64))
    rows = []
    for _ in range(repeats):
        times = []
        for package in ("theirs", "ours"):
            long, short = (run(package, n, torch.float32)[0] for n in (n_long, 2))
            times.append((long - short) / (n_long - 2))
        rows.append((*times, times[0] / times[1]))
    theirs, ours, ratio = (median(column) for column in zip(*rows, strict=True))
    print(
        f"{label:40s} difference {difference:.0e}  {theirs * 1e3:8.2f} ms "
        f"{ours * 1e3:8.2f} ms {ratio:6.2f} x",
        flush=True,
    )


def length(name):
    return MANY if "64" in name else FEW


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--counts", type=Path, help="a sparse target more")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    processes = Processes(("theirs", "ours"))

    def bind(function, *arguments):
        return lambda package, n, dtype: processes(
            package, function, package, *arguments, n, dtype
        )

    sparse = {name: ((shape, 0.01), rank) for name, (shape, rank) in SPARSE.items()}
    if args.counts:
        sparse[args.counts.parent.name] = ((None, 0.0, args.counts), 10)
    dense = {name: ((shape, 1), rank) for name, (shape, rank) in DENSE.items()}
    report = partial(compare, repeats=args.repeats)
    for kind, problems in ("dense", dense), ("sparse", sparse):
        for name, (problem, rank) in problems.items():
            for beta in (1, 2, 1.5) if kind == "dense" else (1, 2):
                label = f"fit, {kind} {name}, beta {beta:g}"
                report(label, bind(fit, problem, rank, beta), length(name))
    for name, sizes in CHAINS.items():
        for beta in (1, 2, 1.5):
            run = bind(steps, sizes, beta)
            report(f"BetaMu, {name}, beta {beta:g}", run, length(name))


if __name__ == "__main__":
    main()
