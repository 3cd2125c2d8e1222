"""scikit-learn's estimator checks, including those that check_estimator leaves out."""

import inspect
import os

import numpy as np
import pytest
import sklearn
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from sklearn_topics import TorchPoissonNMF

SETTINGS = [
    TorchPoissonNMF(),
    TorchPoissonNMF(solver="em"),
    TorchPoissonNMF(doc_topic_pseudocount=0, topic_word_pseudocount=0),
    TorchPoissonNMF(n_components=2, init="nndsvda"),
    TorchPoissonNMF(solver="adam"),
    TorchPoissonNMF(inference="variational", doc_topic_pseudocount=0.6),
    TorchPoissonNMF(n_init=2),
]


@parametrize_with_checks(SETTINGS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearn_check(estimator, check):
    check(estimator)


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
def test_further_sklearn_check(name):
    getattr(estimator_checks, name)("TorchPoissonNMF", TorchPoissonNMF())


def test_check_estimator_skips_nothing_silently():
    """With SCIPY_ARRAY_API=1 even the array API check runs."""
    if parse_version(sklearn.__version__) < parse_version("1.9"):
        pytest.skip("check_estimator lists the array API check from 1.9 on")
    results = estimator_checks.check_estimator(
        TorchPoissonNMF(n_components=2), on_fail=None, on_skip=None
    )
    not_passed = {r["check_name"] for r in results if r["status"] != "passed"}
    array_api = os.environ.get("SCIPY_ARRAY_API") == "1"
    assert not_passed == (set() if array_api else {"check_array_api_input"})


def test_init_only_assigns():
    signature = inspect.signature(TorchPoissonNMF)
    marks = {name: object() for name in signature.parameters}
    model = TorchPoissonNMF(**marks)
    assert vars(model) == marks
    assert list(TorchPoissonNMF._parameter_constraints) == list(marks)


def test_fitted_state_is_numpy():
    model = TorchPoissonNMF(2, random_state=0, max_iter=20, tol=0)
    model.fit(np.arange(12).reshape(4, 3))
    for name, value in vars(model).items():
        if name in model.get_params():
            continue
        values = value.values() if isinstance(value, dict) else [value]
        for v in values:
            assert isinstance(v, np.ndarray | np.generic | int | float | str), name
