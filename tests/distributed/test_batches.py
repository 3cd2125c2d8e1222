"""Batches of a group's rows, without a group."""

from fractions import Fraction

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_topics._kernels import ranks


class Rank:
    """A rank that knows the numbers of rows of all."""

    common_error, opening, messages = None, False, 0

    def __init__(self, rank, rows):
        self.rank, self.size, self._rows = rank, len(rows), rows

    def sum(self, A):
        assert A[self.rank] == self._rows[self.rank]
        return torch.tensor(self._rows).reshape(A.shape)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=9), st.integers(1, 80))
@settings(max_examples=150, deadline=None)
def test_batches_take_of_each_rank_its_share(rows, size):
    places = sorted(
        (Fraction(2 * i + 1, 2 * n), rank)
        for rank, n in enumerate(rows)
        for i in range(n)
    )
    batches = [
        [rank for _, rank in places[b : b + size]] for b in range(0, len(places), size)
    ]
    for rank in range(len(rows)):
        with ranks.joined(Rank(rank, rows)):
            found = list(ranks.batches(rows[rank], size))
        assert [share.size for share in found] == [len(batch) for batch in batches]
        begin = 0
        for share, batch in zip(found, batches, strict=True):
            assert share.start == begin
            begin += batch.count(rank)
            assert share.stop == begin
            assert share.before == sum(other < rank for other in batch)
        assert begin == rows[rank]
