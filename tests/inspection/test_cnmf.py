"""The files of cNMF: their names, tables, and the least squares in them."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.optimize import nnls

from sklearn_topics import ConsensusTopics, TorchPoissonNMF
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.inspection import write_cnmf_results


@pytest.fixture(scope="module")
def cells():
    X, _, _ = make_topic_corpus(80, 30, 3, random_state=0)
    X = X.toarray()
    X[7] = 0
    X[:, 4] = 0
    names = [f"gene{j}" for j in range(30)], [f"cell{i}" for i in range(80)]
    return pd.DataFrame(X, columns=names[0], index=names[1])


@pytest.fixture(scope="module")
def model(cells):
    consensus = ConsensusTopics(TorchPoissonNMF(3), n_fits=3, random_state=0)
    return consensus.fit(cells)


def test_files_hold_the_tables(model, cells, tmp_path):
    tables = write_cnmf_results(model, cells, tmp_path, name="pbmc")
    written = {path.name: path for path in (tmp_path / "pbmc").iterdir()}
    assert set(written) == {
        "pbmc.usages.k_3.dt_0_6.consensus.txt",
        "pbmc.spectra.k_3.dt_0_6.consensus.txt",
        "pbmc.gene_spectra_tpm.k_3.dt_0_6.txt",
        "pbmc.gene_spectra_score.k_3.dt_0_6.txt",
    }
    for kind, table in tables.items():
        (path,) = (path for name, path in written.items() if f".{kind}." in name)
        read = pd.read_csv(path, sep="\t", index_col=0)
        read.columns = read.columns.astype(table.columns.dtype)
        pd.testing.assert_frame_equal(read, table, check_column_type=False)
    usages = tables["usages"]
    assert usages.index.tolist() == cells.index.tolist()
    assert usages.columns.tolist() == [1, 2, 3]
    assert (np.diff(usages.sum()) <= 0).all()
    np.testing.assert_allclose(usages.sum(axis=1), 1, rtol=1e-5)
    assert tables["spectra"].columns.tolist() == cells.columns.tolist()
    one = write_cnmf_results(model.estimator_, cells, tmp_path)
    assert (tmp_path / "cNMF" / "cNMF.usages.k_3.dt_2_0.consensus.txt").exists()
    pd.testing.assert_frame_equal(one["usages"], usages)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_coefficients_are_least_squares(container, model, cells, tmp_path):
    X = cells.to_numpy(np.float64)
    names = {"feature_names": cells.columns}
    given = container(X)
    theta = model.transform(cells)
    tables = write_cnmf_results(model, given, tmp_path, theta=theta, **names)
    usages = tables["usages"].to_numpy()
    totals = X.sum(axis=1, keepdims=True)
    tpm = X * np.where(totals > 0, 1e6 / np.where(totals > 0, totals, 1), 0)
    expected = np.column_stack([nnls(usages, gene)[0] for gene in tpm.T])
    found = tables["gene_spectra_tpm"].to_numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())
    spread = tpm.std(axis=0)
    z = (tpm - tpm.mean(axis=0)) / np.where(spread > 0, spread, 1)
    expected = np.linalg.lstsq(usages, z, rcond=None)[0]
    np.testing.assert_allclose(tables["gene_spectra_score"], expected, atol=1e-6)
