"""Tables of gene expression programs in the files that cNMF writes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from .._boundary.documents import row_labels, token_totals
from .._boundary.pipelines import last_step
from .._boundary.proportions import proportions_and_counts
from .._boundary.topics import term_names, topic_distributions
from ..models._non_negative_factorization import non_negative_factorization
from ._frames import data_frame

if TYPE_CHECKING:
    from ._frames import DataFrame

#: Tokens of each cell in transcripts per million.
_MILLION = 1e6

#: Smallest variance by which the score of a gene is divided, as in cNMF.
_SMALLEST_VARIANCE = 1e-12

#: Threshold in the names of files if nothing is left out, as in cNMF.
_NO_THRESHOLD = 2.0


def write_cnmf_results(
    model, X, folder, *, name="cNMF", theta=None, feature_names=None
) -> "dict[str, DataFrame]":
    """Write usages and spectra as cNMF does, for programs that read its results.

    Programs are topics of cells, their spectra are topics over genes. They are numbered
    from 1 in the order of decreasing usage.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model, such as a :class:`~sklearn_topics.ConsensusTopics`.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Counts of cells x genes. The index of a pandas DataFrame names the cells.
    folder : str or path-like
        Folder of the results; the files are written to its folder `name`.
    name : str, default="cNMF"
        Name of the analysis.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    feature_names : sequence of str, default=None
        Names of the genes. If None, they come from the data that the model was fitted
        on; without names, genes are column numbers.

    Returns
    -------
    tables : dict of str to DataFrame
        What was written, as tab-separated text. The names of the files end with
        ``k_{K}.dt_{threshold}``, where the threshold is `density_threshold` of a
        consensus, else 2.0, with "_" for the point.

        - "usages": proportions of the programs in cells (n_samples x n_topics), in
          ``{name}.usages.k_{K}.dt_{threshold}.consensus.txt``;
        - "spectra": the topics (n_topics x n_features), in
          ``{name}.spectra.k_{K}.dt_{threshold}.consensus.txt``;
        - "gene_spectra_tpm": nonnegative least-squares coefficients of transcripts per
          million on the usages, in
          ``{name}.gene_spectra_tpm.k_{K}.dt_{threshold}.txt``;
        - "gene_spectra_score": least-squares coefficients of the z-scores of
          transcripts per million on the usages, in
          ``{name}.gene_spectra_score.k_{K}.dt_{threshold}.txt``.

    References
    ----------
    D. Kotliar et al., "Identifying gene expression programs of cell-type identity and
    cellular activity with single-cell RNA-Seq", eLife 8, e43803, 2019.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import write_cnmf_results
    >>> X, _, _ = make_topic_corpus(200, 50, 3, random_state=0)
    >>> model = TorchPoissonNMF(3, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tables = write_cnmf_results(model, X, folder)
    >>> tables["gene_spectra_score"].shape
    (3, 50)
    """
    threshold = getattr(last_step(model), "density_threshold", _NO_THRESHOLD)
    cells = row_labels(X=X, theta=theta)
    theta, counts = proportions_and_counts(model, X, theta)
    order = np.argsort(-theta.sum(axis=0), kind="stable")
    theta = theta[:, order].astype(np.float64)
    spectra = topic_distributions(model)[order]
    genes, programs = term_names(model, feature_names), range(1, len(order) + 1)
    tpm = _per_million(counts)
    tables = {
        "usages": data_frame(dict(zip(programs, theta.T, strict=True)), index=cells),
        "spectra": _of_genes(spectra, genes),
        "gene_spectra_tpm": _of_genes(_expression(theta, tpm), genes),
        "gene_spectra_score": _of_genes(_z_scores(theta, tpm), genes),
    }
    path = Path(folder) / name
    path.mkdir(parents=True, exist_ok=True)
    suffix = f"k_{len(order)}.dt_{str(float(threshold)).replace('.', '_')}"
    for kind, table in tables.items():
        ending = "txt" if kind.startswith("gene") else "consensus.txt"
        table.to_csv(path / f"{name}.{kind}.{suffix}.{ending}", sep="\t")
    return tables


def _of_genes(rows, genes):
    """A table of programs x genes."""
    return data_frame(rows.T, index=genes, columns=range(1, len(rows) + 1)).T


def _per_million(counts):
    """Counts (cells x genes), scaled so that each cell has a million; float64."""
    totals, _ = token_totals(counts)
    scale = _MILLION / np.where(totals > 0, totals, 1)
    if sp.issparse(counts):
        return sp.csr_array(counts.astype(np.float64).multiply(scale[:, None]))
    return counts * scale[:, None]


def _expression(theta, tpm):
    """H >= 0 (K x m) that minimises the squared error of theta @ H."""
    W, _, _ = non_negative_factorization(
        tpm.T,
        H=np.ascontiguousarray(theta.T),
        n_components=theta.shape[1],
        init="custom",
        update_H=False,
        max_iter=1000,
        tol=1e-6,
    )
    return W.T


def _z_scores(theta, tpm):
    """Least-squares coefficients (K x m) of standardised genes; tpm stays sparse."""
    n = tpm.shape[0]
    mean = np.asarray(tpm.mean(axis=0)).ravel()
    squares = tpm.multiply(tpm) if sp.issparse(tpm) else tpm * tpm
    variance = np.asarray(squares.sum(axis=0)).ravel() / n - mean**2
    inverse = np.linalg.pinv(theta)  # [K, n]
    products = np.asarray((tpm.T @ inverse.T).T) - np.outer(inverse.sum(axis=1), mean)
    return products / np.sqrt(np.maximum(variance, _SMALLEST_VARIANCE))
