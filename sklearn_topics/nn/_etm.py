"""The embedded topic model as a torch module."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .._core.topic_model import document_sizes
from .._kernels import CSR, autograd
from .._kernels.csr import accumulation_dtype, map_positive
from .._kernels.floors import QUOTIENT_FLOOR
from ._arguments import check_shares, check_sizes, is_number, is_size
from ._tensors import as_dtype, draw, to_csr

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "softplus": nn.functional.softplus,
    "gelu": nn.functional.gelu,
    "elu": nn.functional.elu,
    "leaky_relu": nn.functional.leaky_relu,
}


class Bound(NamedTuple):
    """The two terms of each document's evidence lower bound, of shape (n,) each.

    In training an unbiased estimate of it; in evaluation, with proportions at the
    encoder's mean, an approximation.
    """

    log_likelihood: Tensor
    kl: Tensor


class Encoder(nn.Module):
    """From counts to the mean and log-variance of a document's logits.

    Perceptron layers on the shares x / sum(x) of the terms, and two linear heads.
    """

    def __init__(
        self,
        n_features: int,
        n_components: int,
        hidden_layer_sizes: tuple[int, ...] = (800, 800),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        batch_norm: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        made = {"device": device or torch.get_default_device(), "dtype": dtype}
        first, *others = hidden_layer_sizes
        # Terms x hidden: one row for each term that a document has.
        self.first_weight = nn.Parameter(torch.empty(n_features, first, **made))
        self.first_bias = nn.Parameter(torch.empty(first, **made))
        self.hidden = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, size, next_size, **made)
            for size, next_size in zip((first, *others), others, strict=False)
        )
        self.norms = nn.ModuleList(
            _BatchNorm(size, **made) for size in hidden_layer_sizes if batch_norm
        )
        last = hidden_layer_sizes[-1]
        self.mean = nn.utils.skip_init(nn.Linear, last, n_components, **made)
        self.log_variance = nn.utils.skip_init(nn.Linear, last, n_components, **made)
        self.activation = activation
        self.dropout, self.token_dropout = dropout, token_dropout

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Uniform in +-1 / sqrt(inputs), as torch begins a linear layer."""
        _uniform(generator, self.first_weight, self.first_bias, inputs=0)
        for layer in (*self.hidden, self.mean, self.log_variance):
            _uniform(generator, layer.weight, layer.bias, inputs=1)
        for norm in self.norms:
            norm.reset_parameters()

    def forward(
        self, X: CSR | Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.training and self.token_dropout > 0:
            X = map_positive(X, partial(_without, self.token_dropout, generator))
        size = document_sizes(X).to(self.first_weight.dtype)[:, None]
        counts = autograd.product(X, self.first_weight)
        h = self._activate(counts / size.where(size > 0, 1) + self.first_bias, 0)
        for number, layer in enumerate(self.hidden, 1):
            h = self._activate(layer(h), number)
        if self.training and self.dropout > 0:
            h = _without(self.dropout, generator, h) / (1 - self.dropout)
        return self.mean(h), self.log_variance(h)

    @torch.no_grad()
    def set_statistics(self, batches: Callable[[], Iterable[CSR | Tensor]]) -> None:
        """Set batch norm's statistics to those of all given documents.

        The running ones lag behind the weights where there are few batches. A layer's
        depend on those of the layer below: one pass for each. Documents keep all their
        terms, as new ones do: with the terms that training leaves out, the statistics
        would be those of shorter documents.

        Parameters
        ----------
        batches : callable
            Returns the documents, in batches of any size.
        """
        self.eval()
        for norm in self.norms:
            moments = _Moments()
            with norm.register_forward_pre_hook(moments.add):
                for X in batches():
                    self(X)
            norm.running_mean.copy_(moments.mean)
            norm.running_var.copy_(moments.squares / moments.n)

    def _activate(self, h, number):
        if self.norms:
            h = self.norms[number](h)
        return ACTIVATIONS[self.activation](h)


class _BatchNorm(nn.BatchNorm1d):
    """Takes a batch of one document as it takes new documents: one has no variance."""

    def forward(self, h: Tensor) -> Tensor:
        return nn.functional.batch_norm(
            h,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training and len(h) > 1,
            self.momentum,
            self.eps,
        )


class _Moments:
    """Mean and summed squared deviations of a layer's inputs, over all batches."""

    def __init__(self):
        self.n, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, _, inputs: tuple[Tensor]) -> None:
        (h,) = inputs
        h = h.to(accumulation_dtype(h.device))
        n, mean = len(h), h.mean(0)
        total, gap = self.n + n, mean - self.mean
        squares = (h - mean).square().sum(0) + gap.square() * (self.n * n / total)
        self.squares = self.squares + squares
        self.mean = self.mean + gap * (n / total)
        self.n = total


class ETM(nn.Module):
    r"""Embedded topic model.

    A topic is the distribution :math:`\beta_k = \mathrm{softmax}(\rho \alpha_k)` over
    terms, with an embedding :math:`\rho_j` of each term and :math:`\alpha_k` of each
    topic; a document mixes the topics in the proportions
    :math:`\theta = \mathrm{softmax}(\delta)`, :math:`\delta \sim N(0, s^2 I)`. An
    encoder gives the mean and the variance of :math:`\delta`, given the document
    [1]_, sections 4 and 5.

    Counts are a :class:`torch.Tensor`, dense or sparse CSR, documents x terms. With
    sparse ones nothing of the size documents x terms is made.

    Parameters
    ----------
    n_features : int
        Number of terms.
    n_components : int
        Number of topics.
    embedding_dim : int, default=300
        Length of the embeddings.
    hidden_layer_sizes : tuple of int, default=(800, 800)
        Units of each hidden layer of the encoder; at least one layer.
    activation : str, default="relu"
        Activation of the hidden layers: "relu", "tanh", "softplus", "gelu", "elu" or
        "leaky_relu".
    dropout : float, default=0.0
        Share of the last hidden units that is dropped in training.
    token_dropout : float, default=0.0
        Share of a document's terms that the encoder is not shown in training; the
        bound holds for whatever the encoder looks at.
    batch_norm : bool, default=False
        Whether hidden layers are normalised over the batch, before activation. In
        evaluation by running averages over batches, as torch has it, which need
        some tens of batches after the last large change of the weights.
    prior_scale : float, default=1.0
        The standard deviation s of the prior.
    background : float, default=0.0
        Added to the probability of every term in every document; the code of [1]_ has
        1e-6.
    generator : torch.Generator, default=None
        Draws the initial parameters. None is torch's global one.
    device : torch.device or str, default=None
        Of the parameters. None is torch's default.
    dtype : torch.dtype, default=None
        Of the parameters. None is torch's default.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind or out of range.

    See Also
    --------
    sklearn_topics.TorchETM : The estimator, which trains it.

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
    ):
        super().__init__()
        check_sizes(
            n_features=n_features,
            n_components=n_components,
            embedding_dim=embedding_dim,
        )
        check_shares(dropout=dropout, token_dropout=token_dropout)
        sizes = hidden_layer_sizes
        if not isinstance(sizes, Sequence) or not sizes or not all(map(is_size, sizes)):
            raise ValueError(
                "hidden_layer_sizes must hold at least one positive integer; it is "
                f"{sizes!r}."
            )
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(ACTIVATIONS)}; it is "
                f"{activation!r}."
            )
        if not (is_number(prior_scale, 0) and prior_scale > 0):
            raise ValueError(f"prior_scale must be above 0; it is {prior_scale!r}.")
        if not is_number(background, 0):
            raise ValueError(f"background must be at least 0; it is {background!r}.")
        made = {"device": device, "dtype": dtype}
        self.encoder = Encoder(
            n_features,
            n_components,
            hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            token_dropout=token_dropout,
            batch_norm=batch_norm,
            **made,
        )
        self.embeddings = nn.Parameter(torch.empty(n_features, embedding_dim, **made))
        self.topic_embeddings = nn.Parameter(
            torch.empty(n_components, embedding_dim, **made)
        )
        self.prior_scale, self.background = prior_scale, background
        if not self.embeddings.is_meta:
            self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all parameters anew, uniform in +-1 / sqrt(inputs).

        Parameters
        ----------
        generator : torch.Generator, default=None
            On the host. None is torch's global one.
        """
        _uniform(generator, self.embeddings, inputs=1)
        _uniform(generator, self.topic_embeddings, inputs=1)
        self.encoder.reset_parameters(generator)

    def log_topics(self) -> Tensor:
        """Return the logarithms of the topics, transposed.

        Returns
        -------
        log_topics : Tensor of shape (n_features, n_components)
            The logarithms of `topics`, one column a topic.
        """
        logits = autograd.tall_product(self.embeddings, self.topic_embeddings)
        return torch.log_softmax(logits, 0)

    def topics(self) -> Tensor:
        """Return the distributions of the topics over terms.

        Returns
        -------
        topics : Tensor of shape (n_components, n_features)
            Each row sums to one.
        """
        return self.log_topics().exp().T

    def proportions(self, X) -> Tensor:
        """Topic proportions at the mean of the encoder.

        Parameters
        ----------
        X : Tensor of shape (n, n_features)
            Counts, dense or sparse CSR.

        Returns
        -------
        theta : Tensor of shape (n, n_components)
            Each row sums to one.
        """
        return torch.softmax(self.encoder(self._counts(X))[0], 1)

    def forward(self, X, generator: torch.Generator | None = None) -> Bound:
        """The terms of the evidence lower bound.

        In training the proportions are drawn from the encoder's distribution, once for
        each document; in evaluation they are at its mean.

        Parameters
        ----------
        X : Tensor of shape (n, n_features)
            Counts, dense or sparse CSR.
        generator : torch.Generator, default=None
            On the host. None is torch's global one.

        Returns
        -------
        bound : tuple of two Tensors of shape (n,)
            ``log_likelihood`` of the tokens given the proportions, without the
            multinomial coefficient, and ``kl`` from the prior to the encoder's
            distribution, in nats. Their difference is the bound: estimated in
            training; in evaluation approximated, by what may exceed it.
        """
        X = self._counts(X)
        mean, log_variance = self.encoder(X, generator)
        delta = mean
        if self.training:
            noise = draw(torch.randn, mean, generator)
            delta = mean + torch.exp(0.5 * log_variance) * noise
        theta, terms = torch.softmax(delta, 1), self.log_topics().exp()
        if self.background > 0:  # one topic more, of that weight in all terms
            theta = nn.functional.pad(theta, (0, 1), value=self.background)
            terms = nn.functional.pad(terms, (0, 1), value=1.0)
        floor = QUOTIENT_FLOOR.get(terms.dtype, 1e-20)
        found = autograd.log_likelihood(X, theta, terms, floor=floor)
        return Bound(found, gaussian_kl(mean, log_variance, self.prior_scale))

    def _counts(self, X) -> CSR | Tensor:
        """What the kernels take: of the parameters' dtype, and of the right width."""
        X, n_features = as_counts(X), self.embeddings.shape[0]
        if X.shape[1] != n_features:
            raise ValueError(
                f"Counts have {X.shape[1]} columns, but the model has {n_features} "
                "terms."
            )
        return as_dtype(X, self.embeddings.dtype)


def gaussian_kl(mean: Tensor, log_variance: Tensor, prior_scale: float) -> Tensor:
    """KL(N(mean, diag exp(log_variance)) || N(0, prior_scale^2 I)), by row."""
    square = (mean.square() + log_variance.exp()) / prior_scale**2
    terms = square - 1 - log_variance + 2 * math.log(prior_scale)
    return 0.5 * terms.sum(1)


def as_counts(X) -> CSR | Tensor:
    """What the kernels take, of a dense or sparse CSR tensor."""
    if isinstance(X, CSR) or X.layout == torch.strided:
        return X
    if X.layout != torch.sparse_csr:
        raise TypeError(
            f"Counts must be dense or sparse CSR, but their layout is {X.layout}: "
            "pass X.to_sparse_csr()."
        )
    return to_csr(X)


def _uniform(generator, *parameters, inputs: int) -> None:
    """In +-1 / sqrt(n), n the inputs of the first one: that dimension of it."""
    bound = parameters[0].shape[inputs] ** -0.5
    with torch.no_grad():
        for parameter in parameters:
            # Drawn on the host, so that a seed means the same on every device.
            drawn = draw(torch.rand, parameter, generator)
            parameter.copy_(drawn.mul_(2 * bound).sub_(bound))


def _without(share: float, generator, values: Tensor) -> Tensor:
    """Values with this share of them set to zero."""
    drawn = draw(
        torch.rand, values.new_empty(values.shape, dtype=torch.float32), generator
    )
    return values * (drawn >= share)
