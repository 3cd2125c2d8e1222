"""
Compose NMF modules: deep factorisations in torch
=================================================

:class:`~sklearn_topics.nn.NMF` is a torch module: it runs on any device, can be
combined with other modules, and trains end to end. This example follows the
introduction of pytorch-NMF (torchnmf), with the same names and the same results.
"""

# %%
# A single factorisation
# ----------------------
# The target is a 64 x 1024 matrix of low rank with noise. The module takes the shape of
# the target, here the transpose.

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
print(f"{n_iter} iterations; mean absolute error {difference:.4f}")
print(f"sparsity of W {sparsity(model.W):.2f}, of H {sparsity(model.H):.2f}")

# %%
# Use a GPU
# ---------
# Move the module and the target to the same device.

device = "cuda" if torch.cuda.is_available() else "cpu"
model, target = model.to(device), V.T.to(device)
print(f"on {device}: {model.fit(target)} more iterations")

# %%
# A chain of modules
# ------------------
# Three modules with four factors: the output of one module is the H of the next. Write
# the chain as a custom module


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
# or as ``torch.nn.Sequential``, which needs one argument. With the same seed, both give
# the same prediction.

generator = torch.Generator().manual_seed(1)
sequence = torch.nn.Sequential(
    NMF((1024, 10), rank=4, generator=generator),
    NMF(W=(24, 10), generator=generator),
    NMF(W=(64, 24), generator=generator),
).to(device)
print(sequence(None).shape)
print(f"largest difference {(sequence(None) - chain()).abs().max():.1f}")

# %%
# Train the chain
# ---------------
# :class:`~sklearn_topics.nn.BetaMu` is an optimiser with multiplicative updates, which
# never increase the divergence. Its closure returns the target and the prediction. The
# first step finds the scale. A random chain first resembles a single component and
# needs several hundred steps, so this example adds 400 steps to the 200 steps of the
# introduction.


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
increase = torch.tensor(history).diff().max()
print(f"largest change of the divergence in a step: {increase:.1e}")

# %%
# Freeze a factor
# ---------------
# Freeze a factor as in any torch model. The training step then changes the other
# factors only:

sequence[1].W.requires_grad_(False)
before = [factor.clone() for factor in sequence.parameters()]
trainer.step(lambda: (target, sequence(None)))
for (name, factor), old in zip(sequence.named_parameters(), before, strict=True):
    print(f"{name}: largest change {(factor - old).abs().max():.1e}")

# %%
# Plot the results
# ----------------

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
right.set(title="target (top) and prediction (bottom), first columns", yticks=[])
fig.colorbar(image, ax=right)
plt.show()
