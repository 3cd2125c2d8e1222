"""Topic models of single-cell counts in AnnData objects.

The functions use the attributes of the object and do not import anndata.
"""

from ._anndata import add_topics, fit_topics

__all__ = ["add_topics", "fit_topics"]
