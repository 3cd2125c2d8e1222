"""Whether operations and estimators compute on the device what the reference does.

The reference in plain torch runs on the CPU, in float64. That the compiled kernels of
the CPU equal it is a matter of the tests.
"""

import multiprocessing
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import nullcontext

import numpy as np
import torch
from gpu_common import Bench, synthetic, to
from gpu_counts import as_on_cuda, as_specified

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._kernels import CSR, ops, registry
from sklearn_topics.datasets import make_topic_corpus

#: Most error of an operation, relative to the value and to the mean value.
_BARS = {torch.float32: 1e-5, torch.float64: 1e-12}
#: Descent divides by small numbers and repeats what it rounds: the reference itself
#: misses 3e-3 in float32. The inference of LDA adds the eps of the dtype to small
#: reconstructions, which makes 1e-3.
_DESCENT_BARS = {torch.float32: 1e-2, torch.float64: 1e-9}

_FLOOR = 1e-10

#: Lengths of rows around the classes of `_kernels.cuda.rows`, and beyond its parts.
_LENGTHS = 0, 1, 31, 32, 33, 64, 65, 128, 129, 512, 1025, 2047, 2048, 2049, 4096, 9001


def matrices(tiny: bool) -> dict[str, CSR]:
    """Ugly ones, in float64 on the CPU."""
    size, per_document = ((80, 15), 8) if tiny else ((50_000, 2000), 150)
    short = [length for length in _LENGTHS if not tiny or length < 40]
    return {
        "rows of all lengths": _rows_of(short),
        "rows in parts": _rows_of([2049, 2] if tiny else [2049, 3, 20_000, 1]),
        "one row": _rows_of([17]),
        "one cell": _rows_of([1]),
        "empty rows alone": _rows_of([0] * 5, m=4),
        "empty rows and columns": _rows_of([0, 3, 0, 0, 5, 0], m=9),
        "a corpus": _wide(synthetic(*size, "cpu", per_document)),
    }


def _rows_of(lengths, m=None) -> CSR:
    """Rows with these numbers of entries, in columns that are far apart."""
    rng = np.random.default_rng(0)
    m = m or max(lengths)
    indices = [np.sort(rng.permutation(m)[:length]) for length in lengths]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices = np.concatenate(indices).astype(np.int32)
    data = 1.0 + rng.poisson(1.0, len(indices))
    return CSR(*map(torch.from_numpy, (indptr, indices, data)), (len(lengths), m))


def _wide(X: CSR, dtype=torch.float64) -> CSR:
    return CSR(X.indptr, X.indices, X.data.to(dtype), X.shape)


def _with_wide_indices(X: CSR) -> CSR:
    return CSR(X.indptr, X.indices.long(), X.data, X.shape)


def _forms(X: CSR, tiny: bool, wide: bool) -> list[CSR]:
    """X, X^T, and X with 64-bit indices; not thousands of rows for an interpreter."""
    forms = [X] if tiny and (min(X.shape) == 1 or X.shape[1] > 100) else [X, X.T]
    return [*forms, _with_wide_indices(X)] if wide else forms


def sparse_calls(X: CSR, K: int):
    """Operation -> call of X and factors, which are W and HT, or B."""
    n, m = X.shape
    rng = np.random.default_rng(1)
    W, HT = (rng.random((size, K)) + 0.05 for size in (n, m))
    B, u = rng.standard_normal((m, K)), HT.sum(0)
    # W reconstructs rows of the right size, as in a fit: a descent from weights that
    # are far too large loses digits.
    W *= (ops.row_sums(X).numpy().clip(1) / (W @ u))[:, None]
    columns = torch.from_numpy(rng.permutation(m)[:20])
    pairs = torch.from_numpy(rng.integers(len(columns), size=(50, 2)))
    descent = {"n_sweeps": 2, "floor": _FLOOR}

    def pair_counts(X):
        return ops.pair_counts(X, columns.to(X.device), pairs.to(X.device))

    return {
        "transpose": (ops.transpose, ()),
        "row_sums": (ops.row_sums, ()),
        "pair_counts": (pair_counts, ()),
        "sddmm": (ops.sddmm, (W, HT)),
        "spmm": (ops.spmm, (B,)),
        "ratio_product": (
            lambda X, W, HT: ops.ratio_product(X, W, HT, floor=_FLOOR, shift=0.5),
            (W, HT),
        ),
        "log_sums": (lambda X, W, HT: ops.log_sums(X, W, HT, floor=_FLOOR), (W, HT)),
        "scd_rows": (
            lambda *args: ops.scd_rows(*args, pseudocount=0.1, **descent),
            (W, HT, u),
        ),
        "scd_rows, plain": (lambda *args: ops.scd_rows(*args, **descent), (W, HT, u)),
        "scd_rows, l2": (
            lambda *args: ops.scd_rows(*args, l2=0.3, **descent),
            (W, HT, u),
        ),
        "lda_rows": (
            # A tolerance of 0: rounding does not change the number of sweeps.
            lambda *args: ops.lda_rows(*args, prior=0.1, n_sweeps=3, tol=0.0),
            (rng.gamma(100, 0.01, (n, K)), HT),
        ),
    }


def dense_calls(K: int):
    """Operation -> call of factors, for what is done to a dense X or to a factor."""
    rng = np.random.default_rng(2)
    A, N, B = (rng.random((700, K)) + 0.05 for _ in range(3))
    X, HT = rng.poisson(1.0, (700, 90)) * 1.0, rng.random((90, K)) + 0.05
    cost, G, order = N.sum(0), N.T @ N, torch.from_numpy(rng.permutation(K))
    descent = {"n_sweeps": 2, "floor": _FLOOR}

    def adam_step(A, N, first, second):
        parts = [T.clone() for T in (A, first, second)]
        options = {"rate": 0.1, "n_updates": 3}
        ops.adam_step_(parts[:1], [N], *([T] for T in parts[1:]), **options)
        return tuple(parts)

    def hals_step(A, N, G):
        return ops.hals_step(A, N, G, 0.1, order)

    return {
        "row_sums": (ops.row_sums, (X,)),
        "spmm": (ops.spmm, (X, HT)),
        "ratio_product": (
            lambda X, W, HT: ops.ratio_product(X, W, HT, floor=_FLOOR),
            (X, A, HT),
        ),
        "log_sums": (lambda X, W, HT: ops.log_sums(X, W, HT, floor=_FLOOR), (X, A, HT)),
        "scd_rows": (
            lambda *args: ops.scd_rows(*args, pseudocount=0.1, **descent),
            (X, A, HT, HT.sum(0)),
        ),
        "column_sums": (ops.column_sums, (A, B)),
        "gram": (ops.gram, (A,)),
        "combine_columns": (ops.combine_columns, (A, G)),
        "multiplicative_step": (
            lambda A, N, cost: ops.multiplicative_step(A, N, cost, 0.2),
            (A, N, cost),
        ),
        "largest_violation": (
            lambda A, N, cost: ops.largest_violation(A, N, cost, 0.2),
            (A, N, cost),
        ),
        "extrapolate": (lambda A, B: ops.extrapolate(A, B, 0.7, 0.5), (A, B)),
        "ratio_step": (
            lambda A, N, D: ops.ratio_step(A, N, D, l1=0.1, zero_denominator=0.1),
            (A, N, B),
        ),
        "hals_step": (hals_step, (A, N, G)),
        "adam_step_": (adam_step, (A, N, B, B)),
        "log_sum": (ops.log_sum, (A,)),
        "exp_digamma": (ops.exp_digamma, (A, np.log(cost))),
    }


def compile_kernels(bench: Bench) -> None:
    """Compile in many processes at once, into Triton's cache on disk."""
    f32, f64 = torch.float32, torch.float64
    if bench.tiny:
        variants, workers = [(3, f32, True)], 1
    else:
        variants = [(50, f32, False), (50, f64, False), (50, f32, True)]
        variants += [(3, f32, False), (3, f64, False)]
        variants += [(300, f32, False), (10, f32, False), (100, f32, False)]
        variants += [(300, f64, False)]
        variants = variants[: 5 if bench.quick else None]
        workers = max(1, len(os.sched_getaffinity(0)) - 2)
    names = list(sparse_calls(_rows_of([1]), 1)) + list(dense_calls(1))
    names = ["sddmm"] if bench.tiny else dict.fromkeys(names)
    tasks = [(name, *variant) for variant in variants for name in names]
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=spawn)
    device = str(bench.device)
    futures = [pool.submit(_compile, device, bench.tiny, *task) for task in tasks]
    left = None if bench.tiny else max(1, bench.deadline - time.perf_counter())
    done, waiting = wait(futures, timeout=left)
    errors = [repr(future.exception()) for future in done if future.exception()]
    pool.shutdown(wait=bench.tiny, cancel_futures=True)
    bench.figure(tasks=len(tasks), done=len(done), processes=workers)
    if waiting:
        bench.note(f"{len(waiting)} of {len(tasks)} tasks had not ended")
    if errors:
        bench.note(f"{len(errors)} tasks failed, the first by {errors[0]}")


def _compile(device, tiny, name, K, dtype, wide) -> None:
    """Run an operation on rows of all lengths and in parts, in both containers."""
    bench = Bench(torch.device(device), 0, tiny)
    with _cuda_rows(bench):
        if name in (calls := dense_calls(K)) and not wide:
            function, arrays = calls[name]
            function(*(torch.tensor(A, dtype=dtype, device=device) for A in arrays))
        for X in list(matrices(tiny).values())[:2]:
            if name in (calls := sparse_calls(X, K)):
                function, arrays = calls[name]
                arrays = [torch.tensor(A, dtype=dtype, device=device) for A in arrays]
                X = _with_wide_indices(X) if wide else X
                function(to(_wide(X, dtype), device), *arrays)


def operations(bench: Bench) -> None:
    """Every operation, on the device in both dtypes, against the reference."""
    sizes = (3,) if bench.tiny else (50, 3) if bench.quick else (50, 3, 300)
    worst, not_repeated = {}, set()
    for K in sizes:
        for dtype in torch.float32, torch.float64:
            if bench.enough(2, f"dense, K = {K}, {dtype}"):
                for name, call in dense_calls(K).items():
                    key = f"{name} (dense)"
                    _compare(bench, key, None, call, dtype, worst, not_repeated)
            for shape, X in matrices(bench.tiny).items():
                if not bench.enough(2, f"{shape}, K = {K}, {dtype}"):
                    continue
                # One dtype and K with 64-bit indices: each is compiled anew.
                wide = K == sizes[0] and dtype == torch.float32
                for Y in _forms(X, bench.tiny, wide):
                    for name, call in sparse_calls(Y, K).items():
                        _compare(bench, name, Y, call, dtype, worst, not_repeated)
    for (name, dtype), error in sorted(worst.items(), key=str):
        descends = any(part in name for part in ("scd", "hals", "lda"))
        bars = _DESCENT_BARS if descends else _BARS
        bench.figure(operation=name, dtype=str(dtype), error=error)
        bench.bar(f"{name}, {dtype}: error", error, most=bars[dtype])
    promised = {name for name, _, kind in registry.IMPLEMENTATIONS if kind == "cuda"}
    broken = {name for name in not_repeated if name.split(",")[0] in promised}
    bench.note(f"not equal bit by bit in two calls: {sorted(not_repeated) or 'none'}")
    bench.bar("Triton kernels that do not repeat their bits", len(broken), most=0)


def _compare(bench, name, X, call, dtype, worst, not_repeated) -> None:
    """Note the error of one operation, and whether a second call gives its bits."""
    function, arrays = call
    # The values that the dtype holds, so that both compute with the same ones.
    arrays = [torch.tensor(A, dtype=dtype) for A in arrays]
    args = arrays if X is None else [_wide(X, dtype), *arrays]
    wide = [A.double() if torch.is_tensor(A) else _wide(A) for A in args]
    with as_specified():
        expected = _tensors(function(*wide))
    args = [
        to(A, bench.device) if isinstance(A, CSR) else A.to(bench.device) for A in args
    ]
    with _cuda_rows(bench):
        found, again = (_tensors(function(*args)) for _ in range(2))
    if not all(map(torch.equal, found, again)):
        not_repeated.add(name)
    error = max(map(_error, found, expected), default=0.0)
    key = name, dtype
    worst[key] = max(worst.get(key, 0.0), error)


def _cuda_rows(bench):
    """Where there is no card, the Triton kernels run on tensors of the CPU."""
    return nullcontext() if bench.device.type == "cuda" else as_on_cuda()


def _tensors(out) -> list[torch.Tensor]:
    if isinstance(out, CSR):
        return [out.indptr, out.indices, out.data]
    return list(out) if isinstance(out, tuple) else [out]


def _error(found, expected) -> float:
    """The largest error, relative to the value and to the mean absolute value."""
    found, expected = found.cpu().double(), expected.double()
    if found.shape != expected.shape or not found.isfinite().all():
        return float("inf")
    if expected.numel() == 0:
        return 0.0
    size = expected.abs() + expected.abs().mean() + 1e-300
    return float(((found - expected).abs() / size).max())


# ------------------------------------------------------------------------- estimators


def estimators(tiny: bool):
    """Name -> function of the device, whether X is dense, most difference."""
    K, n_iter = (3, 3) if tiny else (6, 30)
    shared = {"random_state": 0, "max_iter": n_iter, "tol": 0}
    descent = {**shared, "max_iter": max(n_iter, 17)}  # the first 15 are those of em
    plain = {"doc_topic_pseudocount": 0, "topic_word_pseudocount": 0}
    poisson = {
        "scd": {"solver": "scd"},
        "scd, no pseudocounts": {"solver": "scd", **plain},
        "em": {"solver": "em"},
        "em, no pseudocounts": {"solver": "em", **plain},
        "adam": {"solver": "adam"},
    }
    for name, options in poisson.items():
        options = {**(descent if "scd" in name else shared), **options}
        yield f"TorchPoissonNMF {name}", TorchPoissonNMF(K, **options), False, 1e-9
    yield "TorchPoissonNMF scd", TorchPoissonNMF(K, **descent), True, 1e-9
    for solver, beta in (
        *(("mu", beta) for beta in (0.5, 1, 1.5, 2)),
        *(("cd", 2), ("scd", 1), ("adam", 1), ("adam", 2)),
    ):
        options = {"solver": solver, "beta_loss": beta, "init": "random", **shared}
        for dense in (False, True) if solver != "adam" else (False,):
            model = TorchBetaNMF(K, **options)
            yield f"TorchBetaNMF {solver} {beta:g}", model, dense, 1e-9
    for beta in 1, 2:
        model = TorchDeepNMF((K, K // 2), beta_loss=beta, **shared)
        yield f"TorchDeepNMF {beta:g}", model, False, 1e-9
    for method in "batch", "online":
        options = {"learning_method": method, "max_iter": 3, "random_state": 0}
        yield f"TorchLDA {method}", TorchLDA(K, **options), False, 1e-6
    yield "TorchTruncatedSVD", TorchTruncatedSVD(K, random_state=0), False, 1e-9
    options = {"random_state": 0, "max_iter": 2 if tiny else 20}
    # Its noise is drawn on the device: other numbers than on the CPU.
    yield "TorchETM", TorchETM(K, **options), False, 0.05


def estimator_results(bench: Bench) -> None:
    """Every estimator in float64: factors and objective, and those of the reference."""
    sizes = (12, 10, 3) if bench.tiny else (400, 300, 6)
    counts, *_ = make_topic_corpus(*sizes, doc_length=60, random_state=0)
    warnings.simplefilter("ignore")
    for name, model, dense, most in estimators(bench.tiny):
        label = f"{name}, {'dense' if dense else 'sparse'}"
        if not bench.enough(3, label):
            continue
        # Without zeros: else some models hold it as a sparse matrix.
        X = counts.toarray() + 1 if dense else counts
        X = X.astype(np.float64)
        with as_specified():
            expected = _fitted(model.set_params(device="cpu"), X)
        model.set_params(device=str(bench.device))
        with _cuda_rows(bench):
            found, again = (_fitted(model, X) for _ in range(2))
        keys = ("objective",) if "ETM" in name else expected
        errors = {
            key: _error(*(torch.from_numpy(A[key]) for A in (found, expected)))
            for key in keys
        }
        same = all(np.array_equal(found[key], again[key]) for key in found)
        bench.figure(estimator=label, **errors, repeats=same)
        bench.bar(f"{label}: difference", max(errors.values()), most=most)


def _fitted(model, X) -> dict[str, np.ndarray]:
    transformed = model.fit_transform(X)
    found = {"components": model.components_, "transformed": transformed}
    history = getattr(model, "loss_history_", None)
    if history is not None:
        value = history["perplexity" if "perplexity" in history else "objective"][-1]
        found["objective"] = np.atleast_1d(value)
    return {name: np.asarray(A, np.float64) for name, A in found.items()}
