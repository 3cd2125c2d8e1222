"""The operations on the CPU: numba kernels over blocks of rows, and BLAS."""
