"""Topics of AnnData objects: what is read and what is written."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_topics import TorchPoissonNMF
from sklearn_topics.curation import rename_topics
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.single_cell import add_topics, fit_topics

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def adata():
    X = make_topic_corpus(60, 30, 3, random_state=0)[0].astype(np.float32)
    var = pd.DataFrame({"used": np.arange(30) % 2 == 0}, [f"g{j}" for j in range(30)])
    obs = pd.DataFrame(index=[f"c{i}" for i in range(60)])
    normalised = sp.csr_matrix(X.multiply(1 / X.sum(axis=1)))
    return anndata.AnnData(normalised, obs, var, layers={"counts": X})


def model():
    return TorchPoissonNMF(3, random_state=0)


def test_topics_of_a_layer(adata):
    given = model()
    fitted = fit_topics(given, adata, layer="counts")
    assert fitted is given
    expected = model().fit(adata.layers["counts"])
    np.testing.assert_array_equal(fitted.components_, expected.components_)
    theta = expected.transform(adata.layers["counts"])
    np.testing.assert_allclose(adata.obsm["X_topics"], theta, rtol=1e-5)
    np.testing.assert_allclose(adata.varm["topics"].sum(axis=0), 1)
    stored = adata.uns["topics"]
    assert stored["names"].tolist() == ["0", "1", "2"]
    assert stored["shares"].sum() == pytest.approx(1)
    assert (stored["layer"], stored["model"]) == ("counts", "TorchPoissonNMF")
    assert stored["params"]["n_components"] == 3


@pytest.mark.parametrize("mask", ["used", np.arange(30) % 2 == 0])
def test_some_genes(adata, mask):
    fitted = fit_topics(model(), adata, layer="counts", mask_var=mask)
    assert fitted.components_.shape == (3, 15)
    assert not adata.varm["topics"][1::2].any()
    np.testing.assert_allclose(adata.varm["topics"][::2].sum(axis=0), 1)


def test_fitted_models_and_other_keys(adata):
    fitted = rename_topics(model().fit(adata.layers["counts"]), {1: "space"})
    add_topics(fitted, adata[:20].copy(), layer="counts")
    add_topics(fitted, adata, layer="counts", key_added="programs")
    assert set(adata.obsm) == {"X_programs"}
    assert adata.uns["programs"]["names"].tolist() == ["0", "space", "2"]


def test_results_are_written_and_read(adata, tmp_path):
    fit_topics(model(), adata, layer="counts")
    with anndata.settings.override(allow_write_nullable_strings=True):
        adata.write_h5ad(tmp_path / "a.h5ad")
    read = anndata.read_h5ad(tmp_path / "a.h5ad")
    np.testing.assert_array_equal(read.obsm["X_topics"], adata.obsm["X_topics"])
    assert list(read.uns["topics"]["names"]) == ["0", "1", "2"]
    backed = anndata.read_h5ad(tmp_path / "a.h5ad", backed="r")
    counts = anndata.AnnData(adata.layers["counts"], adata.obs, adata.var)
    with anndata.settings.override(allow_write_nullable_strings=True):
        counts.write_h5ad(tmp_path / "counts.h5ad")
    backed = anndata.read_h5ad(tmp_path / "counts.h5ad", backed="r")
    fit_topics(model(), backed)
    np.testing.assert_allclose(backed.obsm["X_topics"], adata.obsm["X_topics"])


def test_errors(adata):
    with pytest.raises(ValueError, match="no layer 'count'.*Did you mean 'counts'"):
        fit_topics(model(), adata, layer="count")
    with pytest.raises(ValueError, match="no column 'usd'. Did you mean 'used'"):
        fit_topics(model(), adata, layer="counts", mask_var="usd")
    with pytest.raises(ValueError, match="a boolean for each of the 30 genes"):
        fit_topics(model(), adata, layer="counts", mask_var=[True, False])
    with pytest.raises(ValueError, match="selects no genes"):
        fit_topics(model(), adata, layer="counts", mask_var=np.zeros(30, bool))
    with pytest.raises(TypeError, match="adata must be an AnnData object. Got ndarray"):
        fit_topics(model(), np.ones((3, 3)))
    with pytest.warns(UserWarning, match="X does not look like counts"):
        fit_topics(model(), adata)
