"""Confidence intervals of proportions and effects."""

import numpy as np
from scipy.stats import t as student

from .._boundary.arguments import check_number


def quantile(confidence_level, freedom) -> np.ndarray:
    """Two-sided quantile of Student's distribution; NaN without degrees of freedom."""
    level = check_number(confidence_level, "confidence_level", 0, 1, open=True)
    freedom = np.asarray(freedom, np.float64)
    known = freedom > 0
    found = student.ppf((1 + level) / 2, np.where(known, freedom, 1))
    return np.where(known, found, np.nan)


def wilson(proportion, variance, n, z) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's interval for the mean of a cluster sample, always within 0 and 1.

    Parameters
    ----------
    proportion : ndarray of shape (n_groups, n_topics)
        Estimates.
    variance : ndarray of shape (n_groups, n_topics)
        Their variances. Where a variance is 0, all documents have the same proportion,
        and each of them counts as one observation.
    n : ndarray of shape (n_groups, 1)
        Number of documents.
    z : ndarray of shape (n_groups, 1)
        Quantiles.

    Returns
    -------
    lower, upper : ndarray of shape (n_groups, n_topics)
    """
    binomial = proportion * (1 - proportion)
    # The size of a simple random sample of tokens that is as precise.
    size = np.tile(np.where(n > 0, n, np.nan), (1, variance.shape[1]))
    varies = (variance > 0) & (binomial > 0)
    np.divide(binomial, variance, out=size, where=varies)
    center = (proportion + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(binomial / size + (z / (2 * size)) ** 2)
    # At the ends the limits are exact but for rounding.
    lower = np.where(proportion <= 0, 0 * half, np.maximum(center - half, 0))
    upper = np.where(proportion >= 1, 1 + 0 * half, np.minimum(center + half, 1))
    return lower, upper
