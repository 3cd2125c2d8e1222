"""Training of an embedded topic model, and its evidence lower bound.

The module (`sklearn_topics.nn.ETM`) is an argument: this file knows its parts by name,
not its file.
"""

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import accumulation_dtype, slice_rows, take
from .._kernels.ranks import agreed, all_rows, all_sum
from .._kernels.threads import one_torch_thread
from .batches import (
    MAX_BATCH,
    batches,
    n_batches,
    noise_generator,
    shuffled_batches,
    sum_gradients,
    with_empty_rows,
)
from .schedule import Schedule
from .solver import Diverged, State, on_host
from .topic_model import document_sizes

#: Matrices with fewer rows than this are multiplied in another way by some libraries,
#: which rounds differently.
_LEAST_ROWS = 32

#: Times the loss of uniform topics, above which training has diverged.
_HOPELESS = 100.0


class Adam:
    """Adam over named parameters, as `torch.optim.Adam`, on threads that do not spin.

    Parameters
    ----------
    parameters : dict of str to Tensor
        Changed in place, by their gradients.
    state : dict, default=None
        Of an earlier one of the same parameters; it is left as it is.
    """

    def __init__(self, parameters: dict[str, Tensor], state: State | None = None):
        self.parameters, self.updates = parameters, state["updates"] if state else 0
        self._moments = {
            f"{moment}.{name}": (
                state[f"{moment}.{name}"].clone() if state else torch.zeros_like(value)
            )
            for name, value in parameters.items()
            for moment in ("first", "second")
        }

    def state(self) -> State:
        moments = {name: value.detach() for name, value in self._moments.items()}
        return {"updates": self.updates, **moments}

    @torch.no_grad()
    def step(self, rate: float, topic_rate: float = 0.0, l2: float = 0.0) -> None:
        """One update; a rate for the encoder, and one for the embeddings."""
        self.updates += 1
        for own_rate, encoder in (rate, True), (topic_rate, False):
            self._step(own_rate, l2, encoder)

    def _step(self, rate: float, l2: float, encoder: bool) -> None:
        """The update of the encoder's parameters, or of the others."""
        names = [
            name
            for name, value in self.parameters.items()
            # Without a gradient the loss does not depend on it.
            if name.startswith("encoder.") == encoder and value.grad is not None
        ]
        if not names:
            return
        values = [self.parameters[name] for name in names]
        moments = (
            [self._moments[f"{moment}.{name}"] for name in names]
            for moment in ("first", "second")
        )
        gradients = [value.grad for value in values]
        options = {"rate": rate, "n_updates": self.updates, "l2": l2}
        ops.adam_step_(values, gradients, *moments, **options)
        for value in values:
            value.grad = None


@dataclass(frozen=True)
class ETMTrainer:
    """One step is one epoch of Adam over shuffled batches, on the evidence lower bound.

    Parameters
    ----------
    module : Module
        Whose parameters are trained. Between steps the state holds them.
    schedule : Schedule
        The learning rate of the encoder.
    topic_learning_rate : float
        The first rate of the embeddings, which stays in proportion.
    weight_decay : float
        L2 penalty, added to the gradient.
    batch_size : int
        Most documents in a batch.
    kl_warmup : int
        Epochs in which the weight of the divergence grows from 0 to 1.
    max_grad_norm : float or None
        Norm that gradients are clipped to.
    held_out : CSR or Tensor, default=None
        Documents whose bound is the objective; without them it is that of training.
    """

    repeatable = False
    module: torch.nn.Module
    schedule: Schedule
    topic_learning_rate: float
    weight_decay: float
    batch_size: int
    kl_warmup: int
    max_grad_norm: float | None
    held_out: CSR | Tensor | None = None

    def init_state(self, X: CSR | Tensor, generator: torch.Generator) -> State:
        """The initial state, with the current parameters of the module."""
        state = {"epoch": 0, "generator": generator.get_state()}
        state |= self.schedule.init_state()
        for name, value in self.module.state_dict().items():
            state[f"module.{name}"] = value.clone()
        return state | Adam(self._trained()).state()

    @one_torch_thread()
    def step(self, X: CSR | Tensor, state: State) -> State:
        generator = torch.Generator("cpu")
        generator.set_state(state["generator"])
        noise = noise_generator(generator, X.device)
        self.load(state)
        rate = self.schedule.rate(state, state["epoch"])
        factor = rate / self.schedule.learning_rate
        rates = rate, self.topic_learning_rate * factor
        optimizer = Adam(self._trained(), state)
        sums = torch.zeros(2, dtype=accumulation_dtype(X.device), device=X.device)
        n = all_rows(X.shape[0])
        streams = {"generator": generator, "noise": noise}
        drops = self.module.encoder.token_dropout > 0
        drawn = shuffled_batches(X, self.batch_size, **streams, drops=drops)
        for number, batch in enumerate(drawn, 1):
            progress = state["epoch"] + number / n_batches(n, self.batch_size)
            weight = min(1.0, progress / self.kl_warmup) if self.kl_warmup else 1.0
            bound = self.module(take(X, batch.rows), batch.draws)
            loss = (weight * bound.kl - bound.log_likelihood).sum() / batch.n
            loss.backward()
            sum_gradients(self._trained().values())
            if self.max_grad_norm is not None:
                trained = self._trained().values()
                torch.nn.utils.clip_grad_norm_(trained, self.max_grad_norm)
            optimizer.step(*rates, self.weight_decay)
            sums += torch.stack([terms.detach().sum() for terms in bound]).to(sums)
        new = self._dump(optimizer, generator, state["epoch"] + 1)
        log_likelihood, kl = self._means(X, all_sum(sums) / n, new["epoch"])
        new |= {"elbo": log_likelihood - kl, "nll": -log_likelihood, "kl": kl}
        new["learning_rate"] = rate
        loss = partial(self._loss, X, new)
        return new | self.schedule.advance(state, loss)

    def _loss(self, X: CSR | Tensor, state: State) -> float:
        return -self.evaluate(X, state)["objective"]

    @one_torch_thread()
    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """Metrics per document in nats; training metrics are means over the epoch."""
        found = {name: state[name] for name in ("elbo", "nll", "kl", "learning_rate")}
        if self.held_out is None:
            return {"objective": found["elbo"], **found}
        self.load(self.settled(X, state))
        found_bounds = bounds(self.module, self.held_out, self.batch_size)
        n = all_rows(self.held_out.shape[0])
        bound = (all_sum(found_bounds.sum()) / n).item()
        if not math.isfinite(bound):
            raise self._diverged(state["epoch"], bound)
        return {"objective": bound, **found, "validation": bound}

    @one_torch_thread()
    def settled(self, X: CSR | Tensor, state: State) -> State:
        """The state for inference: batch norm has the statistics of all documents.

        Training normalises by each batch and does not use these statistics.
        """
        if not self.module.encoder.norms:
            return state
        if min(self.batch_size, all_rows(X.shape[0])) == 1:
            return state  # a batch of one is normalised by them in training
        self.load(state)
        self.module.encoder.set_statistics(partial(batches, X, MAX_BATCH))
        found = self.module.state_dict().items()
        return {**state, **{f"module.{name}": value.detach() for name, value in found}}

    def load(self, state: State) -> None:
        """Give the module copies of the state's parameters, and train it."""
        prefix = "module."
        own = {
            name.removeprefix(prefix): value.clone()
            for name, value in state.items()
            if name.startswith(prefix)
        }
        self.module.load_state_dict(own, assign=True)
        self.module.train()

    def _trained(self) -> dict[str, Tensor]:
        named = self.module.named_parameters()
        return {name: value for name, value in named if value.requires_grad}

    def _dump(self, optimizer: Adam, generator, epoch: int) -> State:
        state = {"epoch": epoch, "generator": generator.get_state()}
        for name, value in self.module.state_dict().items():
            # Ranks with other processors round their updates differently.
            state[f"module.{name}"] = agreed(value.detach())
        return state | optimizer.state()

    def _means(self, X: CSR | Tensor, terms: Tensor, epoch: int) -> tuple[float, float]:
        """Means over the epoch of the bound's two terms, as numbers: its one read.

        Raises if parameters are not finite, or far worse than a uniform model.
        """
        some = slice_rows(X, 0, min(self.batch_size, X.shape[0]))
        log_likelihood, kl = terms.unbind()
        bound, size = all_sum(
            bounds(self.module, some, self.batch_size).sum(), document_sizes(some).sum()
        )
        n = all_rows(some.shape[0])
        found = on_host(
            {
                "log_likelihood": log_likelihood,
                "kl": kl,
                "bound": bound / n,
                "size": size / n,
            }
        )
        log_likelihood, kl, after, size = found.values()
        m, K = X.shape[1], self.module.topic_embeddings.shape[0]
        worst = -_HOPELESS * (size * math.log(m) + K + 1)
        if not (math.isfinite(log_likelihood - kl) and after > worst):
            raise self._diverged(epoch, after)
        return log_likelihood, kl

    def _diverged(self, epoch: int, bound: float) -> Diverged:
        return Diverged(
            f"Training diverged in epoch {epoch}: the loss became {-bound:g}, with "
            f"learning_rate={self.schedule.learning_rate:g}. Choose a smaller "
            "learning_rate, or clip gradients with max_grad_norm. The model is as it "
            "was before that epoch."
        )


def embedded_topics(rho: Tensor, alpha: Tensor) -> Tensor:  # [K, m]
    """The topics of embeddings of terms (m x E) and of topics (K x E)."""
    logits = (rho @ alpha.T).to(accumulation_dtype(rho.device))
    return torch.softmax(logits, 0).T.contiguous().to(rho.dtype)


@one_torch_thread()
@torch.no_grad()
def bounds(module, X: CSR | Tensor, batch_size: int) -> Tensor:
    """The evidence lower bound of each document (n,), proportions at the mean."""
    module.eval()
    parts = [module(batch) for batch in batches(X, batch_size)]
    wide = accumulation_dtype(X.device)
    return torch.cat([(part.log_likelihood - part.kl).to(wide) for part in parts])


@one_torch_thread()
@torch.no_grad()
def encode(module, X: CSR | Tensor, batch_size: int) -> Tensor:
    """Topic proportions at the encoder's mean (n x K).

    Those of a document depend on it alone.
    """
    module.eval()
    parts = [
        module.proportions(with_empty_rows(batch, _LEAST_ROWS))[: batch.shape[0]]
        for batch in batches(X, batch_size)
    ]
    return torch.cat(parts)
