"""Models that earlier versions have stored: they load, and give what they gave."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io

from sklearn_topics import trusted_types

FILES = sorted(Path(__file__).parent.glob("*/*.skops"))


def test_there_is_a_file_of_each_model():
    names = {file.stem for file in FILES}
    models = "BetaNMF", "DeepNMF", "ETM", "LDA", "PoissonNMF", "TruncatedSVD"
    assert names >= {"ConsensusTopics", *(f"Torch{model}" for model in models)}
    assert max(file.stat().st_size for file in FILES) < 50_000


# Of other versions than this one there may be a warning.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_golden_file(file):
    model = skops.io.load(file, trusted=trusted_types())
    expected = np.load(file.with_suffix(".npz"))
    X = sp.csr_array(expected["X"])
    # Other machines and libraries round otherwise.
    close = {"rtol": 1e-4, "atol": 1e-5 * np.abs(expected["transformed"]).max()}
    np.testing.assert_allclose(model.transform(X), expected["transformed"], **close)
    if "score" in expected:
        np.testing.assert_allclose(model.score(X), expected["score"], rtol=1e-4)
