"""Blocks of rows on threads: coverage, identical bits, errors."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_topics._kernels import ops
from sklearn_topics._kernels.cpu import blocks as _blocks
from sklearn_topics._kernels.cpu.blocks import balanced_bounds, run_blocks


@pytest.fixture
def use_threads(monkeypatch):
    """Set the thread count that kernels see, with blocks for any amount of work."""

    def use(n_threads):
        monkeypatch.setattr(_blocks, "_SERIAL_WORK", 0)
        monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)

    return use


@settings(max_examples=200)
@given(
    lengths=st.lists(st.integers(0, 1000) | st.just(0), min_size=1, max_size=60),
    n_blocks=st.integers(1, 20),
)
def test_bounds_are_balanced(lengths, n_blocks):
    indptr = np.array([0, *np.cumsum(lengths)])
    bounds = balanced_bounds(indptr, n_blocks)
    assert bounds[0] == 0
    assert bounds[-1] == len(lengths)
    assert (np.diff(bounds) > 0).all()
    assert len(bounds) <= n_blocks + 1
    entries = np.diff(indptr[bounds])
    assert entries.max() <= indptr[-1] / n_blocks + max(lengths)


# ------------------------------------------------------------------------ equal bits


def _operations(to_csr):
    """Results of all kernels on rows of very unequal lengths."""
    rng = np.random.default_rng(0)
    density = rng.random((150, 1)) ** 4
    A = rng.poisson(1.0, (150, 90)) * (rng.random((150, 90)) < density)
    A[17] = 3
    A[[0, 80, 149]] = 0
    A = A.astype(np.float32)
    W, HT = (torch.tensor(rng.random((r, 7)), dtype=torch.float32) for r in A.shape)
    X, dense = to_csr(A), torch.from_numpy(A)
    scd = {"pseudocount": 0.1, "n_sweeps": 3, "floor": 1e-10}
    return {
        "sddmm": ops.sddmm(X, W, HT),
        "spmm": ops.spmm(X, HT),
        "pair counts": ops.pair_counts(
            X, torch.arange(90), torch.arange(90).view(-1, 2)
        ),
        "ratio": ops.ratio_product(X, W, HT, floor=1e-10),
        "dense ratio": ops.ratio_product(dense, W, HT, floor=1e-10),
        "dense ratio of X.T": ops.ratio_product(dense.T, HT, W, floor=1e-10),
        "loglik": ops.log_sums(X, W, HT, floor=1e-10),
        "scd": ops.scd_rows(X, W, HT, HT.sum(0), **scd)[0],
        "scd of X.T": ops.scd_rows(X.T, HT, W, W.sum(0), **scd)[0],
        "dense scd": ops.scd_rows(dense, W, HT, HT.sum(0), **scd)[0],
        "dense scd of X.T": ops.scd_rows(dense.T, HT, W, W.sum(0), **scd)[0],
        "column sums": ops.column_sums(W),
        "column sums of a product": ops.column_sums(W, W + 1),
        "gram": ops.gram(W),
        "combined columns": ops.combine_columns(W, HT[:7]),
        "ratio step": ops.ratio_step(W, W + 1, W[0], gamma=0.5, zero_denominator=1.0),
        "hals step": ops.hals_step(W, W + 1, HT.T @ HT, 0.1, torch.arange(7))[0],
        "multiplicative step": ops.multiplicative_step(W, W + 1, W[0], 0.1),
        "settled": ops.settle(W, W + 1, W[0], 0.1, W[0])[0],
        "extrapolation": ops.extrapolate(W, W + 1, 0.5, 0.1),
        "logarithms": ops.log_sum(W + 1),
        "violation": ops.largest_violation(W, W + 1, W[0], 0.1),
    }


@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_bits_do_not_depend_on_threads(to_csr, use_threads, n_threads):
    use_threads(1)
    serial = _operations(to_csr)
    use_threads(n_threads)
    for name, result in _operations(to_csr).items():
        assert result.isfinite().all(), name
        assert torch.equal(result, serial[name]), name


def test_two_threads_may_run_kernels_at_once(to_csr, use_threads):
    use_threads(2)
    expected = _operations(to_csr)
    with ThreadPoolExecutor(2) as callers:
        results = list(callers.map(lambda _: _operations(to_csr), range(8)))
    for result in results:
        assert all(torch.equal(result[name], expected[name]) for name in expected)


# ---------------------------------------------------------------------------- errors


class Blocks:
    """A kernel that notes the rows of blocks that began and ended."""

    def __init__(self, at_row, act):
        self.at_row, self.act = at_row, act
        self.begun, self.ended = [], []

    def __call__(self, first, last, indptr):
        self.begun.append(first)
        try:
            if first <= self.at_row < last:
                self.act()
            time.sleep(0.02)
        finally:
            self.ended.append(first)


def _raiser(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize("error", [MemoryError("no room"), KeyboardInterrupt()])
@pytest.mark.parametrize("at_row", [0, 50, 99])
def test_an_error_in_a_block_is_raised_when_all_have_ended(use_threads, error, at_row):
    use_threads(2)
    kernel = Blocks(at_row, _raiser(error))
    with pytest.raises(type(error)):
        run_blocks(kernel, np.arange(101), 1)
    begun = sorted(kernel.begun)
    assert begun == sorted(kernel.ended)
    time.sleep(0.05)
    assert sorted(kernel.begun) == begun  # nothing begins afterwards


def test_blocks_have_ended_after_ctrl_c(use_threads, ctrl_c):
    use_threads(2)
    main = threading.main_thread().ident
    kernel = Blocks(40, lambda: signal.pthread_kill(main, ctrl_c))
    with pytest.raises(KeyboardInterrupt):
        run_blocks(kernel, np.arange(101), 1)
    begun = sorted(kernel.begun)
    assert begun == sorted(kernel.ended)
    time.sleep(0.05)
    assert sorted(kernel.begun) == begun


def test_blocks_have_ended_after_ctrl_c_while_they_are_handed_out(
    use_threads, monkeypatch
):
    use_threads(5)
    kernel = Blocks(-1, None)
    with ThreadPoolExecutor(2) as pool:

        class Interrupted:
            submitted = 0

            def submit(self, *args):
                self.submitted += 1
                if self.submitted == 4:
                    raise KeyboardInterrupt
                return pool.submit(*args)

        monkeypatch.setattr(_blocks, "_pool", lambda n_threads: Interrupted())
        with pytest.raises(KeyboardInterrupt):
            run_blocks(kernel, np.arange(101), 1)
        begun = len(kernel.begun)
        assert len(kernel.ended) == begun
    assert len(kernel.begun) == begun


def test_a_busy_pool_is_not_waited_for(use_threads):
    use_threads(2)
    slow = Blocks(-1, None)
    done = []

    def nested(first, last, indptr):
        run_blocks(slow, indptr, 1)
        done.append(first)

    outer = threading.Thread(
        target=run_blocks, args=(nested, np.arange(101), 1), daemon=True
    )
    outer.start()
    outer.join(timeout=30)
    assert not outer.is_alive()
    assert sorted(done) == balanced_bounds(np.arange(101), 8)[:-1]


def test_callers_side_by_side_share_the_threads(use_threads):
    """The second finds all of them taken, and works alone; then it has help again."""
    use_threads(2)
    inside, go_on, seen = threading.Event(), threading.Event(), set()

    def first(*args):
        inside.set()
        assert go_on.wait(30)

    def second(first_row, last_row, indptr):
        seen.add(threading.get_ident())
        time.sleep(0.01)

    other = threading.Thread(target=run_blocks, args=(first, np.arange(101), 1))
    other.start()
    assert inside.wait(30)
    run_blocks(second, np.arange(101), 1)
    assert seen == {threading.get_ident()}
    go_on.set()
    other.join(timeout=30)
    run_blocks(second, np.arange(101), 1)
    assert len(seen) == 2


def test_small_work_stays_on_the_calling_thread(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    callers = []

    def kernel(first, last, indptr):
        callers.append((first, last, threading.current_thread()))

    run_blocks(kernel, np.arange(11), 1)
    assert callers == [(0, 10, threading.current_thread())]
