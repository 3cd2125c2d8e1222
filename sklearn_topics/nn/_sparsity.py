"""Sparsity of a tensor."""

import math

from torch import Tensor


def sparsity(x: Tensor) -> Tensor:
    r"""Compute Hoyer's sparsity: 0 if all entries are equal, 1 if one is nonzero.

    .. math:: \frac{\sqrt{N} - \lVert x \rVert_1 / \lVert x \rVert_2}{\sqrt{N} - 1}

    where N is the number of entries [1]_. The sparsity is differentiable, so it can be
    a term of a loss.

    Parameters
    ----------
    x : Tensor
        Tensor with at least two entries that are not all zero.

    Returns
    -------
    sparsity : Tensor
        A scalar; NaN if all entries are zero.

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
        raise ValueError(f"x must have at least two entries. Got {x.numel()}.")
    x, root = x if x.is_floating_point() else x.float(), math.sqrt(x.numel())
    return (root - x.abs().sum() / x.square().sum().sqrt()) / (root - 1)
