r"""Deep NMF: layers of topics, each a nonnegative mixture of the layer before.

.. math:: C_1 = H, \quad C_l = M_l C_{l-1}, \qquad
          L = \sum_{l=1}^{p} \lambda_l \left[ D_\beta(X, W_l C_l) + P_W(W_l) \right]
              + P_H(H) + \sum_{l=2}^{p} P_H(M_l)

is minimised by turns over all factors: W_l (n x K_l), M_l (K_l x K_{l-1}) and H
(K_1 x m); lambda_p is 1, the weights of the finer layers are equal, P are penalties on
sums and half the squared sums. With weights of 0 this is the deep matrix factorisation
of Trigeorgis et al. (2017), X about W_p M_p ... M_2 H, which leaves the finer
layers free to be anything that the last one can be mixed from; the terms of those
layers are the data-centric loss of De Handschutter and Gillis (2023).

A state holds HT, W1 ... Wp (those with a weight) and M2 ... Mp.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.threads import threads_for
from .beta_divergence import divergence, gradient_terms
from .beta_nmf import MultiplicativeUpdate, Penalties
from .init import Draw, initial_factors
from .solver import State, on_host
from .topic_model import document_sizes

#: Of `document_weights`: the largest change of a weight, in units of the row's size.
_ROW_TOL = 1e-4


@dataclass(frozen=True)
class DeepNMF:
    """Multiplicative updates of one factor after the other.

    X is fitted by sums of products in which every factor enters linearly and without
    negatives. So Fevotte and Idier's (2011) bound holds for each by itself: no update
    raises L for beta in [1, 2] and penalties on sums, nor for beta 2 with those on
    squares.

    Parameters
    ----------
    n_layers : int
    beta : float
    fine_weight : float
        Weight of the divergence of each layer before the last.
    penalties : Penalties
        Those of W on each W_l, with the weight of its layer; those of H on H.
    mixing : Penalties
        Those of H on each M_l.
    """

    repeatable = False
    n_layers: int
    beta: float = 2.0
    fine_weight: float = 1.0
    penalties: Penalties = Penalties()
    mixing: Penalties = Penalties()

    @property
    def _rule(self) -> MultiplicativeUpdate:
        return MultiplicativeUpdate(self.beta)

    def weights(self) -> dict[int, float]:
        """The weight of each layer that has one; layers count from 1."""
        finer = range(1, self.n_layers) if self.fine_weight > 0 else ()
        return {**dict.fromkeys(finer, self.fine_weight), self.n_layers: 1.0}

    def init_state(
        self, X: CSR | Tensor, sizes: Sequence[int], init: str, draw: Draw, steps: int
    ) -> State:
        """Layer by layer: NMF of X, then of the weights that it gives, and so on.

        Each begins as `initial_factors` has it ("random" where an SVD has too few
        components) and takes `steps` updates by itself. Weights are factorised with
        columns as large as their topics.
        """
        state, kept, target, topics = {}, self.weights(), X, None
        for layer, K in enumerate(sizes, 1):
            start = init if K <= min(target.shape) else "random"
            W, HT = initial_factors(target, K, start, draw, order="HW")
            found = self._rule.init_state(target, W, HT)
            for _ in range(steps):
                found = self._rule.step(target, found)
            W, HT = found["W"], found["HT"]
            if layer in kept:
                state[f"W{layer}"] = W
            if topics is None:
                state["HT"] = topics = HT
            else:
                size = self._sizes(topics)
                M = (HT.T / size.where(size > 0, 1)).contiguous()
                state[f"M{layer}"] = M
                topics = topics @ M.T
            target = W * self._sizes(topics)
        return state

    def _sizes(self, topics):
        return torch.linalg.vector_norm(topics, max(self.beta, 1.0), 0)

    def step(self, X: CSR | Tensor, state: State) -> State:
        """Every W_l, then M_p ... M_2, then H."""
        state, p = dict(state), self.penalties
        topics = self.topics(state)
        for layer in self.weights():
            W = state[f"W{layer}"]
            terms = gradient_terms(X, W, topics[layer], self.beta)
            W = self._rule.update(W, *terms, p.l1_W, p.l2_W, zero=self.beta < 1)
            state[f"W{layer}"] = W
        for layer in range(self.n_layers, 1, -1):
            MT = state[f"M{layer}"].T.contiguous()  # K_{l-1} x K_l
            finer = self.topics(state)[layer - 1]
            terms = self._topic_terms(X, state, layer)
            terms = ((finer.T @ term).contiguous() for term in terms)
            l1, l2 = self.mixing.l1_H, self.mixing.l2_H
            MT = self._rule.update(MT, *terms, l1, l2, zero=self.beta <= 1)
            state[f"M{layer}"] = MT.T.contiguous()
        terms = self._topic_terms(X, state, 1)
        HT = self._rule.update(state["HT"], *terms, p.l1_H, p.l2_H, zero=self.beta <= 1)
        return {**state, "HT": HT}

    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """-L; the error sqrt(2 D), of all layers together and of the last one."""
        topics, p, total, penalty = self.topics(state), self.penalties, 0.0, 0.0
        for layer, weight in self.weights().items():
            W = state[f"W{layer}"]
            D = divergence(X, W, topics[layer], self.beta)
            total += weight * D
            penalty += weight * Penalties(l1_W=p.l1_W, l2_W=p.l2_W).value(W, W)
        for name in "HT", *(f"M{layer}" for layer in range(2, self.n_layers + 1)):
            A, p = state[name], self.penalties if name == "HT" else self.mixing
            penalty += Penalties(l1_W=p.l1_H, l2_W=p.l2_H).value(A, A)
        errors = {"error": (2 * total) ** 0.5, "last_error": (2 * D) ** 0.5}
        return on_host({"objective": -(total + penalty), **errors})

    def topics(self, state: State) -> dict[int, Tensor]:
        """C_l^T, the topics of each layer: m x K_l."""
        found = {1: state["HT"]}
        for layer in range(2, self.n_layers + 1):
            found[layer] = found[layer - 1] @ state[f"M{layer}"].T
        return found

    def _topic_terms(self, X, state, layer) -> list[Tensor]:
        """Numerator and denominator of the gradient by C_l^T: m x K_l each.

        Summed over all layers that are mixed from it: C_k is M_k ... M_{l+1} C_l.
        """
        topics, total = self.topics(state), [0.0, 0.0]
        for last, weight in self.weights().items():
            if last < layer:
                continue
            W, CT = state[f"W{last}"], topics[last]
            terms = gradient_terms(X.T, CT, W, self.beta)
            terms = (term.expand_as(CT).contiguous() for term in terms)
            mixtures = [state[f"M{k}"] for k in range(last, layer, -1)]
            if mixtures:
                mixture = reduce(torch.matmul, mixtures)
                terms = (term @ mixture for term in terms)
            pairs = zip(total, terms, strict=True)
            total = [before + weight * term for before, term in pairs]
        return total


def document_weights(
    X: CSR | Tensor, CT: Tensor, beta: float, penalties: Penalties, max_iter: int
) -> Tensor:
    """W (n x K) with fixed topics C^T (m x K), each row by itself.

    Coordinate descent until the row moves no more for beta 1, else `max_iter`
    multiplicative updates; from equal weights, with the row's sum.
    """
    total = CT.sum()
    size = document_sizes(X).to(CT.dtype) / total.where(total > 0, 1)
    W = size[:, None].expand(len(size), CT.shape[1]).contiguous()
    if beta == 1:
        cost = ops.column_sums(CT) + penalties.l1_W
        options = {"n_sweeps": max_iter, "tol": _ROW_TOL}
        return ops.scd_rows(X, W, CT, cost, l2=penalties.l2_W, **options)[0]
    solver = MultiplicativeUpdate(beta, penalties, update_H=False)
    state = {"W": W, "HT": CT}
    with threads_for(X):
        for _ in range(max_iter):
            state = solver.step(X, state)
    return state["W"]
