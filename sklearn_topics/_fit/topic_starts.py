"""The initial states of a fit of TorchPoissonNMF."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from .._boundary.transfer import make_generator, to_device
from .._core import init as factors
from .._core.init import initial_factors
from .._core.poisson_nmf import SCD
from .._core.softmax_adam import SoftmaxAdam
from .._core.solver import Solver, State
from .._core.topic_model import document_sizes
from .._core.unit import Unit
from .._kernels import CSR
from .._kernels.ranks import all_rows
from .first_rank import require_equal, require_given_topics
from .race import kmeans_factors, raced_factors
from .starts import DrawByRuns, check_rank, custom_factors
from .steering import Steering

#: Values of `init`, and those which `n_init` can repeat because they are random.
INITS = "auto", "kmeans", *factors.INITS
_RANDOM_INITS = "auto", "kmeans", "random", "nndsvdar"

#: Share of each topic that a warm start spreads over all terms.
_NEW_TERMS = 1e-6


@dataclass(frozen=True)
class TopicStarts:
    """Initial states by the parameters `init`, `n_init` and `warm_start`.

    Parameters
    ----------
    estimator : TorchPoissonNMF
    X : CSR or Tensor
    unit : Unit
    solver : Solver
        In the unit.
    steering : Steering

    Attributes
    ----------
    names : list of str
        The initialisation of each state that has been drawn.
    """

    estimator: object
    X: CSR | Tensor
    unit: Unit
    solver: Solver
    steering: Steering
    names: list[str] = field(default_factory=list)

    @cached_property
    def X_unit(self) -> CSR | Tensor:
        """X in the unit."""
        return self.unit.measure(self.X)

    def states(self, W, H) -> Iterator[State]:
        """The `n_init` initial states, from the W and H of the user if given."""
        estimator, X = self.estimator, self.X_unit
        self._check(W, H)
        generator = make_generator(estimator.random_state)
        if estimator._continues:
            starts = (("warm_start", *self._last_topics()) for _ in range(1))
        elif estimator.init == "custom":
            starts = (("custom", *self._custom_factors(W, H)) for _ in range(1))
        else:
            shape = all_rows(X.shape[0]), X.shape[1]
            check_rank(estimator.init, estimator.n_components, shape)
            starts = (self._drawn(generator) for _ in range(estimator.n_init))

        def first_state(start):
            name, W, HT = start
            self.names.append(name)
            ordered = name in ("custom", "warm_start")
            W, HT = self.steering.begin(X, W, HT, ordered=ordered)
            return self.solver.init_state(X, W, HT, generator)

        return map(first_state, starts)  # a list or a generator function would keep W

    def _drawn(self, generator: torch.Generator) -> tuple[str, Tensor, Tensor]:
        """The name of an initialisation, W and HT."""
        X, K, init = self.X_unit, int(self.estimator.n_components), self.estimator.init
        if init == "kmeans":
            return init, *kmeans_factors(X, K, generator)
        if init == "auto" and not isinstance(self.solver, SoftmaxAdam):
            typical = self.steering.typical() * self.unit.data
            objective = SCD(self.solver.doc_topic_pseudocount, typical)
            return raced_factors(X, K, generator, objective)
        init = "random" if init == "auto" else init
        return init, *initial_factors(X, K, init, DrawByRuns(generator))

    def _check(self, W, H):
        """Raise an error if the parameters, or W and H, cannot be used."""
        n_init, init = self.estimator.n_init, self.estimator.init
        given = [name for name, A in (("W", W), ("H", H)) if A is not None]
        if self.estimator._continues and given:
            raise ValueError(
                f"{' and '.join(given)} cannot be used by a warm start, which reuses "
                "the topics of the previous fit. Use None, or warm_start=False."
            )
        if init != "custom" and given:
            was, them = ("were", "them") if len(given) > 1 else ("was", "it")
            raise ValueError(
                f"{' and '.join(given)} {was} given, but init is {init!r}: set "
                f"init='custom' to use {them} as initialisation."
            )
        if n_init > 1 and init not in _RANDOM_INITS:
            raise ValueError(
                f"n_init={n_init} needs a random initialisation: init='auto', "
                f"'kmeans', 'random' or 'nndsvdar', but init is {init!r}."
            )

    def _last_topics(self) -> tuple[Tensor, Tensor]:
        topics, X = self.estimator.components_, self.X
        if len(topics) != self.estimator.n_components:
            raise ValueError(
                f"warm_start=True continues from {len(topics)} topics, but "
                f"n_components is {self.estimator.n_components}. Use the same number, "
                "or warm_start=False."
            )
        HT = to_device(topics, X.device).to(X.dtype).T.contiguous()
        require_equal("components_", topics)
        W = self._fold_in(X, HT)
        # Positive, because EM cannot change the zero of a new term.
        return W * self.unit.data, HT + _NEW_TERMS / X.shape[1]

    def _custom_factors(self, W, H) -> Iterator[Tensor]:
        require_given_topics(W, H)
        options = {"K": self.estimator.n_components, "any_dtype": True}
        made = custom_factors(self.estimator, self.X, W, H, self._fold_in, **options)
        return map(self.unit.measure_factor, made)

    def _fold_in(self, X: CSR | Tensor, HT: Tensor) -> Tensor:
        """W (n x K) for given HT (m x K) of any scale, inferred as by `transform`."""
        sizes = HT.sum(0)
        sizes = sizes.where(sizes > 0, 1)
        theta = self.estimator._infer(X, (HT / sizes).T.contiguous())
        return theta * document_sizes(X).to(theta.dtype)[:, None] / sizes
