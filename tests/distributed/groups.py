"""Groups of processes that do jobs: run as a module by `test_distributed.py`.

    python -m tests.distributed.groups FOLDER

The processes are forked, so that they import torch once. Those of a group meet at a
file in the folder. What each ends with is written there too, as JSON.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import torch

from .group_failures import end_often, fail, resume, wait
from .group_fits import fit_all, join, round_otherwise

#: Jobs, and the sizes of the groups that do them.
GROUPS = (
    (fit_all, 2),
    (fit_all, 3),
    (fail, 3),
    (wait, 3),
    (round_otherwise, 2),
    (resume, 2),
    (end_often, 2),
)


def run(job, rank, size, folder):
    """Do a job as a rank of a group."""
    os.chdir(folder)
    name = f"{job.__name__} {size}"
    if job is not end_often:  # which makes many
        join(name, rank, size)
    found = json.dumps(job(rank, size))
    (folder / f"{name} {rank}.json").write_text(found)


def main(folder):
    torch.set_num_threads(1)
    processes = []
    for job, size in GROUPS:
        for rank in range(size):
            processes.append(os.fork())
            if processes[-1] == 0:
                try:
                    run(job, rank, size, folder)
                except BaseException:
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(0)
    for process in processes:
        os.waitpid(process, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
