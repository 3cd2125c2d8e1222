"""Maps, similarities and numbers of topics: the data of their artists."""

import itertools
import pickle
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_topics import ConsensusTopics, TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import choose_n_topics
from sklearn_topics.metrics import topic_distances, topic_scorer
from sklearn_topics.plot import (
    StabilityDisplay,
    TopicMapDisplay,
    TopicNumberDisplay,
    TopicSimilarityDisplay,
    TopTermsDisplay,
)

TEXTS = ["cat dog cat", "dog cat", "sun moon", "moon sun sun", "cat dog dog"] * 4


@pytest.fixture(scope="module")
def corpus():
    return make_topic_corpus(300, 60, 4, random_state=0)


# ------------------------------------------------------------------- map


@pytest.mark.parametrize("K", [1, 2, 3, 5, 12, 50])
def test_circles_stand_at_the_places(K):
    topics = np.random.default_rng(0).dirichlet([0.1] * 80, K)
    display = TopicMapDisplay.from_estimator(topics)
    (circles,) = display.ax_.collections
    np.testing.assert_allclose(circles.get_offsets(), display.places)
    assert len(circles.get_sizes()) == K
    numbers = {text.get_text() for text in display.ax_.texts}
    assert {str(k) for k in range(K)} <= numbers


def test_three_topics_have_their_true_distances():
    topics = np.random.default_rng(0).dirichlet([0.3] * 20, 3)
    places = TopicMapDisplay.from_estimator(topics).places
    shown = np.linalg.norm(places[:, None] - places, axis=2)
    np.testing.assert_allclose(shown, topic_distances(topics), atol=1e-6)


def test_groups_of_topics_are_apart_in_the_plane():
    rng = np.random.default_rng(0)
    centers = np.repeat(rng.dirichlet([0.05] * 60, 3), 4, axis=0)
    topics = 0.8 * centers + 0.2 * rng.dirichlet([0.1] * 60, 12)
    display = TopicMapDisplay.from_estimator(topics)
    shown = np.linalg.norm(display.places[:, None] - display.places, axis=2)
    same = np.repeat(np.arange(3), 4)
    same = same[:, None] == same
    assert shown[same].max() < shown[~same].min()
    pairs = np.triu_indices(12, 1)
    assert spearmanr(shown[pairs], topic_distances(topics)[pairs]).statistic > 0.8
    assert display.correlation > 0.9


def test_areas_are_shares_of_tokens(corpus):
    X, _, _ = corpus
    model = TorchPoissonNMF(4, random_state=0).fit(X)
    display = TopicMapDisplay.from_estimator(model, X)
    tokens = np.asarray(X.sum(axis=1)).ravel()
    expected = tokens @ model.transform(X) / tokens.sum()
    np.testing.assert_allclose(display.shares, expected, rtol=1e-6)
    (circles,) = display.ax_.collections
    sizes = circles.get_sizes()
    np.testing.assert_allclose(sizes / sizes.sum(), expected, rtol=1e-6)


def test_equal_topics_have_one_place():
    display = TopicMapDisplay.from_estimator([[1, 2, 3]] * 5)
    assert np.isfinite(display.places).all()
    assert np.abs(display.places - display.places[0]).max() < 1e-3


def test_names_do_not_cover_each_other():
    topics = np.random.default_rng(0).dirichlet([0.1] * 80, 50)
    display = TopicMapDisplay.from_estimator(topics)
    shown = [t.get_window_extent() for t in display.ax_.texts if t.get_visible()]
    assert len(shown) >= 50
    covered = [a.overlaps(b) for i, a in enumerate(shown) for b in shown[:i]]
    assert not any(covered)


def test_terms_are_hidden_with_the_number_of_their_topic():
    places = np.random.default_rng(0).uniform(size=(60, 2))
    names = [f"{k}: a" for k in range(1000, 1060)]
    options = {"topic_names": names, "correlation": 1.0}
    texts = TopicMapDisplay(places, np.full(60, 1 / 60), **options).plot().ax_.texts
    shown = np.array([text.get_visible() for text in texts])
    numbers, terms = shown[::2], shown[1::2]
    assert 0 < numbers.sum() < 60
    assert not (terms & ~numbers).any()


@pytest.mark.parametrize("size", [(3, 3), (8, 4), (3, 9), (12, 12)])
@pytest.mark.parametrize("K", [1, 2, 12])
def test_circles_are_within_the_axes(size, K):
    _, ax = plt.subplots(figsize=size)
    topics = np.random.default_rng(0).dirichlet([0.1] * 80, K)
    theta = np.random.default_rng(0).dirichlet(np.linspace(1, 9, K), 20)
    display = TopicMapDisplay.from_estimator(topics, theta=theta, ax=ax)
    (circles,) = ax.collections
    ax.figure.draw_without_rendering()
    centers = ax.transData.transform(display.places)
    radii = np.sqrt(circles.get_sizes() / np.pi)[:, None] * ax.figure.dpi / 72
    box = ax.get_window_extent()
    assert (centers - radii >= [box.x0, box.y0]).all()
    assert (centers + radii <= [box.x1, box.y1]).all()


# ------------------------------------------------------------------- similarity


def test_cells_are_similarities_in_the_order_of_the_names():
    topics = np.random.default_rng(0).dirichlet([0.1] * 30, 6)
    display = TopicSimilarityDisplay.from_estimator(topics)
    (image,) = display.ax_.images
    order = display.rows
    assert sorted(order) == list(range(6))
    expected = 1 - topic_distances(topics)[np.ix_(order, order)]
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(np.asarray(image.get_array())[off], expected[off])
    assert image.get_array().mask[~off].all()
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert [int(label.partition(":")[0]) for label in labels] == list(order)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert [int(label) for label in labels] == list(order)


def test_alike_topics_are_neighbors():
    rng = np.random.default_rng(1)
    centers = np.tile(rng.dirichlet([0.05] * 60, 3), (4, 1))  # 0 1 2 0 1 2 ...
    topics = 0.8 * centers + 0.2 * rng.dirichlet([0.1] * 60, 12)
    order = TopicSimilarityDisplay.from_estimator(topics).rows % 3
    assert (np.diff(order) != 0).sum() == 2


def test_matched_topics_stand_on_the_diagonal():
    topics = np.random.default_rng(0).dirichlet([0.1] * 30, 5)
    other = np.vstack([topics[[3, 0, 4]], np.ones((1, 30)), topics[[1, 2]]])
    display = TopicSimilarityDisplay.from_estimator(topics, other)
    assert display.similarity.shape == (5, 6)
    np.testing.assert_allclose(np.diagonal(display.similarity), 1, atol=1e-6)
    assert sorted(display.columns) == list(range(6))
    assert display.columns[-1] == 3  # stays single
    assert not np.ma.is_masked(display.ax_.images[0].get_array())


def test_stored_displays_draw_the_same():
    display = TopicSimilarityDisplay.from_estimator(np.eye(4) + 0.1)
    again = pickle.loads(pickle.dumps(display)).plot()
    masks = [d.ax_.images[0].get_array().mask for d in (display, again)]
    np.testing.assert_array_equal(*masks)


def test_axes_within_a_figure_within_a_figure():
    figure = plt.figure(layout="constrained")
    left, right = figure.subfigures(1, 2)
    topics = np.random.default_rng(0).dirichlet([0.1] * 30, 5)
    assert TopicMapDisplay.from_estimator(topics, ax=left.subplots()).figure_ is left
    TopTermsDisplay.from_estimator(topics, ax=right.subplots())
    with pytest.raises(ValueError, match="not with add_axes"):
        TopTermsDisplay.from_estimator(topics, ax=figure.add_axes([0, 0, 1, 1]))


def test_bars_of_equal_logarithms_have_a_length():
    display = TopTermsDisplay.from_estimator(np.ones((2, 4)), by="relevance")
    assert all(bar.get_width() > 0 for ax in display.axes_ for bar in ax.patches)


@pytest.mark.parametrize("K", [1, 2])
def test_few_topics_have_similarities(K):
    topics = np.random.default_rng(0).dirichlet([0.1] * 30, K)
    assert TopicSimilarityDisplay.from_estimator(topics).similarity.shape == (K, K)


def test_models_of_other_terms_are_refused():
    with pytest.raises(ValueError, match="3 and 2 terms and cannot be compared"):
        TopicSimilarityDisplay.from_estimator(np.ones((2, 3)), np.ones((2, 2)))


# ------------------------------------------------------------------- number


def test_curves_are_the_scores_of_the_folds(corpus):
    X, _, _ = corpus
    grid = {
        "n_components": [2, 4, 8],
        "random_state": [0, 1],
        "topic_word_pseudocount": [0.01, 0.1],
    }
    scoring = {name: topic_scorer(name) for name in ("completion", "diversity")}
    search = GridSearchCV(
        TorchPoissonNMF(max_iter=20, tol=0), grid, cv=2, scoring=scoring, refit=False
    ).fit(X)
    display = TopicNumberDisplay.from_search(search)
    assert list(display.curves) == ["completion", "diversity"]
    results = search.cv_results_
    for score, lines in display.curves.items():
        assert list(lines) == [f"topic_word_pseudocount={b}" for b in (0.01, 0.1)]
        for b, rows in zip((0.01, 0.1), lines.values(), strict=True):
            for K, mean, least, greatest in rows:
                chosen = [
                    p["n_components"] == K and p["topic_word_pseudocount"] == b
                    for p in results["params"]
                ]
                assert sum(chosen) == 2  # seeds
                folds = [results[f"split{i}_test_{score}"][chosen] for i in range(2)]
                assert mean == pytest.approx(np.mean(folds))
                assert (least, greatest) == (np.min(folds), np.max(folds))
        rows = np.concatenate(list(lines.values()))
        assert rows[rows[:, 0] == display.best[score], 1].max() == rows[:, 1].max()
    for panel, (score, lines) in zip(
        display.axes_, display.curves.items(), strict=True
    ):
        assert panel.get_title() == score
        for line, rows in zip(panel.lines, lines.values(), strict=False):
            np.testing.assert_array_equal(line.get_xydata(), rows[:, :2])


def test_curves_of_a_choice(corpus):
    X, _, _ = corpus
    model = TorchPoissonNMF(max_iter=20, tol=0)
    choice = choose_n_topics(model, X, [2, 3, 5], n_fits=3, random_state=0)
    display = TopicNumberDisplay.from_choice(choice)
    assert list(display.curves) == ["completion", "coherence", "stability", "error"]
    for score, lines in display.curves.items():
        values = choice.scores[score]
        expected = [[2, 3, 5], values.mean(1), values.min(1), values.max(1)]
        np.testing.assert_array_equal(lines[""], np.transpose(expected))
    best = choice.table["completion"].idxmax()
    assert display.best["completion"] == best
    assert display.best["error"] is None
    assert [panel.get_title() for panel in display.axes_] == list(display.curves)


def test_scores_that_failed_have_no_best(corpus):
    def fail(model, X, y=None):
        raise ValueError("no score")

    X, _, _ = corpus
    model = TorchPoissonNMF(random_state=0, max_iter=5, tol=0)
    search = GridSearchCV(model, {"n_components": [2, 3]}, cv=2, scoring=fail)
    with pytest.warns(UserWarning, match=r"Scoring failed|non-finite"):
        search.fit(X)
    assert TopicNumberDisplay.from_search(search).best == {"score": None}


def test_random_searches(corpus):
    X, _, _ = corpus
    search = RandomizedSearchCV(
        TorchPoissonNMF(random_state=0, max_iter=12, tol=0),
        {"n_components": [2, 4, 6, 8]},
        n_iter=3,
        cv=2,
        random_state=0,
    ).fit(X)
    display = TopicNumberDisplay.from_search(search)
    numbers = display.curves["score"][""][:, 0]
    assert len(numbers) == 3
    assert (np.diff(numbers) > 0).all()
    assert display.best["score"] == search.best_params_["n_components"]


def test_numbers_of_topics_do_not_overlap():
    numbers = np.arange(20.0, 100)
    rows = np.column_stack([numbers] + [numbers] * 3)
    curves = {"score": {"": rows}, "other": {"": rows}}
    best = {"score": 99, "other": 99}
    display = TopicNumberDisplay(curves, best=best, parameter="n_components").plot()
    for panel in display.axes_:
        boxes = [label.get_window_extent() for label in panel.get_xticklabels()]
        assert len(boxes) > 3
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("candidates", "got"),
    [
        ([{"layer_sizes": (4, 2)}, {"layer_sizes": (8,)}], "has (4, 2)"),
        ([{"n_components": 2}, {"n_components": "auto"}], "has 'auto'"),
        ([{"n_components": None}, {"n_components": 2}], "has None"),
        ([{"n_components": 2}, {"tol": 0.1}], "does not set it"),
    ],
)
def test_values_that_are_no_numbers_of_topics(candidates, got):
    search = SimpleNamespace(cv_results_={"params": candidates})
    (parameter, *_) = candidates[0]
    message = f"{parameter} must be a number of topics in every candidate"
    with pytest.raises(ValueError, match=message) as found:
        TopicNumberDisplay.from_search(search, parameter=parameter)
    assert got in str(found.value)


def test_a_search_without_numbers_names_what_it_varies():
    params = [{"layer_sizes": (4, 2), "tol": 0.1}, {"layer_sizes": (8,), "tol": 0.2}]
    search = SimpleNamespace(cv_results_={"params": params})
    with pytest.raises(ValueError, match="varies layer_sizes, tol, none of which"):
        TopicNumberDisplay.from_search(search)


def test_what_is_no_search_over_topics(corpus):
    X, _, _ = corpus
    model = TorchPoissonNMF(2, random_state=0, max_iter=12, tol=0)
    with pytest.raises(ValueError, match="needs a fitted search"):
        TopicNumberDisplay.from_search(model)
    search = GridSearchCV(model, {"max_iter": [5, 12]}, cv=2).fit(X)
    with pytest.raises(ValueError, match=r"unclear .* one of max_iter\."):
        TopicNumberDisplay.from_search(search)
    assert TopicNumberDisplay.from_search(search, parameter="max_iter").best
    with pytest.raises(ValueError, match="parameter='k' is not varied by the search"):
        TopicNumberDisplay.from_search(search, parameter="k")


# ------------------------------------------------------------- stability


def test_topics_of_a_cluster_are_side_by_side(corpus):
    X, _, _ = corpus
    model = ConsensusTopics(TorchPoissonNMF(4), n_fits=5, random_state=0).fit(X)
    model.labels_[1, 2] = -1
    display = StabilityDisplay.from_estimator(model)
    assert display.labels[-1] == -1
    assert (np.diff(display.labels[:-1]) >= 0).all()
    shown = display.ax_.images[0].get_array()
    np.testing.assert_array_equal(shown, display.distances)
    assert sorted(shown.ravel()) == sorted(model.distances_.ravel())
    assert not display.distances.diagonal().any()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert len(names) == 5
    assert names[-1] == "outliers"
    assert names[0].startswith("0: ")
    with pytest.raises(TypeError, match="needs a fitted ConsensusTopics"):
        StabilityDisplay.from_estimator(model.estimator_)


def test_the_consensus_of_a_pipeline_names_its_topics():
    model = ConsensusTopics(TorchPoissonNMF(2), n_fits=2, random_state=0)
    pipe = make_pipeline(CountVectorizer(), model).fit(TEXTS)
    display = StabilityDisplay.from_estimator(pipe)
    assert {frozenset(name[3:].split()[:2]) for name in display.topic_names} == {
        frozenset(["cat", "dog"]),
        frozenset(["sun", "moon"]),
    }


def test_pipelines_name_their_topics():
    pipe = make_pipeline(CountVectorizer(), TorchPoissonNMF(2, random_state=0))
    pipe.fit(TEXTS)
    for display in (
        TopicMapDisplay.from_estimator(pipe, TEXTS),
        TopicSimilarityDisplay.from_estimator(pipe),
    ):
        names = getattr(display, "topic_names", None) or display.row_names
        words = {frozenset(name.partition(": ")[2].split()[:2]) for name in names}
        assert words == {frozenset(["cat", "dog"]), frozenset(["sun", "moon"])}
