"""
TorchTruncatedSVD: effect of the parameters
===========================================

This example shows the accuracy of the randomized algorithm of
:class:`~sklearn_topics.TorchTruncatedSVD` by ``n_iter``, ``n_oversamples`` and
``power_iteration_normalizer``. The singular values of TF-IDF weights of text decrease
slowly, which makes the problem difficult.
"""

# %%
# Exact singular values
# ---------------------
# ARPACK computes the singular values to machine precision.

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from sklearn_topics import TorchTruncatedSVD
from sklearn_topics.datasets import load_docstrings

vectorizer = TfidfVectorizer(stop_words="english", token_pattern="[a-z]{3,}", min_df=5)
X = vectorizer.fit_transform(load_docstrings().data)
K = 50
exact = TorchTruncatedSVD(K, algorithm="arpack", random_state=0).fit(X)
truth = exact.singular_values_
print(f"{X.shape[0]} x {X.shape[1]}, singular values {truth[0]:.1f} to {truth[-1]:.1f}")


def error(**parameters):
    """The relative error of each singular value."""
    svd = TorchTruncatedSVD(K, random_state=0).set_params(**parameters).fit(X)
    return np.maximum(1 - svd.singular_values_ / truth, 1e-16)


# %%
# ``n_iter``
# ----------
# The first singular values are accurate without power iterations. The last ones need
# several iterations.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained", sharey=True)
components = np.arange(1, K + 1)
for n_iter in (0, 1, 2, 5, 10):
    errors = error(n_iter=n_iter)
    axes[0].semilogy(components, errors, label=f"n_iter={n_iter}")
    print(f"n_iter={n_iter}: relative error of the last value {errors[-1]:.1e}")
axes[0].set(xlabel="component", ylabel="relative error of the singular value")
axes[0].set(title="n_iter", ylim=(1e-12, 1))
axes[0].legend()
# sphinx_gallery_defer_figures

# %%
# ``n_oversamples``
# -----------------
# Additional columns take most of the error of the last singular values.

for n_oversamples in (1, 10, 50):
    label = f"n_oversamples={n_oversamples}"
    axes[1].semilogy(components, error(n_oversamples=n_oversamples), label=label)
axes[1].set(xlabel="component", title="n_oversamples")
axes[1].legend()
# sphinx_gallery_defer_figures

# %%
# ``power_iteration_normalizer``
# ------------------------------
# In float32, ten iterations without normalisation lose all but the first directions to
# rounding. "LU" and "QR" keep them.

X = X.astype(np.float32)
for normalizer in ("QR", "LU", "none"):
    errors = error(n_iter=10, power_iteration_normalizer=normalizer)
    axes[2].semilogy(components, np.maximum(errors, 1e-8), label=f'"{normalizer}"')
axes[2].set(xlabel="component", title="power_iteration_normalizer (float32)")
axes[2].legend()
plt.show()
