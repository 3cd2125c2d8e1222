"""Compilation of the CPU kernels: the cache on disk, forks, what is announced."""

import gc
import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numba
import numpy as np
import pytest

import sklearn_topics
from sklearn_topics._kernels.cpu import jit
from sklearn_topics._kernels.cpu.compiling import watch_compiling


def _run_script(script, *arguments, **environment):
    code = textwrap.dedent(_PRELUDE) + textwrap.dedent(script)
    # Python 3.12 and later warn of a fork of a process that has threads.
    quiet = "-W", "ignore::DeprecationWarning"
    return subprocess.run(
        [sys.executable, *quiet, "-c", code, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


_PRELUDE = """
    import hashlib, os, signal, sys
    import torch
    from sklearn_topics._kernels import CSR, ops
    from sklearn_topics._kernels.cpu import blocks as _blocks
    from sklearn_topics._kernels.cpu import descent, factors, logarithms, products

    def compute(descend=True):
        draw = torch.Generator().manual_seed(0)
        columns = torch.rand(100, 120, generator=draw).argsort(1)[:, :70].sort(1)[0]
        X = CSR(
            torch.arange(0, 7001, 70),
            columns.ravel().int(),
            torch.rand(7000, generator=draw) + 1,
            (100, 120),
        )
        W, HT = (torch.rand(n, 7, generator=draw) for n in (100, 120))
        sums = ops.column_sums(HT)
        W = ops.ratio_product(X, W, HT, floor=1e-10)
        scd = {"pseudocount": 0.1, "n_sweeps": 5, "floor": 1e-10}
        if descend:
            W, _ = ops.scd_rows(X, W, HT, sums, **scd)
        logs = ops.log_sums(X, W, HT, floor=1e-10)
        return torch.cat([W.ravel().to(logs.dtype), logs])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_kernels_run_in_a_forked_child():
    result = _run_script(
        """
        _blocks._SERIAL_WORK = 0
        torch.get_num_threads = lambda: 2
        expected = compute()  # starts the parent's pool
        assert len(_blocks._pools) == 1
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # a child that hangs must not stay
            os._exit(0 if torch.equal(compute(), expected) else 1)
        print("child ended with", os.waitpid(child, 0)[1])
        assert torch.equal(compute(), expected)
        """
    )
    assert result.stderr == ""
    assert result.stdout == "child ended with 0\n"


def _copy_package(folder):
    package = Path(sklearn_topics.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / package.name, ignore=ignore)
    return folder / package.name / "_kernels" / "cpu"


def test_compiled_kernels_come_from_the_cache_until_any_file_changes(tmp_path):
    kernels = _copy_package(tmp_path)
    script = """
        found = compute(descend=False)
        seen = [products._ratio_rows, logarithms._log_rows, factors._column_sums]
        if sys.argv[1:] == ["descend"]:  # which takes the longest to compile
            found = torch.cat([found, compute()])
            seen.append(descent._csr_rows)
        for kernel in seen:
            hits, misses = kernel.stats.cache_hits, kernel.stats.cache_misses
            print(sum(hits.values()), sum(misses.values()))
        for part in found.split(len(found) // (len(seen) - 2)):
            print(hashlib.sha256(part.numpy()).hexdigest())
        """
    here = {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    here["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")
    first, second = (_run_script(script, "descend", **here) for _ in range(2))
    with (kernels / "row_sums.py").open("a") as file:  # where none of them is
        file.write("# changed\n")
    third = _run_script(script, **here)
    assert (first.stderr, second.stderr, third.stderr) == ("", "", "")
    one, two, three = (run.stdout.splitlines() for run in (first, second, third))
    assert one[:4] == ["0 1"] * 4
    assert two[:4] == ["1 0"] * 4
    assert three[:3] == ["0 1"] * 3
    # The bits are those of the process that compiled.
    assert one[4:] == two[4:]
    assert one[4] != one[5]
    assert one[4:5] == three[3:]


@pytest.fixture
def new_kernel(tmp_path, monkeypatch):
    """A kernel as a new process would import it."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "doubled.py"
    path.write_text("def doubled(a):\n    return a[0] + a[0]\n")

    def make():
        name = f"{jit.__package__}.doubled"
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        # numba's cache imports the module by its name.
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return jit.kernel(module.doubled)

    return make


def test_exchanged_files_of_the_cache_are_not_used(new_kernel, tmp_path):
    """Processes that compile for two types at once number their files alike."""
    arrays = np.full(2, 1.5, np.float32), np.full(2, 2.5, np.float64)
    doubled = new_kernel()
    assert [doubled(a) for a in arrays] == [3, 5]
    first, second = tmp_path.glob("cache/*/*.nbc")
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    doubled = new_kernel()
    assert [doubled(a) for a in arrays] == [3, 5]


def test_watchers_hear_of_compilations_alone(new_kernel):
    calls = []
    with watch_compiling(lambda: calls.append(gc.isenabled())):
        assert new_kernel()(np.ones(2)) == 2
        assert calls == [True]
        assert new_kernel()(np.ones(2)) == 2  # from the cache
    assert calls == [True]
    new_kernel()(np.ones(2, np.float32))
    assert calls == [True]
    assert gc.isenabled()


def test_kernels_are_compiled_in_one_place():
    folder = Path(jit.__file__).parent
    users = [path.name for path in folder.glob("*.py") if "njit" in path.read_text()]
    assert users == ["jit.py"]


def test_without_a_folder_to_cache_in_kernels_are_compiled_each_time(tmp_path):
    """As in a container whose user owns neither the packages nor a home."""
    kernels = _copy_package(tmp_path)
    (kernels / "__pycache__").touch()  # no folder
    script = """
        from sklearn_topics._kernels.cpu import jit as _numba
        print(_numba.__file__.startswith(sys.argv[1]), _numba.can_cache())
        print(ops.column_sums(torch.ones(5, 2)).tolist())
        """
    homeless = dict.fromkeys(("HOME", "XDG_CACHE_HOME"), os.devnull)
    homeless["NUMBA_CACHE_DIR"] = ""
    here = {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    result = _run_script(script, str(tmp_path), **homeless, **here)
    assert result.stdout == "True False\n[5.0, 5.0]\n", result.stderr
    assert "Set the environment variable NUMBA_CACHE_DIR" in result.stderr
