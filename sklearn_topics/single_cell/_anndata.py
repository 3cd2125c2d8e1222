"""Counts from AnnData objects, and topics into them; the only file that knows them."""

from typing import Any

import numpy as np

from .._boundary.arguments import did_you_mean
from .._boundary.pipelines import split_pipeline
from .._boundary.proportions import proportions_and_counts, token_shares
from .._boundary.topics import topic_distributions, topic_labels
from .._version import __version__

#: The attributes of an AnnData object.
_ATTRIBUTES = "X", "layers", "obs_names", "var_names", "obsm", "varm", "uns"


def fit_topics(model, adata, *, layer=None, mask_var=None, key_added="topics") -> Any:
    """Fit a topic model to the counts of an AnnData object, and store the topics in it.

    Cells are the documents and genes are the terms. The counts must be raw: neither
    normalised nor logarithms.

    Parameters
    ----------
    model : estimator
        The topic model, which is fitted.
    adata : anndata.AnnData
        Cells x genes. The results are written to it, see :func:`add_topics`.
    layer : str, default=None
        Layer with the raw counts. If None, ``adata.X``.
    mask_var : str or array-like of bool of shape (n_vars,), default=None
        Genes that the model uses: a column of ``adata.var``, such as
        "highly_variable", or a mask. If None, all genes.
    key_added : str, default="topics"
        Key of the results.

    Returns
    -------
    model : estimator
        The fitted model, `model` itself.

    See Also
    --------
    add_topics : Store the topics of a model that is fitted.

    Examples
    --------
    >>> import anndata
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.single_cell import fit_topics
    >>> X, _, _ = make_topic_corpus(100, 40, 3, random_state=0)
    >>> adata = anndata.AnnData(X.astype("float32"))
    >>> model = fit_topics(TorchPoissonNMF(3, random_state=0), adata)
    >>> adata.obsm["X_topics"].shape, adata.varm["topics"].shape
    ((100, 3), (40, 3))
    """
    counts, mask = _counts(adata, layer, mask_var)
    model.fit(counts)
    _, last = split_pipeline(model)
    last._gene_names = np.asarray(adata.var_names)[mask].astype(np.str_)
    _store(model, adata, counts, mask, layer, key_added)
    return model


def add_topics(model, adata, *, layer=None, mask_var=None, key_added="topics") -> None:
    """Store the topics of a fitted model in an AnnData object.

    Parameters
    ----------
    model : fitted model, pipeline or search
        A topic model of the same genes.
    adata : anndata.AnnData
        Cells x genes. The following are written:

        - ``adata.obsm["X_topics"]``: topic proportions (n_obs x n_topics), for example
          for ``scanpy.pp.neighbors(adata, use_rep="X_topics")``;
        - ``adata.varm["topics"]``: probabilities of the genes in the topics (n_vars x
          n_topics), 0 for genes that the model does not use;
        - ``adata.uns["topics"]``: a dict of "names" of the topics, "shares" of all
          counts, "layer", "model" (its class), "params" (its numbers, texts and
          booleans) and "version" of this package.
    layer : str, default=None
        Layer with the raw counts. If None, ``adata.X``.
    mask_var : str or array-like of bool of shape (n_vars,), default=None
        Genes that the model uses: a column of ``adata.var`` or a mask. If None, all
        genes.
    key_added : str, default="topics"
        Key of the results, in place of "topics".

    See Also
    --------
    fit_topics : Fit a model to the counts of an AnnData object.

    Examples
    --------
    >>> import anndata
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.single_cell import add_topics
    >>> X, _, _ = make_topic_corpus(100, 40, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> adata = anndata.AnnData(X.astype("float32"))
    >>> add_topics(model, adata)
    >>> adata.uns["topics"]["model"]
    'TorchPoissonNMF'
    """
    counts, mask = _counts(adata, layer, mask_var)
    _check_genes(model, np.asarray(adata.var_names)[mask])
    _store(model, adata, counts, mask, layer, key_added)


def _check_genes(model, genes) -> None:
    """Raise an error if `fit_topics` fitted the model to others, or in another order.

    Other fitted models do not know their genes.
    """
    _, last = split_pipeline(model)
    known = getattr(last, "_gene_names", None)
    if known is None or np.array_equal(known, genes.astype(np.str_)):
        return
    if len(known) != len(genes):
        problem = f"{len(genes)} genes, but the model was fitted to {len(known)}"
    else:
        j = int(np.argmax(known != genes.astype(np.str_)))
        problem = f"gene {j} is {genes[j]!r}, but {str(known[j])!r} in the fit"
    raise ValueError(
        f"adata has other genes than the model, or in another order: {problem}. Pass "
        "the genes of the fit in their order, adata[:, names]."
    )


def _counts(adata, layer, mask_var):
    """Raw counts, cells x genes that are used, and which genes these are."""
    missing = [name for name in _ATTRIBUTES if not hasattr(adata, name)]
    if missing:
        raise TypeError(
            f"adata must be an AnnData object. Got {type(adata).__name__}, which has "
            f"no {missing[0]}."
        )
    if layer is not None and layer not in adata.layers:
        known = list(adata.layers)
        raise ValueError(
            f"adata has no layer {layer!r}. Its layers are: "
            f"{', '.join(known) or 'none'}.{did_you_mean(layer, known)}"
        )
    X = adata.X if layer is None else adata.layers[layer]
    if X is None:
        raise ValueError("adata.X is None. Pass the layer with the raw counts.")
    X = X.to_memory() if hasattr(X, "to_memory") else X  # of a backed object
    mask = _mask(adata, mask_var)
    return (X if mask.all() else X[:, mask]), mask


def _mask(adata, mask_var) -> np.ndarray:
    n = len(adata.var_names)
    if mask_var is None:
        return np.ones(n, dtype=bool)
    if isinstance(mask_var, str):
        known = list(adata.var.columns)
        if mask_var not in known:
            raise ValueError(
                f"adata.var has no column {mask_var!r}.{did_you_mean(mask_var, known)}"
            )
        mask_var = adata.var[mask_var]
    index = getattr(mask_var, "index", None)
    if hasattr(index, "equals") and not index.equals(adata.var_names):
        raise ValueError(
            "mask_var is a Series of other genes than adata, or in another order. Pass "
            "mask_var.loc[adata.var_names]."
        )
    mask = np.asarray(mask_var)
    if mask.shape != (n,) or mask.dtype != bool:
        raise ValueError(
            f"mask_var must contain a boolean for each of the {n} genes. Got dtype "
            f"{mask.dtype} and shape {mask.shape}."
        )
    if not mask.any():
        raise ValueError("mask_var selects no genes.")
    return mask


def _store(model, adata, counts, mask, layer, key) -> None:
    theta, counts = proportions_and_counts(model, counts)
    topics = topic_distributions(model)
    genes = np.zeros((len(mask), len(topics)), topics.dtype)
    genes[mask] = topics.T
    _, last = split_pipeline(model)
    params = last.get_params(deep=False) if hasattr(last, "get_params") else {}
    adata.obsm[f"X_{key}"] = theta
    adata.varm[key] = genes
    adata.uns[key] = {
        "names": np.array([str(label) for label in topic_labels(model)], dtype=object),
        "shares": token_shares(theta, counts),
        "layer": "X" if layer is None else layer,
        "model": type(last).__name__,
        # Every version of anndata can write values of these types.
        "params": {k: v for k, v in params.items() if isinstance(v, int | float | str)},
        "version": __version__,
    }
