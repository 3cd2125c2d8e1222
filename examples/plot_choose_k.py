"""
Choose the number of topics
===========================

This example chooses the number of topics with a grid search over pipelines that start
with text, for Poisson NMF, NMF and ETM. It compares held-out likelihood, coherence,
diversity and stability.
"""

# %%
# Documents and scores
# --------------------
# The search uses every fourth docstring of scikit-learn, SciPy and NumPy. Another
# quarter provides the co-occurrence counts for coherence. The vectorizer is part of the
# pipeline, so its vocabulary comes from the training folds only.

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
# "completion" is the mean log-probability per held-out token. It is comparable between
# models, higher is better, and it decreases when there are too many topics. Coherence
# ("npmi") and diversity evaluate the top terms of the topics. Do not maximise them
# alone: few topics are always diverse, and topics of common words are coherent. A sharp
# decrease indicates too many topics.
#
# Three grid searches
# -------------------
# Gradient methods have a learning rate, which is part of the search. Coordinate descent
# has none.

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
folds = KFold(2, shuffle=True, random_state=0)  # the texts are sorted by package
searches = {}
for name, (model, grid) in grids.items():
    pipeline = Pipeline([("counts", vectorizer), ("model", model)])
    search = GridSearchCV(pipeline, grid, cv=folds, scoring=scoring, refit="completion")
    searches[name] = search.fit(texts)
    best = {key[7:]: value for key, value in search.best_params_.items()}
    print(f"{name}: completion {search.best_score_:.3f} with {best}")

# %%
# Plot the scores
# ---------------
# The bands show the smallest and largest score of the folds and seeds. The dotted line
# marks the best mean. Completion improves little beyond 40 topics, while coherence and
# diversity keep decreasing.

from sklearn_topics.plot import TopicNumberDisplay

for name, search in searches.items():
    display = TopicNumberDisplay.from_search(search)
    display.figure_.suptitle(name)

# %%
# Stability and a recommendation
# ------------------------------
# ``choose_n_topics`` also measures how reproducible the topics are. Each fit leaves
# other documents out and has another seed.

from sklearn_topics.inspection import choose_n_topics

pipeline = Pipeline([("counts", vectorizer), ("model", TorchPoissonNMF())])
choice = choose_n_topics(pipeline, texts, n_fits=3, random_state=0)
print(choice)
TopicNumberDisplay.from_choice(choice)

# %%
# Fit the chosen model
# --------------------

from sklearn_topics.inspection import summary

pipeline = searches["Poisson NMF"].best_estimator_
pipeline.set_params(model__n_components=20).fit(texts)
print(summary(pipeline, texts, n_terms=6))
