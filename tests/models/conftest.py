"""A corpus of known topics, and a callback that watches a fit."""

import pytest

from sklearn_topics._core import etm_init
from sklearn_topics.datasets import make_topic_corpus


@pytest.fixture(scope="session")
def known():
    """Counts with four known topics."""
    return make_topic_corpus(300, 80, 4, doc_length=120, random_state=0)


@pytest.fixture(scope="session")
def X(known):
    return known[0]


@pytest.fixture
def short_start(monkeypatch):
    """ETM begins with few iterations of Poisson NMF, where its topics do not matter."""
    monkeypatch.setattr(etm_init, "_NMF_ITERATIONS", 3)


class _StopAfter:
    """Keeps the model of each iteration, and asks to stop after the n-th."""

    def __init__(self, n):
        self.n, self.begun, self.models = n, 0, []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun += context.parent is not None

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.parent is None:
            return False
        self.models.append(fitted_estimator)
        return len(self.models) == self.n


@pytest.fixture
def stop_after():
    """A function of n: scikit-learn's callback that stops a fit after n iterations."""
    pytest.importorskip("sklearn.callback")
    return _StopAfter
