"""The operations on CUDA devices, by Triton kernels."""
