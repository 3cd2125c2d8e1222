"""Models, metrics and tables take counts on disk, with the results of memory."""

import copy
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import anndata
import dask.array
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_topics import (
    ConsensusTopics,
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
    inspection,
    io,
    metrics,
)
from sklearn_topics._boundary.inputs import check_matrix
from sklearn_topics._fit import race
from sklearn_topics._kernels import chunks
from sklearn_topics.datasets import make_topic_corpus
from sklearn_topics.plot import StructureDisplay

FEW = {"max_iter": 3, "random_state": 0}
KL = {"beta_loss": "kullback-leibler"}
MODELS = {
    "scd": TorchPoissonNMF(3, max_iter=20, random_state=0),
    "em": TorchPoissonNMF(3, solver="em", **FEW),
    "adam": TorchPoissonNMF(3, solver="adam", **FEW),
    "nndsvda": TorchPoissonNMF(3, init="nndsvda", **FEW),
    "two starts": TorchPoissonNMF(3, n_init=2, init="random", **FEW),
    "cd": TorchBetaNMF(3, **FEW),
    "mu": TorchBetaNMF(3, solver="mu", **FEW),
    "mu KL": TorchBetaNMF(3, solver="mu", **KL, **FEW),
    "mu 1.5": TorchBetaNMF(3, solver="mu", beta_loss=1.5, **FEW),
    "mu .5": TorchBetaNMF(3, solver="mu", beta_loss=0.5, **FEW),
    "masked": TorchBetaNMF(3, solver="mu", missing="mask", **KL, **FEW),
    "beta scd": TorchBetaNMF(3, solver="scd", **KL, **FEW),
    "beta adam": TorchBetaNMF(3, solver="adam", **KL, **FEW),
    "etm": TorchETM(3, max_iter=1, hidden_layer_sizes=(8,), random_state=0),
    "deep": TorchDeepNMF((4, 3), **FEW),
    "lda": TorchLDA(3, **FEW),
    "online lda": TorchLDA(3, learning_method="online", batch_size=16, **FEW),
    "svd": TorchTruncatedSVD(3, random_state=0),
    "arpack": TorchTruncatedSVD(3, algorithm="arpack", random_state=0),
    "consensus": ConsensusTopics(TorchPoissonNMF(3, max_iter=5), 3, random_state=0),
}
EACH = pytest.mark.parametrize("name", MODELS)
WARNINGS = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def corpus():
    return make_topic_corpus(120, 40, 3, random_state=0)[0]


@pytest.fixture(scope="module")
def on_disk(corpus, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "corpus"
    return io.write_counts(path, corpus)  # integers: floats are written when needed


def results(model, X):
    """All that a model computes from X."""
    model = clone(model)
    found = [model.fit_transform(X), model.transform(X), model.components_]
    return [*found, model.score(X)] if hasattr(model, "score") else found


def equal_bits(found, expected):
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@WARNINGS
@EACH
def test_fit_from_disk_is_the_fit_from_memory(name, corpus, on_disk, monkeypatch):
    assert equal_bits(results(MODELS[name], on_disk), results(MODELS[name], corpus))
    # Blocks, and starts from a sample, are those of memory too.
    monkeypatch.setattr(chunks, "_ENTRIES", 200)
    monkeypatch.setattr(race, "_SAMPLE", 50)
    assert equal_bits(results(MODELS[name], on_disk), results(MODELS[name], corpus))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64", "bool"])
@pytest.mark.parametrize("name", ["scd", "cd", "svd"])
def test_dtypes(name, dtype, corpus, tmp_path):
    X = (corpus > 3 if dtype == "bool" else corpus).astype(dtype)
    found = io.write_counts(tmp_path / "corpus", X)
    assert equal_bits(results(MODELS[name], found), results(MODELS[name], X))


def write_anndata(X, path):
    adata = anndata.AnnData(X)
    with anndata.settings.override(allow_write_nullable_strings=True):
        getattr(adata, f"write_{path.suffix[1:]}")(path)


def as_backed(X, path):
    file = path / "a.h5ad"
    write_anndata(sp.csr_matrix(X), file)
    return anndata.read_h5ad(file, backed="r").X


def as_h5ad(X, path):
    write_anndata(sp.csr_matrix(X), path / "a.h5ad")
    return io.open_counts(path / "a.h5ad")


def as_zarr(X, path):
    write_anndata(sp.csr_matrix(X), path / "a.zarr")
    return io.open_counts(path / "a.zarr")


def as_dask(X, path):
    blocks = [sp.csr_matrix(X[i : i + 50]) for i in range(0, X.shape[0], 50)]
    parts = (dask.array.from_array(block, chunks=block.shape) for block in blocks)
    return dask.array.concatenate(list(parts))


class Slices:
    """The least that counts have."""

    def __init__(self, X):
        self._X, self.shape, self.dtype = sp.csr_array(X), X.shape, X.dtype

    def __getitem__(self, rows):
        return self._X[rows]


SOURCES = [as_backed, as_h5ad, as_zarr, as_dask, lambda X, path: Slices(X)]


@WARNINGS
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_other_objects_are_copied_to_a_temporary_folder(
    source, corpus, tmp_path, monkeypatch, collect
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    X, model = source(corpus, tmp_path), MODELS["scd"]
    assert equal_bits(results(model, X), results(model, corpus))
    assert metrics.perplexity(clone(model).fit(corpus), X) == metrics.perplexity(
        clone(model).fit(corpus), corpus
    )
    del X
    collect()
    assert not list((tmp_path / "temporary").glob("sklearn_topics_*"))


def test_columns_of_a_file_are_refused(corpus, tmp_path):
    file = tmp_path / "a.h5ad"
    write_anndata(sp.csc_matrix(corpus), file)
    X = anndata.read_h5ad(file, backed="r").X
    with pytest.raises(ValueError, match="stored by columns"):
        TorchPoissonNMF(3).fit(X)


def test_a_folder_that_cannot_be_written(corpus, tmp_path, monkeypatch):
    X = io.write_counts(tmp_path / "corpus", corpus)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    model = MODELS["scd"]
    assert equal_bits(results(model, X), results(model, corpus))
    assert not (tmp_path / "corpus" / "transpose").exists()


def test_derived_files_are_those_of_their_folder(corpus, tmp_path, monkeypatch):
    """Also after a change of the working folder; and others may read them."""
    found = []
    for name, X in ("a", corpus), ("b", 3 * corpus):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found.append((io.write_counts("corpus", X), X))
    for on_disk, X in reversed(found):
        assert equal_bits(results(MODELS["scd"], on_disk), results(MODELS["scd"], X))
    folder = tmp_path / "a" / "corpus"
    modes = {file.stat().st_mode for file in folder.glob("data*.npy")}
    assert len(modes) == 1
    assert (folder / "transpose").stat().st_mode == folder.stat().st_mode
    # Who cannot write uses what is there.
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert equal_bits(
        results(MODELS["scd"], io.open_counts(folder)), results(MODELS["scd"], corpus)
    )
    assert sorted(tmp_path.rglob("*")) == before


@WARNINGS
def test_search_and_copies(corpus, on_disk, tmp_path, collect):
    search = GridSearchCV(clone(MODELS["em"]), {"n_components": [2, 3]}, cv=2)
    best = [clone(search).fit(X).best_score_ for X in (on_disk, corpus)]
    assert best[0] == best[1]
    opened = as_zarr(corpus, tmp_path)
    expected = results(MODELS["em"], corpus)
    assert equal_bits(results(MODELS["em"], opened), expected)
    other = copy.deepcopy(opened)
    del opened
    collect()
    assert equal_bits(results(MODELS["em"], other), expected)
    again = pickle.loads(pickle.dumps(on_disk))
    assert equal_bits(results(MODELS["em"], again), expected)


def test_many_cells_take_no_time():
    """scikit-learn would add up all cells of an array without memory."""
    X = sp.csr_array((np.ones(3), ([0, 5, 9], [1, 2, 3])), shape=(10, 2**31 - 1))
    model = TorchTruncatedSVD(2, algorithm="randomized")
    check_matrix(model, Slices(X.astype(np.float32)), reset=True)
    assert model.n_features_in_ == 2**31 - 1


def test_invalid_values_are_placed(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_topics._disk.counts.Counts.blocks", in_blocks_of(7))
    X = corpus.astype(np.float64)
    row = 33
    column = int(X.indices[X.indptr[row]])
    for value, problem in (-1.0, "Negative values"), (np.nan, "contains NaN"):
        X.data[X.indptr[row]] = value
        folder = io.write_counts(tmp_path / problem, X)
        model = TorchPoissonNMF(3)
        with pytest.raises(ValueError, match=f"{problem}.*row {row}, column {column}"):
            model.fit(folder)
        assert not hasattr(model, "n_features_in_")


def in_blocks_of(size):
    def blocks(self, entries=None):
        for start in range(0, self.shape[0], size):
            stop = min(start + size, self.shape[0])
            yield (start, stop), self[start:stop]

    return blocks


def anonymous_above(function):
    """Bytes that no file backs, at most, during a call, above those before it."""

    def resident():
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon")

    done, peaks = threading.Event(), [resident()]

    def watch():
        while not done.wait(0.002):
            peaks.append(resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    function()
    done.set()
    watcher.join()
    return max(peaks) - peaks[0]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Counts on disk of which all entries, in memory, could not be overlooked."""
    rng = np.random.default_rng(0)
    n, m, per_row = 30_000, 3_000, 150
    columns = rng.integers(m, size=n * per_row)
    indptr = np.arange(0, n * per_row + 1, per_row)
    ones = np.ones(n * per_row, np.float32)
    counts = sp.csr_array((ones, columns, indptr), shape=(n, m))
    X = io.write_counts(tmp_path_factory.mktemp("large") / "a", counts)
    _ = X.T
    return X


@WARNINGS
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "name", ["scd", "em", "cd", "mu", "mu KL", "beta scd", "lda", "svd"]
)
def test_entries_are_not_in_memory(name, large, monkeypatch):
    monkeypatch.setattr("sklearn_topics._disk.counts.Counts.blocks", in_blocks_of(999))
    X = io.open_counts(large.path)
    model = clone(MODELS[name])
    few = {"init": "random", "max_iter": 2, "max_doc_update_iter": 4}
    model.set_params(**{k: v for k, v in few.items() if k in model.get_params()})
    clone(model).fit(X[:500]).transform(X[:500])  # compiles
    above = anonymous_above(lambda: model.fit(X).transform(X))
    assert above < 8 * X.nnz  # the entries; and as many of the transpose


@pytest.mark.parametrize("name", ["scd", "etm"])
def test_transform_into_a_memory_map(name, corpus, on_disk, tmp_path, monkeypatch):
    model = clone(MODELS[name]).fit(corpus)
    expected = model.transform(corpus)
    monkeypatch.setattr(chunks, "_ENTRIES", 200)
    options = {"dtype": np.float32, "shape": expected.shape}
    out = np.lib.format.open_memmap(tmp_path / "theta.npy", "w+", **options)
    assert model.transform(on_disk, out=out) is out
    out.flush()
    assert np.array_equal(np.load(tmp_path / "theta.npy"), expected)
    for wrong in (out[:5], out.astype(int), out.tolist()):
        with pytest.raises(ValueError, match=r"out must be .* \(120, 3\)"):
            model.transform(on_disk, out=wrong)


def test_validation_documents(corpus, on_disk):
    options = {"max_iter": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    fits = [TorchETM(3, **options).fit(corpus, X_val=X) for X in (corpus[:9], on_disk)]
    assert fits[0].components_.shape == fits[1].components_.shape
    with pytest.raises(
        ValueError, match=r"X_val has the shape \(120, 40\), but X has 9"
    ):
        TorchETM(3, **options).fit(corpus[:, :9], X_val=on_disk)


def test_metrics_and_tables(corpus, on_disk):
    model = TorchPoissonNMF(3, random_state=0).fit(corpus)
    assert metrics.perplexity(model, on_disk) == metrics.perplexity(model, corpus)
    found, expected = (metrics.coherence(model, X) for X in (on_disk, corpus))
    assert np.array_equal(found.per_topic, expected.per_topic)
    for table in "topic_info", "dominant_topics", "differential_terms":
        found, expected = (
            getattr(inspection, table)(model, X) for X in (on_disk, corpus)
        )
        assert found.equals(expected)


def test_structure_of_some_documents(corpus, on_disk):
    model = TorchPoissonNMF(3, random_state=0).fit(corpus)
    shown = [
        StructureDisplay.from_estimator(model, X, n_documents=20).theta
        for X in (corpus, on_disk)
    ]
    assert np.array_equal(*shown)


def test_wrong_columns_are_named(corpus, on_disk):
    model = TorchPoissonNMF(3, random_state=0).fit(corpus[:, :9])
    with pytest.raises(
        ValueError, match="40 features, but TorchPoissonNMF is expecting"
    ):
        model.transform(on_disk)


def test_the_example_writes_fits_and_transforms(tmp_path):
    example = Path(__file__).parents[2] / "examples/two_million_documents.py"
    done = subprocess.run(
        [sys.executable, str(example), "1500"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 20
    theta = np.load(tmp_path / "theta.npy")
    np.testing.assert_allclose(theta.sum(axis=1), 1, rtol=1e-5)
    assert io.open_counts(tmp_path / "counts").shape == (1500, 20_000)
