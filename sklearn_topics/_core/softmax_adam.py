r"""Sum-to-one Poisson NMF by stochastic gradients, as in tinytopics.

The topic proportions are the softmax of a row of A (n x K), the topics that of a row of
B (K x m), and the loss of a batch of documents is -sum x log(theta B) less the
pseudocounts' terms: the objective of `poisson_nmf` with each document's size at its
total. Its gradients are the residuals of EM,

.. math:: \partial_{A_{ik}} = \theta_{ik} (t_i + K a) - (c_{ik} + a), \qquad
          \partial_{B_{kj}} = B_{kj} \sum_j (c_{kj} + f b) - (c_{kj} + f b),

with c the expected counts in the batch, t_i the tokens of document i and f the share of
the documents that are in the batch. Only the rows of A that are in the batch are
touched, and each has moments of its own (Kingma and Ba 2015).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._kernels import CSR, ops
from .._kernels.csr import take
from .._kernels.threads import one_torch_thread
from .._kernels.transfer import upload
from .poisson_nmf import PoissonObjective
from .schedule import Schedule, make_schedule
from .solver import State
from .topic_model import document_sizes

#: A share of this is the least that a start gives to a topic or a term.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class SoftmaxAdam(PoissonObjective):
    """One step is one epoch over shuffled batches.

    Parameters
    ----------
    batch_size : int
        Documents in a batch.
    schedule : Schedule
        The learning rate.
    """

    repeatable = False
    batch_size: int = 1024
    schedule: Schedule = make_schedule("constant", None, 0.2, 1)

    def init_state(
        self, X: CSR | Tensor, W: Tensor, HT: Tensor, generator: torch.Generator
    ) -> State:
        """The initial state: the logits of the topic model of the factors."""
        logits = {"A": _logits(W * ops.column_sums(HT), 1), "BT": _logits(HT, 0)}
        moments = {
            f"{name}_{moment}": torch.zeros_like(value)
            for name, value in logits.items()
            for moment in ("first", "second")
        }
        counters = {"epoch": 0, "generator": generator.get_state()}
        counters |= self.schedule.init_state()
        return {"W": W, "HT": HT, **logits, **moments, **counters}

    @one_torch_thread()
    def step(self, X: CSR | Tensor, state: State) -> State:
        names = [f"{p}{moment}" for p in ("A", "BT") for moment in _PARTS]
        tensors = {name: state[name].clone() for name in names}
        A, BT = ([tensors[p + part] for part in _PARTS] for p in ("A", "BT"))
        generator = torch.Generator("cpu")
        generator.set_state(state["generator"])
        n, epoch = X.shape[0], state["epoch"]
        order = torch.randperm(n, generator=generator, device="cpu")
        batches = order.split(self.batch_size)
        terms = state["HT"] if epoch else torch.softmax(BT[0], 0)
        for number, rows in enumerate(batches):
            done = epoch * len(batches) + number
            rate = self.schedule.rate(state, epoch + number / len(batches))
            batch, rows = take(X, rows), upload(rows, X.device)
            theta = torch.softmax(A[0][rows], 1)
            of_A, of_BT = self._gradients(batch, theta, terms, len(rows) / n)
            _update(A, of_A, rows=rows, rate=rate, n_updates=epoch + 1)
            _update(BT, of_BT, rate=rate, n_updates=done + 1)
            terms = torch.softmax(BT[0], 0)
        theta = torch.softmax(A[0], 1)
        tokens = document_sizes(X) + theta.shape[1] * self.doc_topic_pseudocount
        factors = {"W": theta * tokens.to(theta.dtype)[:, None], "HT": terms}
        new = {
            **state,
            **tensors,
            **factors,
            "epoch": epoch + 1,
            "generator": generator.get_state(),
            "learning_rate": self.schedule.rate(state, epoch),
        }

        def loss():
            new["objective"] = self.objective(X, new)  # `evaluate` need not do it again
            return -float(new["objective"])

        return new | self.schedule.advance(state, loss)

    @one_torch_thread()
    def evaluate(self, X: CSR | Tensor, state: State) -> dict[str, float]:
        """Objective, KKT residual, and the rate that the last epoch began with."""
        found = super().evaluate(X, state)
        return {**found, "learning_rate": state["learning_rate"]}

    def _gradients(self, batch, theta: Tensor, terms: Tensor, share: float):
        """Gradients of A, for the rows of the batch, and of BT."""
        a, b = self.doc_topic_pseudocount, self.topic_word_pseudocount
        counts = theta * ops.ratio_product(batch, theta, terms, floor=self.floor) + a
        of_documents = theta * counts.sum(1, keepdim=True) - counts
        numerator = ops.ratio_product(batch.T, terms, theta, floor=self.floor)
        counts = numerator.mul_(terms).add_(share * b)  # b: a number, or [m, K]
        return of_documents, torch.addcmul(-counts, terms, ops.column_sums(counts))


_PARTS = "", "_first", "_second"


def _update(parts: list[Tensor], gradient: Tensor, **options) -> None:
    """One step of Adam in place, of all logits or of rows with their own moments."""
    value, first, second = parts
    ops.adam_step_([value], [gradient], [first], [second], **options)


def _logits(A: Tensor, dim: int) -> Tensor:
    """Logarithms of shares along `dim`; a row or column of zeros becomes uniform."""
    total = A.sum(dim, keepdim=True)
    share = A / total.where(total > 0, 1)
    return share.clamp_(min=_LEAST_SHARE / A.shape[dim]).log_()
