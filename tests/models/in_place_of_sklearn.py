"""A pytest plugin: scikit-learn's own tests, run on a class of ours.

    pytest -p tests.models.in_place_of_sklearn ...test_truncated_svd.py

Before collection a subclass takes the name and the places of scikit-learn's class.
"""

import sklearn.decomposition
import sklearn.decomposition._truncated_svd

from sklearn_topics import TorchTruncatedSVD

TruncatedSVD = type("TruncatedSVD", (TorchTruncatedSVD,), {})
sklearn.decomposition.TruncatedSVD = TruncatedSVD
sklearn.decomposition._truncated_svd.TruncatedSVD = TruncatedSVD
