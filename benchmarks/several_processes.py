"""Fits of several processes beside one process with as many threads.

    python benchmarks/several_processes.py --documents 1000000 --terms 50000 --topics 50

Printed for each solver: the seconds of an iteration, in turns, of one process with two
threads and of two processes with one; messages and bytes of an iteration, counted, and
the bytes by the formula of the guide; and the seconds that the guide's model of the
time expects for several machines. At last one process is killed in the middle of a fit
with a checkpoint: what the others say and after how long, and whether the fit that goes
on ends with the topics of one that was not interrupted (not with ``--record``).
"""

import argparse
import json
import os
import signal
import tempfile
import time
import warnings
from hashlib import sha256
from pathlib import Path
from statistics import median

import groups
import record
from disk import draw
from groups import results

#: Machines of the model, and of the network between them the seconds of a message and
#: the bytes a second: 10 Gbit/s.
_MACHINES = 2, 4, 16, 64, 256, 1024
_LATENCY, _BANDWIDTH = 50e-6, 1.25e9

#: scd begins with 15 iterations of EM: those before are not measured.
_FIRST = 20


def formula(solver, m, K):
    """Bytes of an iteration in float32, without messages of K numbers or fewer."""
    return 4 * m * K if solver == "em" else 4 * 3 * m * K + 24 * m


def model_of(args, **options):
    from sklearn_topics import TorchPoissonNMF

    options = {"init": "random", "tol": 0, "random_state": 0, **options}
    return TorchPoissonNMF(args.topics, solver=args.solver, **options)


def expected_seconds(seconds, messages, sent, machines):
    """Seconds of an iteration on several machines, from those on one machine."""
    waits = messages * 2 * (machines - 1) * _LATENCY
    return seconds / machines + waits + 2 * sent / _BANDWIDTH


def rows_of_this_process(args):
    from sklearn_topics import io

    X = io.open_counts(args.folder)
    rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    begin, end = (X.shape[0] * r // size for r in (rank, rank + 1))
    return X[begin:end]


def measure_time(args, X):
    model = model_of(args, max_iter=_FIRST + args.iterations).fit(X)
    history = model.loss_history_
    stamps = dict(zip(history["iteration"], history["seconds"], strict=True))
    return (stamps[_FIRST + args.iterations] - stamps[_FIRST]) / args.iterations


def count_messages(args, X):
    """Messages and bytes of an iteration; they do not depend on the documents."""
    from sklearn_topics._kernels import ranks

    group, counted, X = ranks.current(), [], X[:1000]
    for n_iter in _FIRST + 1, _FIRST + 5:
        before = group.messages, group.sent_bytes
        model_of(args, max_iter=n_iter).fit(X)
        counted.append((group.messages - before[0], group.sent_bytes - before[1]))
    return [(many - few) / 4 for few, many in zip(*counted, strict=True)]


def fit_with_checkpoint(args, X):
    model = model_of(args, max_iter=60, checkpoint=args.checkpoint)
    try:
        model.fit(X)
    except RuntimeError as error:
        return {"error": str(error), "at": time.time()}
    return {"topics": sha256(model.components_.tobytes()).hexdigest()}


JOBS = {"time": measure_time, "count": count_messages, "kill": fit_with_checkpoint}


def work(args):
    """In a process of its own: a job, and its result as JSON."""
    from sklearn_topics.distributed import process_group

    warnings.simplefilter("ignore")  # of convergence
    X = rows_of_this_process(args)
    with process_group():
        found = JOBS[args.job](args, X)
        if isinstance(found, dict) and "error" in found:
            print(json.dumps(found), flush=True)
            os._exit(0)  # the group cannot be left in order
    print(json.dumps(found))


def start(args, job, processes, threads=1, checkpoint=""):
    command = [__file__, "--job", job, "--folder", args.folder]
    command += ["--topics", args.topics, "--solver", args.solver]
    command += ["--iterations", args.iterations, "--checkpoint", checkpoint]
    return groups.start(command, processes, threads)


def compare_times(args):
    """Seconds of both ways, messages and bytes of an iteration."""
    n = args.processes
    ways = {"one process": (1, n), f"{n} processes": (n, 1)}
    seconds = {way: [] for way in ways}
    for _ in range(args.repeats):
        for way, (processes, threads) in ways.items():
            found = results(start(args, "time", processes, threads))
            seconds[way].append(max(found))
    for way, found in seconds.items():
        print(f"{args.solver:4} {way:12} {median(found):8.3f} s an iteration")
    one, several = map(median, seconds.values())
    print(f"{args.solver:4} ratio {several / one:.2f}")
    messages, sent = results(start(args, "count", n))[0]
    print(
        f"{args.solver:4} {messages:g} messages, {sent:,.0f} bytes an iteration; "
        f"by the formula {formula(args.solver, args.terms, args.topics):,}"
    )
    for machines in _MACHINES:
        expected = expected_seconds(one, messages, sent, machines)
        print(f"{args.solver:4} {machines:5} machines: {expected:7.3f} s expected")
    return {"seconds": seconds, "messages": messages, "sent": sent}


def write(args, found):
    """The table: a row for each way that was measured, and for some machines."""
    columns = {"Machines of two cores": ""}
    columns |= {f'"{solver}", s an iteration': ".3g" for solver in found}
    ways = next(iter(found.values()))["seconds"]
    rows = [
        [f"one, {way}", *(one["seconds"][way] for one in found.values())]
        for way in ways
    ]
    for machines in _MACHINES:
        row = [f"{machines:,}, calculated"]
        for one in found.values():
            seconds = median(one["seconds"]["one process"])
            figures = seconds, one["messages"], one["sent"], machines
            row.append(expected_seconds(*figures))
        rows.append(row)
    record.write_table("several_processes", args.record, columns, rows, ("numba",))


def kill(args):
    with tempfile.TemporaryDirectory() as folder:
        whole = results(start(args, "kill", args.processes, 1, Path(folder, "whole")))
        path = Path(folder, "state")
        processes = start(args, "kill", args.processes, 1, path)
        while not Path(f"{path}.rank1").exists():
            time.sleep(0.01)
        processes[1].send_signal(signal.SIGKILL)
        killed = time.time()
        for found in results(processes):
            print(f"after {found['at'] - killed:.1f} s: {found['error']}")
        resumed = results(start(args, "kill", args.processes, 1, path))
        print(f"resumed with the same topics: {resumed[0] == whole[0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--terms", type=int, default=50_000)
    parser.add_argument("--length", type=float, default=30)
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--solvers", nargs="+", default=["em", "scd"])
    parser.add_argument("--folder", type=Path, help="of the corpus, which is kept")
    for name in "--job", "--solver", "--checkpoint":
        parser.add_argument(name, help=argparse.SUPPRESS)
    record.add_arguments(parser)
    args = parser.parse_args()
    if args.job:
        work(args)
        return
    if args.quick:
        args.documents, args.terms, args.iterations, args.repeats = 2000, 500, 2, 1
    with tempfile.TemporaryDirectory() as temporary:
        args.folder = args.folder or Path(temporary, "corpus")
        if not args.folder.exists():
            draw(args.folder, args.documents, args.terms, args.length)
        found = {}
        for solver in args.solvers:
            args.solver = solver
            found[solver] = compare_times(args)
        if args.record:
            write(args, found)
        else:
            kill(args)


if __name__ == "__main__":
    main()
