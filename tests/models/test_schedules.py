"""Learning-rate schedules by torch's names, in the models that have a learning rate."""

import pytest
from torch.optim.lr_scheduler import StepLR

from sklearn_topics import TorchBetaNMF, TorchETM, TorchPoissonNMF
from sklearn_topics._core.schedule import SCHEDULERS

pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = pytest.mark.parametrize(
    ("Model", "options"),
    [
        (TorchPoissonNMF, {"solver": "adam", "max_iter": 40, "batch_size": 100}),
        (TorchBetaNMF, {"solver": "adam", "max_iter": 40, "init": "random"}),
        (TorchETM, {"max_iter": 6, "hidden_layer_sizes": (8,), "embedding_dim": 8}),
    ],
)


def make(Model, options, schedule, params, **others):
    return Model(
        3,
        learning_rate=0.1,
        learning_rate_schedule=schedule,
        schedule_params=params,
        random_state=0,
        **{**options, **others},
    )


@MODELS
def test_the_rate_of_each_iteration_is_in_the_history(Model, options, X):
    params = {"step_size": 2, "gamma": 0.5}
    history = make(Model, options, StepLR.__name__, params).fit(X).loss_history_
    last = [max(int(i) - 1, 0) for i in history["iteration"]]
    assert history["learning_rate"].tolist() == [0.1 * 0.5 ** (i // 2) for i in last]


@MODELS
def test_a_schedule_that_changes_nothing_is_the_constant_one(Model, options, X):
    params = {"step_size": 1000}
    stepped = make(Model, options, "StepLR", params, max_iter=3).fit(X)
    still = {"max_iter": 3} if Model is TorchETM else {"max_iter": 3, "tol": 0}
    constant = make(Model, options, "constant", None, **still).fit(X)
    assert (stepped.components_ == constant.components_).all()


@MODELS
def test_plateau_lowers_the_rate_once_the_loss_does_not_fall(Model, options, X):
    # Every fall is too small for this threshold.
    params = {"patience": 1, "factor": 0.1, "threshold": 1e9, "threshold_mode": "abs"}
    fitted = make(Model, options, "ReduceLROnPlateau", params, max_iter=6).fit(X)
    history = fitted.loss_history_
    rates = dict(zip(history["iteration"], history["learning_rate"], strict=True))
    # torch compares with the best so far: of none at first, so that iteration 1 is one.
    assert rates[6] == pytest.approx(0.1 * 0.1**2)


@MODELS
@pytest.mark.parametrize(
    ("schedule", "params", "message"),
    [
        ("StepLR", None, "torch's StepLR refuses"),
        ("cosine", {"T_max": 3}, "schedule_params are those of torch's schedulers"),
        ("StepLR", {"step": 3}, "schedule_params has 'step', but the parameters of"),
        ("OneCycleLR", {}, "The 'learning_rate_schedule' parameter"),
        ("StepLR", [2], "The 'schedule_params' parameter"),
    ],
)
def test_bad_schedules(Model, options, schedule, params, message, X):
    model = make(Model, options, schedule, params)
    with pytest.raises(ValueError, match=message):
        model.fit(X)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("Model", [TorchPoissonNMF, TorchBetaNMF])
def test_schedules_belong_to_adam(Model, X):
    options = {"learning_rate_schedule": "StepLR", "schedule_params": {"step_size": 1}}
    message = "learning_rate_schedule and schedule_params can be used by solver='adam'"
    with pytest.raises(ValueError, match=message):
        Model(3, **options).fit(X)


@MODELS
def test_docstrings_name_all_schedulers(Model, options):
    assert all(f'"{name}"' in " ".join(Model.__doc__.split()) for name in SCHEDULERS)
