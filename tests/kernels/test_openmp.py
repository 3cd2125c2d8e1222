"""torch on one thread, our kernels on all, and everything as it was afterwards."""

import threading

import pytest
import torch

from sklearn_topics import TorchETM, TorchPoissonNMF
from sklearn_topics._core.etm import ETMTrainer
from sklearn_topics._core.poisson_nmf import EM, SCD
from sklearn_topics._core.softmax_adam import SoftmaxAdam
from sklearn_topics._kernels.threads import (
    one_torch_thread,
    thread_count,
    threads_by_work,
)
from sklearn_topics.datasets import make_topic_corpus


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def mkl_threads():
    lines = torch.__config__.parallel_info().splitlines()
    return [line.split()[-1] for line in lines if "mkl_get_max_threads" in line]


def test_one_inside_and_as_many_as_before_outside():
    """MKL, too, which after torch.set_num_threads does not do as OpenMP does."""
    outside = mkl_threads()
    with one_torch_thread():
        assert (torch.get_num_threads(), thread_count()) == (1, 2)
        assert mkl_threads() == ["1" for _ in outside]
        with one_torch_thread():
            assert (torch.get_num_threads(), thread_count()) == (1, 2)
        assert (torch.get_num_threads(), thread_count()) == (1, 2)
    assert (torch.get_num_threads(), thread_count()) == (2, 2)
    assert mkl_threads() == outside


def test_large_operations_get_all_threads_again():
    with one_torch_thread():
        with threads_by_work(1 << 30):
            assert (torch.get_num_threads(), thread_count()) == (2, 2)
            assert mkl_threads() == ["2" for _ in mkl_threads()]
        with threads_by_work(1 << 20):
            assert torch.get_num_threads() == 1
        assert (torch.get_num_threads(), thread_count()) == (1, 2)
    with threads_by_work(1 << 30):
        assert torch.get_num_threads() == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_errors_put_it_back(error):
    with pytest.raises(error), one_torch_thread():
        raise error
    assert (torch.get_num_threads(), thread_count()) == (2, 2)


def test_other_threads_are_left_as_they_are():
    seen = {}

    def look(name):
        seen[name] = torch.get_num_threads(), thread_count(), *mkl_threads()

    look("here")
    with one_torch_thread():
        thread = threading.Thread(target=look, args=("there",))
        thread.start()
        thread.join()
    assert seen["there"] == seen["here"]


def test_a_user_of_one_thread_keeps_it():
    torch.set_num_threads(1)
    with one_torch_thread():
        assert (torch.get_num_threads(), thread_count()) == (1, 1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("model", "solver", "part"),
    [
        (TorchETM(2, max_iter=2), ETMTrainer, "_means"),
        (TorchPoissonNMF(2, solver="adam", max_iter=2), SoftmaxAdam, "_gradients"),
        (TorchPoissonNMF(2, max_iter=2), SCD, "advance"),
        (TorchPoissonNMF(2, solver="em", max_iter=2), EM, "advance"),
    ],
)
def test_many_small_operations_run_on_one_thread(monkeypatch, model, solver, part):
    seen, whole = [], getattr(solver, part)

    def watched(*args):
        seen.append((torch.get_num_threads(), thread_count()))
        return whole(*args)

    monkeypatch.setattr(solver, part, watched)
    X, _, _ = make_topic_corpus(60, 20, 2, random_state=0)
    model.fit(X)
    assert set(seen) == {(1, 2)}
    assert torch.get_num_threads() == 2
    monkeypatch.setattr(solver, part, lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.fit(X)
