"""What is no matrix of numbers is named, and masks of masked arrays are heeded."""

import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_array_equal

from sklearn_topics import (
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)

COUNTS = np.arange(12.0).reshape(4, 3)


def small(Model):
    name = "layer_sizes" if Model is TorchDeepNMF else "n_components"
    return Model(**{name: (2,) if Model is TorchDeepNMF else 2}, random_state=0)


MODELS = pytest.mark.parametrize(
    "Model",
    [
        TorchBetaNMF,
        TorchDeepNMF,
        TorchETM,
        TorchLDA,
        TorchPoissonNMF,
        TorchTruncatedSVD,
    ],
)

#: Stand-ins with the attributes by which the real ones are known.
ANNDATA = SimpleNamespace(X=COUNTS, obs=None, layers={"counts": COUNTS})
MUDATA = SimpleNamespace(mod={"rna": ANNDATA, "atac": ANNDATA}, obs=None)
DATASET = SimpleNamespace(data_vars={"counts": COUNTS})

NO_COUNTS = {
    "None": (None, "X is None"),
    "a path": ("counts.npz", "X is a str or path, but files are not read. Load"),
    "a Path": (Path("counts.npz"), "X is a str or path, but files are not read. Load"),
    "one text": ("the moon and the sun", r"a single text\. .* CountVectorizer"),
    "texts": (["some text", "more"], "X contains text.* CountVectorizer before"),
    "bytes": ([b"some text", b"more"], "X contains text.* CountVectorizer before"),
    "array of texts": (np.array(["a b", "c"]), "X contains text"),
    "object array of texts": (np.array(["a b", "c"], object), "X contains text"),
    "texts with a gap": (["some text", None], "X contains text"),
    "token lists": ([["a", "b"], ["c"]], "lists of tokens.*CountVectorizer"),
    "equal token lists": ([["a", "b"], ["c", "d"]], "X contains lists of tokens"),
    "numbers as text": ([["1", "2"], ["3", "4"]], "numbers as text"),
    "dicts": ([{"a": 1}, {"b": 2}], "DictVectorizer"),
    "dict": ({"a": [1, 2]}, "X is a dict"),
    "set": ({1, 2}, "X is a set"),
    "sparse rows": ([sp.csr_array([[1, 2]])] * 2, r"scipy\.sparse\.vstack\(X\)"),
    "dates": (np.array([["2020-01-01"]], "M8[D]"), "X contains dates"),
    "durations": (np.array([[1]], "m8[s]"), "X contains dates or times"),
    "objects": (np.array([[datetime.date.today()]], object), "X contains date objects"),
    "None among numbers": (
        [[1, None, 0], [2, 3, 0]],
        "NaN: 1 entry at row 0, column 1",
    ),
    "AnnData": (ANNDATA, r'adata\.X or adata\.layers\["counts"\]'),
    "MuData": (MUDATA, "one modality.*'rna', 'atac'"),
    "xarray": (DATASET, r"one variable, X\[\.\.\.\]\.values"),
    "nested tensor": (torch.nested.nested_tensor([torch.ones(2)]), "nested tensor"),
}


@pytest.mark.parametrize("kind", NO_COUNTS)
def test_what_is_no_matrix_is_named(kind):
    X, message = NO_COUNTS[kind]
    silent, loud = TorchPoissonNMF(), TorchPoissonNMF(verbose=1)
    for model in silent, loud, TorchTruncatedSVD():  # counts, and any numbers
        with pytest.raises((ValueError, TypeError), match=message):
            model.fit(X)


@pytest.mark.parametrize("kind", ["None", "texts", "dates", "AnnData"])
@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
@MODELS
def test_and_so_by_every_method(Model, method, kind):
    X, message = NO_COUNTS[kind]
    model = small(Model)
    if method == "transform":
        model.components_, model.n_features_in_ = np.ones((2, 3)), 3
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(model, method)(X)


def test_an_iterator_is_named_and_not_read():
    rows = iter(COUNTS)
    with pytest.raises(ValueError, match=r"an iterator, .* Pass list\(X\)"):
        TorchPoissonNMF().fit(rows)
    assert len(list(rows)) == 4


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["some text", "more"], r"'c' of X contains text.*fit_transform\(X\['c'\]\)"),
        (["1", "moon"], "Column 'c' of X contains text"),
        ([datetime.datetime(2020, 1, 1)] * 2, "Column 'c' of X contains dates"),
        ([object(), 1], "Column 'c' of X contains object objects"),
    ],
)
def test_the_column_of_a_frame_is_named(library, column, message):
    frames = pytest.importorskip(library)
    objects = {"dtype": object} if library == "pandas" else {"dtype": frames.Object}
    series = frames.Series("c", column) if library == "polars" else column
    if "object" in message and library == "polars":
        series = frames.Series("c", column, **objects)
    X = frames.DataFrame({"X": [1, 2], "obs": [1, 2], "c": series})
    for model in TorchPoissonNMF(), TorchTruncatedSVD():
        with pytest.raises((ValueError, TypeError), match=message):
            model.fit(X)


def test_lazy_frames_are_named():
    polars = pytest.importorskip("polars")
    with pytest.raises(ValueError, match=r"Pass X\.collect\(\)"):
        TorchPoissonNMF().fit(polars.LazyFrame({"a": [1, 2]}))


# ------------------------------------------------------------------------ masked arrays


def masked(dtype, hidden=((1, 2), (3, 0))):
    X = np.ma.array(COUNTS.astype(dtype), mask=np.zeros((4, 3), bool))
    for cell in hidden:
        X.mask[cell] = True
    return X


HIDES_TWO = {
    "float": masked(np.float64),
    "integer": masked(np.int64),
    "object": masked(object),
    "float32": masked(np.float32),
    "list": list(masked(np.float64)),
    "hard": np.ma.harden_mask(masked(np.float64)),
}


@MODELS
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_mask_that_hides_cells_is_refused(Model):
    model = small(Model)
    if hasattr(model, "max_iter"):
        model.max_iter = 2
    model.fit(COUNTS)
    message = r"X is a masked array with 2 masked cells.*missing='mask'"
    for X in HIDES_TWO.values():
        for method in {"fit", "transform", "score"} & set(dir(model)):
            with pytest.raises(ValueError, match=message):
                getattr(model, method)(X)


@MODELS
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_mask_that_hides_nothing_is_accepted(Model):
    plain = small(Model).fit_transform(COUNTS)
    assert_array_equal(small(Model).fit_transform(masked(float, ())), plain)
    assert_array_equal(small(Model).fit_transform(np.ma.array(COUNTS)), plain)


@pytest.mark.parametrize("X", HIDES_TWO.values(), ids=HIDES_TWO.keys())
@pytest.mark.parametrize("solver", ["mu", "adam"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hidden_cells_are_unobserved(solver, X):
    """As NaN is: what a hidden cell holds does not matter."""
    options = {"solver": solver, "missing": "mask", "random_state": 0, "max_iter": 20}
    dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
    holes = COUNTS.astype(dtype)
    holes[1, 2] = holes[3, 0] = np.nan
    expected = TorchBetaNMF(2, **options)
    found = TorchBetaNMF(2, **options)
    W = expected.fit_transform(holes)
    assert_array_equal(found.fit_transform(X), W)
    assert_array_equal(found.components_, expected.components_)
    assert_array_equal(found.feature_means_, expected.feature_means_)
    assert_array_equal(found.transform(X), expected.transform(holes))
    assert found.score(X) == expected.score(holes)


def test_what_a_hidden_cell_holds_is_not_looked_at():
    X = masked(float)
    X.data[1, 2], X.data[3, 0] = np.inf, -1
    model = TorchBetaNMF(2, solver="mu", missing="mask", random_state=0, max_iter=500)
    assert np.isfinite(model.fit(X).components_).all()


@pytest.mark.parametrize("Model", [TorchBetaNMF, TorchPoissonNMF])
@pytest.mark.parametrize("name", ["W", "H"])
def test_masked_factors_are_refused(Model, name):
    factors = {"W": np.ones((4, 2)), "H": np.ones((2, 3))}
    factors[name] = np.ma.array(factors[name], mask=np.eye(*factors[name].shape))
    with pytest.raises(ValueError, match=f"{name} is a masked array with 2 masked"):
        Model(2, init="custom").fit(COUNTS, **factors)


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_missing_values_of_frames_are_nan(library):
    frames = pytest.importorskip(library)
    columns = {"a": [1, None, 3, 4], "b": [1, 2, 3, 5]}
    dtype = {"dtype": "Int64"} if library == "pandas" else {}
    X = frames.DataFrame(columns, **dtype)
    for model in TorchPoissonNMF(), TorchTruncatedSVD(), TorchBetaNMF():
        with pytest.raises(ValueError, match="NaN: 1 entry at row 1, column 0"):
            model.fit(X)
    options = {"solver": "mu", "missing": "mask", "random_state": 0, "max_iter": 20}
    holes = np.array([[1, 1], [np.nan, 2], [3, 3], [4, 5]])
    expected = TorchBetaNMF(1, **options).fit(holes).components_
    assert_array_equal(TorchBetaNMF(1, **options).fit(X).components_, expected)


def test_masked_tensors_hide_cells():
    values, known = torch.ones(4, 3), torch.ones(4, 3, dtype=torch.bool)
    known[1, 2] = False
    X = torch.masked.masked_tensor(values, known)
    with pytest.raises(ValueError, match="masked array with 1 masked cell"):
        TorchPoissonNMF().fit(X)
