"""Times of iterations, kernels and uploads on the device: a function a section."""

from functools import partial

import torch
from gpu_common import (
    Bench,
    corpus,
    random_factors,
    scipy_csr,
    stepper,
    synthetic,
    to,
    upload,
)
from gpu_counts import Counter, intercepted, pretended_device
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from sklearn_topics._core.poisson_nmf import EM, SCD
from sklearn_topics._kernels import ops

#: The default pseudocounts of TorchPoissonNMF.
_PSEUDOCOUNTS = 0.02, 0.2
_FLOOR = 1e-10


def solvers():
    """Name -> solver, of which a step is an iteration as users have it."""
    return {
        "em": EM(*_PSEUDOCOUNTS),
        "em, not extrapolated": EM(*_PSEUDOCOUNTS, extrapolate=False),
        "scd": SCD(*_PSEUDOCOUNTS, em_steps=0),
    }


def bandwidth(bench: Bench) -> None:
    """Bytes a second of a copy on the device, read and written."""
    small = torch.zeros(8, device=bench.device)
    launch = bench.time(lambda: small.add_(1))
    copied = bench.copy_bandwidth / 1e9
    bench.figure(copy_GB_per_s=copied, microseconds_a_launch=launch * 1e6)


# ------------------------------------------------------------------------ iterations


def iterations(bench: Bench) -> None:
    """Nonzeros a second in an iteration, and its bytes, launches and share."""
    if bench.tiny:
        sizes, topics = [(60, 12)], (3, 5)
    else:
        sizes = [(30_000_000, 50_000), (1_000_000, 20_000), (300_000_000, 100_000)]
        topics = (50,) if bench.quick else (50, 100, 10, 300)
    for nnz, m in sizes[: 2 if bench.quick else 3]:
        # Made and sorted by term in a few seconds, and once more the largest step.
        if not bench.enough(nnz / 3e7, f"{nnz:,} nonzeros"):
            continue
        synthetic.cache_clear()
        X = synthetic(nnz, m, str(bench.device))
        bench.figure(
            nonzeros=X.nnz,
            shape=X.shape,
            transpose_seconds=bench.timed(partial(getattr, X, "T")),
        )
        for K in topics:
            for name, solver in solvers().items():
                what = f"{name}, K = {K}, {X.nnz:,} nonzeros"
                if bench.enough(2 + 6 * X.nnz * K / 2e10, what):
                    _iteration(bench, name, solver, X, K, headline=nnz == 30_000_000)
                bench.free()
    synthetic.cache_clear()


def _iteration(bench, name, solver, X, K, headline) -> None:
    step = stepper(solver, X, K)
    step()  # compiles
    bench.begin_peak()
    step()
    peak = bench.peak()
    with Counter() as counter:
        step()
    _note_unknown(bench, counter)
    launches = _profiled_launches(bench, step) if K in (3, 50) else None
    seconds = bench.time(step, least=0.3)
    rate = X.nnz / seconds
    share = counter.total() / seconds / bench.copy_bandwidth
    bench.figure(
        solver=name,
        K=K,
        nonzeros=X.nnz,
        milliseconds=seconds * 1e3,
        G_nonzeros_per_s=rate / 1e9,
        bytes_per_nonzero=counter.total() / X.nnz,
        share_of_copy_bandwidth=share,
        kernels_profiled=launches,
        triton_launches=counter.number(True),
        torch_launches=counter.number(False),
        host_reads=counter.reads,
        peak_bytes=peak,
    )
    if K == 50 and headline and name in ("em", "scd"):
        least = {"em": 2.0, "scd": 0.8}[name]
        what = f"{name}, K = 50, 30M nonzeros"
        bench.bar(f"{what}: G nonzeros/s", rate / 1e9, least=least)
        bench.bar(f"{what}: share of copy bandwidth", share, least=0.5)


def _profiled_launches(bench, step) -> int:
    """Kernels and copies that run on the device in one step."""
    kind = "CUDA" if bench.device.type == "cuda" else "CPU"
    with profile(activities=[getattr(ProfilerActivity, kind)]) as found:
        step()
        bench.wait()
    where = getattr(DeviceType, kind)
    return sum(event.device_type == where for event in found.events())


# --------------------------------------------------------------------------- kernels


def calls(X, K, dtype):
    """Kernel -> call, on X and on X^T, which are the documents and the terms."""
    W, HT = random_factors(X, K, dtype=dtype)
    for side, Y, A, B in ("documents", X, W, HT), ("terms", X.T, HT, W):
        u = ops.column_sums(B)
        options = {"pseudocount": 0.1, "n_sweeps": 1, "floor": _FLOOR}
        yield "ratio_product", side, partial(ops.ratio_product, Y, A, B, floor=_FLOOR)
        yield "scd_rows", side, partial(ops.scd_rows, Y, A, B, u, **options)
        yield "log_sums", side, partial(ops.log_sums, Y, A, B, floor=_FLOOR)
        yield "spmm", side, partial(ops.spmm, Y, B)
        yield "sddmm", side, partial(ops.sddmm, Y, A, B)
        yield "row_sums", side, partial(ops.row_sums, Y)


def kernels(bench: Bench) -> None:
    """Time and bytes a second of each kernel, by count, at 30M nonzeros."""
    X = _medium(bench)
    settings = [(3 if bench.tiny else 50, torch.float32)]
    if not bench.quick:
        settings += [(K, torch.float32) for K in (10, 100, 300) if not bench.tiny]
        settings.append((settings[0][0], torch.float64))
    for K, dtype in settings:
        Y = X if dtype == X.dtype else X.with_data(X.data.to(dtype))
        for name, side, call in calls(Y, K, dtype):
            if not bench.enough(1 + 10 * X.nnz * K / 2e10, f"{name}, {side}, K = {K}"):
                continue
            call()
            with Counter() as counter:
                call()
            seconds, moved = bench.time(call), counter.total()
            bench.figure(
                kernel=name,
                side=side,
                K=K,
                dtype=str(dtype).removeprefix("torch."),
                milliseconds=seconds * 1e3,
                GB_per_s=moved / seconds / 1e9,
                share_of_copy_bandwidth=moved / seconds / bench.copy_bandwidth,
                bytes_per_nonzero=moved / X.nnz,
            )


def _medium(bench):
    return synthetic(
        *((60, 12) if bench.tiny else (30_000_000, 50_000)), str(bench.device)
    )


def tiles(bench: Bench) -> None:
    """Constants of the Triton kernels, one changed at a time."""
    from sklearn_topics._kernels.cuda import descent, products, rows

    X = _medium(bench)
    for K in (3,) if bench.tiny else (50, 10, 100, 300):
        measure = partial(_tile_times, bench, X, K)
        measure("as they are")
        for value in (256, 1024, 2048):
            with _changed(products, "_PER_WARP", value):
                measure(f"products' _PER_WARP = {value}")
        for value in (32, 64, 256):
            with _changed(descent, "_PER_WARP", value):
                measure(f"descent's _PER_WARP = {value}")
        for value in (0, rows._ONE_WARP - 1, rows._ONE_WARP + 1, rows._ONE_WARP + 2):
            with _changed(rows, "_ONE_WARP", value):
                measure(f"_ONE_WARP = {value}")
        for value in (1, 2, 8):
            with intercepted(partial(_with_warps, value)):
                measure(f"num_warps = {value}")


class _changed:
    """A constant of a module with another value."""

    def __init__(self, module, name, value):
        self.place, self.value = (module, name), value

    def __enter__(self):
        self.before = getattr(*self.place)
        setattr(*self.place, self.value)

    def __exit__(self, *error):
        setattr(*self.place, self.before)


def _with_warps(number, kernel, run, args, options):
    run(*args, **{**options, "num_warps": number})


def _tile_times(bench, X, K, constants) -> None:
    found = {}
    for name, side, call in calls(X, K, X.dtype):
        what = f"{name}, {side}, K = {K}, {constants}"
        if name in ("ratio_product", "scd_rows") and bench.enough(2, what):
            found[f"{name} {side} ms"] = bench.time(call, least=0.02) * 1e3
    if found:
        bench.figure(constants=constants, K=K, **found)


#: Bytes a nonzero of a kernel in float32: its line in the design, for K topics.
LINES = {
    ("ratio_product", "documents"): lambda K: 4 * K + 8,
    ("ratio_product", "terms"): lambda K: 4 * K + 8,
    ("log_sums", "documents"): lambda K: 4 * K + 8,
    ("scd_rows", "documents"): lambda K: 8 * K + 8,  # gathers for Y and for the sweep
    ("scd_rows", "terms"): lambda K: 20 * K,  # the coordinate outside
}


def counts(bench: Bench) -> None:
    """Bytes and launches of kernels and iterations, by count, without a card."""
    for name in "nips", "newsgroups20", "synthetic":
        if name == "synthetic":
            X = synthetic(30_000_000, 50_000, "cpu")
        else:
            X, real = corpus(name)
            X = upload(X, "cpu")
            name = name if real else f"synthetic, of the size of {name}"
        rows = X.T.indptr.diff()
        bench.figure(
            corpus=name, shape=X.shape, nonzeros=X.nnz, longest=int(rows.max())
        )
        with pretended_device() as device:
            X = to(X, device)
            for K in 10, 50, 100, 300:
                _count_kernels(bench, name, X, K)
                _count_iterations(bench, name, X, K)


def _count_kernels(bench, corpus_name, X, K) -> None:
    for name, side, call in calls(X, K, X.dtype):
        line = LINES.get((name, side))
        if line is None:
            continue
        call()  # makes the plan of the rows
        with Counter(run=False) as counter:
            call()
        moved = counter.total(triton=True) / X.nnz
        ratio = moved / line(K)
        bench.figure(
            kernel=name,
            side=side,
            K=K,
            bytes_per_nonzero=moved,
            line=line(K),
            ratio=ratio,
            in_sectors=counter.total(triton=True, sectors=True) / X.nnz,
            triton_launches=counter.number(True),
            torch_launches=counter.number(False),
        )
        _note_unknown(bench, counter)
        what = f"{corpus_name}, {name}, {side}, K = {K}: bytes over the design's line"
        bench.bar(what, ratio, most=1.5)


def _count_iterations(bench, corpus_name, X, K) -> None:
    for name, solver in solvers().items():
        step = stepper(solver, X, K)
        for _ in range(2):
            step()
        with Counter(run=False) as counter:
            step()
        launches, moved = len(counter.launches), counter.total()
        _note_unknown(bench, counter)
        bench.figure(
            solver=name,
            K=K,
            bytes_per_nonzero=moved / X.nnz,
            of_triton=counter.total(triton=True) / X.nnz,
            in_sectors=counter.total(sectors=True) / X.nnz,
            triton_launches=counter.number(True),
            torch_launches=counter.number(False),
            host_reads=counter.reads,
            ms_of_bytes_at_3_35_TB_per_s=moved / 3.35e9,
            ms_of_launches_at_5_us=launches * 5e-3,
        )


def _note_unknown(bench, counter) -> None:
    if counter.unknown:
        bench.note(f"no formula for the bytes of {sorted(counter.unknown)}")


def uploads(bench: Bench) -> None:
    """A sparse X from the host to the device, with its X^T."""
    X = scipy_csr(_medium(bench))
    found = []
    seconds = bench.timed(lambda: found.append(upload(X, bench.device)))
    moved = sum(
        A.numel() * A.element_size()
        for A in (found[0].indptr, found[0].indices, found[0].data)
    )
    bench.begin_peak()
    transposed = bench.timed(lambda: found[0].T)
    bench.figure(
        nonzeros=X.nnz,
        seconds=seconds,
        GB_per_s=moved / seconds / 1e9,
        transpose_seconds=transposed,
        peak_bytes_of_transpose=bench.peak(),
    )
