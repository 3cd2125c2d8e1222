"""Visualise topic models with displays, as in scikit-learn.

``from_estimator`` or ``from_predictions`` computes a display and draws it; the display
stores the numbers, so that ``plot(ax=...)`` can draw it again. matplotlib is imported
when something is drawn.
"""

from ._convergence import ConvergenceDisplay
from ._stability import StabilityDisplay
from ._structure import StructureDisplay
from ._term_dots import TermDotsDisplay
from ._top_terms import TopTermsDisplay
from ._topic_effects import TopicEffectsDisplay
from ._topic_groups import TopicGroupsDisplay
from ._topic_hierarchy import TopicHierarchyDisplay
from ._topic_map import TopicMapDisplay
from ._topic_number import TopicNumberDisplay
from ._topic_similarity import TopicSimilarityDisplay
from ._volcano import VolcanoDisplay

__all__ = [
    "ConvergenceDisplay",
    "StabilityDisplay",
    "StructureDisplay",
    "TermDotsDisplay",
    "TopTermsDisplay",
    "TopicEffectsDisplay",
    "TopicGroupsDisplay",
    "TopicHierarchyDisplay",
    "TopicMapDisplay",
    "TopicNumberDisplay",
    "TopicSimilarityDisplay",
    "VolcanoDisplay",
]
