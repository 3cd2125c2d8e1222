"""
How many topics?
================

Three models, several numbers of topics and learning rates, text in: a grid search for
each, judged on documents that it has not seen.
"""

# %%
# Text and scores
# ---------------
# Every fourth docstring of scikit-learn, scipy and numpy; as many others say which
# terms occur together. The vectorizer is part of the pipeline, so that its vocabulary
# too comes from the training folds alone.

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings
from sklearn_topics.metrics import topic_scorer

docstrings = load_docstrings().data
texts, others = docstrings[::4], docstrings[1::4]
vectorizer = CountVectorizer(
    stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS),
    token_pattern="[a-z]{3,}",
    min_df=5,
)
scoring = {
    "completion": topic_scorer("completion"),
    "npmi": topic_scorer("npmi", reference=others),
    "diversity": topic_scorer("diversity"),
}

# %%
# "completion", the mean log-probability of a token, is the score that decides: it means
# the same for all models, larger is better, and it falls when there are too many
# topics. Coherence and diversity judge the topics by their first terms. They have no
# optimum to be trusted alone (few topics are diverse, and those of common words
# coherent), but where they collapse there are too many topics.
#
# Three grids
# -----------
# Coordinate descent has no learning rate; gradient steps have, and it matters.

from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF

grids = {
    "Poisson NMF": (
        TorchPoissonNMF(random_state=0),
        {"model__n_components": [5, 10, 20, 40, 80], "model__random_state": [0, 1]},
    ),
    "beta NMF": (
        TorchBetaNMF(
            beta_loss="kullback-leibler",
            solver="adam",
            init="random",
            tol=0,
            max_iter=100,
            random_state=0,
        ),
        {
            "model__n_components": [5, 10, 20],
            "model__learning_rate": [0.1, 1.0],
        },
    ),
    "ETM": (
        TorchETM(hidden_layer_sizes=(100,), random_state=0),
        {
            "model__n_components": [5, 10, 20],
            "model__learning_rate": [0.0005, 0.002],
        },
    ),
}
folds = KFold(2, shuffle=True, random_state=0)  # the texts come package by package
searches = {}
for name, (model, grid) in grids.items():
    pipeline = Pipeline([("counts", vectorizer), ("model", model)])
    search = GridSearchCV(pipeline, grid, cv=folds, scoring=scoring, refit="completion")
    searches[name] = search.fit(texts)
    best = {key[7:]: value for key, value in search.best_params_.items()}
    print(f"{name}: {search.best_score_:.3f} nats a token with {best}")

# %%
# Look
# ----
# Bands are the spread over folds, and seeds where there are several; the dotted line is
# the best mean. For Poisson NMF the stability of the topics over seeds as well, which
# takes further fits: three for each number of topics. Here held-out text gains little
# beyond 40 topics, while coherence and diversity go on falling: take 20 to 40.

from sklearn_topics.plot import TopicNumberDisplay

for name, search in searches.items():
    more = {"X": texts, "n_seeds": 3} if name == "Poisson NMF" else {}
    display = TopicNumberDisplay.from_search(search, **more)
    display.figure_.suptitle(name)

# %%
# The chosen model
# ----------------

from sklearn_topics.inspection import summary

best = max(searches.values(), key=lambda search: search.best_score_)
print(summary(best, texts, n_terms=6))
