"""Groups that `process_group` makes, one after the other: run by `test_distributed.py`.

With the argument "fail", the first attempt ends, and torchrun starts another one:

    torchrun --nproc-per-node 2 --max-restarts 1 -m tests.distributed.groups_of_torchrun
"""

import os
import sys

import numpy as np

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.distributed import process_group

COUNTS = np.random.default_rng(0).poisson(1.0, (30, 20))


def main(rank, fails):
    """Ten fits, each after a group in which rank 1 has failed at once."""
    fits = failures = 0
    for _ in range(10):
        try:
            with process_group():
                if rank == 1:
                    raise OSError("no such file")
                TorchPoissonNMF(3).fit(COUNTS)
        except (OSError, RuntimeError) as error:
            failures += str(error).count("no such file")
            if fails:
                raise
        with process_group():
            fits += TorchPoissonNMF(3, max_iter=30, tol=1).fit(COUNTS).n_iter_ > 0
    sys.stdout.write(f"rank {rank}: {fits} fits, {failures} failures\n")


if __name__ == "__main__":
    first_attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    main(int(os.environ["RANK"]), "fail" in sys.argv and first_attempt)
