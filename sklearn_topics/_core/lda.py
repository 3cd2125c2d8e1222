r"""Latent Dirichlet allocation by variational Bayes, in batches or online.

Topics have the prior Dirichlet(b) and the posterior Dirichlet(lambda), documents the
prior Dirichlet(a) and the posterior Dirichlet(gamma). An update infers gamma of some
documents (`ops.lda_rows`), then moves lambda towards b + f s, with s the expected
counts of terms in topics and f the number of all documents per document of these:

.. math:: \lambda \leftarrow (1 - \rho) \lambda + \rho (b + f s), \quad
          \rho = (\tau + t)^{-\kappa},

for the t-th update (Hoffman, Blei and Bach 2010, algorithm 2); all documents at once
with rho = 1 are the batch algorithm. Everything is as in scikit-learn: equal draws have
equal results.

The state holds lambda transposed, ``components`` (m x K), the number of the next
update, and the number of documents whose gamma has been drawn.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import exp, lgamma

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.chunks import data_blocks, row_blocks, wide_sums
from .._kernels.csr import accumulation_dtype, as_dtype, take_columns, used_columns
from .._kernels.digamma import digamma
from .._kernels.ranks import agreed, all_sum, batches, is_member, rows_before
from .._kernels.threads import one_torch_thread
from .solver import State, on_host

#: (documents, number of those drawn before) -> their first gamma (documents x K).
Draw = Callable[[int, int], Tensor]

#: The factor of all terms is put into them before it is less than this.
_LEAST_FACTOR = 1e-6
#: Updates of all documents before those that are relaxed, and their largest step.
_FREE_UPDATES, _LARGEST_RATIO = 3, 100.0
#: Sums of exponentials below this are computed by their logarithms.
_LEAST_SUM = 1e-250
#: Stored entries whose logarithms are in memory at once.
_ENTRIES = 1 << 18


@dataclass(frozen=True)
class Inference:
    """What the inference of documents needs besides the topics.

    Parameters
    ----------
    prior : float
        a, the Dirichlet parameter of the documents' prior.
    max_sweeps : int
    tol : float
        A document stops when its gamma changes by less than this on average.
    """

    prior: float
    max_sweeps: int = 100
    tol: float = 1e-3

    def __call__(self, X: CSR, HT: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
        """gamma and the weights exp(E[log theta]) for the terms' weights HT (m x K)."""
        options = {"n_sweeps": self.max_sweeps, "tol": self.tol}
        return ops.lda_rows(X, gamma, HT, prior=self.prior, **options)

    def posterior(self, X: CSR, components: Tensor) -> Tensor:  # [n, K]
        """gamma of documents, from gamma = 1, for topics of Dirichlet(components^T)."""
        ones = components.new_ones(X.shape[0], components.shape[1])
        return self(X, term_weights(components), ones)[0]


def term_weights(components: Tensor) -> Tensor:  # [m, K]
    """exp(E[log beta]) of the posterior lambda^T (m x K)."""
    return ops.exp_digamma(components, digamma(ops.column_sums(components)))


def variational_bound(
    X: CSR,
    posterior: Callable[[CSR], Tensor],
    components: Tensor,
    priors: tuple[float, float],
    ratio=1.0,
) -> Tensor:  # []
    """Lower bound of the log-likelihood of X, accumulated wide.

    E[log p(X, theta, beta)] - E[log q(theta, beta)] for the posteriors gamma (n x K) of
    documents, by `posterior`, and lambda^T (m x K); the terms of documents count
    `ratio` times. A block of documents at a time, of all ranks.
    """
    a, b = priors
    wide = accumulation_dtype(components.device)
    # With a prior of 0 parameters may be 0, where the bound has only a limit.
    least = torch.finfo(wide).tiny
    a, b = max(a, least), max(b, least)
    topics = components.T.to(wide).clamp_min(least)
    log_beta = _expected_logs(topics)
    documents = torch.zeros((), dtype=wide, device=components.device)
    for start, stop in data_blocks(X):
        part = X.rows(start, stop)
        gamma = posterior(part).to(wide).clamp_min(least)
        log_theta = _expected_logs(gamma)
        documents += _expected_log_likelihood(part, log_theta, log_beta.T)
        documents -= _divergence(a, gamma, log_theta)
    return ratio * all_sum(documents) - _divergence(b, topics, log_beta)


def _expected_logs(A: Tensor) -> Tensor:
    """E[log p] of rows p that are Dirichlet(row of A)."""
    return digamma(A) - digamma(A.sum(1, keepdim=True))


def _divergence(prior: float, A: Tensor, logs: Tensor) -> Tensor:  # []
    """KL divergence of Dirichlet(rows of A) from Dirichlet(prior)."""
    total = ((A - prior) * logs).sum() - (torch.lgamma(A) - lgamma(prior)).sum()
    return total + (torch.lgamma(A.sum(1)) - lgamma(prior * A.shape[1])).sum()


def _expected_log_likelihood(X: CSR, log_theta: Tensor, log_beta: Tensor) -> Tensor:
    """sum x log sum_k exp(log_theta_ik + log_beta_jk): [], for (n x K) and (m x K).

    Each row is scaled by its largest exponential. Where rows have nothing in common the
    sum underflows all the same; logarithms are for these entries alone.
    """
    largest = log_theta.amax(1), log_beta.amax(1)
    A, B = log_theta - largest[0][:, None], log_beta - largest[1][:, None]
    exp_A, exp_B = A.exp(), B.exp().contiguous()
    total = torch.zeros((), dtype=A.dtype, device=A.device)
    for start, stop in X.chunks(_ENTRIES):
        part = as_dtype(X.rows(start, stop), A.dtype)
        rows, columns = part.entry_rows() + start, part.indices
        y = ops.sddmm(part, exp_A[start:stop], exp_B)
        logs = y.log()
        (low,) = (y < _LEAST_SUM).nonzero(as_tuple=True)
        for first, last in row_blocks(len(low), A.shape[1]):
            few = low[first:last]
            logs[few] = torch.logsumexp(A[rows[few]] + B[columns[few]], 1)
        logs += largest[0][rows] + largest[1][columns]
        total += part.data @ logs
    return total


@dataclass(frozen=True)
class VariationalBayes(ABC):
    """Updates of the topics.

    Parameters
    ----------
    inference : Inference
    topic_word_prior : float
        b, the Dirichlet parameter of the topics' prior.
    draw : callable
        (documents, number of those drawn before) -> their first gamma.
    """

    repeatable = False
    inference: Inference
    topic_word_prior: float
    draw: Draw

    @abstractmethod
    def step(self, X: CSR, state: State) -> State:
        """One pass over the documents."""

    def evaluate(self, X: CSR, state: State) -> dict[str, float]:
        """The bound of the log-likelihood, and the perplexity that it gives."""
        components = state["components"]
        posterior = partial(self.inference.posterior, components=components)
        priors = self.inference.prior, self.topic_word_prior
        bound = variational_bound(X, posterior, components, priors)
        tokens = all_sum(wide_sums(X, lambda x: x)[0])
        found = on_host({"objective": bound, "tokens": tokens})
        bound, tokens = found["objective"], found["tokens"]
        return {"objective": bound, "perplexity": bound_perplexity(bound, tokens)}

    def expected_counts(self, X: CSR, HT: Tensor, drawn: int) -> Tensor:  # [m, K]
        """The expected counts of terms in topics for the terms' weights HT (m x K)."""
        _, weights = self.inference(X, HT, self.draw(X.shape[0], drawn))
        eps = torch.finfo(HT.dtype).eps
        return ops.ratio_product(X.T, HT, weights, floor=0.0, shift=eps).mul_(HT)


def bound_perplexity(bound: float, tokens: float) -> float:
    """exp(-bound / tokens); infinity if it overflows, or without tokens."""
    try:
        return exp(-bound / tokens)
    except (OverflowError, ZeroDivisionError):
        return float("inf")


@dataclass(frozen=True)
class BatchBayes(VariationalBayes):
    r"""All documents in each update.

    Parameters
    ----------
    relaxation : float
        After an update from :math:`\lambda` to :math:`\lambda'`, the next one begins at
        :math:`\lambda' (\lambda' / \lambda)^{\eta - 1}` for a relaxation
        :math:`\eta > 1` (Salakhutdinov and Roweis 2003, equation 6). What an update
        returns is not relaxed: the posterior of the documents' expected counts.
    """

    relaxation: float = 1.0

    def step(self, X: CSR, state: State) -> State:
        before, n = rows_before(X.shape[0])
        begin = self._beyond(state)
        counts = self.expected_counts(X, term_weights(begin), state["drawn"] + before)
        new = {
            "components": all_sum(counts).add_(self.topic_word_prior),
            "n_updates": state["n_updates"] + 1,
            "drawn": state["drawn"] + n,
        }
        return {**new, "previous": begin} if self.relaxation > 1 else new

    def _beyond(self, state: State) -> Tensor:  # [m, K]
        """Where the update begins."""
        components, previous = state["components"], state.get("previous")
        # The first steps leave a random start, in directions that do not last.
        if previous is None or state["n_updates"] <= _FREE_UPDATES:
            return components
        # Without a prior, counts may become 0 and stay there.
        ratios = torch.where(previous > 0, components / previous, 1)
        ratios.clamp_(1 / _LARGEST_RATIO, _LARGEST_RATIO)
        return components * ratios.pow_(self.relaxation - 1)


def _terms_of(X: CSR) -> tuple[Tensor, CSR]:
    """The terms of a batch on all ranks, ascending, and X of these alone."""
    if not is_member():
        return used_columns(X)
    used = X.data.new_zeros(X.shape[1]).index_fill_(0, X.indices.long(), 1)
    terms = all_sum(used).nonzero().squeeze(1)
    return terms, take_columns(X, terms)


@dataclass(frozen=True)
class OnlineBayes(VariationalBayes):
    """Some documents in each update, in their order: of each rank its share.

    An update takes time for the terms of its documents only. The others decay towards
    the prior: lambda - b is held as `excess` times a factor of all terms.

    Parameters
    ----------
    batch_size : int
        Documents in an update.
    total_samples : float
        Number of all documents.
    offset, decay : float
        tau and kappa of the step size.
    """

    batch_size: int = 128
    total_samples: float = 1e6
    offset: float = 10.0
    decay: float = 0.7

    @one_torch_thread()  # torch's threads would spin beside the kernels of each batch
    def step(self, X: CSR, state: State) -> State:
        (n, m), b = X.shape, self.topic_word_prior
        update, drawn = state["n_updates"], state["drawn"]
        sums = ops.column_sums(state["components"])
        excess, factor = state["components"] - b, 1.0
        for share in batches(n, self.batch_size):
            terms, batch = _terms_of(X.rows(share.start, share.stop))
            present = excess.index_select(0, terms)
            HT = ops.exp_digamma(present.mul(factor).add_(b), digamma(sums))
            counts = all_sum(self.expected_counts(batch, HT, drawn + share.before))
            rate = (self.offset + update) ** -self.decay
            weight = rate * float(self.total_samples) / share.size
            factor *= 1 - rate
            if factor < _LEAST_FACTOR:
                for kept in excess, present:
                    kept.mul_(factor)
                factor = 1.0
            excess[terms] = present.add_(counts, alpha=weight / factor)
            sums = (1 - rate) * sums + rate * m * b + weight * ops.column_sums(counts)
            update, drawn = update + 1, drawn + share.size
        self.draw(0, drawn)  # as after the draws of other ranks
        components = agreed(excess.mul_(factor).add_(b))
        return {"components": components, "n_updates": update, "drawn": drawn}
