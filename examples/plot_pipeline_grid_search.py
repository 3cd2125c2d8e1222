"""
Pipeline and grid search: text in
=================================

The vectorizer and the model in one pipeline, searched together by
:class:`~sklearn.model_selection.GridSearchCV`: each fold learns a vocabulary of its
own, so that nothing of the held-out text leaks into the fit, and two scores are kept
side by side.
"""

# %%
# The pipeline
# ------------
# As a notebook shows it.

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
# The search
# ----------
# :func:`~sklearn_topics.metrics.topic_scorer` makes scorers of pipelines that begin
# with text. "completion" predicts the second halves of held-out documents; "npmi" says
# whether the first words of a topic occur together, here in the whole corpus, since a
# fold has few of them. The documents are in the order of their packages, so that folds
# must be shuffled. ``n_jobs`` would run them in processes of one thread each.

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
# Both scores
# -----------
# They want different things. Prediction gains from more topics; coherence is a matter
# of few and clear ones, and is noisier.

import matplotlib.pyplot as plt
import pandas as pd

results = pd.DataFrame(search.cv_results_)
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
axes[0].set_ylabel("log-probability of a held-out word")
axes[0].legend()
plt.show()

# %%
# The best pipeline takes text
# ----------------------------
# Fitted once more on all documents, it is a function from text to proportions of
# topics.

from sklearn_topics.inspection import top_terms

best = search.best_estimator_
terms = top_terms(best, n_terms=6)
query = "Compute the eigenvalues of a sparse matrix."
proportions = best.transform([query])[0]
print(query)
for k in proportions.argsort()[::-1][:3]:
    print(f"{proportions[k]:4.0%}  {' '.join(term for term, _ in terms[k])}")
