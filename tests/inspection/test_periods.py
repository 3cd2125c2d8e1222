"""Where curves over time are broken."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_topics.inspection._periods import after_gaps, runs


@pytest.mark.parametrize("freq", ["Y", "Q", "M", "W", "D", "h"])
@given(kept=st.lists(st.booleans(), min_size=2, max_size=60).filter(any))
def test_gaps_are_missing_periods(freq, kept):
    starts = pd.period_range("2019-11-20", periods=len(kept), freq=freq)
    places = np.flatnonzero(kept)
    found = after_gaps(starts.start_time.to_numpy()[places], freq)
    expected = [i for i in range(1, len(places)) if places[i] > places[i - 1] + 1]
    assert found.tolist() == expected


@given(known=st.lists(st.booleans(), min_size=1, max_size=30), data=st.data())
def test_runs_contain_what_is_known_once(known, data):
    gaps = data.draw(st.sets(st.integers(1, len(known))))
    gaps = sorted(gap for gap in gaps if gap < len(known))
    found = runs(np.array(known), gaps)
    places = [int(i) for run in found for i in run]
    assert places == np.flatnonzero(known).tolist()
    firsts = {int(run[0]) for run in found}
    for i in places:
        assert (i in firsts) == (i == 0 or not known[i - 1] or i in gaps)
