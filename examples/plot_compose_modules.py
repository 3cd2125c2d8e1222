"""
Factorisations composed as modules
==================================

:class:`~sklearn_topics.nn.NMF` is a torch module: it moves between devices, chains with
others, and trains end to end. The steps are those of pytorch-NMF's introduction, with
the same names; the results are the same numbers, too.
"""

# %%
# One factorisation
# -----------------
# A target of 64 x 1024 values of low rank, with noise. A module is made for the shape
# of a target: here of its transpose.

import torch

from sklearn_topics.nn import NMF, BetaMu, sparsity

generator = torch.Generator().manual_seed(0)


def uniform(*shape):
    return torch.rand(*shape, generator=generator)


V = uniform(64, 6) ** 4 @ uniform(6, 1024) ** 4 + 0.02 * uniform(64, 1024)

model = NMF(V.T.shape, rank=10, generator=generator)
print(model, model.W.shape, model.H.shape)

n_iter = model.fit(V.T)
difference = (model() - V.T).abs().mean()
print(f"{n_iter} iterations; mean absolute difference {difference:.4f}")
print(f"sparsity of W {sparsity(model.W):.2f}, of H {sparsity(model.H):.2f}")

# %%
# On a device
# -----------
# As any module. The target has to be where the module is.

device = "cuda" if torch.cuda.is_available() else "cpu"
model, target = model.to(device), V.T.to(device)
print(f"on {device}: {model.fit(target)} iterations more")

# %%
# A chain
# -------
# Three modules, four factors: the output of one is the H of the next. Written as a
# module of one's own,


class Chain(torch.nn.Module):
    def __init__(self, generator):
        super().__init__()
        self.nmf1 = NMF((1024, 10), rank=4, generator=generator)
        self.nmf2 = NMF(W=(24, 10), generator=generator)
        self.nmf3 = NMF(W=(64, 24), generator=generator)

    def forward(self):
        WH = self.nmf1()
        WWH = self.nmf2(H=WH)
        return self.nmf3(H=WWH)


chain = Chain(torch.Generator().manual_seed(1)).to(device)

# %%
# or as a sequence. Equal seeds make equal chains; a sequence wants one argument.

generator = torch.Generator().manual_seed(1)
sequence = torch.nn.Sequential(
    NMF((1024, 10), rank=4, generator=generator),
    NMF(W=(24, 10), generator=generator),
    NMF(W=(64, 24), generator=generator),
).to(device)
print(sequence(None).shape, bool((sequence(None) == chain()).all()))

# %%
# Train it
# --------
# :class:`~sklearn_topics.nn.BetaMu` updates one factor after the other. Its closure
# returns the target and the prediction. The first step finds the scale; a chain begun
# at random then needs a while to leave what is nearly a single component. So the
# introduction's 200 steps are followed by 400 more.


def divergence(prediction):
    """Kullback-Leibler, which is what beta=1 minimises."""
    return (target * (target / prediction).log() - target + prediction).sum()


trainer = BetaMu(sequence.parameters(), beta=1)
history = []
for _ in range(600):
    with torch.no_grad():
        history.append(float(divergence(sequence(None))))
    trainer.step(lambda: (target, sequence(None)))
for step in (0, 1, 200, 599):
    print(f"before step {step:3d}: {history[step]:.1f}")
print("never up:", bool((torch.tensor(history).diff() < 1e-6 * history[1]).all()))

# %%
# A part of a model that is not to change is frozen as in any torch model:

sequence[1].W.requires_grad_(False)
before = sequence[1].W.clone()
trainer.step(lambda: (target, sequence(None)))
print("frozen:", bool((sequence[1].W == before).all()))

# %%
# Look
# ----

import matplotlib.pyplot as plt

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.plot(range(1, 600), history[1:])
left.axvline(200, color="0.7", linestyle="--")
left.set(xlabel="step", ylabel="Kullback-Leibler divergence", title="The chain")
left.set_ylim(bottom=0)
with torch.no_grad():
    both = torch.cat([V, sequence(None).T.cpu()])[:, :128]
image = right.imshow(both, aspect="auto", cmap="magma")
right.axhline(63.5, color="white")
right.set(title="target (above) and chain, first columns", yticks=[])
fig.colorbar(image, ax=right)
plt.show()
