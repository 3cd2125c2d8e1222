"""What is known about the topics before a fit: seeds, frozen topics, excluded terms."""

from dataclasses import dataclass
from numbers import Real

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from .._boundary.containers import readable
from .._boundary.transfer import numpy_dtype, to_device, to_numpy
from .._core.fold_in import fold_in
from .._core.topic_model import document_sizes, topics_of
from .._kernels import CSR, ops
from .._kernels.ranks import agreed, all_sum

#: The pseudocount that excludes a term from a topic.
EXCLUDED = -1

#: Largest deviation from one of the sum of a frozen topic.
_SUM_TOLERANCE = 1e-3

#: Least probability of a term, and number of tokens.
_LEAST = 1e-9

#: Share of a known topic that is spread over all terms at the start.
_SPREAD = 1e-3

#: Fold-in of the documents with the topics of the start: pseudocount and sweeps.
_FOLD_IN, _SWEEPS = 0.1, 20


@dataclass(frozen=True)
class Steering:
    """Pseudocounts of terms by topic, and topics that a fit leaves as they are.

    Parameters
    ----------
    pseudocounts : float, or ndarray of shape (K, m)
        -1 excludes a term from a topic.
    frozen : ndarray of shape (n_frozen, m)
        Topics that are given.
    frozen_rows : ndarray of shape (n_frozen,)
        Their numbers.
    """

    pseudocounts: float | np.ndarray
    frozen: np.ndarray
    frozen_rows: np.ndarray

    @classmethod
    def of(cls, estimator, X: CSR | Tensor) -> "Steering":
        """Validate the parameters `topic_word_pseudocount` and `frozen_topics`.

        `n_components` of the estimator is the number of topics.
        """
        K, m = int(estimator.n_components), X.shape[1]
        pseudocounts = estimator.topic_word_pseudocount
        if not isinstance(pseudocounts, Real):
            pseudocounts = check_pseudocounts(pseudocounts, K, m)
        frozen = getattr(estimator, "frozen_topics", None)
        if frozen is None:
            frozen, rows = np.empty((0, m)), np.empty(0, np.intp)
        else:
            frozen, rows = _check_frozen(frozen, K, m)
        made = cls(pseudocounts, frozen, rows)
        if made.fixes:
            made._require_possible(X, K)
        return made

    @property
    def varies(self) -> bool:
        """Whether topics differ in what is known about them."""
        return isinstance(self.pseudocounts, np.ndarray) or len(self.frozen) > 0

    @property
    def fixes(self) -> bool:
        """Whether any topic is frozen, or any term excluded."""
        return len(self.frozen) > 0 or bool(np.min(self.pseudocounts) < 0)

    @property
    def largest(self) -> float:
        return float(np.max(self.pseudocounts))

    def typical(self) -> float:
        """One pseudocount in place of all."""
        return float(np.median(np.maximum(self.pseudocounts, 0)))

    def prior(self, X: CSR | Tensor, K: int, unit: float) -> float | Tensor:
        """Pseudocounts for a solver: [m, K] in this unit; negative where H is fixed."""
        if not self.varies:
            return self.pseudocounts * unit
        prior = self._by_topic(K, X.shape[1]) * unit
        prior[self.frozen_rows] = EXCLUDED
        return _upload(np.ascontiguousarray(prior.T), X)

    def begin(
        self, X: CSR | Tensor, W: Tensor, HT: Tensor, *, ordered: bool
    ) -> tuple[Tensor, Tensor]:
        """Initial factors that agree with what is known.

        Unless the topics are `ordered`, each topic that is known begins in place of the
        most similar one of the initialisation, and documents are folded in.
        """
        if not self.varies:
            return W, HT
        if not ordered:
            W, HT = self._placed(X, W, HT)
        W, HT = W.clone(memory_format=torch.contiguous_format), HT.contiguous().clone()
        if np.min(self.pseudocounts) < 0:
            excluded = _upload(np.ascontiguousarray(self.pseudocounts.T < 0), HT)
            HT.masked_fill_(excluded, 0)
        for k, topic in zip(self.frozen_rows.tolist(), self.frozen, strict=True):
            W[:, k] *= HT[:, k].sum()
            HT[:, k] = _upload(topic, HT)
        return W, HT

    def topics(self, state) -> np.ndarray:  # [K, m]
        """The topics of a state; frozen ones are copies."""
        topics = to_numpy(topics_of(state))
        topics[self.frozen_rows] = self.frozen
        return topics

    def _by_topic(self, K: int, m: int) -> np.ndarray:  # [K, m]
        return np.array(np.broadcast_to(self.pseudocounts, (K, m)), np.float64)

    def _placed(self, X, W, HT) -> tuple[Tensor, Tensor]:
        """W and HT with the known topics; the others are those of the start."""
        m, K = HT.shape
        topics, known = topics_of({"HT": HT}), self._known_topics(X, K)  # [K, m]
        places, logs = known.sum(1) > 0, topics.clamp(min=_LEAST).log()
        score = to_numpy(agreed(known @ logs.T)).astype(np.float64)
        order = torch.from_numpy(linear_sum_assignment(score, maximize=True)[1])
        topics = topics[order.to(HT.device)]
        topics = torch.where(places[:, None], known, topics)
        topics = (1 - _SPREAD) * topics + _SPREAD / m
        theta = fold_in(X, topics, pseudocount=_FOLD_IN, max_sweeps=_SWEEPS)
        return theta * document_sizes(X).to(theta.dtype)[:, None], topics.T.contiguous()

    def _known_topics(self, X, K) -> Tensor:  # [K, m]
        """Distributions of the topics that are known, and rows of zeros.

        A seeded topic is that of its seeds and of the documents that contain them: each
        counts as much as seeds are a share of it.
        """
        excess = _excess(self._by_topic(K, X.shape[1]), self.frozen_rows)
        seeds = _upload(np.ascontiguousarray(excess.T / (excess.max() or 1)), X)
        tokens = ops.spmm(X, seeds)  # [n, K]
        shares = tokens.square() / tokens.sum(1, keepdim=True).clamp(min=_LEAST)
        shares /= document_sizes(X).to(shares.dtype).clamp(min=_LEAST)[:, None]
        found = all_sum(ops.spmm(X.T, shares.contiguous())).T + _upload(excess, X)
        found = found / found.sum(1, keepdim=True).clamp(min=_LEAST)
        for k, topic in zip(self.frozen_rows.tolist(), self.frozen, strict=True):
            found[k] = _upload(topic, X)
        return found

    def _require_possible(self, X, K):
        """Raise an error for terms of X that no topic may contain."""
        possible = self._by_topic(K, X.shape[1]) >= 0
        possible[self.frozen_rows] = self.frozen > 0
        never = ~possible.any(axis=0)
        if never.any():
            never &= to_numpy(all_sum(ops.row_sums(X.T))) > 0
        if never.any():
            raise ValueError(
                f"{never.sum()} terms of X have probability 0 in every topic, because "
                "they are excluded or missing in frozen topics: the first one is "
                f"column {never.argmax()}. Drop these columns of X, or allow them in "
                "a topic."
            )


def _excess(b: np.ndarray, frozen_rows: np.ndarray) -> np.ndarray:  # [K, m]
    """Pseudocounts beyond those that a term has in all topics, and a topic everywhere.

    Terms that are excluded, or in frozen topics, have none.
    """
    b[frozen_rows] = EXCLUDED
    free = b >= 0
    for axis in 0, 1:
        least = np.where(free, b, np.inf).min(axis=axis, keepdims=True)
        b = np.where(free, b - np.where(np.isfinite(least), least, 0), 0)
    return b


def check_pseudocounts(pseudocounts, K: int, m: int) -> np.ndarray:
    """Validate pseudocounts by topic and term: float64 (K x m)."""
    try:
        found = np.asarray(readable(pseudocounts, "topic_word_pseudocount"), np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"topic_word_pseudocount must be a number, or an array of them: {error} "
            "seed_pseudocounts of sklearn_topics.curation makes one of seed words."
        ) from error
    if found.shape != (K, m):
        raise ValueError(
            "topic_word_pseudocount must be a number, or have a row for each of the "
            f"{K} topics and a column for each of the {m} terms. Got shape "
            f"{found.shape}."
        )
    valid = np.isfinite(found) & ((found >= 0) | (found == EXCLUDED))
    if not valid.all():
        raise ValueError(
            "topic_word_pseudocount must be at least 0, or -1 for terms that are "
            f"excluded from a topic. Got {found[~valid][0]:g}."
        )
    empty = (found < 0).all(axis=1)
    if empty.any():
        raise ValueError(f"All terms are excluded from topic {empty.argmax()}.")
    return found


def _check_frozen(topics, K: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Validate frozen topics: the rows that are not NaN, and their numbers."""
    topics = np.asarray(readable(topics, "frozen_topics"), np.float64)
    if topics.ndim != 2 or topics.shape[1] != m or len(topics) > K:
        raise ValueError(
            f"frozen_topics must have at most {K} rows (n_components) and {m} columns, "
            f"the terms of X. Got shape {topics.shape}."
        )
    rows = np.flatnonzero(~np.isnan(topics).all(axis=1))
    frozen = topics[rows]
    # NaN is not at least 0.
    wrong = ~((frozen >= 0).all(axis=1) & (abs(frozen.sum(1) - 1) <= _SUM_TOLERANCE))
    if wrong.any():
        raise ValueError(
            f"Row {rows[wrong.argmax()]} of frozen_topics is not a distribution over "
            "terms: expected probabilities that sum to 1, or a row of NaN for a topic "
            "that is not frozen."
        )
    return frozen, rows


def _upload(A: np.ndarray, like: CSR | Tensor) -> Tensor:
    """On the device of `like`; numbers in its dtype."""
    if A.dtype.kind == "f":
        A = A.astype(numpy_dtype(like), copy=False)
    return to_device(A, like.device)


def combine_parameters(estimator, shares: np.ndarray) -> dict:
    """`topic_word_pseudocount` and `frozen_topics` when topics have been combined.

    Pseudocounts add up: a term is excluded if it was in all topics that became one. A
    topic stays frozen if it is as before.

    Parameters
    ----------
    estimator : TorchPoissonNMF
    shares : ndarray of shape (n_new, n_old)
        The share of each old topic that becomes part of each new one.
    """
    K, m = estimator.components_.shape
    alone = (shares.max(axis=1) == 1) & (shares.sum(axis=1) == 1)
    known, frozen = estimator.frozen_topics, None
    if known is not None:
        topics = np.full((K, m), np.nan)
        topics[: len(known)] = np.asarray(known, np.float64)
        topics = np.where(alone[:, None], topics[shares.argmax(axis=1)], np.nan)
        frozen = None if np.isnan(topics).all() else topics
    b = estimator.topic_word_pseudocount
    if not isinstance(b, Real) or not alone.all():
        b = np.broadcast_to(b, (K, m))
        sums = shares @ np.maximum(b, 0)
        sums[((shares > 0) @ (b >= 0)) == 0] = EXCLUDED
        b = sums
    return {"topic_word_pseudocount": b, "frozen_topics": frozen}
