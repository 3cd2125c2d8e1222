"""``python -m sklearn_topics._kernels``: which function runs which operation where."""

from .registry import table

print(table())
