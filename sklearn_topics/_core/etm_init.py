"""Initialisation of an embedded topic model by Poisson NMF.

The embeddings are set to the topics of Poisson NMF, as nearly as they allow, and the
encoder learns the documents' proportions.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import take
from .._kernels.ranks import agreed, all_any, all_rows, of_all
from .._kernels.threads import one_torch_thread
from .._kernels.transfer import upload
from .batches import noise_generator, shuffled_batches, sum_gradients
from .etm import Adam
from .poisson_nmf import SCD
from .topic_model import normalize_rows, topics_of
from .unit import Unit

#: Iterations of Poisson NMF, and its pseudocounts.
_NMF_ITERATIONS, _NMF_PSEUDOCOUNTS = 60, (0.02, 0.2)

#: Epochs in which the encoder is trained, and the learning rate.
_ENCODER_EPOCHS, _ENCODER_RATE = 4, 0.01

#: Share of a topic that is spread over all terms, before embeddings are set to it.
_SPREAD = 1e-3


class Start(Protocol):
    """Initial factors of Poisson NMF."""

    def __call__(
        self, X: CSR | Tensor, K: int, generator: torch.Generator, solver: SCD
    ) -> tuple[str, Tensor, Tensor]:
        """A name, W (n x K) and HT (m x K)."""


class Steering(Protocol):
    """What is known about the topics."""

    def prior(self, X: CSR | Tensor, K: int, unit: float) -> float | Tensor:
        """Pseudocounts of the terms, in this unit."""

    def typical(self) -> float:
        """One pseudocount in place of all."""

    def begin(
        self, X: CSR | Tensor, W: Tensor, HT: Tensor, *, ordered: bool
    ) -> tuple[Tensor, Tensor]:
        """Initial factors that agree with what is known."""


class Progress(Protocol):
    """Shows how much is done."""

    def show(self, done: int) -> None: ...


def init_from_nmf(
    module,
    X: CSR | Tensor,
    generator: torch.Generator,
    *,
    start: Start,
    steering: Steering | None = None,
    keep_embeddings: bool,
    batch_size: int,
    progress: Callable[[int, str], AbstractContextManager[Progress]],
) -> float:
    """Set the module to the topics of Poisson NMF.

    Parameters
    ----------
    module : Module
    X : CSR or Tensor
    generator : torch.Generator
        On the host.
    start : callable
        The initial factors of Poisson NMF.
    steering : Steering, default=None
        Pseudocounts of the terms in Poisson NMF.
    keep_embeddings : bool
        Whether the embeddings of the terms stay as they are.
    batch_size : int
        Documents in a batch of the encoder's training.
    progress : callable
        (total, unit) -> context in which progress is shown.

    Returns
    -------
    topic_error : float
        Mean total variation distance of the module's topics from those of Poisson NMF:
        the embeddings may not be able to represent them.
    """
    K = len(module.topic_embeddings)
    with progress(_NMF_ITERATIONS, "iterations of Poisson NMF") as shown:
        theta, topics = nmf_topics(X, K, generator, start, shown.show, steering)
    topic_error = set_topics(module, topics, keep_embeddings=keep_embeddings)
    documents = _ENCODER_EPOCHS * all_rows(X.shape[0])
    with progress(documents, "documents to pretrain the encoder") as shown:
        pretrain_encoder(
            module,
            X,
            theta,
            generator,
            n_epochs=_ENCODER_EPOCHS,
            learning_rate=_ENCODER_RATE,
            batch_size=batch_size,
            show=shown.show,
        )
    return topic_error


@one_torch_thread()
def nmf_topics(
    X: CSR | Tensor,
    K: int,
    generator: torch.Generator,
    start: Start,
    show: Callable[[int], None],
    steering: Steering | None = None,
) -> tuple[Tensor, Tensor]:
    """Proportions (n x K) and topics (K x m) by Poisson NMF.

    `show` gets the number of iterations done.
    """
    unit = Unit.of(X)
    X = unit.measure(X)
    a, b = _NMF_PSEUDOCOUNTS
    b = b if steering is None else steering.typical()
    solver = SCD(unit.data * a, unit.data * b)
    _, W, HT = start(X, K, generator, solver)
    if steering is not None:
        prior = steering.prior(X, K, unit.data)
        solver = replace(solver, topic_word_pseudocount=prior)
        W, HT = steering.begin(X, W, HT, ordered=False)
    state = solver.init_state(X, W, HT, generator)
    for done in range(1, _NMF_ITERATIONS + 1):
        state = solver.step(X, state)
        show(done)
    theta = normalize_rows(state["W"] * ops.column_sums(state["HT"]))
    topics = agreed(topics_of(state))
    if all_any(not bool((theta.sum() + topics.sum()).isfinite())):
        raise of_all(
            FloatingPointError(
                f"The topics at the start are not finite, computed in {X.dtype}. "
                "Values of X are too large for it: rescale X or pass it as float64."
            )
        )
    return theta, topics


@one_torch_thread()
def set_topics(module, topics: Tensor, *, keep_embeddings: bool) -> float:
    """Embeddings whose topics are these (K x m), as nearly as their dimension allows.

    With `keep_embeddings` those of the terms stay as they are. Returns the mean total
    variation distance that remains.
    """
    m = topics.shape[1]
    aims = (1 - _SPREAD) * topics + _SPREAD / m
    if keep_embeddings:
        _fit_topic_embeddings(module, aims.T)
    else:
        _factorise_logits(module, aims.log().T)
    with torch.no_grad():
        for value in module.embeddings, module.topic_embeddings:
            value.copy_(agreed(value))
    gaps = (module.topics().detach() - aims).abs().sum(1)
    return float(agreed(gaps.mean() / 2))


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
def pretrain_encoder(
    module,
    X: CSR | Tensor,
    theta: Tensor,
    generator: torch.Generator,
    *,
    n_epochs: int,
    learning_rate: float,
    batch_size: int,
    show: Callable[[int], None] = lambda done: None,
) -> None:
    """Train the encoder to predict these proportions, by their cross-entropy.

    `show` gets the number of documents seen, each once an epoch.
    """
    module.train()
    seen, noise = 0, noise_generator(generator, X.device)
    streams = {"generator": generator, "noise": noise}
    streams["drops"] = module.encoder.token_dropout > 0
    optimizer = Adam({f"encoder.{n}": p for n, p in module.encoder.named_parameters()})
    for _ in range(n_epochs):
        for batch in shuffled_batches(X, batch_size, **streams):
            mean, _ = module.encoder(take(X, batch.rows), batch.draws)
            target = theta[upload(batch.rows, X.device)]
            loss = -(target * torch.log_softmax(mean, 1)).sum(1).sum() / batch.n
            loss.backward()
            sum_gradients(optimizer.parameters.values())
            optimizer.step(learning_rate)
            seen += batch.n
            show(seen)
