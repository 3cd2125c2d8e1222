"""Initial factors of a topic model from clusters of similar documents."""

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import map_values, scaled
from .init import Draw
from .svd import randomized_svd
from .topic_model import document_sizes

#: Share of a document's tokens that belong to the topic of its cluster.
_OWN = 0.5


def document_vectors(X: CSR | Tensor, K: int, draw: Draw) -> Tensor:  # [n, K]
    """Latent semantic analysis (LSA) of X: rows of length one, zero without tokens.

    The left singular vectors of TF-IDF, as scikit-learn's `TfidfTransformer` computes
    it, times the singular values.
    """
    U, s, _ = randomized_svd(_tf_idf(X), K, draw, normalizer="LU")
    return torch.nn.functional.normalize(U * s)


def _tf_idf(X: CSR | Tensor) -> CSR | Tensor:
    n, m = X.shape
    present = map_values(X.T, lambda x: (x > 0).to(x.dtype))
    idf = (((1 + n) / (1 + ops.row_sums(present))).log() + 1).to(X.dtype)  # [m]
    ones = idf.new_ones(n)
    squares = map_values(scaled(X, ones, idf), torch.square)
    length = ops.row_sums(squares).sqrt().to(X.dtype)  # [n]
    return scaled(X, 1 / length.where(length > 0, 1), idf)


def factors_of_clusters(
    X: CSR | Tensor, clusters: Tensor, K: int
) -> tuple[Tensor, Tensor]:
    """W (n x K) and HT (m x K) for documents in K clusters, numbered [n].

    Documents consist of the topic of their cluster and a little of every topic; topics
    are the M step for that.
    """
    n = X.shape[0]
    theta = torch.full((n, K), (1 - _OWN) / K, dtype=X.dtype, device=X.device)
    theta[torch.arange(n, device=X.device), clusters] += _OWN
    HT = ops.spmm(X.T, theta)
    sums = ops.column_sums(HT)
    HT /= sums.where(sums > 0, 1)
    return theta * document_sizes(X).to(X.dtype)[:, None], HT
