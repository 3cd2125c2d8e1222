"""Gradients of the sparse operations, written by hand, for modules that torch trains.

Nothing of the size of X's rows times its columns is made.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import ops
from .csr import CSR, accumulation_dtype
from .ranks import Ranks, current
from .threads import threads_by_work


def product(X: CSR | Tensor, B: Tensor) -> Tensor:  # [n, K]
    """X @ B, differentiable in B (m x K): see `ops.spmm`."""
    if not isinstance(X, CSR) and X.requires_grad:
        return X @ B
    return _Product.apply(X, B)


def log_likelihood(X: CSR | Tensor, W: Tensor, HT: Tensor, *, floor: float) -> Tensor:
    """sum_j X_ij log max(Y_ij, floor) with Y = W HT^T: [n].

    Differentiable in W (n x K) and HT (m x K); accumulated wide.
    """
    if isinstance(X, CSR):
        return _LogLikelihood.apply(X, W, HT, floor)
    terms = torch.xlogy(X, (W @ HT.T).clamp(min=floor))
    return terms.sum(1, dtype=accumulation_dtype(X.device)).to(terms.dtype)


def tall_product(A: Tensor, B: Tensor) -> Tensor:  # [n, K]
    """A B^T of a tall A (n x E) and a small B (K x E), differentiable in both."""
    return _TallProduct.apply(A, B)


def all_sum(A: Tensor) -> Tensor:
    """The sum over all ranks, whose losses add up to the one that is differentiated."""
    group = current()
    return A if group is None else _AllSum.apply(A, group)


class _AllSum(torch.autograd.Function):
    """Gradients are sums too; torch may compute them in a thread of its own."""

    @staticmethod
    def forward(ctx, A: Tensor, group: Ranks) -> Tensor:
        ctx.group = group
        return group.sum(A)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        return ctx.group.sum(gradient), None


class _TallProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, A, B):
        ctx.save_for_backward(A, B)
        return A @ B.T

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        A, B = ctx.saved_tensors
        of_A = of_B = None
        if ctx.needs_input_grad[0]:
            of_A = ops.combine_columns(gradient.contiguous(), B.contiguous())
        if ctx.needs_input_grad[1]:
            of_B = gradient.T @ A
        return of_A, of_B


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, B):
        ctx.X = X
        return _product(X, B)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return None, _product(ctx.X.T, gradient)


def _product(X, B):
    if isinstance(X, CSR):
        return ops.spmm(X, B.contiguous())
    with threads_by_work(X.numel() * B.shape[1]):
        return X @ B


class _LogLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, W, HT, floor):
        ctx.X, ctx.floor = X, floor
        W, HT = W.contiguous(), HT.contiguous()
        ctx.save_for_backward(W, HT)
        return ops.log_sums(X, W, HT, floor=floor).to(W.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        # By entry ij: x / y times the other factor; below the floor x / floor, so that
        # a term without probability can recover it.
        W, HT = ctx.saved_tensors
        of_W = of_HT = None
        if ctx.needs_input_grad[1]:
            numerator = ops.ratio_product(ctx.X, W, HT, floor=ctx.floor)
            of_W = gradient[:, None] * numerator
        if ctx.needs_input_grad[2]:
            XT = ctx.X.T
            XT = XT.with_data(XT.data * gradient[XT.indices])
            of_HT = ops.ratio_product(XT, HT, W, floor=ctx.floor)
        return None, of_W, of_HT, None
