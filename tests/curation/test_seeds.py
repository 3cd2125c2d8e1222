"""Seed words become pseudocounts."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import CountVectorizer

from sklearn_topics.curation import seed_pseudocounts

WORDS = ["cat", "dog", "moon", "orbit", "the"]
SEEDS = {"space": ["moon", "orbit", "moon"], "pets": ["cat"]}


def test_seeds_get_the_weight():
    b = seed_pseudocounts(np.array(WORDS), SEEDS, 3, weight=7, base=0.5)
    expected = np.full((3, 5), 0.5)
    expected[0, [2, 3]] = expected[1, 0] = 7.5
    assert_array_equal(b, expected)


def test_excluded_words():
    b = seed_pseudocounts(WORDS, SEEDS, 3, excluded={"pets": ["moon", "orbit"]})
    assert np.argwhere(b == -1).tolist() == [[1, 2], [1, 3]]


@pytest.mark.parametrize(
    ("args", "options", "kind", "message"),
    [
        ((WORDS, {"a": ["Moon", "xyz"]}, 2), {}, ValueError, "Did you mean 'moon'"),
        ((WORDS, {"a": "moon"}, 2), {}, TypeError, r"Pass a list of words: \['moon'\]"),
        ((WORDS, SEEDS, 1), {}, ValueError, "2 topics, but n_components is 1"),
        ((WORDS, [["moon"]], 2), {}, TypeError, "must be a dict"),
        (({"moon": 0}, SEEDS, 2), {}, TypeError, "get_feature_names_out"),
        ((CountVectorizer(), SEEDS, 2), {}, TypeError, "get_feature_names_out"),
        ((WORDS, SEEDS, 2), {"weight": -1}, ValueError, "weight must be above 0"),
        ((WORDS, SEEDS, 2), {"excluded": {"b": ["cat"]}}, ValueError, "not in seeds"),
        ((WORDS, SEEDS, 2), {"excluded": {"pets": ["cat"]}}, ValueError, "'cat' is a"),
    ],
)  # fmt: skip
def test_mistakes_are_named(args, options, kind, message):
    with pytest.raises(kind, match=message):
        seed_pseudocounts(*args, **options)
