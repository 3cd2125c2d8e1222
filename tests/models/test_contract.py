"""scikit-learn's estimator checks, including those that check_estimator leaves out."""

import inspect
import os
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_topics import (
    ConsensusTopics,
    TorchBetaNMF,
    TorchDeepNMF,
    TorchETM,
    TorchLDA,
    TorchPoissonNMF,
    TorchTruncatedSVD,
)

pytestmark = pytest.mark.usefixtures("short_start")

# fit_transform's W is not transform's, as in scikit-learn's NMF: some checks need both
# to have converged. scikit-learn runs them on its own NMF with max_iter=500.
CONVERGED = {"max_iter": 500}
SLOW = {"n_components": 2, "max_iter": 1000, "tol": 1e-6}
# The others meet the checks after any number of iterations, ETM with any networks.
FEW = {"max_iter": 10}
NET = {"max_iter": 3, "embedding_dim": 8, "hidden_layer_sizes": (8,)}

# Settings for which the checks run different code: a model's validation, tags,
# attributes and copies are the same with any solver.
SETTINGS = [
    TorchBetaNMF(**CONVERGED),
    TorchBetaNMF(solver="mu", missing="mask", **SLOW),
    TorchDeepNMF(max_iter=20),
    TorchTruncatedSVD(),
    TorchPoissonNMF(),
    TorchPoissonNMF(solver="adam", **FEW),
    TorchETM(**NET),
    TorchLDA(),
    ConsensusTopics(TorchPoissonNMF(2), n_fits=2),
]
OTHER_SETTINGS = [
    TorchBetaNMF(n_components=2, init="random", shuffle=True, **CONVERGED),
    TorchBetaNMF(solver="mu", **SLOW),
    TorchBetaNMF(solver="mu", beta_loss=1, **SLOW),
    TorchBetaNMF(solver="mu", beta_loss=1.5, **SLOW),
    TorchBetaNMF(solver="scd", beta_loss="kullback-leibler", **CONVERGED),
    TorchBetaNMF(2, solver="adam", max_iter=300, tol=1e-6),
    TorchDeepNMF(layer_sizes=(3, 2), beta_loss=2, init="nndsvda", fine_weight=0),
    TorchDeepNMF((4, 3, 2), beta_loss=1.5, pretrain_iter=5, max_iter=20),
    TorchTruncatedSVD(algorithm="arpack", n_components=1),
    TorchPoissonNMF(solver="em"),
    TorchPoissonNMF(doc_topic_pseudocount=0, topic_word_pseudocount=0),
    TorchPoissonNMF(n_components=2, init="nndsvda"),
    TorchPoissonNMF(n_init=2),
    TorchETM(inference="encoder", **NET),
    TorchETM(n_components=2, init="random", batch_norm=False, dropout=0.3, **NET),
    TorchLDA(n_components=2, learning_method="online", batch_size=7),
    TorchETM(early_stopping=True, **NET),
]


@parametrize_with_checks(SETTINGS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearn_check(estimator, check):
    """None is skipped but that of the array API without SCIPY_ARRAY_API=1."""
    try:
        check(estimator)
    except SkipTest as reason:
        array_api = os.environ.get("SCIPY_ARRAY_API") == "1"
        if array_api or "SCIPY_ARRAY_API" not in str(reason):
            pytest.fail(f"skipped: {reason}")
        raise


@pytest.mark.parametrize("model", OTHER_SETTINGS, ids=str)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "name",
    [
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
        "check_readonly_memmap_input",
        "check_fit_idempotent",
        "check_dict_unchanged",
        "check_methods_subset_invariance",
        "check_fit2d_1sample",
        "check_fit2d_1feature",
    ],
)
def test_check_of_numbers(name, model):
    """The checks in which a solver can fail that its model passes with another."""
    getattr(estimator_checks, name)(type(model).__name__, clone(model))


MODELS = pytest.mark.parametrize(
    "Model",
    [
        ConsensusTopics,
        TorchBetaNMF,
        TorchDeepNMF,
        TorchETM,
        TorchLDA,
        TorchPoissonNMF,
        TorchTruncatedSVD,
    ],
)


def small(Model, **options):
    """With two components, which is what every model can fit to four rows."""
    if Model is ConsensusTopics:
        return Model(TorchPoissonNMF(2), n_fits=2, **options)
    name = "layer_sizes" if Model is TorchDeepNMF else "n_components"
    return Model(**{name: (3, 2) if Model is TorchDeepNMF else 2}, **options)


@MODELS
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "name",
    [
        "check_get_feature_names_out_error",
        "check_dataframe_column_names_consistency",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
        "check_param_validation",
        "check_inplace_ensure_writeable",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
    ],
)
def test_further_sklearn_check(name, Model):
    model = small(Model)
    if "max_iter" in model.get_params():
        model.set_params(max_iter=5)
    if Model is TorchETM:
        model.set_params(**NET)
    getattr(estimator_checks, name)(Model.__name__, model)


@MODELS
def test_init_only_assigns(Model):
    signature = inspect.signature(Model)
    marks = {name: object() for name in signature.parameters}
    model = Model(**marks)
    assert vars(model) == marks
    assert sorted(Model._parameter_constraints) == sorted(marks)


@MODELS
def test_fitted_state_is_numpy(Model):
    model = small(Model, random_state=0).fit(np.arange(12).reshape(4, 3))
    model = getattr(model, "estimator_", model)
    for name, value in vars(model).items():
        if name in model.get_params():
            continue
        values = value.values() if isinstance(value, dict) else value
        for v in values if isinstance(value, dict | list) else [value]:
            kinds = np.ndarray | np.generic | np.random.RandomState | int | float | str
            assert isinstance(v, kinds), name
