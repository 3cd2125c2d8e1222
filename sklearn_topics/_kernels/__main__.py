"""``python -m sklearn_topics._kernels``: which function runs which operation where."""

from .registry import table

if __name__ == "__main__":
    print(table())
