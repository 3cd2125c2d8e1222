"""Fits on the device, the CPU and by other packages: a function a section."""

import time
import warnings
from functools import partial

import numpy as np
import torch
from gpu_common import (
    Bench,
    corpus,
    random_factors,
    scipy_csr,
    stepper,
    synthetic,
    upload,
)
from gpu_peers import AutogradUpdate, DenseAdam
from sklearn.decomposition import NMF, TruncatedSVD

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._core.poisson_nmf import EM, SCD
from sklearn_topics._kernels import ops
from sklearn_topics._kernels.csr import compressed


def fits(bench: Bench) -> None:
    """Default fits of real corpora, beside the CPU of this machine."""
    # The first iterations compile.
    for Class, few, many in (TorchPoissonNMF, 18, 200), (TorchLDA, 1, 10):
        for name in "nips", "newsgroups20":
            X, real = corpus(name, bench.tiny)
            if bench.enough(15, f"{Class.__name__}, {name}"):
                name = name if real else f"synthetic, of the size of {name}"
                _fit_on_both(bench, Class, few, few if bench.tiny else many, X, name)


def _fit_on_both(bench, Class, few, many, X, name):
    K, seconds, objectives = 3 if bench.tiny else 50, {}, {}
    for device in str(bench.device), "cpu":
        model = Class(K, random_state=0, device=device)
        _quiet(model.set_params(max_iter=few).fit, X)
        model.set_params(max_iter=many)
        seconds[device] = bench.timed(partial(_quiet, model.fit, X))
        history = model.loss_history_
        key = "perplexity" if "perplexity" in history else "objective"
        objectives[device] = float(history[key][-1])
    ratio = seconds["cpu"] / seconds[str(bench.device)]
    bench.figure(
        model=Class.__name__,
        corpus=name,
        K=K,
        device_seconds=seconds[str(bench.device)],
        cpu_seconds=seconds["cpu"],
        cpu_threads=torch.get_num_threads(),
        iterations=int(model.n_iter_),
        device_objective=objectives[str(bench.device)],
        cpu_objective=objectives["cpu"],
    )
    what = f"default fit of {Class.__name__}, {name}: CPU's time over the device's"
    bench.bar(what, ratio, least=1)


def _quiet(function, *args, **options):
    """The call without warnings, of too few iterations for example."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def dense(bench: Bench) -> None:
    """The same dense X to the same likelihood: tinytopics' training and ours."""
    n, m, K, budget = (15, 12, 3, 0.1) if bench.tiny else (100_000, 20_000, 20, 8)
    X = synthetic(*((60, m) if bench.tiny else (n * 100, m)), str(bench.device), 100)
    X_dense = torch.zeros(X.shape, device=bench.device)
    X_dense[X.entry_rows(), X.indices.long()] = X.data
    peer = DenseAdam(X_dense, K)
    steps = peer.steps()
    next(steps)
    bench.wait()
    begin, epochs = time.perf_counter(), 0.0
    while time.perf_counter() - begin < budget:
        for _ in range(20):
            epochs = next(steps)
        bench.wait()
    seconds = time.perf_counter() - begin
    reached = _log_likelihood(X, *peer.topic_model())
    del peer, steps
    bench.free()
    bench.figure(
        peer="tinytopics' training",
        seconds=seconds,
        epochs=epochs,
        log_likelihood=reached,
    )
    for label, data, hold, solver in (
        ("sparse", X, compressed, SCD()),
        ("dense", X_dense, compressed, SCD()),
        ("as it is", X_dense, lambda X: X, EM()),  # and without a bar
    ):
        hold(data)
        held = bench.timed(partial(hold, data))
        data = hold(data)
        ours, value, number = _time_to(bench, solver, data, X, K, reached)
        ours += held
        bench.figure(
            ours=label,
            seconds=ours,
            of_these_to_hold=held,
            iterations=number,
            log_likelihood=value,
        )
        if value < reached:
            bench.note(
                f"ours, {label}: not at the likelihood after {number} iterations"
            )
        elif label != "as it is":
            bench.bar(
                f"dense X, ours {label}: time of tinytopics over ours",
                seconds / ours,
                least=50,
            )


def _time_to(bench, solver, data, X, K, target):
    """Seconds, likelihood and iterations of a fit that reaches a likelihood."""
    if isinstance(solver, SCD):
        stepper(SCD(em_steps=0), data, K)()  # compiles
    step = partial(solver.step, data)
    state = solver.init_state(data, *random_factors(X, K), torch.Generator())
    step(step(state))
    seconds, value, number = 0.0, -np.inf, 0
    while value < target and number < 200 and bench.enough(1, "a fit of ours"):

        def several():
            nonlocal state
            for _ in range(5):
                state = step(state)

        seconds += bench.timed(several)
        number += 5
        value = _log_likelihood(X, *_topic_model(state))
    return seconds, value, number


def _topic_model(state):
    W, HT = state["W"], state["HT"]
    u = HT.sum(0)
    W = W * u
    return W / W.sum(1, keepdim=True).clamp(min=1e-30), (HT / u.clamp(min=1e-30)).T


def _log_likelihood(X, theta, topics) -> float:
    """Compute the log-likelihood of all tokens, in nats; its time is not counted."""
    theta, terms = theta.contiguous(), topics.T.contiguous()
    return float(ops.log_sums(X, theta, terms, floor=1e-10).sum())


def torchnmf(bench: Bench) -> None:
    """An iteration for Kullback-Leibler on COO, as torchnmf makes it, and ours."""
    nnz, m, K = (60, 12, 3) if bench.tiny else (10_000_000, 50_000, 50)
    X = synthetic(nnz, m, str(bench.device))
    W, HT = random_factors(X, K)
    peer = AutogradUpdate(X.entry_rows(), X.indices.long(), X.data, W, HT)
    theirs = bench.time(peer.step, least=0.5)
    ours = bench.time(stepper(EM(extrapolate=False), X, K), least=0.3)
    bench.figure(
        nonzeros=X.nnz,
        K=K,
        torchnmf_ms=theirs * 1e3,
        ours_ms=ours * 1e3,
        ratio=theirs / ours,
    )


def scikit_learn(bench: Bench) -> None:
    """An iteration of scikit-learn's NMF for Kullback-Leibler, on the CPU, and ours."""
    X, _ = corpus("nips", bench.tiny)
    K, few, many = 3 if bench.tiny else 50, 2, 6
    rng = np.random.default_rng(0)
    W, H = (
        rng.random(shape, dtype=np.float32) + 0.1
        for shape in ((X.shape[0], K), (K, X.shape[1]))
    )
    options = {
        "solver": "mu",
        "beta_loss": "kullback-leibler",
        "init": "custom",
        "tol": 0,
    }

    def theirs(n_iter):
        _quiet(
            NMF(K, max_iter=n_iter, **options).fit_transform, X, W=W.copy(), H=H.copy()
        )

    def timed(n_iter):
        begin = time.perf_counter()
        theirs(n_iter)
        return time.perf_counter() - begin

    theirs(1)
    found = (timed(many) - timed(few)) / (many - few)
    step = stepper(EM(extrapolate=False), upload(X, bench.device), K)
    ours = bench.time(step, least=0.3)
    bench.figure(
        corpus="nips",
        K=K,
        scikit_learn_ms=found * 1e3,
        ours_ms=ours * 1e3,
        ratio=found / ours,
    )


def etm(bench: Bench) -> None:
    """A step of TorchETM: 20,000 terms, batches of 1000 documents, 800 hidden units."""
    if bench.tiny:
        X, options = synthetic(60, 12, "cpu"), {"batch_size": 8}
    else:
        X, options = synthetic(300_000, 20_000, "cpu"), {"batch_size": 1000}
        options |= {"hidden_layer_sizes": (800, 800), "embedding_dim": 300}
    X = scipy_csr(X)
    batches = -(-X.shape[0] // options["batch_size"])
    threads, seconds = torch.get_num_threads(), {}
    for label, device, number in (
        ("device", str(bench.device), threads),
        ("two CPU cores", "cpu", min(2, threads)),
        ("all CPU cores", "cpu", threads),
    ):
        n_iter = 6 if label == "device" else 3
        model = TorchETM(
            3 if bench.tiny else 50,
            init="random",
            device=device,
            max_iter=n_iter,
            random_state=0,
            **options,
        )
        torch.set_num_threads(number)
        try:
            _quiet(model.fit, X)
        finally:
            torch.set_num_threads(threads)
        history = model.loss_history_  # its first epoch compiles
        epochs = np.diff(history["seconds"]) / np.diff(history["iteration"])
        seconds[label] = float(np.median(epochs)) / batches
        bench.figure(
            where=label, threads=number, step_milliseconds=seconds[label] * 1e3
        )
    bench.bar(
        "ETM step: two CPU cores over the device",
        seconds["two CPU cores"] / seconds["device"],
        least=20,
    )


def svd(bench: Bench) -> None:
    """TruncatedSVD of sparse X, beside scikit-learn's."""
    nips, _ = corpus("nips", bench.tiny)
    problems = {"nips": nips}
    if not (bench.quick or bench.tiny):
        problems["synthetic"] = scipy_csr(
            synthetic(5_000_000, 30_000, str(bench.device))
        )
    for name, X in problems.items():
        if not bench.enough(X.nnz / 4e5, f"svd of {name}"):
            continue
        K = 3 if bench.tiny else 50
        ours = TorchTruncatedSVD(K, random_state=0, device=str(bench.device))
        ours.fit(X)
        seconds = bench.timed(partial(ours.fit, X))
        theirs = TruncatedSVD(K, random_state=0)
        other = bench.timed(partial(theirs.fit, X))
        bench.figure(
            corpus=name,
            nonzeros=X.nnz,
            device_seconds=seconds,
            scikit_learn_seconds=other,
            variance=float(ours.explained_variance_ratio_.sum()),
            scikit_learn_variance=float(theirs.explained_variance_ratio_.sum()),
        )
        bench.bar(
            f"TruncatedSVD, {name}: scikit-learn over the device",
            other / seconds,
            least=10,
        )


def _models(K, n_iter):
    """Name in the table of ``device="auto"`` -> model."""
    shared = {"max_iter": n_iter, "random_state": 0, "tol": 0}
    for solver in "scd", "em", "adam":
        yield f"TorchPoissonNMF {solver}", TorchPoissonNMF(K, solver=solver, **shared)
    for solver, beta in ("cd", 2), ("mu", 1), ("mu", 2), ("scd", 1):
        options = {"solver": solver, "beta_loss": beta, "init": "random", **shared}
        yield f"TorchBetaNMF {solver}, beta {beta}", TorchBetaNMF(K, **options)
    yield "TorchDeepNMF", TorchDeepNMF((K, max(1, K // 4)), **shared)
    yield "TorchTruncatedSVD", TorchTruncatedSVD(K, random_state=0)
    yield "TorchETM", TorchETM(K, max_iter=2, random_state=0)


def _problems(tiny):
    """Container, X and its size: nonzeros, or cells."""
    for size in (60,) if tiny else (1_000_000, 100_000, 4_000_000):
        X = scipy_csr(synthetic(size, 12 if tiny else 10_000, "cpu"))
        yield "csr", X, X.nnz
        rows = max(2, size // X.shape[1])  # as many cells
        # Without zeros: else some models hold it as a sparse matrix.
        yield "dense", X[:rows].toarray() + 1, rows * X.shape[1]


def crossover(bench: Bench) -> None:
    """Fits of growing size, which ``device="auto"`` needs to choose."""
    K, n_iter = (3, 3) if bench.tiny else (50, 25)
    device = str(bench.device)
    for container, X, size in _problems(bench.tiny):
        for name, model in _models(K, n_iter):
            what = f"{name}, {container}, size {size:,}"
            if not bench.enough(size / 4e5, what):
                continue
            seconds = {}
            for place in device, "cpu":
                model.set_params(device=place)
                _quiet(model.fit, X[:50])  # compiles
                seconds[place] = bench.timed(partial(_quiet, model.fit, X))
            bench.figure(
                model=name,
                container=container,
                size_times_topics=size * K,
                device_seconds=seconds[device],
                cpu_seconds=seconds["cpu"],
            )
