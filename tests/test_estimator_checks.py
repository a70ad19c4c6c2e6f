"""scikit-learn's own checks: all of them, for every kind of model."""

import time

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    estimator_checks_generator,
    parametrize_with_checks,
)

from spatialheteroreg import STCGRegressor

WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a weight of 2 is not a second copy: copies fall into other batches"
    )
}
GAPS = "the check's data have gaps in the columns that are named"
TOO_NARROW = "the check's data have fewer columns than are named"
NO_PLACE = {"check_estimators_pickle": GAPS, "check_fit2d_1feature": TOO_NARROW}
NO_TIME = dict.fromkeys(
    (
        "check_estimators_overwrite_params",
        "check_estimators_fit_returns_self",
        "check_readonly_memmap_input",
        "check_sample_weights_pandas_series",
        "check_sample_weights_not_an_array",
        "check_sample_weights_shape",
        "check_sample_weights_not_overwritten",
        "check_fit_idempotent",
        "check_fit_check_is_fitted",
        "check_n_features_in",
    ),
    TOO_NARROW,
)


VARIANTS = [
    STCGRegressor(random_state=0),
    STCGRegressor(random_state=0, head="dual"),
    STCGRegressor(random_state=0, n_members=4),
    STCGRegressor(random_state=0, condition="none"),
    STCGRegressor(random_state=0, lat=0, lon=1, time=None),
    STCGRegressor(random_state=0, lat=0, lon=1, time=2),
]
"""The checks' data have no names, so the first four are without coordinates."""


def expected_failures(estimator):
    failures = dict(WEIGHTS)
    if estimator.lat == 0:
        failures |= NO_PLACE
    if estimator.time == 2:
        failures |= NO_TIME
    return failures


@pytest.mark.filterwarnings("ignore:No coordinates found:UserWarning")
@parametrize_with_checks(VARIANTS, expected_failed_checks=expected_failures)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", VARIANTS, ids=str)
def test_the_battery_of_checks_is_that_of_scikit_learns_own_regressor(estimator):
    """Tags could switch checks off; ours switch off none."""

    def names(estimator):
        checks = estimator_checks_generator(estimator)
        return sorted(getattr(check, "func", check).__name__ for _, check in checks)

    assert names(estimator) == names(HistGradientBoostingRegressor())
    assert len(names(estimator)) >= 50


REPEATABLE = {
    "random_state": 0,
    "precision": "float64",
    "batch_size": 1000,
    "dropout": 0.0,
    "place_dropout": 0.0,
    "condition_dropout": 0.0,
}
"""All rows in each batch, and nothing dropped: what is drawn depends on no row."""


@pytest.mark.filterwarnings("ignore:No coordinates found:UserWarning")
def test_weights_are_copies_where_batches_do_not_matter():
    check_sample_weight_equivalence_on_dense_data(
        "STCGRegressor", STCGRegressor(**REPEATABLE)
    )


@pytest.mark.parametrize("head", ["additive", "dual"])
def test_weights_are_copies_in_scales_graph_and_loss(head):
    random = np.random.RandomState(0)
    X = np.stack(
        [
            random.uniform(-60, 60, 40),
            random.uniform(-180, 180, 40),
            random.randint(0, 24, 40),
            random.randn(40),
        ],
        axis=1,
    )
    X[5, 3] = np.nan
    y = random.randn(40) + np.nan_to_num(X[:, 3]) * np.sign(X[:, 0])
    weight = random.randint(0, 4, 40)
    model = STCGRegressor(
        **REPEATABLE, head=head, lat=0, lon=1, time=2, period=12, time_axis="cycle"
    ).set_params(n_nodes=8, max_iter=10)
    weighted = model.fit(X, y, weight).predict(X)
    copied = model.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).predict(X)
    np.testing.assert_allclose(weighted, copied, rtol=1e-9, atol=1e-9)
    alike = model.fit(X, y, weight > 0).predict(X)
    assert np.abs(weighted - alike).max() > 0.01


@pytest.fixture
def one_thread():
    """Compute in one thread: a second one waits by spinning, which counts as work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("n_rows", [10, 100])
def test_tiny_fits_take_less_than_a_second(n_rows):
    random = np.random.RandomState(0)
    X = random.uniform(-60, 60, (n_rows, 5))
    y = random.randn(n_rows)
    seconds = []
    for _ in range(3):  # the first one imports and warms up
        start = time.process_time()
        STCGRegressor(random_state=0, lat=0, lon=1, time=2, period=24.0).fit(X, y)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1.0
