"""Regression of topic proportions on covariates of the documents."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from .._boundary.documents import count_tokens, row_labels
from .._boundary.proportions import proportions_and_counts
from ._design import covariate_columns, design_matrix, factorize
from ._frames import data_frame, name_column
from ._intervals import quantile

if TYPE_CHECKING:
    from ._frames import DataFrame

#: Documents in a block, whose products of covariates are in memory.
_BLOCK = 20_000

#: A document whose leverage is nearer to 1 than this determines a coefficient alone.
#: Residuals, and shares of a document in a coefficient, below the second are rounding.
_ALONE, _ROUNDING = 1e-8, 1e-10


def topic_effects(
    model,
    X,
    covariates,
    *,
    formula=None,
    theta=None,
    confidence_level=0.95,
    verbose=0,
) -> "DataFrame":
    r"""Estimate how the topic proportions depend on covariates of the documents.

    Use it to test whether the share of a topic changes with time, or differs between
    groups, when other covariates are held constant. It is the counterpart of
    ``estimateEffect`` in the R package stm [1]_: a linear regression of each topic's
    proportion, whose standard errors include the uncertainty of the proportions.

    Parameters
    ----------
    model : fitted model, pipeline or search
        The topic model.
    X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
        Document-term counts; with a pipeline, the pipeline's input.
    covariates : DataFrame or dict of str to array-like of shape (n_samples,)
        Covariates of the documents. A pandas index must equal that of the documents.
        Without a `formula`, all columns are used, with an intercept: numbers as they
        are; texts, booleans and categories as indicators of all levels but the first.
    formula : str, default=None
        Formula of the covariates, such as ``"~ year + outlet"`` or ``"~ bs(year, df=4)
        * outlet"``, evaluated by formulaic. Only the covariates in it are used.
    theta : array-like of shape (n_samples, n_topics), default=None
        Topic proportions as ``model.transform(X)`` returns them. If None, they are
        computed.
    confidence_level : float, default=0.95
        Level of the intervals, between 0 and 1.
    verbose : int, default=0
        If positive, the progress of ``transform`` is shown on standard error.

    Returns
    -------
    table : DataFrame of shape (n_topics * n_coefficients, 7)
        One row per topic and coefficient: "Topic", "Covariate" (a column of the
        covariates; "Intercept"; or ``column[T.level]``, the difference from the first
        level), "Effect" (change of the proportion when the covariate grows by 1), "SE"
        (its standard error), "Lower" and "Upper" (limits of its confidence interval),
        and "P" (p-value of the hypothesis that the effect is 0). If topics have names,
        the last column is "Name". Documents without known terms are left out. A
        coefficient that a single document determines, such as that of a level which
        occurs once, has no standard error: "SE" and what follows are NaN.

    Raises
    ------
    ImportError
        If `formula` is given and formulaic is not installed:
        ``pip install sklearn_topics[formulas]``.
    ValueError
        If a covariate is missing in some documents, is constant, or is a linear
        combination of other covariates.

    See Also
    --------
    topics_by : Proportions of groups of documents, and over time.
    sklearn_topics.plot.TopicEffectsDisplay : Plot of the table.

    Notes
    -----
    stm draws the proportions of all documents from their posterior several times,
    regresses each draw and adds the variance within draws to that between draws, by
    Rubin's rules [2]_. This function computes the limit of infinitely many draws, so
    that the result has no randomness. The posterior of document i with :math:`s_i`
    tokens is a Dirichlet distribution with mean :math:`\theta_i`, as concentrated as
    after :math:`s_i` tokens whose topics are known; its variances are
    :math:`v_{ik} = \theta_{ik} (1 - \theta_{ik}) / (s_i + 1)`. With the residuals
    :math:`r_{ik}` of :math:`\theta`, the leverages :math:`h_i` and the design matrix
    Z, the covariance of the effects on topic k is

    .. math::
        (Z^T Z)^{-1} \left(\sum_i z_i z_i^T \left[\frac{r_{ik}^2}{(1 - h_i)^2}
        + v_{ik}\right]\right) (Z^T Z)^{-1}.

    The first term is HC3, which is robust to the unequal variances of proportions, and
    the second one the variance between draws. The rules would add :math:`v_{ik}` to
    :math:`r_{ik}^2` as well, for the residuals of a draw. That is left out, because the
    residuals of :math:`\theta` contain some of its errors: none if :math:`\theta` are
    exact posterior means, all of them by maximum likelihood, where intervals are rather
    too wide. The topics are taken as known. Effects are those on an average document,
    whatever its length.

    References
    ----------
    .. [1] M. E. Roberts, B. M. Stewart, D. Tingley, "stm: An R package for structural
       topic models", Journal of Statistical Software 91, 2019, section 3.3.
    .. [2] D. B. Rubin, "Multiple imputation for nonresponse in surveys", Wiley, 1987,
       chapter 3.

    Examples
    --------
    >>> from sklearn_topics import TorchPoissonNMF
    >>> from sklearn_topics.datasets import make_topic_corpus
    >>> from sklearn_topics.inspection import topic_effects
    >>> X, theta, _ = make_topic_corpus(300, 50, 2, random_state=0)
    >>> model = TorchPoissonNMF(2, random_state=0).fit(X)
    >>> covariates = {"year": [2000, 2010, 2020] * 100, "side": ["left", "right"] * 150}
    >>> table = topic_effects(model, X, covariates)
    >>> table["Covariate"].tolist()[:3]
    ['Intercept', 'year', 'side[T.right]']
    """
    quantile(confidence_level, 1)  # fails early
    columns = covariate_columns(covariates)
    named = {f"covariates[{name!r}]": values for name, values in columns.items()}
    row_labels(X=X, theta=theta, **named)
    theta, counts = proportions_and_counts(model, X, theta, verbose)
    tokens = count_tokens(counts, axis=1)
    known = tokens > 0
    matrix, names = design_matrix(columns, formula, known)
    theta, tokens = theta[known], tokens[known]
    effect, covariance = _regress(matrix, names, theta, tokens)
    error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    freedom = len(theta) - len(names)
    half = quantile(confidence_level, freedom) * error
    # Without an error, as of proportions that are all equal, there is no test.
    ratio = np.divide(effect, error, out=np.full_like(effect, np.nan), where=error > 0)
    topic = np.repeat(np.arange(len(effect)), len(names))
    columns = {
        "Topic": topic,
        "Covariate": np.tile(np.array(names, dtype=object), len(effect)),
        "Effect": effect.ravel(),
        "SE": error.ravel(),
        "Lower": (effect - half).ravel(),
        "Upper": (effect + half).ravel(),
        "P": 2 * student.sf(np.abs(ratio), freedom).ravel(),
        **name_column(model, topic),
    }
    return data_frame(columns)


def _regress(matrix, names, theta, tokens) -> tuple[np.ndarray, np.ndarray]:
    """Effects [K, p] and their covariances [K, p, p]."""
    Q, R = factorize(matrix, names)
    (n, p), K = Q.shape, theta.shape[1]
    coordinates = Q.T @ theta  # [p, K]
    middle, inverse = np.zeros((p * p, K)), np.linalg.inv(R)
    without_error = np.zeros(p, dtype=bool)
    for first in range(0, n, _BLOCK):
        q, known = Q[first : first + _BLOCK], theta[first : first + _BLOCK]
        size = tokens[first : first + _BLOCK, None]
        spread = known * (1 - known) / (size + 1)
        remaining = 1 - (q * q).sum(axis=1, keepdims=True)  # 1 - leverage
        residuals = known - q @ coordinates
        residuals[np.abs(residuals) < _ROUNDING] = 0
        # A document that alone determines coefficients has no residual, and tells
        # nothing of the errors of the others.
        alone = remaining[:, 0] < _ALONE
        shares = np.abs(q[alone] @ inverse.T)
        without_error |= (shares > _ROUNDING * shares.max(initial=0)).any(axis=0)
        remaining[alone] = 1
        weights = (residuals / remaining) ** 2 + spread
        weights[alone] = 0
        products = (q[:, :, None] * q[:, None, :]).reshape(len(q), p * p)
        middle += products.T @ weights
    covariance = inverse @ middle.T.reshape(K, p, p) @ inverse.T
    covariance[:, without_error] = np.nan
    covariance[:, :, without_error] = np.nan
    return (inverse @ coordinates).T, covariance
