"""Sparse matrices in the one form that models and folders take."""

import numpy as np
import scipy.sparse as sp


def shared_csr(indptr, indices, data, shape) -> sp.csr_array:
    """A CSR array in the memory of its parts.

    scipy would copy the indices if the row pointers were of a wider dtype.
    """
    if len(data) <= np.iinfo(indices.dtype).max:
        indptr = indptr.astype(indices.dtype, copy=False)
    return sp.csr_array((data, indices, indptr), shape=shape, copy=False)


def summable(X):
    """X; if sparse, in a dtype that holds the sums of the entries of one cell."""
    narrow = sp.issparse(X) and X.dtype.kind in "iu" and X.dtype.itemsize < 4
    return X.astype(np.int64) if narrow else X


def canonical_csr(X) -> sp.csr_array:
    """A CSR matrix with sorted, distinct indices and without stored zeros.

    Entries of one cell are summed. The result may share memory with X, which is not
    changed.
    """
    # has_canonical_format checks the indices and caches the result on X.
    if not (X.has_canonical_format and X.has_sorted_indices):
        X = X.copy()
        X.sum_duplicates()
    X = sp.csr_array(X)
    if not np.all(X.data):
        X = X.copy()
        X.eliminate_zeros()
    return X
