"""How few of its entries a tensor is made of."""

import math

from torch import Tensor


def sparsity(x: Tensor) -> Tensor:
    r"""Measure Hoyer's sparsity: 0 if all entries are equal, 1 if one is left.

    .. math:: \frac{\sqrt{N} - \lVert x \rVert_1 / \lVert x \rVert_2}{\sqrt{N} - 1}

    for N entries [1]_. Differentiable, for a term of a loss.

    Parameters
    ----------
    x : Tensor
        At least two entries, not all zero.

    Returns
    -------
    sparsity : Tensor
        A scalar; NaN for nothing but zeros.

    References
    ----------
    .. [1] P. O. Hoyer, "Non-negative matrix factorization with sparseness
       constraints", Journal of Machine Learning Research 5, 2004, section 3.1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_topics.nn import sparsity
    >>> rows = torch.tensor([[1.0, 1.0], [0.0, 3.0], [1.0, 4.0]])
    >>> [round(float(sparsity(row)), 2) for row in rows]
    [0.0, 1.0, 0.49]
    """
    if x.numel() < 2:
        raise ValueError(f"Sparsity needs two entries at least; x has {x.numel()}.")
    x, root = x if x.is_floating_point() else x.float(), math.sqrt(x.numel())
    return (root - x.abs().sum() / x.square().sum().sqrt()) / (root - 1)
