"""Programs that are started several times, as one group of processes."""

import json
import os
import socket
import subprocess
import sys


def start(arguments, processes, threads=1, environments=None):
    """Start a program, `arguments`, as each process of a group.

    `environments` are variables of each process.
    """
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    group |= {"WORLD_SIZE": str(processes), "OMP_NUM_THREADS": str(threads)}
    return [
        subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env={**os.environ, **group, "RANK": str(rank), **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for rank, own in enumerate(environments or [{}] * processes)
    ]


def results(processes):
    """What processes have printed last, without those that were killed."""
    out = [process.communicate()[0] for process in processes]
    return [json.loads(text.splitlines()[-1]) for text in out if text]
