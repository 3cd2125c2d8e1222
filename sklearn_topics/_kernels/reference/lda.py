"""Latent Dirichlet allocation in plain torch, on any device: see `ops`."""

import torch
from torch import Tensor

from ..csr import CSR, take
from ..digamma import digamma
from .sparse import _chunks, _joined, _products, _weighted_sums


def dense_exp_digamma(A: Tensor, shift: Tensor) -> Tensor:
    return (digamma(A) - shift).exp_()


def csr_lda_rows(X: CSR, gamma: Tensor, HT: Tensor, prior, n_sweeps, tol):
    parts = [
        _infer(part, gamma[place], HT, prior, n_sweeps, tol)
        for place, part in _chunks(X, 3 * HT.shape[1])
    ]
    gamma, weights = map(_joined, zip(*parts, strict=True))
    return gamma, weights


def _weights(gamma: Tensor) -> Tensor:
    return dense_exp_digamma(gamma, digamma(gamma.sum(1, keepdim=True)))


def _infer(X: CSR, gamma, HT, prior: float, n_sweeps: int, tol: float):
    """Sweeps over the documents that have not converged: X becomes theirs alone."""
    done, eps = gamma.clone(), torch.finfo(gamma.dtype).eps
    rows = torch.arange(X.shape[0], device=gamma.device)
    for _ in range(int(n_sweeps)):
        weights, places = _weights(gamma), X.entry_rows()
        ratios = X.data / (_products(X, places, weights, HT) + eps)
        new = weights * _weighted_sums(X, ratios, HT) + prior
        change = (new - gamma).abs().mean(1)
        done[rows] = gamma = new
        left = (change >= tol).nonzero().squeeze(1)
        if len(left) == 0:
            break
        if len(left) < len(rows):
            X, gamma, rows = take(X, left), gamma[left], rows[left]
    return done, _weights(done)
