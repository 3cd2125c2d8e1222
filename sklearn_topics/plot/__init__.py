"""Pictures of topic models: displays as in scikit-learn.

A display holds the numbers of a picture; ``from_estimator`` or ``from_predictions``
makes and draws it, ``plot(ax=...)`` draws it again. matplotlib is imported when
something is drawn.
"""

from ._convergence import ConvergenceDisplay
from ._structure import StructureDisplay
from ._top_terms import TopTermsDisplay
from ._topic_map import TopicMapDisplay
from ._topic_number import TopicNumberDisplay
from ._topic_similarity import TopicSimilarityDisplay

__all__ = [
    "ConvergenceDisplay",
    "StructureDisplay",
    "TopTermsDisplay",
    "TopicMapDisplay",
    "TopicNumberDisplay",
    "TopicSimilarityDisplay",
]
