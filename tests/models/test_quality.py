"""Topics of real text that every installation has: the docstrings of its libraries.

Over the seeds 0 to 3, beside scikit-learn's LatentDirichletAllocation and NMF (mu, KL):

==================  ============  ==========  ============
model               NMI           perplexity  NPMI
==================  ============  ==========  ============
TorchPoissonNMF     .552 to .573  472 to 488  .227 to .275
TorchETM            .568 to .574  476 to 489  .253 to .277
TorchBetaNMF, mu    .495 to .543  516 to 539  .226 to .245
LDA                 .449 to .506  552 to 609  .126 to .221
NMF                 .477 to .499  535 to 553  .204 to .221
==================  ============  ==========  ============
"""

import numpy as np
import pytest
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings
from sklearn_topics.metrics import coherence, label_agreement, perplexity

K = 20


@pytest.fixture(scope="module")
def text():
    """Counts of 2,000 documents, their subpackages, and counts of 600 others."""
    docstrings = load_docstrings()
    words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
    pattern = {"stop_words": words, "token_pattern": "[a-z]{3,}", "min_df": 10}
    X = CountVectorizer(**pattern).fit_transform(docstrings.data)
    order = np.random.default_rng(0).permutation(X.shape[0])
    order = order[X.sum(axis=1).A1[order] >= 20]
    return X[order[:2000]], docstrings.target[order[:2000]], X[order[2000:2600]]


def quality(model, text):
    X, labels, others = text
    theta = model.fit(X).transform(X)
    scores = perplexity(model, others), coherence(model, X).mean
    return label_agreement(labels, theta), *scores


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("model", "nmi", "most_perplexity", "npmi"),
    [
        (TorchPoissonNMF(K, random_state=0), 0.52, 515, 0.20),
        (TorchETM(K, random_state=0, max_iter=5), 0.54, 515, 0.22),
        (TorchBetaNMF(K, solver="mu", beta_loss=1, random_state=0), 0.50, 550, 0.20),
    ],
)
def test_topics_of_docstrings(text, model, nmi, most_perplexity, npmi):
    found_nmi, found_perplexity, found_npmi = quality(model, text)
    assert found_nmi > nmi
    assert found_perplexity < most_perplexity
    assert found_npmi > npmi


def test_better_than_scikit_learns_lda_on_docstrings(text):
    peer = LatentDirichletAllocation(
        K, learning_method="online", max_iter=10, random_state=0
    )
    nmi, most_perplexity, npmi = quality(peer, text)
    found = quality(TorchPoissonNMF(K, random_state=0), text)
    assert found[0] > nmi + 0.02
    assert found[1] < 0.95 * most_perplexity
    assert found[2] > npmi
