"""What other packages do, in plain torch, as far as it is needed to time it."""

import torch
from torch import Tensor

_EPS = 1e-10


class DenseAdam:
    """Poisson NMF of a dense X by AdamW over batches of 16 rows, as tinytopics fits it.

    Logits of topics in a document and of terms in a topic; the loss of a batch is the
    sum of y - x log y. The learning rate falls from 0.05 to 0.01 in 20 epochs, again
    and again. tinytopics takes batches from a DataLoader on the host; here rows are
    shuffled on the device, which is faster.
    """

    batch_size, epochs_in_cycle = 16, 20
    first_rate, last_rate = 0.05, 0.01

    def __init__(self, X: Tensor, K: int):
        generator = torch.Generator(X.device).manual_seed(0)
        place = {"device": X.device, "generator": generator}
        self.X, self.generator = X, generator
        self.L = torch.rand(len(X), K, **place).mul_(0.1).requires_grad_()
        self.F = torch.rand(K, X.shape[1], **place).mul_(0.1).requires_grad_()
        self.optimizer = torch.optim.AdamW(
            [self.L, self.F], lr=self.first_rate, weight_decay=1e-5
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            self.optimizer, T_0=self.epochs_in_cycle, eta_min=self.last_rate
        )

    def steps(self):
        """Step after step, without end; yields the number of epochs done."""
        n, epoch = len(self.X), 0
        n_batches = -(-n // self.batch_size)
        while True:
            order = torch.randperm(n, generator=self.generator, device=self.X.device)
            for number, rows in enumerate(order.split(self.batch_size)):
                self.optimizer.zero_grad()
                theta = torch.softmax(self.L[rows], 1)
                y = theta @ torch.softmax(self.F, 1)
                x = self.X[rows]
                (y - x * y.clamp(min=_EPS).log()).sum().backward()
                self.optimizer.step()
                self.schedule.step(epoch + number / n_batches)
                yield epoch + (number + 1) / n_batches
            epoch += 1

    def topic_model(self) -> tuple[Tensor, Tensor]:
        """Proportions and topics."""
        with torch.no_grad():
            return torch.softmax(self.L, 1), torch.softmax(self.F, 1)


class AutogradUpdate:
    """Multiplicative updates for Kullback-Leibler on COO, as torchnmf makes them.

    The numerator is the gradient of sum x log y at the stored entries.
    """

    def __init__(self, rows: Tensor, columns: Tensor, values: Tensor, W, HT):
        self.rows, self.columns, self.values = rows, columns, values
        self.W, self.HT = (A.clone().requires_grad_() for A in (W, HT))

    def step(self) -> None:
        """Both factors, the topics first."""
        for own, other in (self.HT, self.W), (self.W, self.HT):
            self._update(own, other.detach().sum(0))

    def _update(self, own, cost) -> None:
        W = self.W if own is self.W else self.W.detach()
        HT = self.HT if own is self.HT else self.HT.detach()
        y = (W[self.rows] * HT[self.columns]).sum(1)
        own.grad = None
        (self.values @ y.add(_EPS).log()).backward()
        numerator = own.grad.relu_().add_(_EPS)
        own.data.mul_(numerator.div_(cost))
