"""The plan of rows by length, and that products do not depend on it."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_topics._kernels import CSR, transfer

from ..device.pretended import DEVICE, PretendedDevice
from .conftest import to

pytestmark = pytest.mark.cuda
_KERNELS = "sklearn_topics._kernels.cuda"
rows = pytest.importorskip(f"{_KERNELS}.rows", reason="triton is for Linux only")
products = pytest.importorskip(f"{_KERNELS}.products")


def of_lengths(lengths, seed=0) -> CSR:
    """A matrix of float64 values with rows of these lengths."""
    rng, m = np.random.default_rng(seed), max(lengths, default=0) + 3
    columns = [np.sort(rng.permutation(m)[:length]) for length in lengths]
    indptr = torch.tensor([0, *np.cumsum(lengths, dtype=np.int64)])
    indices = torch.from_numpy(np.concatenate([*columns, np.zeros(0)]).astype(np.int32))
    data = torch.from_numpy(rng.random(len(indices)) + 0.1)
    return CSR(indptr, indices, data, (len(lengths), m))


def shorten(monkeypatch, part):
    """Classes and parts so short that small matrices have all of them."""
    monkeypatch.setattr(rows, "PART", part)
    monkeypatch.setattr(rows, "LENGTHS", (part // 4, part // 2, part))
    monkeypatch.setattr(rows, "_ONE_WARP", 1)


length = st.just(0) | st.integers(0, 9) | st.integers(0, 60)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(length, max_size=25), part=st.sampled_from([4, 8, 16]))
def test_every_entry_has_one_place(monkeypatch, lengths, part):
    shorten(monkeypatch, part)
    X = of_lengths(lengths)
    plan, lengths = rows.plan(X), np.array(lengths, dtype=np.int64)
    order, starts = plan.order.numpy(), plan.starts.tolist()
    assert_array_equal(np.sort(order), np.arange(len(lengths)))
    assert (starts[0], starts[-1]) == (0, len(lengths))
    bounds = [-1, *rows.LENGTHS, np.inf]
    for number, (lowest, longest) in enumerate(zip(bounds, bounds[1:], strict=False)):
        of_class = lengths[order[starts[number] : starts[number + 1]]]
        assert ((of_class > lowest) & (of_class <= longest)).all()
        assert plan.most_rows(number) >= len(lengths) - starts[number]
    # The parts of each longer row follow each other, and there are no others.
    part_rows, begins = plan.part_rows.tolist(), plan.part_begins.tolist()
    n_parts = sum(row >= 0 for row in part_rows)
    assert all(row == -1 for row in part_rows[n_parts:])
    first = 0
    for row, last in zip(plan.long_rows.tolist(), plan.part_ends.tolist(), strict=True):
        if lengths[row] > part:
            begin, end = X.indptr[row : row + 2].tolist()
            assert part_rows[first:last] == [row] * (last - first)
            assert begins[first:last] == list(range(begin, end, part))
        else:
            assert first == last
        first = last
    assert first == n_parts
    assert {*part_rows} - {-1} == {*np.flatnonzero(lengths > part)}


def test_the_plan_waits_for_no_device(monkeypatch):
    monkeypatch.setattr(transfer, "ASYNCHRONOUS", {DEVICE.type})
    X = of_lengths([0, 7, 3000, 100, 9000])
    with PretendedDevice() as device:
        there = to(X, DEVICE)
        before = device.traffic.reads.total()  # uploads
        plan = rows.plan(there)
        assert plan.long_rows.device == DEVICE
        assert device.traffic.reads.total() == before
        assert plan.order.tolist() == rows.plan(X).order.tolist()


def test_the_plan_is_made_once():
    X = of_lengths([3, 70])
    plan = rows.plan(X)
    assert rows.plan(X) is plan
    assert rows.plan(X.with_data(2 * X.data)) is plan


PRODUCTS = {
    "row_sums": lambda X, W, HT: products.csr_row_sums(X),
    "spmm": lambda X, W, HT: products.csr_spmm(X, HT),
    "sddmm": products.csr_sddmm,
    "ratio_product": lambda X, W, HT: products.csr_ratio_product(X, W, HT, 1e-10, 0.5),
    "log_sums": lambda X, W, HT: products.csr_log_sums(X, W, HT, 1e-10),
}
EXPECTED = {
    "row_sums": lambda X, W, HT: X.sum(1),
    "spmm": lambda X, W, HT: X @ HT,
    "sddmm": lambda X, W, HT: (W @ HT.T)[X > 0],
    "ratio_product": lambda X, W, HT: (X / (W @ HT.T + 0.5)) @ HT,
    "log_sums": lambda X, W, HT: (X * np.log(W @ HT.T)).sum(1),
}


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize(
    "lengths", [[], [0, 0], [350], [0, 100, 101, 25, 26, 0, 350, 50, 51, 200, 1]]
)
def test_products_of_rows_in_parts(monkeypatch, name, lengths):
    shorten(monkeypatch, 100)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    X, rng = to(of_lengths(lengths), device), np.random.default_rng(1)
    factors = [rng.random((size, 3)) + 0.1 for size in X.shape]
    W, HT = (torch.from_numpy(A).to(device) for A in factors)
    out = PRODUCTS[name](X, W, HT)
    dense = np.zeros(X.shape)
    dense[X.entry_rows().cpu(), X.indices.cpu()] = X.data.cpu()
    assert_allclose(out.cpu(), EXPECTED[name](dense, *factors), rtol=1e-12)
    assert torch.equal(PRODUCTS[name](X, W, HT), out)
    # A row alone has the same bits: the others do not matter.
    for row in range(len(lengths)):
        alone = PRODUCTS[name](X.rows(row, row + 1), W[row : row + 1], HT)
        place = slice(*X.indptr[row : row + 2]) if name == "sddmm" else [row]
        assert torch.equal(alone, out[place])
