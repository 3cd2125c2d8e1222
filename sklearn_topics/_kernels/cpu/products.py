"""Products of a sparse X and factors on the CPU: see `ops`.

Kernels process four entries of a row at a time: LLVM makes vectors of the loops over
components, and four sums side by side hide the latency of an addition.
"""

import torch
from torch import Tensor

from ..csr import CSR
from .blocks import run_blocks
from .jit import array_of, arrays_of, inlined, kernel
from .prefetch import fetch_ahead, is_far


@inlined
def dots(w, HT, indices, out):
    """out[p] = the dot product of w, [K], with row indices[p] of HT, [m, K]."""
    whole, far = len(indices) // 4 * 4, is_far(HT)
    for p in range(0, whole, 4):
        if far:
            fetch_ahead(indices, p, HT)
        h0, h1 = HT[indices[p]], HT[indices[p + 1]]
        h2, h3 = HT[indices[p + 2]], HT[indices[p + 3]]
        y0 = y1 = y2 = y3 = w.dtype.type(0)
        for k in range(len(w)):
            y0 += w[k] * h0[k]
            y1 += w[k] * h1[k]
            y2 += w[k] * h2[k]
            y3 += w[k] * h3[k]
        out[p], out[p + 1], out[p + 2], out[p + 3] = y0, y1, y2, y3
    for p in range(whole, len(indices)):
        y, h = w.dtype.type(0), HT[indices[p]]
        for k in range(len(w)):
            y += w[k] * h[k]
        out[p] = y


@kernel
def _sddmm_rows(first, last, indptr, indices, W, HT, out):
    # W [n, K], HT [m, K], out [nnz]
    for i in range(first, last):
        begin, end = indptr[i], indptr[i + 1]
        dots(W[i], HT, indices[begin:end], out[begin:end])


def csr_sddmm(X: CSR, W: Tensor, HT: Tensor) -> Tensor:
    out = X.data.new_empty(X.nnz, dtype=W.dtype)
    indptr, indices, _ = arrays_of(X)
    args = indices, array_of(W), array_of(HT), out.numpy()
    run_blocks(_sddmm_rows, indptr, W.shape[1], *args)
    return out


@kernel
def _spmm_rows(first, last, indptr, indices, data, B, out):
    # B [m, K], out [n, K]
    K, far = B.shape[1], is_far(B)
    for i in range(first, last):
        total = out[i]
        for k in range(K):
            total[k] = 0
        begin, end = indptr[i], indptr[i + 1]
        whole = begin + (end - begin) // 4 * 4
        for p in range(begin, whole, 4):
            if far:
                fetch_ahead(indices, p, B)
            x0, x1, x2, x3 = data[p], data[p + 1], data[p + 2], data[p + 3]
            b0, b1 = B[indices[p]], B[indices[p + 1]]
            b2, b3 = B[indices[p + 2]], B[indices[p + 3]]
            for k in range(K):
                total[k] += x0 * b0[k] + x1 * b1[k] + x2 * b2[k] + x3 * b3[k]
        for p in range(whole, end):
            x, b = data[p], B[indices[p]]
            for k in range(K):
                total[k] += x * b[k]


def csr_spmm(X: CSR, B: Tensor) -> Tensor:
    indptr, indices, data = arrays_of(X)
    K = B.shape[1]
    out = B.new_empty(X.shape[0], K)
    # Writing a row takes as long as adding one: a batch's transpose is mostly empty.
    work = K * (X.nnz + X.shape[0]) // max(X.nnz, 1)
    run_blocks(_spmm_rows, indptr, work, indices, data, array_of(B), out.numpy())
    return out


@kernel
def _ratio_rows(first, last, indptr, indices, data, W, HT, floor, shift, out):
    # W [n, K], HT [m, K], out [n, K]
    K, far = W.shape[1], is_far(HT)
    for i in range(first, last):
        w, total = W[i], out[i]
        for k in range(K):
            total[k] = 0
        begin, end = indptr[i], indptr[i + 1]
        whole = begin + (end - begin) // 4 * 4
        for p in range(begin, whole, 4):
            if far:
                fetch_ahead(indices, p, HT)
            h0, h1 = HT[indices[p]], HT[indices[p + 1]]
            h2, h3 = HT[indices[p + 2]], HT[indices[p + 3]]
            y0 = y1 = y2 = y3 = shift
            for k in range(K):
                y0 += w[k] * h0[k]
                y1 += w[k] * h1[k]
                y2 += w[k] * h2[k]
                y3 += w[k] * h3[k]
            r0, r1 = data[p] / max(y0, floor), data[p + 1] / max(y1, floor)
            r2, r3 = data[p + 2] / max(y2, floor), data[p + 3] / max(y3, floor)
            for k in range(K):
                total[k] += r0 * h0[k] + r1 * h1[k] + r2 * h2[k] + r3 * h3[k]
        for p in range(whole, end):
            y, h = shift, HT[indices[p]]
            for k in range(K):
                y += w[k] * h[k]
            r = data[p] / max(y, floor)
            for k in range(K):
                total[k] += r * h[k]


def csr_ratio_product(X: CSR, W: Tensor, HT: Tensor, floor, shift) -> Tensor:
    indptr, indices, data = arrays_of(X)
    out, real = torch.empty_like(W), data.dtype.type
    factors = array_of(W), array_of(HT)
    args = indices, data, *factors, real(floor), real(shift), out.numpy()
    run_blocks(_ratio_rows, indptr, 2 * W.shape[1], *args)
    return out
