"""Algorithms on tensors: they import torch and the kernels, nothing else."""
