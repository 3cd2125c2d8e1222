r"""Poisson NMF of documents that arrive in batches: incremental and online EM.

All that the documents so far have told about the topics is N (m x K), the expected
counts of terms in topics. A batch X is folded in, which gives its proportions theta,
and adds

.. math:: S = H \odot (X \oslash \theta H^T)^T \theta,

with the topics H (m x K) as columns that sum to one. Either all documents count alike,

.. math:: N \leftarrow N + S,

which is EM with one visit to each document (Neal and Hinton 1998), or N stands for D
documents and forgets,

.. math:: N \leftarrow (1 - \rho) N + \rho \frac{D}{n} S, \quad
          \rho = (\tau + t)^{-\kappa},

for the t-th batch, of n documents (Cappé and Moulines 2009; Hoffman, Blei and Bach
2010). The topics are N + b, normalised: the maximum a posteriori for these counts.

The topics of the first batches are inaccurate, and so are the counts made with them.
Hence documents of these batches are folded in twice, again with the topics that they
have improved, and what they leave in N counts less than what comes after. The very
first topics are those of a fit to the first batch: once is enough there.
"""

from dataclasses import dataclass

from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import accumulation_dtype
from .._kernels.floors import SQUARE_FLOOR
from .._kernels.ranks import all_rows, all_sum
from .fold_in import fold_in
from .solver import State

#: Sweeps over a document, and the change of its proportions below which it stops. Five
#: sweeps instead of three lower the perplexity by less than half a percent, and take a
#: fifth longer.
_SWEEPS, _TOL = 3, 1e-3

#: Number of first batches, in which documents are folded in so often, but for the very
#: first, and a token in N counts so much compared with one of the batch.
EARLY, _PASSES, _SHARE = 5, 2, 1 / 2

#: Smallest sum of counts to divide by.
_TINY = 1e-30


@dataclass(frozen=True)
class OnlineEM:
    """Update of the topics by a batch of documents.

    The state holds the topics HT (m x K), the expected counts N (m x K, wide), the
    number of documents that they stand for, and the number of the next update.

    Parameters
    ----------
    doc_topic_pseudocount : float
        a, in tokens.
    topic_word_pseudocount : float or Tensor of shape (m, K)
        b, in tokens; negative where H is fixed.
    total_samples : float or None
        D. None counts all documents alike.
    offset, decay : float
        tau and kappa.
    """

    repeatable = False
    doc_topic_pseudocount: float
    topic_word_pseudocount: float | Tensor
    total_samples: float | None = None
    offset: float = 10.0
    decay: float = 0.7

    def step(self, X: CSR | Tensor, state: State) -> State:
        HT, n, D = state["HT"], all_rows(X.shape[0]), self.total_samples
        for _ in range(_PASSES if 1 < state["n_updates"] <= EARLY else 1):
            counts = self._combined(state, self.expected_counts(X, HT), n)
            HT = self.topics(counts, HT)
        return {
            "HT": HT,
            "counts": counts,
            "n_samples": state["n_samples"] + n if D is None else D,
            "n_updates": state["n_updates"] + 1,
        }

    def _combined(self, state: State, S: Tensor, n: int) -> Tensor:  # [m, K]
        """The counts of a state with those of n documents."""
        N, t, D = state["counts"], state["n_updates"], self.total_samples
        S = S.to(N.dtype)
        if D is None:
            if t > EARLY:
                return N + S
            counts = _SHARE * N + S
            return counts.mul_((N.sum() + S.sum()) / counts.sum().clamp(min=_TINY))
        if state["n_samples"] == 0:
            return S.mul_(D / n)
        rate = (self.offset + t) ** -self.decay
        return (1 - rate) * D / state["n_samples"] * N + rate * D / n * S

    def expected_counts(self, X: CSR | Tensor, HT: Tensor) -> Tensor:  # [m, K]
        """S, which has the scale of X; of the documents of all ranks."""
        theta = fold_in(
            X,
            HT.T.contiguous(),
            pseudocount=self.doc_topic_pseudocount,
            max_sweeps=_SWEEPS,
            tol=_TOL,
        )
        floor = SQUARE_FLOOR[HT.dtype]
        return all_sum(ops.ratio_product(X.T, HT, theta, floor=floor)).mul_(HT)

    def topics(self, counts: Tensor, HT: Tensor) -> Tensor:  # [m, K]
        """N + b, normalised, where H is not fixed."""
        b = self.topic_word_pseudocount
        topics = counts + b
        if isinstance(b, Tensor):
            topics = topics.where(b >= 0, 0)
        sums = ops.column_sums(topics)
        fixed = sums == 0
        topics /= sums.where(~fixed, 1)
        return HT.where(fixed, topics.to(HT.dtype))

    def counts_of(self, HT: Tensor, tokens: Tensor) -> Tensor:  # [m, K]
        """N for topics and the sums of its columns: what `topics` turns into them."""
        wide, b = HT.to(accumulation_dtype(HT.device)), self.topic_word_pseudocount
        if isinstance(b, Tensor):
            b = b.clamp(min=0).to(wide.dtype)
            added = ops.column_sums(b)
        else:
            added = b * HT.shape[0]
        return (wide * (tokens + added) - b).clamp_(min=0)
