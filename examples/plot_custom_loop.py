"""
Custom training loops with torch
================================

This example trains :mod:`sklearn_topics.nn` modules with objectives that no estimator
offers: an embedded topic model (ETM) with a penalty on similar topics, and an NMF with
a reward for sparse topics.
"""

# %%
# Load the documents
# ------------------
# The data are docstrings of scikit-learn, SciPy and NumPy, as a sparse tensor of
# counts.

import warnings

import torch
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from sklearn_topics.datasets import API_STOP_WORDS, load_docstrings
from sklearn_topics.metrics import coherence, topic_diversity
from sklearn_topics.nn import ETM, NMF, sparsity

stop_words = sorted(ENGLISH_STOP_WORDS | API_STOP_WORDS)
vectorizer = CountVectorizer(
    stop_words=stop_words, token_pattern="[a-z]{3,}", min_df=20
)
X = vectorizer.fit_transform(load_docstrings().data)
X.sort_indices()  # torch requires sorted indices
terms = vectorizer.get_feature_names_out()
print(f"{X.shape[0]} documents, {X.shape[1]} terms")


def counts(rows):
    """Rows of X as a sparse tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        parts = rows.indptr, rows.indices, rows.data.astype("float32")
        parts = map(torch.from_numpy, parts)
        return torch.sparse_csr_tensor(*parts, rows.shape, check_invariants=True)


def show(topics, n=6):
    topics = topics.detach().numpy()
    for topic in topics[topics.sum(1).argsort()[::-1]][:n]:
        print("  " + " ".join(terms[topic.argsort()[::-1][:8]]))
    npmi = coherence(topics, X).mean
    print(f"  coherence {npmi:.3f}, diversity {topic_diversity(topics):.2f}\n")


# %%
# ETM with a penalty on similar topics
# ------------------------------------
# The forward pass returns the two parts of the evidence lower bound (ELBO) of each
# document. The training loop is standard torch, and you can add any differentiable term
# to the loss. Here, the penalty is the mean squared cosine similarity between the
# embeddings of two topics. It makes the topics more diverse.


def train(weight, n_epochs=12, batch=200):
    generator = torch.Generator().manual_seed(0)
    model = ETM(
        X.shape[1],
        12,
        embedding_dim=32,
        hidden_layer_sizes=(64,),
        batch_norm=True,
        token_dropout=0.5,
        generator=generator,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(n_epochs):
        order = torch.randperm(X.shape[0], generator=generator).numpy()
        for start in range(0, len(order), batch):
            bound = model(counts(X[order[start : start + batch]]), generator)
            loss = (bound.kl - bound.log_likelihood).mean()
            if weight > 0:
                loss = loss + weight * similarity(model.topic_embeddings)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


def similarity(embeddings):
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    cosines = unit @ unit.T
    return cosines.triu(1).square().sum() / (len(unit) * (len(unit) - 1) / 2)


models = {f"weight {weight:g}": train(weight) for weight in (0.0, 30.0)}
for name, model in models.items():
    print(f"{name}: mean squared cosine {similarity(model.topic_embeddings):.3f}")
    show(model.topics())

# %%
# The figure shows the similarities of the topics of both models.

import matplotlib.pyplot as plt

from sklearn_topics.plot import TopicSimilarityDisplay

figure, axes = plt.subplots(1, 2, figsize=(13, 6.5), layout="constrained")
for (name, model), ax in zip(models.items(), axes, strict=True):
    topics = model.topics().detach().numpy()
    TopicSimilarityDisplay.from_estimator(topics, feature_names=terms, ax=ax)
    ax.set_title(name)
plt.show()

# %%
# NMF with a sparsity reward
# --------------------------
# :class:`~sklearn_topics.nn.NMF` has a ``fit`` method, and any torch optimiser can
# train it as a module. This code starts from ``fit`` and adds a reward for sparse
# topics. After each step, it clips the factors at zero. (The prediction of a module is
# dense, so the target is dense here; ``fit`` also accepts sparse targets.)

V = torch.from_numpy(X.toarray().astype("float32")).log1p()
model = NMF(V.shape, rank=12, generator=torch.Generator().manual_seed(0))
model.fit(V, beta=1, max_iter=60)
print(f"fit: sparsity {sparsity(model.W):.2f}")
show(model.W.T)

optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
for _ in range(15):
    Y = model() + 1e-6
    loss = (Y - V * Y.log()).sum() / V.sum()
    loss = loss - 5.0 * torch.stack([sparsity(topic) for topic in model.W.T]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for factor in model.parameters():
            factor.clamp_(min=1e-9)
print(f"with reward: sparsity {sparsity(model.W):.2f}")
show(model.W.T)
