"""The embedded topic model as a torch module."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .._boundary.arguments import check_choice, check_layer_sizes
from .._boundary.tensors import to_csr
from .._kernels import CSR, autograd
from .._kernels.csr import as_dtype
from .._kernels.floors import QUOTIENT_FLOOR
from ._arguments import check_nonnegative, check_rates, check_sizes, is_number
from ._encoder import ACTIVATIONS, Encoder, draw_uniform_
from ._random import draw


class Bound(NamedTuple):
    """The two terms of the evidence lower bound of each document, of shape (n,) each.

    In training mode, they are an unbiased estimate; in evaluation mode, with the
    proportions at the mean of the encoder, they are an approximation.
    """

    log_likelihood: Tensor
    kl: Tensor


class ETM(nn.Module):
    r"""Embedded topic model (ETM) as a torch module, for custom training loops.

    Topic k is the distribution :math:`\beta_k = \mathrm{softmax}(\rho \alpha_k)` over
    terms, where :math:`\rho_j` is the embedding of term j and :math:`\alpha_k` the
    embedding of the topic. A document has the topic proportions
    :math:`\theta = \mathrm{softmax}(\delta)`, :math:`\delta \sim N(0, s^2 I)`. An
    encoder infers the mean and the variance of :math:`\delta` from the document
    ([1]_, sections 4 and 5).

    Counts are a :class:`torch.Tensor` of shape (n_documents, n_features), dense or
    sparse CSR. With sparse counts, no dense array of that size is created.

    Parameters
    ----------
    n_features : int
        Number of terms.
    n_components : int
        Number of topics.
    embedding_dim : int, default=300
        Number of dimensions of the embeddings.
    hidden_layer_sizes : tuple of int, default=(800, 800)
        Number of units of each hidden layer of the encoder; at least one layer.
    activation : str, default="relu"
        Activation function of the hidden layers: "relu", "tanh", "softplus", "gelu",
        "elu" or "leaky_relu".
    dropout : float, default=0.0
        Dropout rate of the last hidden layer in training.
    token_dropout : float, default=0.0
        Share of the terms of a document that the encoder does not see in training. The
        evidence lower bound remains valid.
    batch_norm : bool, default=False
        Whether hidden layers are normalised over the batch, before the activation. In
        evaluation mode, running averages are used, as in torch; they need some tens of
        batches after the last large change of the weights.
    prior_scale : float, default=1.0
        The standard deviation s of the prior.
    background : float, default=0.0
        Constant that is added to the probability of every term in every document; the
        code of [1]_ uses 1e-6.
    generator : torch.Generator, default=None
        Generator of the initial parameters. If None, the global generator of torch.
    device : torch.device or str, default=None
        Device of the parameters. If None, the default device of torch.
    dtype : torch.dtype, default=None
        Dtype of the parameters. If None, the default dtype of torch.

    Raises
    ------
    ValueError
        If an argument has the wrong type or is out of range.

    See Also
    --------
    sklearn_topics.TorchETM : Estimator that trains this module.

    References
    ----------
    .. [1] A. B. Dieng, F. J. R. Ruiz, D. M. Blei, "Topic modeling in embedding
       spaces", Transactions of the ACL 8, 2020, arXiv:1907.04907.

    Examples
    --------
    >>> import torch
    >>> from sklearn_topics.nn import ETM
    >>> model = ETM(n_features=6, n_components=2, embedding_dim=3)
    >>> bound = model(torch.ones(4, 6))
    >>> loss = (bound.kl - bound.log_likelihood).mean()
    >>> loss.backward()
    >>> model.topics().shape
    torch.Size([2, 6])
    """

    def __init__(
        self,
        n_features: int,
        n_components: int,
        *,
        embedding_dim: int = 300,
        hidden_layer_sizes: tuple[int, ...] = (800, 800),
        activation: str = "relu",
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        batch_norm: bool = False,
        prior_scale: float = 1.0,
        background: float = 0.0,
        generator: torch.Generator | None = None,
        device=None,
        dtype=None,
    ) -> None:
        super().__init__()
        check_sizes(
            n_features=n_features,
            n_components=n_components,
            embedding_dim=embedding_dim,
        )
        check_rates(dropout=dropout, token_dropout=token_dropout)
        check_layer_sizes(hidden_layer_sizes, "hidden_layer_sizes")
        check_choice(activation, "activation", ACTIVATIONS)
        if not (is_number(prior_scale, 0) and prior_scale > 0):
            raise ValueError(
                f"prior_scale must be a positive number. Got {prior_scale!r}."
            )
        check_nonnegative(background=background)
        factory_kwargs = {"device": device, "dtype": dtype}
        self.encoder = Encoder(
            n_features,
            n_components,
            hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            token_dropout=token_dropout,
            batch_norm=batch_norm,
            **factory_kwargs,
        )
        self.embeddings = nn.Parameter(
            torch.empty(n_features, embedding_dim, **factory_kwargs)
        )
        self.topic_embeddings = nn.Parameter(
            torch.empty(n_components, embedding_dim, **factory_kwargs)
        )
        self.prior_scale, self.background = prior_scale, background
        if not self.embeddings.is_meta:
            self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all parameters anew from U(-b, b), b = 1 / sqrt(n_inputs).

        Parameters
        ----------
        generator : torch.Generator, default=None
            Generator on the host. If None, the global generator of torch.
        """
        draw_uniform_(generator, self.embeddings, inputs=1)
        draw_uniform_(generator, self.topic_embeddings, inputs=1)
        self.encoder.reset_parameters(generator)

    def log_topics(self) -> Tensor:
        """Return the log-probabilities of the terms in each topic, transposed.

        Returns
        -------
        log_topics : Tensor of shape (n_features, n_components)
            The logarithms of `topics`, one column per topic.
        """
        logits = autograd.tall_product(self.embeddings, self.topic_embeddings)
        if logits.device.type == "cpu":
            return torch.log_softmax(logits, 0)
        # Other devices are slow where what is summed does not lie side by side.
        return torch.log_softmax(logits.T, 1).T.contiguous()

    def topics(self) -> Tensor:
        """Return the distributions of the topics over terms.

        Returns
        -------
        topics : Tensor of shape (n_components, n_features)
            Term probabilities of the topics; each row sums to one.
        """
        return self.log_topics().exp().T

    def proportions(self, X) -> Tensor:
        """Infer the topic proportions of documents, at the mean of the encoder.

        Parameters
        ----------
        X : Tensor of shape (n, n_features)
            Counts, dense or sparse CSR.

        Returns
        -------
        theta : Tensor of shape (n, n_components)
            Topic proportions; each row sums to one.
        """
        return torch.softmax(self.encoder(self._counts(X))[0], 1)

    def forward(self, X, generator: torch.Generator | None = None) -> Bound:
        """Compute the two terms of the evidence lower bound.

        In training mode, the proportions of each document are drawn once from the
        distribution of the encoder; in evaluation mode, they are at its mean.

        Parameters
        ----------
        X : Tensor of shape (n, n_features)
            Counts, dense or sparse CSR.
        generator : torch.Generator, default=None
            Generator of the draws and of dropout, on the device of X or on the host. If
            None, the global generator of torch for the device of X.

        Returns
        -------
        bound : tuple of two Tensors of shape (n,)
            ``log_likelihood`` of the tokens given the proportions, without the
            multinomial coefficient, and ``kl``, the divergence of the encoder's
            distribution from the prior, in nats. The bound is ``log_likelihood - kl``:
            an unbiased estimate in training mode, and an approximation in evaluation
            mode, which may exceed the bound.
        """
        X = self._counts(X)
        mean, log_variance = self.encoder(X, generator)
        delta = mean
        if self.training:
            noise = draw(torch.randn, mean, generator, device=mean.device)
            delta = mean + torch.exp(0.5 * log_variance) * noise
        theta, terms = torch.softmax(delta, 1), self.log_topics().exp()
        if self.background > 0:  # an additional topic with this weight for all terms
            theta = nn.functional.pad(theta, (0, 1), value=self.background)
            terms = nn.functional.pad(terms, (0, 1), value=1.0)
        floor = QUOTIENT_FLOOR.get(terms.dtype, 1e-20)
        log_likelihood = autograd.log_likelihood(X, theta, terms, floor=floor)
        kl = gaussian_kl(mean, log_variance, self.prior_scale)
        return Bound(log_likelihood, kl)

    def _counts(self, X) -> CSR | Tensor:
        """Counts for the kernels, in the dtype of the parameters."""
        X, n_features = as_counts(X), self.embeddings.shape[0]
        if X.shape[1] != n_features:
            raise ValueError(
                f"X has {X.shape[1]} columns, but the model has {n_features} terms."
            )
        return as_dtype(X, self.embeddings.dtype)


def gaussian_kl(mean: Tensor, log_variance: Tensor, prior_scale: float) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) || N(0, prior_scale^2 I)) of each row, [n]."""
    square = (mean.square() + log_variance.exp()) / prior_scale**2
    terms = square - 1 - log_variance + 2 * math.log(prior_scale)
    return 0.5 * terms.sum(1)


def as_counts(X) -> CSR | Tensor:
    """Counts for the kernels, from a dense or sparse CSR tensor."""
    if isinstance(X, CSR) or X.layout == torch.strided:
        return X
    if X.layout != torch.sparse_csr:
        raise TypeError(
            f"X must be dense or sparse CSR. Got layout {X.layout}. Pass "
            "X.to_sparse_csr()."
        )
    return to_csr(X)
