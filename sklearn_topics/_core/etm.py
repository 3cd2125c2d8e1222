"""Training of an embedded topic model: its start, an epoch, its evidence lower bound.

The module (`sklearn_topics.nn.ETM`) is an argument: this file knows its parts by name,
not its file.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import accumulation_dtype, slice_rows, take
from .._kernels.threads import one_torch_thread
from .init import initial_factors, standard_normal
from .poisson_nmf import SCD
from .schedule import Schedule
from .solver import Diverged, State, on_host
from .topic_model import document_sizes, normalize_rows
from .topic_model import topics_of as nmf_topics_of
from .unit import Unit

#: Share of a topic that is spread over all terms, before embeddings are set to it.
_SPREAD = 1e-3

#: Times the loss of uniform topics, above which training has diverged.
_HOPELESS = 100.0

#: Documents in a batch of those that batch norm's statistics are taken over.
_STATISTICS_BATCH = 250


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

    module: torch.nn.Module
    schedule: Schedule
    topic_learning_rate: float
    weight_decay: float
    batch_size: int
    kl_warmup: int
    max_grad_norm: float | None
    held_out: CSR | Tensor | None = None

    def init_state(self, X: CSR | Tensor, generator: torch.Generator) -> State:
        """The state that holds the module's parameters as they are."""
        state = {"epoch": 0, "generator": generator.get_state()}
        state |= self.schedule.init_state()
        for name, value in self.module.state_dict().items():
            state[f"module.{name}"] = value.clone()
        return state | Adam(self._trained()).state()

    @one_torch_thread()
    def step(self, X: CSR | Tensor, state: State) -> State:
        generator = torch.Generator("cpu")
        generator.set_state(state["generator"])
        self.load(state)
        rate = self.schedule.rate(state, state["epoch"])
        factor = rate / self.schedule.learning_rate
        rates = rate, self.topic_learning_rate * factor
        optimizer = Adam(self._trained(), state)
        sums = torch.zeros(2, dtype=accumulation_dtype(X.device), device=X.device)
        batches = -(-X.shape[0] // self.batch_size)
        for number, rows in enumerate(batches_of(X, self.batch_size, generator)):
            progress = state["epoch"] + (number + 1) / batches
            weight = min(1.0, progress / self.kl_warmup) if self.kl_warmup else 1.0
            bound = self.module(take(X, rows), generator)
            loss = (weight * bound.kl - bound.log_likelihood).mean()
            loss.backward()
            if self.max_grad_norm is not None:
                trained = self._trained().values()
                torch.nn.utils.clip_grad_norm_(trained, self.max_grad_norm)
            optimizer.step(*rates, self.weight_decay)
            sums += torch.stack([terms.detach().sum() for terms in bound]).to(sums)
        log_likelihood, kl = (sums / X.shape[0]).tolist()
        new = self._dump(optimizer, generator, state["epoch"] + 1)
        self._check(X, log_likelihood - kl, new["epoch"])
        new |= {"elbo": log_likelihood - kl, "nll": -log_likelihood, "kl": kl}
        new["learning_rate"] = rate
        loss = partial(self._loss, X, new)
        return new | self.schedule.advance(state, loss)

    def _loss(self, X: CSR | Tensor, state: State) -> float:
        return -self.evaluate(X, state)["objective"]

    @one_torch_thread()
    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """Per document, in nats; those of training as they were during the epoch."""
        found = {name: state[name] for name in ("elbo", "nll", "kl", "learning_rate")}
        if self.held_out is None:
            return {"objective": found["elbo"], **found}
        self.load(self.settled(X, state))
        bound = bounds(self.module, self.held_out, self.batch_size).mean().item()
        if not math.isfinite(bound):
            raise self._diverged(state["epoch"], bound)
        return {"objective": bound, **found, "validation": bound}

    @one_torch_thread()
    def settled(self, X: CSR | Tensor, state: State) -> State:
        """The state to infer with: batch norm's statistics are those of X's documents.

        Training normalises by each batch, and does not look at them.
        """
        if not self.module.encoder.norms or min(self.batch_size, X.shape[0]) == 1:
            return state  # a batch of one is normalised by them in training
        self.load(state)
        set_statistics(self.module, X)
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
            state[f"module.{name}"] = value.detach()
        return state | optimizer.state()

    def _check(self, X: CSR | Tensor, bound: float, epoch: int) -> None:
        """Refuse parameters that are far worse than no model, or no numbers."""
        some = slice_rows(X, 0, min(self.batch_size, X.shape[0]))
        means = on_host(
            {
                "bound": bounds(self.module, some, self.batch_size).mean(),
                "size": document_sizes(some).mean(),
            }
        )
        m, K = X.shape[1], self.module.topic_embeddings.shape[0]
        after, uniform = means["bound"], means["size"] * math.log(m)
        if not (math.isfinite(bound) and after > -_HOPELESS * (uniform + K + 1)):
            raise self._diverged(epoch, after)

    def _diverged(self, epoch: int, bound: float) -> Diverged:
        return Diverged(
            f"Training diverged in epoch {epoch}: the loss became {-bound:g}, with "
            f"learning_rate={self.schedule.learning_rate:g}. Choose a smaller "
            "learning_rate, or clip gradients with max_grad_norm. The model is as it "
            "was before that epoch."
        )


def topics_of(state: State) -> Tensor:
    """The topics (K x m) of a state: rows that sum to one."""
    rho, alpha = state["module.embeddings"], state["module.topic_embeddings"]
    wide = accumulation_dtype(rho.device)
    return torch.softmax((rho @ alpha.T).to(wide), 0).T.contiguous().to(rho.dtype)


def batches_of(
    X: CSR | Tensor, size: int, generator: torch.Generator | None
) -> Iterator[Tensor]:
    """Row indices in batches of about equal size, shuffled if there is a generator.

    They are on the host: what `take` computes of them need not be read.
    """
    n = X.shape[0]
    order = torch.arange(n, device="cpu")
    if generator is not None:
        order = torch.randperm(n, generator=generator, device="cpu")
    return iter(order.tensor_split(-(-n // size)))


@one_torch_thread()
@torch.no_grad()
def bounds(module, X: CSR | Tensor, batch_size: int) -> Tensor:
    """The evidence lower bound of each document (n,), proportions at the mean."""
    module.eval()
    parts = []
    for rows in batches_of(X, batch_size, None):
        bound = module(take(X, rows))
        parts.append((bound.log_likelihood - bound.kl).to(accumulation_dtype(X.device)))
    return torch.cat(parts)


@one_torch_thread()
@torch.no_grad()
def encode(module, X: CSR | Tensor, batch_size: int) -> Tensor:
    """Topic proportions at the encoder's mean (n x K)."""
    module.eval()
    rows = batches_of(X, batch_size, None)
    return torch.cat([module.proportions(take(X, batch)) for batch in rows])


def set_statistics(module, X: CSR | Tensor) -> None:
    """Batch norm's means and variances over all documents."""
    rows = partial(batches_of, X, _STATISTICS_BATCH, None)
    batches = lambda: (take(X, batch) for batch in rows())  # noqa: E731
    module.encoder.set_statistics(batches)


@one_torch_thread()
def nmf_topics(
    X: CSR | Tensor,
    K: int,
    generator: torch.Generator,
    *,
    n_iter: int,
    pseudocounts,
    watch: Callable[[int], None] = lambda done: None,
) -> tuple[Tensor, Tensor]:
    """Proportions (n x K) and topics (K x m) by Poisson NMF.

    `watch` is told how many iterations are done.
    """
    unit = Unit.of(X)
    X, pseudocounts = unit.measure(X), (unit.data * p for p in pseudocounts)
    solver = SCD(*pseudocounts)
    W, HT = initial_factors(X, K, "random", standard_normal(generator))
    state = solver.init_state(X, W, HT, generator)
    for done in range(1, n_iter + 1):
        state = solver.step(X, state)
        watch(done)
    theta = normalize_rows(state["W"] * ops.column_sums(state["HT"]))
    topics = nmf_topics_of(state)
    if not bool((theta.sum() + topics.sum()).isfinite()):
        raise FloatingPointError(
            f"The topics at the start are not finite, computed in {X.dtype}. Values of "
            "X are too large for it: rescale X or pass it as float64."
        )
    return theta, topics


@one_torch_thread()
def set_topics(module, topics: Tensor, *, given: bool) -> float:
    """Embeddings whose topics are these (K x m), as nearly as their dimension allows.

    With `given` the terms' embeddings stay as they are. Returns the mean total
    variation distance that remains.
    """
    m = topics.shape[1]
    aims = (1 - _SPREAD) * topics + _SPREAD / m
    if given:
        _fit_topic_embeddings(module, aims.T)
    else:
        _factorise_logits(module, aims.log().T)
    return float((module.topics().detach() - aims).abs().sum(1).mean() / 2)


def _factorise_logits(module, logits: Tensor) -> None:
    """rho alpha of the least squared distance to logits (m x K), up to constants."""
    m, K = logits.shape
    logits = logits - logits.mean(0)
    U, s, Vt = torch.linalg.svd(logits, full_matrices=False)
    rank = min(len(s), module.embeddings.shape[1])
    root = s[:rank].sqrt()
    balance = (m / K) ** 0.25  # rows of about one length in both
    with torch.no_grad():
        module.embeddings[:, :rank] = U[:, :rank] * root * balance
        module.topic_embeddings[:, :rank] = Vt[:rank].T * root / balance
        module.topic_embeddings[:, rank:] = 0


def _fit_topic_embeddings(module, terms: Tensor, max_iter: int = 100) -> None:
    """The topic embeddings nearest to topics (m x K) in cross-entropy: it is convex."""
    alpha = module.topic_embeddings.detach().clone().zero_().requires_grad_()
    rho = module.embeddings.detach()
    optimizer = torch.optim.LBFGS(
        [alpha], max_iter=max_iter, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        value = -(terms * torch.log_softmax(rho @ alpha.T, 0)).sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        module.topic_embeddings.copy_(alpha)


@one_torch_thread()
def teach(
    module,
    X: CSR | Tensor,
    theta: Tensor,
    generator: torch.Generator,
    *,
    n_epochs: int,
    learning_rate: float,
    batch_size: int,
    watch: Callable[[int], None] = lambda done: None,
) -> None:
    """Have the encoder predict these proportions, by their cross-entropy.

    `watch` is told how many documents were seen, each once an epoch.
    """
    module.train()
    seen = 0
    optimizer = Adam({f"encoder.{n}": p for n, p in module.encoder.named_parameters()})
    for _ in range(n_epochs):
        for rows in batches_of(X, batch_size, generator):
            mean, _ = module.encoder(take(X, rows), generator)
            loss = -(theta[rows] * torch.log_softmax(mean, 1)).sum(1).mean()
            loss.backward()
            optimizer.step(learning_rate)
            seen += len(rows)
            watch(seen)
