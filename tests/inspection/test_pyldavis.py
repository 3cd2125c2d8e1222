"""The page of pyLDAvis, of every model and of counts that it cannot take itself."""

import numpy as np
import pyLDAvis
import pytest
import scipy.sparse as sp
from sklearn.decomposition import NMF, LatentDirichletAllocation

from sklearn_topics import (
    TorchBetaNMF,
    TorchETM,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)
from sklearn_topics._boundary.proportions import topic_proportions
from sklearn_topics._boundary.topics import topic_distributions
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import to_pyldavis


@pytest.fixture(scope="module")
def X():
    counts, _, _ = make_topic_corpus(60, 30, 4, random_state=0)
    counts = counts.tolil()
    counts[5], counts[:, 7] = 0, 0
    return sp.csr_array(counts)


@pytest.mark.parametrize(
    "model",
    [
        TorchPoissonNMF(4, random_state=0),
        TorchBetaNMF(4, init="random", random_state=0, max_iter=1000),
        TorchETM(4, random_state=0),
        LatentDirichletAllocation(4, random_state=0),
        NMF(4, init="random", random_state=0, max_iter=1000),
    ],
    ids=lambda model: type(model).__name__,
)
def test_page_of_every_model(model, X, tmp_path):
    model.fit(X)
    names = [f"t{j}" for j in range(30)]
    prepared = to_pyldavis(model, X, feature_names=names, R=5)
    page = tmp_path / "topics.html"
    pyLDAvis.save_html(prepared, str(page))
    # Sizes are shares of tokens, in per cent, in the order of components_.
    tokens = X.sum(axis=1)
    expected = tokens @ topic_proportions(model, X) / tokens.sum() * 100
    sizes = prepared.topic_coordinates
    np.testing.assert_allclose(sizes["Freq"], expected, rtol=1e-6)
    assert list(sizes["topics"]) == [0, 1, 2, 3]
    # The most relevant terms for lambda = 1 are the most probable ones.
    first = prepared.topic_info.query("Category == 'Topic0'")
    best = first.sort_values("logprob", ascending=False)["Term"].iloc[0]
    assert best == names[topic_distributions(model)[0].argmax()]
    assert f'"{best}"' in page.read_text(encoding="utf-8")


def test_poles_of_components_with_two_signs(X, tmp_path):
    """One topic of the first component, whose weights have one sign; two of others."""
    model = TorchTruncatedSVD(3, random_state=0).fit(X)
    prepared = to_pyldavis(model, X.toarray().tolist(), R=30)
    pyLDAvis.save_html(prepared, str(tmp_path / "topics.html"))
    assert list(prepared.topic_coordinates["topics"]) == [0, 1, 2, 3, 4]
    W, H = model.transform(X), model.components_
    for topic, component, sign in [(1, 1, 1), (2, 2, 1), (3, 1, -1), (4, 2, -1)]:
        shown = prepared.topic_info.query(f"Category == 'Topic{topic}'")
        shown = shown[shown["logprob"] > np.log(1e-9)]
        assert set(shown["Term"].astype(int)) == set(
            np.flatnonzero((sign * H[component] > 0) & (X.sum(axis=0) > 0))
        )
        best = shown.sort_values("logprob")["Term"].astype(int).iloc[-1]
        assert best == (sign * H[component]).argmax()
    poles = np.hstack([np.maximum(W, 0), np.maximum(-W, 0)[:, 1:]])
    weights = np.vstack([np.maximum(H, 0), np.maximum(-H, 0)[1:]]).sum(axis=1)
    poles = poles * weights
    some = poles.sum(axis=1) > 0
    tokens = X.sum(axis=1)[some]
    poles = poles[some] / poles[some].sum(axis=1, keepdims=True)
    expected = tokens @ poles / tokens.sum() * 100
    np.testing.assert_allclose(prepared.topic_coordinates["Freq"], expected, rtol=1e-6)


def test_terms_that_do_not_occur_are_left_out(X):
    model = TorchPoissonNMF(4, random_state=0).fit(X)
    assert "7" not in set(to_pyldavis(model, X).topic_info["Term"])
    sorted_ = to_pyldavis(model, X, sort_topics=True)
    freq = sorted_.topic_coordinates["Freq"].to_numpy()
    assert (np.diff(freq) <= 0).all()
    assert list(sorted_.topic_coordinates["topics"]) == [1, 2, 3, 4]


def test_too_few_topics_or_tokens(X):
    model = TorchPoissonNMF(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"needs at least three topics"):
        to_pyldavis(model, X)
    model = TorchPoissonNMF(4, random_state=0).fit(X)
    with pytest.raises(ValueError, match="X contains no tokens"):
        to_pyldavis(model, X[:2] * 0)
