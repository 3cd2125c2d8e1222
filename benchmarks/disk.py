"""Fits from disk beside fits from memory: seconds an iteration, peak memory, bits.

    python benchmarks/disk.py --documents 1000000 --terms 50000 --topics 50
    python benchmarks/disk.py --data nips.npz newsgroups20.npz
    python benchmarks/disk.py --documents 10000000 --terms 100000 --disk-only
    python benchmarks/disk.py --model TorchLDA --iterations 1

TorchLDA learns online. A corpus is drawn once, block by block, into a folder (--folder
keeps it). Every fit has a process of its own; those from disk and from memory take
turns. Memory is that of the process which no file backs (RssAnon in /proc), sampled
every 20 ms: the pages of memory maps belong to the system, which takes them back when
it needs them. "above" is the peak less what the process had before the fit and one W,
one H; the maximum of all resident pages, with those of the maps, stands beside it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from hashlib import sha256
from pathlib import Path
from statistics import median

import numpy as np
import scipy.sparse as sp

_BLOCK = 250_000
#: Options of a model, and of a small fit that compiles the kernels.
_OPTIONS = {"TorchLDA": ({"learning_method": "online"},) * 2}
_OTHERS = {"tol": 1e-12}, {"tol": 0, "init": "random"}


def draw(folder, documents, terms, length):
    from sklearn_topics import io
    from sklearn_topics.datasets import make_topic_corpus

    def blocks():
        for seed, start in enumerate(range(0, documents, _BLOCK)):
            n = min(_BLOCK, documents - start)
            options = {"doc_length": length, "random_state": seed}
            yield make_topic_corpus(n, terms, 50, **options)[0]

    return io.write_counts(folder, blocks(), dtype="float32")


def resident(field):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) / 1024


def watch(peaks, stop):
    while not stop.is_set():
        for field in peaks:
            peaks[field] = max(peaks[field], resident(field))
        time.sleep(0.02)


def fit(folder, source, model, topics, iterations):
    """In a process of its own: one fit, its figures as JSON."""
    import sklearn_topics
    from sklearn_topics import io

    X = io.open_counts(folder)
    if source == "memory":
        X = X.tocsr()
    options, small = _OPTIONS.get(model, _OTHERS)
    Model = getattr(sklearn_topics, model)
    estimator = Model(topics, max_iter=iterations, random_state=0, **options)
    warm = sp.random_array((300, 200), density=0.2, format="csr", rng=0)
    Model(topics, max_iter=1, **small).fit(warm.astype("f4"))
    before = {field: resident(field) for field in ("RssAnon", "VmRSS")}
    peaks, stop, stamps = dict(before), threading.Event(), []
    threading.Thread(target=watch, args=(peaks, stop), daemon=True).start()
    begin = time.perf_counter()
    estimator.fit(X)
    seconds = time.perf_counter() - begin
    stop.set()
    stamps = estimator.loss_history_["seconds"]
    steps = estimator.loss_history_["iteration"]
    factors = (X.shape[0] + X.shape[1]) * topics * 4 / 2**20
    print(
        json.dumps(
            {
                "seconds": seconds,
                "iteration": (stamps[-1] - stamps[0]) / max(steps[-1] - steps[0], 1)
                or seconds / steps[-1],
                "above": peaks["RssAnon"] - before["RssAnon"] - factors,
                "anonymous": peaks["RssAnon"],
                "resident": peaks["VmRSS"],
                "factors": factors,
                "sum": float(np.abs(estimator.components_).sum(dtype=np.float64)),
                "bits": sha256(estimator.components_.tobytes()).hexdigest(),
            }
        )
    )


def run(folder, source, args):
    command = [sys.executable, __file__, "--fit", source, "--folder", str(folder)]
    command += ["--model", args.model, "--topics", str(args.topics)]
    command += ["--iterations", str(args.iterations)]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(out.stdout.splitlines()[-1])


def compare(folder, args):
    sources = ["disk"] if args.disk_only else ["disk", "memory"]
    found = {source: [] for source in sources}
    for _ in range(args.repeats):
        for source in sources:
            found[source].append(run(folder, source, args))
    for source, runs in found.items():
        figures = {
            name: median(r[name] for r in runs) for name in runs[0] if name != "bits"
        }
        print(
            f"{source:7} {figures['iteration']:8.2f} s an iteration  "
            f"{figures['seconds']:8.1f} s a fit  "
            f"{figures['above']:8.0f} MB above one W and H ({figures['factors']:.0f}), "
            f"{figures['anonymous']:.0f} anonymous, {figures['resident']:.0f} resident"
        )
    if not args.disk_only:
        pairs = zip(found["disk"], found["memory"], strict=True)
        ratio = median(d["iteration"] / m["iteration"] for d, m in pairs)
        bits = {r["bits"] for runs in found.values() for r in runs}
        print(f"disk / memory: {ratio:.3f} x; equal bits: {len(bits) == 1}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--terms", type=int, default=50_000)
    parser.add_argument("--length", type=float, default=30)
    parser.add_argument("--data", nargs="*", default=[])
    parser.add_argument("--model", default="TorchPoissonNMF")
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--disk-only", action="store_true")
    parser.add_argument("--folder")
    parser.add_argument("--fit", choices=["disk", "memory"])
    args = parser.parse_args()
    if args.fit:
        fit(args.folder, args.fit, args.model, args.topics, args.iterations)
        return
    from sklearn_topics import io

    with tempfile.TemporaryDirectory() as temporary:
        for number, name in enumerate(args.data):  # whose files may be named alike
            X = sp.csr_array(sp.load_npz(name))
            folder = Path(temporary, str(number))
            io.write_counts(folder, X, dtype="float32")
            print(f"{name}: {X.shape[0]:,} x {X.shape[1]:,}, {X.nnz:,} counts")
            compare(folder, args)
        if not args.data:
            folder = Path(args.folder or Path(temporary, "corpus"))
            if not folder.exists():
                begin = time.perf_counter()
                draw(folder, args.documents, args.terms, args.length)
                print(f"drawn and written in {time.perf_counter() - begin:.0f} s")
            X = io.open_counts(folder)
            begin = time.perf_counter()
            _ = X.T
            print(f"{X}, transposed in {time.perf_counter() - begin:.0f} s")
            compare(folder, args)


if __name__ == "__main__":
    main()
