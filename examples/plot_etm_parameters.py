"""
TorchETM: effect of the parameters
==================================

This example changes one parameter of the embedded topic model
(:class:`~sklearn_topics.TorchETM`) at a time and evaluates the perplexity of held-out
documents, on a part of the docstrings of NumPy, SciPy and scikit-learn.
"""

# %%
# Load the documents
# ------------------

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.model_selection import train_test_split

from sklearn_topics import TorchETM
from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings

docs = load_docstrings()
stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
vectorizer = CountVectorizer(
    stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=10
)
X = vectorizer.fit_transform(docs.data)
train, test = train_test_split(X, train_size=0.25, test_size=0.2, random_state=0)
print(f"{train.shape[0]} documents to fit, {test.shape[0]} held out")


def fit(**parameters):
    defaults = {
        "n_components": 12,
        "embedding_dim": 50,
        "hidden_layer_sizes": (100, 100),
        "max_iter": 4,
        "random_state": 0,
    }
    return TorchETM(**defaults | parameters).fit(train)


def perplexities(model):
    """With the encoder alone and with refined inference."""
    return [
        model.set_params(inference=inference).perplexity(test)
        for inference in ("encoder", "refined")
    ]


def draw(ax, name, values, models):
    found = [perplexities(model) for model in models]
    labels = [str(value) for value in values]
    for column, label in enumerate(("encoder", "refined")):
        drawn = [row[column] for row in found]
        ax.plot(labels, drawn, "o-", label=f'inference="{label}"')
    ax.set(xlabel=name, title=name)
    for value, (encoder, refined) in zip(labels, found, strict=True):
        print(f"{name}={value}: encoder {encoder:.0f}, refined {refined:.0f}")


# %%
# ``token_dropout``
# -----------------
# The share of the words of a document that the encoder does not see in training, which
# prevents overfitting. In this example with few epochs, the encoder does not overfit,
# so token dropout has no effect until it is too large. On larger corpora with more
# epochs, 0.7 was best.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained", sharey=True)
shares = [0, 0.4, 0.7, 0.9]
draw(axes[0, 0], "token_dropout", shares, [fit(token_dropout=s) for s in shares])
# sphinx_gallery_defer_figures

# %%
# ``hidden_layer_sizes``
# ----------------------
# The layers of the encoder. ``inference="refined"`` starts from the encoder's
# proportions and uses the words of the document again, so it depends less on the
# encoder.

layers = [(50,), (100,), (100, 100)]
models = [fit(hidden_layer_sizes=sizes) for sizes in layers]
draw(axes[0, 1], "hidden_layer_sizes", layers, models)
# sphinx_gallery_defer_figures

# %%
# ``learning_rate``
# -----------------
# The learning rate of the encoder. Topics use a fortieth of this rate, because their
# initialisation is good. Values that differ by a factor of ten also work.

rates = [0.0002, 0.002, 0.02]
draw(axes[1, 0], "learning_rate", rates, [fit(learning_rate=r) for r in rates])
# sphinx_gallery_defer_figures

# %%
# ``encoder_weight``
# ------------------
# The weight of the encoder's proportions in refined inference, in tokens. ``transform``
# and ``score`` use it, so one fit is enough. An encoder that learned from few
# documents, as in this example, needs a small weight.

model = fit().set_params(inference="refined")
weights = [1, 5, 20, 50, 200]
refined = [model.set_params(encoder_weight=w).perplexity(test) for w in weights]
axes[1, 1].plot([str(w) for w in weights], refined, "o-", color="C1")
axes[1, 1].set(xlabel="encoder_weight", title="encoder_weight")
for ax in axes[:, 0]:
    ax.set_ylabel("held-out perplexity")
axes[0, 0].legend()
plt.show()

# %%
# ``init``
# --------
# With random embeddings, all topics are initially alike. The few epochs of this example
# do not separate them, and the fit warns that topics coincide. ``init="nmf"`` starts
# with topics from Poisson NMF.

import warnings

from sklearn_topics.metrics import topic_diversity

for init in ("nmf", "random"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fit(init=init)
    encoder, refined = perplexities(model)
    print(
        f'init="{init}": perplexity {refined:.0f}, '
        f"diversity {topic_diversity(model):.2f}"
    )
