"""The encoder of the embedded topic model, a multilayer perceptron."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn

from .._core.batches import PartOfBatch
from .._core.topic_model import document_sizes
from .._kernels import CSR, autograd
from .._kernels.csr import accumulation_dtype, map_positive
from .._kernels.ranks import agreed, all_sum, current
from ._random import draw

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "softplus": nn.functional.softplus,
    "gelu": nn.functional.gelu,
    "elu": nn.functional.elu,
    "leaky_relu": nn.functional.leaky_relu,
}


class Encoder(nn.Module):
    """Infer the mean and log-variance of each document's topic logits from its counts.

    The input of the perceptron layers are the term frequencies x / sum(x). Two linear
    layers compute the mean and the log-variance.
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
        # skip_init knows no default device, and torch.get_default_device fails in
        # torch 2.6 after torch.set_default_device(None).
        device = torch.empty(0, device=device).device
        factory_kwargs = {"device": device, "dtype": dtype}
        first, *others = hidden_layer_sizes
        # [n_features, n_hidden], so that a sparse document selects rows.
        self.first_weight = nn.Parameter(
            torch.empty(n_features, first, **factory_kwargs)
        )
        self.first_bias = nn.Parameter(torch.empty(first, **factory_kwargs))
        self.hidden = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, size, next_size, **factory_kwargs)
            for size, next_size in zip((first, *others), others, strict=False)
        )
        self.norms = nn.ModuleList(
            _BatchNorm(size, **factory_kwargs)
            for size in hidden_layer_sizes
            if batch_norm
        )
        last = hidden_layer_sizes[-1]
        self.mean = nn.utils.skip_init(nn.Linear, last, n_components, **factory_kwargs)
        self.log_variance = nn.utils.skip_init(
            nn.Linear, last, n_components, **factory_kwargs
        )
        self.activation = activation
        self.dropout, self.token_dropout = dropout, token_dropout

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all parameters from U(-b, b), b = 1 / sqrt(n_inputs), like nn.Linear."""
        draw_uniform_(generator, self.first_weight, self.first_bias, inputs=0)
        for layer in (*self.hidden, self.mean, self.log_variance):
            draw_uniform_(generator, layer.weight, layer.bias, inputs=1)
        for norm in self.norms:
            norm.reset_parameters()

    def forward(
        self,
        X: CSR | Tensor,
        generator: torch.Generator | PartOfBatch | None = None,
    ) -> tuple[Tensor, Tensor]:
        n = generator.n if isinstance(generator, PartOfBatch) else None
        if self.training and self.token_dropout > 0:
            X = _drop_tokens(self.token_dropout, generator, X)
        size = document_sizes(X).to(self.first_weight.dtype)[:, None]  # [n, 1]
        weighted = autograd.product(X, self.first_weight)  # [n, n_hidden]
        h = self._activate(weighted / size.where(size > 0, 1) + self.first_bias, 0, n)
        for number, layer in enumerate(self.hidden, 1):
            h = self._activate(layer(h), number, n)
        if self.training and self.dropout > 0:
            h = _drop(self.dropout, generator, h) / (1 - self.dropout)
        return self.mean(h), self.log_variance(h)

    @torch.no_grad()
    def set_statistics(self, batches: Callable[[], Iterable[CSR | Tensor]]) -> None:
        """Set the statistics of batch normalisation to those of all given documents.

        If there are few batches, the running statistics lag behind the weights. The
        statistics of a layer depend on the layer below, so each layer needs one pass.
        There is no token dropout: with it, the statistics would be those of shorter
        documents.

        Parameters
        ----------
        batches : callable
            Returns an iterable of the documents, in batches of any size.
        """
        self.eval()
        for norm in self.norms:
            moments = _Moments()
            with norm.register_forward_pre_hook(moments.add):
                for X in batches():
                    self(X)
            mean, variance = moments.of_all_ranks()
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)

    def _activate(self, h, number, n):
        if self.norms:
            h = self.norms[number](h, n)
        return ACTIVATIONS[self.activation](h)


class _BatchNorm(nn.BatchNorm1d):
    """Batch normalisation; a batch of one document uses the running statistics.

    If n is given, h are some of n documents; others are on other ranks.
    """

    def forward(self, h: Tensor, n: int | None = None) -> Tensor:
        if self.training and n is not None and n > 1:
            return self._over_ranks(h, n)
        return nn.functional.batch_norm(
            h,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training and len(h) > 1 and n is None,
            self.momentum,
            self.eps,
        )

    def _over_ranks(self, h: Tensor, n: int) -> Tensor:
        mean = autograd.all_sum(h.sum(0)) / n
        centred = h - mean
        variance = autograd.all_sum(centred.square().sum(0)) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (n / (n - 1)), self.momentum)
        return centred * (variance + self.eps).rsqrt() * self.weight + self.bias


class _Moments:
    """Mean and sum of squared deviations of the inputs of a layer, over all batches."""

    def __init__(self):
        self.n, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, _, inputs: tuple[Tensor, None]) -> None:
        h = inputs[0].to(accumulation_dtype(inputs[0].device))
        n, mean = len(h), h.sum(0) / max(len(h), 1)
        total, gap = max(self.n + n, 1), mean - self.mean
        squares = (h - mean).square().sum(0) + gap.square() * (self.n * n / total)
        self.squares = self.squares + squares
        self.mean = self.mean + gap * (n / total)
        self.n += n

    def of_all_ranks(self) -> tuple[Tensor, Tensor]:
        """The mean and the variance."""
        if current() is None:
            return self.mean, self.squares / self.n
        n = self.mean.new_tensor([self.n])
        total, sums = all_sum(n, n * self.mean)
        mean = sums / total
        squares = all_sum(self.squares + n * (self.mean - mean).square())
        return agreed(mean), agreed(squares / total)


def draw_uniform_(generator, *parameters, inputs: int) -> None:
    """Draw parameters from U(-b, b), b = 1 / sqrt(n_inputs).

    `inputs` is the dimension of the first parameter whose size is n_inputs.
    """
    bound = parameters[0].shape[inputs] ** -0.5
    with torch.no_grad():
        for parameter in parameters:
            # Drawn on the host, so that equal seeds give equal values on every device.
            drawn = draw(torch.rand, parameter, generator)
            parameter.copy_(drawn.mul_(2 * bound).sub_(bound))


def _drop_tokens(rate: float, generator, X: CSR | Tensor) -> CSR | Tensor:
    """Set a random share of the entries to zero.

    On the CPU the numbers do not depend on the container; elsewhere there is one for
    each cell or stored entry, because Python would wait for the number of nonzeros.
    """
    drop = partial(_drop, rate, generator)
    if X.device.type == "cpu":
        return map_positive(X, drop)
    return X.with_data(drop(X.data)) if isinstance(X, CSR) else drop(X)


def _drop(rate: float, generator, values: Tensor) -> Tensor:
    """Set a random share of the values to zero."""
    like = values.new_empty(values.shape, dtype=torch.float32)
    drawn = draw(torch.rand, like, generator, device=like.device)
    return values * (drawn >= rate)
