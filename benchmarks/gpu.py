"""All that is to be measured on a machine with a CUDA device, in eight minutes.

    PYTHONPATH=. python benchmarks/gpu.py [--quick] [--only SECTION ...]

First whether operations and estimators compute what they compute on the CPU; then
times, each beside its bar. Writes the figures to benchmarks/data/gpu-CARD.json.
--quick takes two minutes. The corpora are in the folder that SKLEARN_TOPICS_DATA
names, or in ../shared/data; without them synthetic ones of their size stand in.

Without a card:

- ``--interpreter`` checks operations and estimators at tiny sizes: Triton's interpreter
  runs the kernels on tensors of the CPU;
- ``--counts`` counts the bytes and launches of an iteration;
- ``--trial`` runs every section at tiny sizes on the CPU, to find errors of the
  benchmark itself: times mean nothing.

The exit status is 1 if a section raised or a result is wrong, and 2 without a card. A
bar of speed that is missed does not change it.
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
import traceback
from contextlib import nullcontext
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

#: Section -> function, seconds of a run, and of a quick run; in the order of value.
SECTIONS = {
    "compile": ("gpu_correctness:compile_kernels", 60, 30),
    "operations": ("gpu_correctness:operations", 40, 15),
    "estimators": ("gpu_correctness:estimator_results", 45, 15),
    "bandwidth": ("gpu_sections:bandwidth", 4, 4),
    "iterations": ("gpu_sections:iterations", 65, 25),
    "fits": ("gpu_fits:fits", 30, 15),
    "crossover": ("gpu_fits:crossover", 60, 0),
    "etm": ("gpu_fits:etm", 15, 0),
    "svd": ("gpu_fits:svd", 10, 8),
    "dense": ("gpu_fits:dense", 30, 0),
    "torchnmf": ("gpu_fits:torchnmf", 8, 0),
    "scikit-learn": ("gpu_fits:scikit_learn", 12, 0),
    "kernels": ("gpu_sections:kernels", 30, 8),
    "upload": ("gpu_sections:uploads", 6, 0),
    "tiles": ("gpu_sections:tiles", 25, 0),
}
COUNTS = {"counts": ("gpu_sections:counts", 600, 600)}
CORRECTNESS = "operations", "estimators"

#: Less than this is not worth the beginning of a section.
LEAST_SECONDS = 4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two minutes, not eight")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION")
    parser.add_argument("--seconds", type=float, help="the time for all sections")
    parser.add_argument("--json", type=Path, help="write the figures here")
    without = parser.add_mutually_exclusive_group()
    without.add_argument(
        "--interpreter", action="store_true", help="correctness without a card"
    )
    without.add_argument(
        "--counts", action="store_true", help="bytes and launches without a card"
    )
    without.add_argument(
        "--trial", action="store_true", help="every section, tiny, without a card"
    )
    return parser.parse_args()


def load(place):
    """The function at a place of SECTIONS; modules are imported when needed."""
    module, function = place.split(":")
    return getattr(__import__(module), function)


def run_sections(bench, sections, errors, write):
    """Run each section for its time, and write what is known after each.

    `errors` gains those of sections that raised.
    """
    # A section that its own estimates do not stop is interrupted.
    signal.signal(signal.SIGALRM, _too_long)
    for name, (place, seconds, quick_seconds) in sections.items():
        seconds = quick_seconds if bench.quick else seconds
        if not bench.tiny and (seconds == 0 or bench.left < LEAST_SECONDS):
            print(f"{name}: left out, no time", flush=True)
            bench.notes.append(f"{name}: left out, no time")
            continue
        print(name, flush=True)
        bench.begin(name, seconds)
        begin = time.perf_counter()
        signal.alarm(0 if bench.tiny else int(min(1.5 * seconds, bench.left)) + 5)
        try:
            with context(name, bench):
                load(place)(bench)
        except Exception as error:  # the other sections are run all the same
            errors[name] = traceback.format_exc()
            print(f"    failed: {type(error).__name__}: {error}", flush=True)
        finally:
            signal.alarm(0)
        bench.seconds_of[name] = time.perf_counter() - begin
        print(f"    ({bench.seconds_of[name]:.1f} s)", flush=True)
        write()


def context(name, bench):
    """In a trial, times are of the Triton kernels, on tensors of the CPU."""
    if not bench.tiny or name in CORRECTNESS:
        return nullcontext()
    from gpu_counts import as_on_cuda

    return as_on_cuda()


def _too_long(*_):
    raise TimeoutError("The section takes much longer than its time.")


def machine(device):
    """Card, driver and versions."""
    import torch

    found = {
        "time": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "commit": _output("git", "-C", str(FOLDER), "rev-parse", "HEAD"),
        "cuda": torch.version.cuda,
    }
    for package in "torch", "triton", "numba", "numpy", "scipy", "scikit-learn":
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        query = "nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"
        found |= {
            "card": properties.name,
            "memory": properties.total_memory,
            "multiprocessors": properties.multi_processor_count,
            "driver": _output(*query),
        }
    return found


def _output(*command):
    """The first line that a command prints; None if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().split("\n")[0] or None


def report(bench, errors):
    """Print bars and errors."""
    print("\nbars" + (": a trial, in which times mean nothing" if bench.tiny else ""))
    for bar in bench.bars:
        kind = "least" if "least" in bar else "most"
        mark = "ok  " if bar["passed"] else "MISS"
        print(f"  {mark} {bar['what']}: {bar['value']:.3g} ({kind} {bar[kind]:.3g})")
    for name, error in errors.items():
        print(f"\n{name} failed:\n{error}")


def write_json(bench, errors, path, about):
    """Write everything that is known so far."""
    found = {
        "machine": about,
        "trial": bench.tiny,
        "quick": bench.quick,
        "seconds": bench.seconds_of,
        "bars": bench.bars,
        "figures": bench.figures,
        "notes": bench.notes,
        "errors": errors,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, default=str) + "\n")


def main():
    args = arguments()
    simulated = args.interpreter or args.trial
    if simulated:
        os.environ["TRITON_INTERPRET"] = "1"  # triton reads it when it is imported
    sys.path.insert(0, str(FOLDER))
    import torch
    from gpu_common import Bench

    if not (simulated or args.counts or torch.cuda.is_available()):
        print(
            "No CUDA device: torch.cuda.is_available() is False. Without a card use "
            "--interpreter, --counts or --trial.",
            file=sys.stderr,
        )
        return 2
    device = torch.device("cpu" if simulated or args.counts else "cuda")
    seconds = args.seconds or (120 if args.quick else 480)
    sections = {name: SECTIONS[name] for name in args.only or SECTIONS}
    if args.interpreter:
        sections = {name: SECTIONS[name] for name in CORRECTNESS}
    elif args.counts:
        sections, seconds = COUNTS, 600
    bench = Bench(device, seconds, tiny=simulated, quick=args.quick)
    about = machine(device)
    print(json.dumps(about, indent=1), flush=True)
    card = re.sub(r"\W+", "-", about.get("card", "none").lower()).strip("-")
    default = FOLDER / "data" / f"gpu-{card}.json"
    if simulated or args.counts:
        kind = next(k for k in ("interpreter", "counts", "trial") if getattr(args, k))
        default = Path(os.environ.get("TMPDIR", "/tmp")) / f"gpu-{kind}.json"
    errors, path = {}, args.json or default
    write = partial(write_json, bench, errors, path, about)
    run_sections(bench, sections, errors, write)
    report(bench, errors)
    print(f"\nwritten to {path}")
    wrong = [b for b in bench.bars if b["section"] in CORRECTNESS and not b["passed"]]
    return 1 if errors or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
