"""Clusters of the topics of several fits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

from sklearn_topics._fit.consensus import cluster_medians, find_consensus


def noisy_fits(rng, K=4, m=30, n_fits=6, noise=20):
    """Topics of several fits, drawn around K known ones, each fit in its own order."""
    known = rng.dirichlet(np.full(m, 0.1), K)
    orders = [rng.permutation(K) for _ in range(n_fits)]
    fits = [
        np.array([rng.dirichlet(noise * topic + 1e-3) for topic in known[order]])
        for order in orders
    ]
    return known, orders, fits


@given(st.integers(0, 1000), st.integers(1, 6), st.integers(2, 8))
def test_known_clusters_are_found(seed, K, n_fits):
    known, orders, fits = noisy_fits(
        np.random.default_rng(seed), K, n_fits=n_fits, noise=5000
    )
    found = find_consensus(fits)
    truth = np.concatenate(orders)
    pairs = set(zip(truth, found.labels, strict=True))
    assert len(pairs) == len({k for k, _ in pairs}) == K
    medians = cluster_medians(fits, found.labels)
    nearest = np.abs(medians[:, None] - known).sum(2).argmin(1)
    assert sorted(nearest) == list(range(K))


def test_order_of_topics_within_fits_does_not_matter():
    rng = np.random.default_rng(0)
    _, _, fits = noisy_fits(rng)
    shuffled = [rows[rng.permutation(len(rows))] for rows in fits]
    one, other = find_consensus(fits), find_consensus(shuffled)
    assert other.stability == pytest.approx(one.stability, abs=1e-6)
    np.testing.assert_allclose(
        cluster_medians(shuffled, other.labels), cluster_medians(fits, one.labels)
    )


def test_silhouettes_and_densities():
    _, _, fits = noisy_fits(np.random.default_rng(1), n_fits=10)
    found = find_consensus(fits)
    roots = np.sqrt(np.concatenate(fits))
    distances = np.sqrt(((roots[:, None] - roots) ** 2).sum(2) / 2)
    np.testing.assert_allclose(found.distances, distances, atol=2e-3)
    np.fill_diagonal(distances, 0)
    expected = silhouette_samples(distances, found.labels, metric="precomputed")
    np.testing.assert_allclose(found.silhouettes, expected, atol=5e-3)
    assert (np.diff(found.cluster_stability) <= 0).all()
    # Topic 0 of fit 0: the three nearest fits, the best topic of each.
    nearest = [distances[0, 4 * fit : 4 * fit + 4].min() for fit in range(1, 10)]
    assert found.densities[0] == pytest.approx(np.sort(nearest)[:3].mean(), abs=2e-3)


def test_topics_without_neighbors_are_outliers():
    _, _, fits = noisy_fits(np.random.default_rng(2), noise=5000)
    stranger = np.zeros(30)
    stranger[[3, 17]] = 0.5
    fits[2][1] = stranger
    found = find_consensus(fits, 0.5)
    assert np.flatnonzero(found.labels < 0).tolist() == [2 * 4 + 1]
    assert found.silhouettes[9] == 0
    assert not found.unfiltered


def test_nothing_is_left_out_if_too_little_would_be_left():
    rng = np.random.default_rng(3)
    fits = [rng.dirichlet(np.full(500, 0.01), 3) for _ in range(5)]
    found = find_consensus(fits, 0.1)
    assert found.unfiltered
    assert found.n_dense == 0
    assert (found.labels >= 0).all()
    assert found.stability < 0.1


def test_coinciding_topics_fill_all_clusters():
    fits = [np.array([[1.0, 0], [1, 0], [0, 1]])] * 3
    found = find_consensus(fits)
    assert np.bincount(found.labels).min() > 0
    medians = cluster_medians(fits, found.labels)
    assert sorted(medians.argmax(1)) == [0, 0, 1]


def test_one_topic():
    same = find_consensus([np.array([[0.5, 0.5]])] * 3)
    assert same.stability == 1
    apart = find_consensus([np.array([[1.0, 0]]), np.array([[0, 1.0]])])
    assert apart.stability == 0


def test_medians_have_the_median_size():
    fits = [np.array([[1.0, 3]]), np.array([[20.0, 60]]), np.array([[6.0, 2]])]
    np.testing.assert_allclose(
        cluster_medians(fits, np.zeros(3, int)), [[0.25 * 8, 0.75 * 8]]
    )
