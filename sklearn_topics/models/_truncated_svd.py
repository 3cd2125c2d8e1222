"""TorchTruncatedSVD: scikit-learn's TruncatedSVD on any device."""

from numbers import Integral, Real
from typing import Self

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import svds
from sklearn.utils import check_random_state
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import check_is_fitted

from .._boundary.contexts import plain_torch
from .._boundary.inputs import check_matrix
from .._boundary.shards import on_all_ranks
from .._boundary.sklearn_private import Interval, StrOptions, _fit_context
from .._boundary.tensors import to_host
from .._boundary.transfer import agreed_seed, numpy_dtype, to_device, to_numpy
from .._core.svd import (
    NORMALIZERS,
    column_variances,
    flip_signs,
    randomized_svd,
    total_variance,
)
from .._kernels import ops
from .._kernels.ranks import all_rows, current
from ._base import BaseDecomposition


class TorchTruncatedSVD(BaseDecomposition):
    """Dimensionality reduction by truncated SVD (latent semantic analysis).

    A drop-in replacement for :class:`sklearn.decomposition.TruncatedSVD` with the same
    parameters, attributes and signs and, for the same `random_state`, the same results
    up to rounding. Products with sparse X run in parallel on the CPU, or on another
    device.

    Read more in the :ref:`User Guide <truncated_svd>`.

    Parameters
    ----------
    n_components : int, default=2
        Number of components, the dimensionality of the output. Time and memory are
        proportional to it. The default, scikit-learn's, is for plots; use 100 for
        semantic analysis. At most `n_features` for
        algorithm "randomized", less than min(n_samples, n_features) for "arpack".

    algorithm : {"arpack", "randomized"}, default="randomized"
        "randomized" is the algorithm of Halko et al. [1]_, on the device; "arpack" is
        :func:`scipy.sparse.linalg.svds`, on the CPU.

    n_iter : int, default=5
        Number of power iterations, each of which costs two products with X. More give
        more accurate components if the singular values decrease slowly; 5 is
        scikit-learn's default. Used by "randomized" only.

    n_oversamples : int, default=10
        Number of random vectors in addition to `n_components`. More make the last
        components more accurate and cost as much as further components. Used by
        "randomized" only.

    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        Normalisation of the vectors between power iterations: "QR" is the most
        accurate, "LU" is faster, "none" the fastest. "auto" is "none" if `n_iter` <= 2,
        else "LU". Used by "randomized" only.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the random vectors, drawn as in
        scikit-learn. Pass an int for reproducible results.

    tol : float, default=0.0
        Tolerance of the singular values; 0 is machine precision. Used by "arpack" only.

    device : str, default="auto"
        Device to compute on: "cpu", "cuda", "cuda:1", "mps", "xpu" or "auto". "auto" is
        the device of X if X is a torch.Tensor on CUDA or xpu. For other X, it is CUDA
        where that was measured to be faster than the CPU for the model and the size of
        X, else the CPU. Use ``device="cuda"`` to compute on a GPU.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Right singular vectors of X.

    n_components_ : int
        Number of components: rows of ``components_``, also if these were edited.

    explained_variance_ : ndarray of shape (n_components,)
        Variance of the transformed X along each component.

    explained_variance_ratio_ : ndarray of shape (n_components,)
        Fraction of the variance of X explained by each component.

    singular_values_ : ndarray of shape (n_components,)
        Singular values, largest first.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all columns of X have string names.

    See Also
    --------
    TorchBetaNMF : Factorisation with nonnegative components.
    TorchPoissonNMF : Topic model for word counts.
    sklearn.decomposition.TruncatedSVD : Truncated SVD in scikit-learn.

    Notes
    -----
    **How it scales.** "randomized" multiplies X or X^T by K + `n_oversamples` vectors
    ``2 * n_iter + 2`` times, each in time proportional to nnz * K for sparse X, and
    normalises the vectors in (n + m) K^2. Memory is 3 (n + m) (K + 10) numbers beside
    X. `transform` is one product.

    float32 data are processed in float32, all other data in float64. Sparse X is never
    converted to a dense array.

    References
    ----------
    .. [1] N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness",
       SIAM Review 53, 2011, algorithms 4.4 and 5.1.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> from sklearn_topics import TorchTruncatedSVD
    >>> X = sp.random(100, 40, density=0.1, format="csr", random_state=0)
    >>> svd = TorchTruncatedSVD(n_components=5, random_state=0).fit(X)
    >>> svd.transform(X).shape
    (100, 5)
    """

    # Set by `fit`.
    components_: np.ndarray
    explained_variance_: np.ndarray
    explained_variance_ratio_: np.ndarray
    singular_values_: np.ndarray
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "algorithm": [StrOptions({"arpack", "randomized"})],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "n_oversamples": [Interval(Integral, 1, None, closed="left")],
        "power_iteration_normalizer": [StrOptions({"auto", *NORMALIZERS})],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": [str],
    }

    def __init__(
        self,
        n_components=2,
        *,
        algorithm="randomized",
        n_iter=5,
        n_oversamples=10,
        power_iteration_normalizer="auto",
        random_state=None,
        tol=0.0,
        device="auto",
    ) -> None:
        self.n_components = n_components
        self.algorithm = algorithm
        self.n_iter = n_iter
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state
        self.tol = tol
        self.device = device

    def fit(self, X, y=None) -> Self:
        """Compute the components of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        self : object
            The fitted model.
        """
        self.fit_transform(X)
        return self

    @on_all_ranks
    @_fit_context(prefer_skip_nested_validation=True)
    @plain_torch
    def fit_transform(self, X, y=None) -> np.ndarray:
        """Compute the components of X and return the coordinates of X.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            Training data.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            The same as ``transform(X)``. A torch.Tensor on the device of X if X is a
            torch.Tensor.
        """
        data = check_matrix(self, X, reset=True, min_features=2)
        rng = check_random_state(agreed_seed(self.random_state))
        X_device = self._to_device(data)
        if self.algorithm == "arpack":
            U, s, Vt = self._arpack(data, X_device.device, rng)
        else:
            U, s, Vt = self._randomized(X_device, rng)
        U, Vt = flip_signs(U, Vt, by="V")
        # U s may have an approximation error that X V does not have. (For wide X the
        # randomised algorithm computes U s from X V.)
        wide = all_rows(data.shape[0]) < data.shape[1]
        if self.tol > 0 if self.algorithm == "arpack" else not wide:
            coordinates = ops.spmm(X_device, Vt.T.contiguous())
        else:
            coordinates = U * s
        self.components_ = to_numpy(Vt)
        self.singular_values_ = to_numpy(s)
        scale = _near_one(s)
        if current() is not None:
            variance = to_numpy(column_variances(coordinates * float(scale)))
            variance = variance.astype(self.components_.dtype)
            total = total_variance(X_device, float(scale))
            coordinates = to_numpy(coordinates)
        elif X_device.device.type == "cpu":
            coordinates = to_numpy(coordinates)
            variance = np.var(coordinates * scale, axis=0)
            total = _total_variance(to_host(data), scale)
        else:
            variance = to_numpy((coordinates * float(scale)).var(0, correction=0))
            total = total_variance(X_device, float(scale))
        self.explained_variance_ratio_ = (variance / total).astype(variance.dtype)
        with np.errstate(over="ignore", under="ignore"):
            wide = variance.astype(np.float64) / np.float64(scale) ** 2
            self.explained_variance_ = wide.astype(variance.dtype)
        return self._like_input(coordinates, X)

    def _refused_in_groups(self, method):
        return " with algorithm='arpack'" if self.algorithm == "arpack" else None

    def _randomized(self, X, rng):
        if self.n_components > X.shape[1]:
            raise ValueError(
                f"n_components({self.n_components}) must be <= "
                f"n_features({X.shape[1]})."
            )
        normalizer = self.power_iteration_normalizer
        if normalizer == "auto":
            normalizer = "none" if self.n_iter <= 2 else "LU"
        return randomized_svd(
            X,
            self.n_components,
            lambda *shape: torch.from_numpy(rng.normal(size=shape)),
            n_oversamples=self.n_oversamples,
            n_iter=self.n_iter,
            normalizer=normalizer,
        )

    def _arpack(self, data, device, rng):
        if self.n_components >= min(data.shape):
            raise ValueError(
                "algorithm='arpack' needs n_components < min(n_samples, n_features), "
                f"but n_components={self.n_components}, n_samples={data.shape[0]} and "
                f"n_features={data.shape[1]}."
            )
        v0 = rng.uniform(-1, 1, min(data.shape))  # as in scikit-learn
        data = to_host(data)  # ARPACK is a library of the host
        U, s, Vt = svds(data, k=int(self.n_components), tol=self.tol, v0=v0)
        order = slice(None, None, -1)  # svds returns the smallest first
        parts = U[:, order], s[order], Vt[order]
        return tuple(to_device(p.copy(), device) for p in parts)

    @plain_torch
    def transform(self, X) -> np.ndarray:
        """Compute the coordinates of X on the components.

        Parameters
        ----------
        X : {array-like, sparse matrix, torch.Tensor} of shape (n_samples, n_features)
            New data.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_components)
            ``X @ components_.T``. A torch.Tensor on the device of X if X is a
            torch.Tensor.
        """
        check_is_fitted(self)
        data = check_matrix(self, X, reset=False)
        X_device = self._to_device(data)
        dtype = numpy_dtype(X_device)
        V = np.ascontiguousarray(self._components().T.astype(dtype, copy=False))
        product = ops.spmm(X_device, to_device(V, X_device.device))
        return self._like_input(product, X)


def _near_one(s):
    """The power of two with which squared singular values are finite; mostly 1."""
    greatest = float(s.max())
    exponent = 0 if 1e-15 < greatest < 1e15 or greatest == 0 else np.frexp(greatest)[1]
    return s.new_tensor(2.0 ** -float(exponent)).cpu().numpy()[()]


def _total_variance(data, scale) -> float:
    """Sum of the variances of the features, of data times `scale`."""
    data = data if scale == 1 else data * scale
    if sp.issparse(data):
        return mean_variance_axis(data, axis=0)[1].sum()
    return np.var(data, axis=0).sum()
