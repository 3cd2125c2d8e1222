"""Products of a dense X with a narrow factor on the CPU, by numpy's BLAS.

torch's product takes two to three times as long if one side has few columns.
"""

import numpy as np
import torch
from torch import Tensor


def dense_spmm(X: Tensor, B: Tensor) -> Tensor:
    with np.errstate(over="ignore", invalid="ignore"):  # as torch
        if X.is_contiguous():
            return torch.from_numpy(X.numpy() @ B.numpy())
        # X is a transposed view: read whole rows of memory, and write columns.
        product = B.numpy().T @ X.numpy().T
        return torch.from_numpy(product.T.copy())
