"""nn.NMF and nn.BetaMu beside torchnmf, from one start: factors and times.

    python benchmarks/torch_nmf.py [--counts COUNTS.npz]

Needs torchnmf (0.3.5). Prints, for

- ``fit`` of dense and sparse targets, several beta: the largest difference of the
  factors after 50 iterations in float64, and the medians over interleaved repeats of
  the time of an iteration (the difference of a long and a short fit) in float32;
- BetaMu on a chain of modules: the same for 50 steps, and for a step.

Each package runs in a process of its own, so that neither meets the other's threads.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import record
import scipy.sparse as sp
import torch
from processes import Processes

#: name -> target's shape, rank
DENSE = {"2000 x 1500": ((2000, 1500), 20)}
SPARSE = {"2000 x 3000, 1 %": ((2000, 3000), 10)}
#: name -> rows, columns of H W', then rows of each further W
CHAINS = {"2000 x 500": (2000, 40, 20, 80, 500)}
#: Iterations of the long fit.
LONG = 22


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
    """A row of the table: milliseconds of an iteration, of each repeat.

    `run` maps (package, iterations, dtype) to seconds and factors.
    """
    difference = largest_difference(lambda p: run(p, 50, torch.float64))
    rows = []
    for _ in range(repeats):
        times = []
        for package in ("theirs", "ours"):
            long, short = (run(package, n, torch.float32)[0] for n in (n_long, 2))
            times.append((long - short) / (n_long - 2))
        rows.append((*times, times[0] / times[1]))
    columns = [list(column) for column in zip(*rows, strict=True)]
    theirs, ours, ratio = map(median, columns)
    print(
        f"{label:40s} difference {difference:.0e}  {theirs * 1e3:8.2f} ms "
        f"{ours * 1e3:8.2f} ms {ratio:6.2f} x",
        flush=True,
    )
    milliseconds = ([1e3 * value for value in column] for column in columns[:2])
    return [label, *milliseconds, f"{difference:.0e}"]


COLUMNS = {
    "Factorisation": "",
    "torchnmf, ms": ".3g",
    "sklearn_topics.nn, ms": ".3g",
    "largest difference of factors": "",
}


def write(folder, rows):
    summary = []
    for problem in ("dense 2000 x 1500, beta 1", "sparse 2000 x 3000, 1 %, beta 1"):
        row = next((row for row in rows if row[0] == f"fit, {problem}"), None)
        if row is not None:
            task = f"an iteration of the module NMF, {problem}"
            pair = "torchnmf", row[1], "nn.NMF", row[2]
            summary.append(record.comparison(task, *pair, unit="ms"))
    packages = "torchnmf", "numba"
    record.write_table("torch_nmf", folder, COLUMNS, rows, packages, summary)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--counts", type=Path, help="a sparse target more")
    parser.add_argument("--repeats", type=int, default=5)
    record.add_arguments(parser)
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
    compared = partial(compare, repeats=2 if args.quick else args.repeats)
    rows = []

    def report(label, run):
        rows.append(compared(label, run, 4 if args.quick else LONG))

    for kind, problems in ("dense", dense), ("sparse", sparse):
        for name, (problem, rank) in problems.items():
            for beta in (1, 2):
                label = f"fit, {kind} {name}, beta {beta:g}"
                report(label, bind(fit, problem, rank, beta))
    for name, sizes in CHAINS.items():
        for beta in (1, 2):
            run = bind(steps, sizes, beta)
            report(f"BetaMu, {name}, beta {beta:g}", run)
    if args.record:
        write(args.record, rows)


if __name__ == "__main__":
    main()
