"""A pytest plugin: scikit-learn's own tests, run on classes of ours.

    pytest -p in_place_of_sklearn ...sklearn/decomposition/tests/test_nmf.py

Before collection subclasses take the names and the places of scikit-learn's classes.
"""

import sklearn.decomposition
import sklearn.decomposition._lda
import sklearn.decomposition._nmf
import sklearn.decomposition._truncated_svd

from sklearn_topics import TorchBetaNMF, TorchLDA, TorchTruncatedSVD

for name, ours, module in (
    ("NMF", TorchBetaNMF, sklearn.decomposition._nmf),
    ("LatentDirichletAllocation", TorchLDA, sklearn.decomposition._lda),
    ("TruncatedSVD", TorchTruncatedSVD, sklearn.decomposition._truncated_svd),
):
    stand_in = type(name, (ours,), {})
    setattr(sklearn.decomposition, name, stand_in)
    setattr(module, name, stand_in)
