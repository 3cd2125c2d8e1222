"""
Grid search over a text pipeline
================================

This example puts a vectorizer and a topic model into a pipeline and searches over its
parameters with :class:`~sklearn.model_selection.GridSearchCV` and two scores. Each fold
learns its own vocabulary, so no information from the held-out text leaks into the fit.
"""

# %%
# Create the pipeline
# -------------------

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.pipeline import Pipeline

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

texts = load_docstrings().data[::3]
pipeline = Pipeline(
    [
        (
            "counts",
            CountVectorizer(
                stop_words=sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS),
                token_pattern="[a-z]{3,}",
                min_df=5,
            ),
        ),
        ("topics", TorchPoissonNMF(random_state=0)),
    ]
)
pipeline

# %%
# Run the grid search
# -------------------
# :func:`~sklearn_topics.metrics.topic_scorer` creates scorers for pipelines that start
# with text. "completion" measures the prediction of the second halves of held-out
# documents. "npmi" measures the coherence of the top terms; ``reference=texts`` counts
# co-occurrences in the whole corpus, because a single fold is small. The documents are
# sorted by package, so the folds must be shuffled. ``n_jobs`` would fit in parallel.

from sklearn.model_selection import GridSearchCV, KFold

from sklearn_topics.metrics import topic_scorer

search = GridSearchCV(
    pipeline,
    {
        "topics__n_components": [5, 10, 20, 40],
        "topics__topic_word_pseudocount": [0.1, 0.5],
    },
    scoring={
        "completion": topic_scorer("completion"),
        "npmi": topic_scorer("npmi", reference=texts),
    },
    refit="completion",
    cv=KFold(3, shuffle=True, random_state=0),
).fit(texts)
print(search.best_params_)

# %%
# Compare the scores
# ------------------
# Completion improves with more topics. Coherence prefers few, clear topics and has more
# noise.

import matplotlib.pyplot as plt
import pandas as pd

results = pd.DataFrame(search.cv_results_)
means = ["mean_test_completion", "mean_test_npmi"]
settings = ["param_topics__n_components", "param_topics__topic_word_pseudocount"]
print(results[settings + means].round(3).to_string(index=False))
figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
for ax, score in zip(axes, ("completion", "npmi"), strict=True):
    for pseudocount, rows in results.groupby("param_topics__topic_word_pseudocount"):
        ax.errorbar(
            rows["param_topics__n_components"].astype(int),
            rows[f"mean_test_{score}"],
            rows[f"std_test_{score}"],
            marker="o",
            capsize=3,
            label=f"topic_word_pseudocount={pseudocount}",
        )
    ax.set(xlabel="n_components", title=score)
axes[0].set_ylabel("score")
axes[0].legend()
plt.show()

# %%
# Use the best pipeline
# ---------------------
# The search refits the best pipeline to all documents. The pipeline returns topic
# proportions for text.

from sklearn_topics.inspection import top_terms

best = search.best_estimator_
terms = top_terms(best, n_terms=6)
query = "Compute the eigenvalues of a sparse matrix."
proportions = best.transform([query])[0]
print(query)
for k in proportions.argsort()[::-1][:3]:
    print(f"{proportions[k]:4.0%}  {' '.join(term for term, _ in terms[k])}")
