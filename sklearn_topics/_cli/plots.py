"""Plots of a run."""

import importlib.util

from .. import ConsensusTopics
from .._boundary.pipelines import split_pipeline
from ..plot import (
    ConvergenceDisplay,
    StabilityDisplay,
    StructureDisplay,
    TopTermsDisplay,
)
from .errors import CommandError
from .measures import is_signed

PLOTS = "top_terms.png", "structure.png", "convergence.png", "stability.png"


def check_plots():
    if importlib.util.find_spec("matplotlib") is None:
        raise CommandError(
            "needs matplotlib; install it with: pip install 'sklearn_topics[cli,plot]'",
            "plots",
        )


def save_plots(folder, model, names, counts, n_terms):
    """Save the plots that are defined for this model."""
    displays = {}
    if not is_signed(model):
        displays["top_terms.png"] = TopTermsDisplay.from_estimator(
            model, names, n_terms=n_terms
        )
        displays["structure.png"] = StructureDisplay.from_estimator(
            model, counts, feature_names=names
        )
    if isinstance(model, ConsensusTopics):
        displays["stability.png"] = StabilityDisplay.from_estimator(
            model, feature_names=names
        )
    if "objective" in getattr(split_pipeline(model)[1], "loss_history_", {}):
        displays["convergence.png"] = ConvergenceDisplay.from_estimators(
            model, x="iteration"
        )
    for name, display in displays.items():
        display.figure_.savefig(folder / name, dpi=150)
