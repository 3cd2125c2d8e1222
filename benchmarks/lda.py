"""TorchLDA beside scikit-learn's LatentDirichletAllocation: equality and time.

    python benchmarks/lda.py DATA [--parts equal fit online partial transform]
        [--corpora etm_20ng newsgroups20 nips] [--K 20 50 100] [--documents N]

DATA is the folder of the corpora. Prints, in float64, for each corpus and K

- equal: the largest relative difference of ``components_`` after the default fit (10
  batch iterations) and after one online epoch, from the same seed;
- fit: the time of the default fit; online: of one epoch in batches of 128; partial: of
  one pass by ``partial_fit`` in calls of 1024 documents; transform: of test documents
  (nips: the last 500), after one iteration;
- relaxed: the least number of iterations with ``relaxation=1.7`` and
  ``max_doc_update_iter=20`` that reaches the bound of the default fit, and the times of
  both fits;

as the median over interleaved repeats of scikit-learn's time with `n_jobs` 1 and 2, of
ours, and of the ratio to the better of scikit-learn's. Each package runs in a process
of its own. With ``--cpu`` the ratio is of the processors' time and `n_jobs` 1 alone.
"""

import argparse
import time
from functools import lru_cache
from pathlib import Path
from statistics import median

import numpy as np
import record
import scipy.sparse as sp
from processes import Processes

CORPORA = "etm_20ng", "newsgroups20", "nips"
PARTS = "equal", "fit", "online", "partial", "transform", "relaxed"
RELAXED = {"relaxation": 1.7, "max_doc_update_iter": 20}


@lru_cache(maxsize=1)
def load(data, corpus, documents):
    """Documents to fit to, and to transform."""
    X = sp.csr_matrix(sp.load_npz(data / corpus / "counts.npz")).astype(np.float64)
    if corpus == "nips":
        X, test = X[:-500], X[-500:]
    else:
        test = sp.load_npz(data / corpus / "counts_test.npz")
        test = sp.csr_matrix(test).astype(np.float64)
    return X[:documents], test[:documents]


def make(package, K, n_jobs, **options):
    if package == "ours":
        from sklearn_topics import TorchLDA as Class
    else:
        from sklearn.decomposition import LatentDirichletAllocation as Class
    return Class(K, random_state=0, n_jobs=n_jobs, **options)


def run(part, package, problem, K, n_jobs, cpu):
    """Seconds of a part."""
    X, test = load(*problem)
    online = {"learning_method": "online", "max_iter": 1}
    model = make(package, K, n_jobs, **(online if part == "online" else {}))
    if part == "transform":
        model = _fitted(package, problem, K).set_params(n_jobs=n_jobs)
    clock = time.process_time if cpu else time.perf_counter
    begin = clock()
    if part == "transform":
        model.transform(test)
    elif part == "partial":
        for start in range(0, X.shape[0], 1024):
            model.partial_fit(X[start : start + 1024])
    else:
        model.fit(X)
    return clock() - begin


@lru_cache(maxsize=1)
def _fitted(package, problem, K):
    return make(package, K, None, max_iter=1).fit(load(*problem)[0])


def components(package, problem, K, options):
    return make(package, K, None, **options).fit(load(*problem)[0]).components_


def compare_results(processes, problem, K):
    differences = []
    for options in {}, {"learning_method": "online", "max_iter": 1}:
        args = components, problem, K, options
        theirs, ours = (
            processes(package, args[0], package, *args[1:])
            for package in ("theirs", "ours")
        )
        differences.append(np.abs(ours / theirs - 1).max())
    print(
        f"{problem[1]:12s} K = {K:3d} equal      batch {differences[0]:.1e}, online "
        f"{differences[1]:.1e}",
        flush=True,
    )


def fitted(problem, K, options):
    """Bound of the training documents per token, seconds of the fit."""
    X, _ = load(*problem)
    model = make("ours", K, None, **options)
    begin = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - begin
    return model.score(X) / X.sum(), seconds


def compare_relaxed(processes, problem, K, repeats):
    def fit(**options):
        return processes("ours", fitted, problem, K, options)

    bound, _ = fit()
    for iterations in range(3, 20):
        relaxed = {**RELAXED, "max_iter": iterations}
        reached, _ = fit(**relaxed)
        if reached >= bound:
            break
    else:
        raise RuntimeError(
            f"{reached:.4f} after {iterations} iterations: below {bound}"
        )
    times = [(fit()[1], fit(**relaxed)[1]) for _ in range(repeats)]
    ratio = median(ours / default for default, ours in times)
    default, ours = (list(column) for column in zip(*times, strict=True))
    print(
        f"{problem[1]:12s} K = {K:3d} relaxed    bound {bound:.4f} in "
        f"{median(default):.2f} s; {reached:.4f} after {iterations} iterations in "
        f"{median(ours):.2f} s, {ratio:.2f} of the time",
        flush=True,
    )
    return [f"{problem[1]}, {K} topics", default, ours, iterations]


def compare_times(processes, part, problem, K, repeats, cpu):
    def seconds(package, n_jobs):
        return processes(package, run, part, package, problem, K, n_jobs, cpu)

    jobs = (1,) if cpu else (1, 2)
    processes("ours", run, part, "ours", (*problem[:2], 50), K, None, cpu)  # compiles
    rows = []
    for _ in range(repeats):
        theirs = [seconds("theirs", n) for n in jobs]
        ours = seconds("ours", None)
        rows.append((*theirs, ours, min(theirs) / ours))
    *times, ratio = (median(column) for column in zip(*rows, strict=True))
    names = [f"n_jobs={n}" for n in jobs] + ["ours"]
    shown = ", ".join(f"{n} {t:.2f} s" for n, t in zip(names, times, strict=True))
    print(
        f"{problem[1]:12s} K = {K:3d} {part:10s} {shown}, {ratio:.1f} x"
        f"{' of processor time' if cpu else ''}",
        flush=True,
    )
    *columns, _ = (list(column) for column in zip(*rows, strict=True))
    return [part, *columns]


def write_relaxed(folder, rows):
    columns = {"": "", "default fit, s": ".3g", "relaxed fit, s": ".3g"}
    columns["its iterations"] = ".0f"
    record.write_table("lda_relaxed", folder, columns, rows, ())


PART_TITLES = {
    "fit": "fit, 10 batch iterations",
    "online": "fit, one online epoch",
    "partial": "partial_fit, one pass",
    "transform": "transform of the test documents",
}


def write(folder, rows, problem, K):
    columns = {"": "", "scikit-learn, s": ".3g", "with n_jobs=2, s": ".3g"}
    columns["TorchLDA, s"] = ".3g"
    titled = [[PART_TITLES[part], *figures] for part, *figures in rows]
    documents = load(*problem)[0].shape[0]
    task = f"LDA with the same results, {K} topics of {documents:,} newsgroup posts"
    summary = [
        record.comparison(task, "scikit-learn LDA (n_jobs=2)", theirs, "TorchLDA", ours)
        for part, _, theirs, ours in rows
        if part == "fit"
    ]
    record.write_table("lda", folder, columns, titled, ("scikit-learn",), summary)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=CORPORA)
    parser.add_argument("--K", nargs="+", type=int, default=(20, 50, 100))
    parser.add_argument("--documents", type=int, help="the first of each corpus alone")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cpu", action="store_true")
    record.add_arguments(parser)
    args = parser.parse_args()
    if args.quick:
        args.corpora, args.K, args.documents, args.repeats = ("etm_20ng",), (3,), 200, 2
    processes, rows, relaxed = Processes(("theirs", "ours")), [], []
    for corpus in args.corpora:
        problem = args.data, corpus, args.documents
        for K in args.K:
            for part in args.parts:
                if part == "equal":
                    compare_results(processes, problem, K)
                elif part == "relaxed":
                    relaxed.append(compare_relaxed(processes, problem, K, args.repeats))
                else:
                    options = args.repeats, args.cpu
                    rows.append(compare_times(processes, part, problem, K, *options))
    processes.close()
    if args.record and relaxed:
        write_relaxed(args.record, relaxed)
    elif args.record:  # of one corpus and one K
        write(args.record, rows, problem, K)


if __name__ == "__main__":
    main()
