"""Networks that are each blind to a fold, and kriging of what they leave over."""

import numpy as np
import pandas as pd
import pytest
import torch

from spatialheteroreg import STCGRegressor
from spatialheteroreg.predictor import Predictor
from spatialheteroreg.samples import draw_folds
from spatialheteroreg.sizing import FEWEST_TO_FOLD, auto_n_folds

QUICK = {"max_iter": 4, "n_nodes": 12, "random_state": 0, "d_condition": 16}


def make_rows(n_rows=400, seed=0):
    random = np.random.RandomState(seed)
    X = pd.DataFrame(
        {
            "lat": random.uniform(-60, 60, n_rows),
            "lon": random.uniform(-180, 180, n_rows),
            "time": pd.Timestamp("2001-01-01")
            + pd.to_timedelta(random.randint(1400, size=n_rows), unit="D"),
            "rain": random.randn(n_rows),
            "cover": random.choice(["forest", "grass"], n_rows),
        }
    )
    hidden = np.sin(X["lon"] / 20) * np.cos(X["lat"] / 15)
    return X, 2.0 * X["rain"] + 3.0 * hidden + 0.1 * random.randn(n_rows)


@pytest.fixture(scope="module")
def model():
    X, y = make_rows()
    return STCGRegressor(**QUICK, n_folds=3).fit(X, y)


def fold_of(model, X):
    """Folds as fit has dealt them out."""
    random = np.random.RandomState(model._split_seed)
    n_folds = len(model.net_.module_)
    return draw_folds(n_folds, len(X), np.arange(len(X)), random)


def networks_of(model, X):
    inputs = model._inputs.transform(model._read_fitted(X))
    networks = Predictor(model.net_.module_, model._target_mean, model._target_scale)
    return networks, inputs


def test_a_network_never_sees_the_targets_of_its_fold(model):
    X, y = make_rows()
    fold = fold_of(model, X)
    swapped = y.to_numpy().copy()
    rows = np.flatnonzero(fold == 1)
    swapped[rows] = swapped[rows][::-1]  # mean and scale stay as they are
    other = STCGRegressor(**QUICK, n_folds=3).fit(X, swapped)
    one, another = (
        networks.member_predictions(inputs)
        for networks, inputs in (networks_of(model, X), networks_of(other, X))
    )
    same = [np.allclose(one[k], another[k], atol=1e-5) for k in range(3)]
    assert same == [False, True, False]


def test_the_mean_of_the_networks_predicts():
    X, y = make_rows()
    model = STCGRegressor(**QUICK, n_folds=3, krige_residuals=False).fit(X, y)
    networks, inputs = networks_of(model, X)
    members = networks.member_predictions(inputs)
    assert members.shape == (3, len(X))
    assert members.std(axis=0).min() > 0
    np.testing.assert_allclose(members.mean(axis=0), model.predict(X))


def test_blind_predictions_are_those_of_the_network_that_has_not_seen_a_row(model):
    X, _ = make_rows()
    networks, inputs = networks_of(model, X)
    fold = fold_of(model, X)
    members = networks.member_predictions(inputs)
    expected = members[fold, np.arange(len(X))]
    np.testing.assert_allclose(networks.blind_predictions(inputs, fold), expected)


@pytest.mark.parametrize("batch_size", [1, 57, 133, 399])
def test_a_batch_that_a_network_may_not_see_teaches_it_nothing(batch_size):
    # 400 rows leave a last batch of one row, which one of the networks is blind to.
    X, y = make_rows()
    quick = {**QUICK, "max_iter": 1, "n_folds": 2, "random_state": 1}
    model = STCGRegressor(**quick, batch_size=batch_size).fit(X, y)
    losses = model.net_.history[:, "batches", :, "train_loss"]
    assert np.isfinite(losses).all()
    assert np.isfinite(model.predict(X)).all()


def test_slices_of_rows_need_not_have_rows_of_all_folds(model, monkeypatch):
    X, y = make_rows()
    monkeypatch.setattr("spatialheteroreg.predictor.EFFECT_ROWS", 3)
    by_three = STCGRegressor(**QUICK, n_folds=3).fit(X, y)
    np.testing.assert_allclose(by_three.predict(X), model.predict(X), rtol=1e-6)


def test_kriging_helps_between_training_rows():
    X, y = make_rows(1_200)
    new, truth = make_rows(300, seed=1)
    errors = [
        np.mean((STCGRegressor(**QUICK, **extra).fit(X, y).predict(new) - truth) ** 2)
        for extra in ({"krige_residuals": False}, {})
    ]
    assert errors[1] < 0.8 * errors[0]


def test_kriging_is_an_effect_of_place_and_time_alone(model):
    X, y = make_rows()
    plain = STCGRegressor(**QUICK, n_folds=3, krige_residuals=False).fit(X, y)
    pd.testing.assert_frame_equal(model.local_effects(X), plain.local_effects(X))
    one, other = model.decompose(X), plain.decompose(X)
    pd.testing.assert_frame_equal(one[["rain", "cover"]], other[["rain", "cover"]])
    pd.testing.assert_series_equal(one["time"], other["time"])
    assert not np.allclose(one["place"], other["place"])


def test_rows_add_up_and_average_to_zero(model):
    X, _ = make_rows()
    new, _ = make_rows(50, seed=1)
    parts = model.decompose(new)
    np.testing.assert_allclose(parts.sum(axis=1), model.predict(new), atol=1e-9)
    explanation = model.explain(new)
    total = explanation.values.sum(axis=1) + explanation.base_values
    np.testing.assert_allclose(total, model.predict(new), atol=1e-9)
    means = model.decompose(X).iloc[:, 1:].mean()
    np.testing.assert_allclose(means, 0, atol=1e-6)


def test_a_row_is_the_same_alone_and_in_company(model):
    new, _ = make_rows(50, seed=1)
    together = model.predict(new)
    alone = [model.predict(new[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(alone, together[:5], rtol=1e-9)


def test_longitudes_of_either_kind_give_the_same(model):
    new, _ = make_rows(50, seed=1)
    turned = new.assign(lon=new["lon"] % 360)
    np.testing.assert_allclose(model.predict(turned), model.predict(new), rtol=1e-9)


@pytest.mark.parametrize(
    "absent", [["time"], ["lat", "lon"], ["rain", "cover"], ["lat", "lon", "time"]]
)
@pytest.mark.filterwarnings("ignore:No coordinates found:UserWarning")
def test_works_with_whatever_columns_there_are(absent):
    X, y = make_rows()
    X = X.drop(columns=absent)
    model = STCGRegressor(**QUICK, n_folds=2).fit(X, y)
    parts = model.decompose(X)
    np.testing.assert_allclose(parts.sum(axis=1), model.predict(X), atol=1e-9)
    assert len(model.net_.module_) == 2


def test_weights_of_zero_leave_rows_out_of_folds_and_kriging():
    X, y = make_rows()
    weight = (np.arange(len(X)) % 4 > 0).astype(float)
    spoiled = np.where(weight > 0, y, 1e6)
    one = STCGRegressor(**QUICK, n_folds=2).fit(X, y, sample_weight=weight)
    other = STCGRegressor(**QUICK, n_folds=2).fit(X, spoiled, sample_weight=weight)
    np.testing.assert_allclose(one.predict(X), other.predict(X))


def test_a_warm_start_keeps_the_folds():
    X, y = make_rows()
    model = STCGRegressor(**QUICK, n_folds=3, warm_start=True).fit(X, y)
    before = fold_of(model, X)
    model.fit(X, y)
    np.testing.assert_array_equal(fold_of(model, X), before)
    assert model.n_iter_ == 2 * QUICK["max_iter"]


def test_auto_takes_one_network_for_few_rows_and_for_members():
    X, y = make_rows(FEWEST_TO_FOLD)
    quick = {**QUICK, "max_iter": 1}
    counts = [
        len(STCGRegressor(**quick, **extra).fit(X[:n], y[:n]).net_.module_)
        for n, extra in ((499, {}), (500, {}), (500, {"n_members": 2}))
    ]
    assert counts == [1, auto_n_folds(500), 1]


def test_more_folds_than_rows_are_refused():
    X, y = make_rows(20)
    with pytest.raises(ValueError, match="n_folds=30 is more than the 20 rows"):
        STCGRegressor(**QUICK, n_folds=30).fit(X, y)


def test_an_ensemble_in_each_network_has_uncertainty():
    X, y = make_rows()
    model = STCGRegressor(**QUICK, n_folds=2, n_members=3, calibration_fraction=0.2)
    model.fit(X, y)
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(X))
    assert (std > 0).all()
    for output in ("slope", "contribution"):
        found = model.local_effects(X, output=output, return_std=True)
        pd.testing.assert_frame_equal(
            found.effect, model.local_effects(X, output=output)
        )
        assert (found.std.to_numpy() > 0).any()


def test_gradients_switched_off_by_the_caller_do_not_matter():
    X, y = make_rows()
    one = STCGRegressor(**QUICK, n_folds=2).fit(X, y)
    with torch.no_grad():
        other = STCGRegressor(**QUICK, n_folds=2).fit(X, y)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
