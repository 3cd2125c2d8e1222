"""Measure every table of the documentation in one run, on a machine that is idle.

    pip install -c constraints.txt -e ".[all]" -r benchmarks/requirements.txt
    python benchmarks/all.py DATA [--only NAME ...] [--again]

DATA is the folder of the corpora. On two cores, it takes about 40 minutes. Each table
is written as soon as it is measured. A run that was interrupted goes on: tables that
this commit has measured are left out, unless ``--again`` asks for them. At the end, the
README's table is rewritten. Commit ``benchmarks/data`` and ``README.md``.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import readme
import record

HERE = Path(__file__).parent
#: Table -> script and arguments; {data} is the folder of the corpora.
TABLES = {
    "quality": "quality.py {data}",
    "likelihood": "poisson_nmf.py {data}/nips/counts.npz --peer-iterations 100",
    "optima": "optima.py {data} --seeds 5",
    "traces": "peers.py {data}/newsgroups20/counts.npz -k 50 --seconds 4",
    "lda": "lda.py {data} --corpora etm_20ng --K 50 --documents 5000"
    " --parts fit online transform",
    "lda_relaxed": "lda.py {data} --K 20 50 --parts relaxed",
    "nmf": "beta_nmf.py {data} --only nips -k 50",
    "svd": "truncated_svd.py {data}/nips/counts.npz -k 50 --repeats 3",
    "torch_nmf": "torch_nmf.py --repeats 5",
    "coherence": "coherence.py {data}",
    "tinytopics": "tinytopics_article.py --documents 1000 --repeats 3",
    "starts": "starts.py {data} snippets tweets",
    "steering": "steering.py {data} --only seeds",
    "topic_effects": "topic_effects.py --draws 200",
    "several_processes": "several_processes.py --documents 200000 --iterations 10",
}


def measured(folder, name, commit) -> bool:
    path = folder / f"{name}.json"
    if not path.exists() or (commit or "+").endswith("+"):  # of no commit
        return False
    return json.loads(path.read_text())["commit"] == commit


def run(name, args) -> float:
    """Seconds of the script; its output goes on."""
    words = [word.format(data=args.data) for word in TABLES[name].split()]
    words[0] = str(HERE / words[0])
    words += ["--record", str(args.record)] + ["--quick"] * args.quick
    print(f"\n== {name}", flush=True)
    begin = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--again", action="store_true", help="also what was measured")
    record.add_arguments(parser)
    args = parser.parse_args()
    args.record = args.record or record.FOLDER
    load = os.getloadavg()[0]
    if load > 0.5 and not args.quick:
        print(f"Other programs are running (load {load:.1f}): figures will be worse.")
    commit, seconds = record.commit(), {}
    for name in args.only:
        if args.again or not measured(args.record, name, commit):
            seconds[name] = run(name, args)
    for name, value in seconds.items():
        print(f"{value:7.0f} s  {name}")
    print(f"{sum(seconds.values()) / 60:7.1f} minutes in all")
    if args.record == record.FOLDER:
        readme.rewrite()


if __name__ == "__main__":
    main()
