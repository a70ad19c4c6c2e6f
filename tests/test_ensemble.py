"""An ensemble inside one network: its mean, its spread, its calibration."""

import numpy as np
import pandas as pd
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.calibration import FEWEST_ROWS, MOST_ROWS, split_calibration

QUICK = {"max_iter": 20, "n_nodes": 30, "random_state": 0, "d_condition": 16}


def make_rows(n_rows, west=-180.0, east=180.0):
    """Rain helps in the north and harms in the south; heat does nothing."""
    random = np.random.RandomState(0)
    n_places = n_rows // 10
    place = random.randint(n_places, size=n_rows)
    lat = random.uniform(-60, 60, n_places)[place]
    X = pd.DataFrame(
        {
            "lat": lat,
            "lon": random.uniform(west, east, n_places)[place],
            "time": pd.Timestamp("2001-01-01")
            + pd.to_timedelta(random.randint(1400, size=n_rows), unit="D"),
            "rain": random.randn(n_rows),
            "heat": random.randn(n_rows),
            "cover": random.choice(["forest", "grass"], n_rows),
        }
    )
    y = np.where(lat > 0, 2.0, -1.0) * X["rain"] + 0.3 * random.randn(n_rows)
    X.loc[7, "heat"] = np.nan
    held_out = (place % 4 == 0) | (np.arange(n_rows) % 5 == 0)
    return X[~held_out], y[~held_out], X[held_out], y[held_out]


@pytest.fixture(scope="module")
def rows():
    return make_rows(3_000)


@pytest.fixture(scope="module")
def model(rows):
    X, y, _, _ = rows
    return STCGRegressor(**QUICK, n_members=4, calibration_fraction=0.2).fit(X, y)


class TestPredict:
    def test_the_mean_is_the_prediction(self, model, rows):
        _, _, X, _ = rows
        mean, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(mean, model.predict(X))
        assert std.shape == mean.shape
        assert (std > 0).all()

    def test_is_the_mean_of_members_that_differ(self, model, rows):
        _, _, X, _ = rows
        arrays = model._inputs.transform(model._read_fitted(X))
        members = model._predictor().member_predictions(arrays)
        assert members.shape == (4, len(X))
        assert members.std(axis=0).min() > 0
        np.testing.assert_allclose(members.mean(axis=0), model.predict(X))

    def test_a_row_is_the_same_alone_and_in_company(self, model, rows):
        _, _, X, _ = rows
        _, std = model.predict(X, return_std=True)
        _, alone = model.predict(X[5:6], return_std=True)
        np.testing.assert_allclose(alone, std[5:6], rtol=1e-9)

    @pytest.mark.parametrize("coverage", [0.5, 0.9])
    def test_intervals_hold_as_many_rows_as_promised(self, model, rows, coverage):
        _, _, X, y = rows
        low, high = model.predict_interval(X, coverage).T
        inside = np.mean((low <= y) & (y <= high))
        # 360 rows calibrate, half of them at few places: two errors are some 0.08.
        assert inside == pytest.approx(coverage, abs=0.09)

    def test_wider_intervals_hold_narrower_ones(self, model, rows):
        _, _, X, _ = rows
        inner, outer = (model.predict_interval(X, share) for share in (0.5, 0.95))
        assert (outer[:, 0] < inner[:, 0]).all()
        assert (outer[:, 1] > inner[:, 1]).all()

    @pytest.mark.parametrize("coverage", [0.0, 1.0, 1.5])
    def test_a_coverage_that_is_no_share_is_refused(self, model, rows, coverage):
        with pytest.raises(ValueError, match="coverage"):
            model.predict_interval(rows[0], coverage)

    def test_the_deviation_grows_far_from_all_training_places(self):
        X, y, _, _ = make_rows(2_000, west=-60, east=60)
        model = STCGRegressor(**{**QUICK, "n_nodes": 150}, n_members=3).fit(X, y)
        far = X.assign(lon=X["lon"] + 180)
        _, here = model.predict(X, return_std=True)
        _, there = model.predict(far, return_std=True)
        assert np.median(there) > 1.5 * np.median(here)
        here, there = (
            model.local_effects(part, return_std=True).std["rain"].median()
            for part in (X, far)
        )
        # Nobody knows there whether rain helps or harms: 1.5 to either side.
        assert 1.0 < there < 2.0
        assert here < 0.5


class TestLocalEffects:
    @pytest.mark.parametrize("output", ["slope", "contribution"])
    def test_effects_are_those_without_errors(self, model, rows, output):
        _, _, X, _ = rows
        found = model.local_effects(X, output=output, return_std=True)
        plain = model.local_effects(X, output=output)
        for part in found:
            assert list(part) == list(plain)
            assert part.index.equals(X.index)
        pd.testing.assert_frame_equal(found.effect, plain, atol=1e-6)
        assert (found.significant.dtypes == np.bool_).all()

    def test_contributions_are_those_of_explain(self, model, rows):
        X = rows[2]
        explanation = model.explain(X)
        contributions = model.local_effects(X, output="contribution")
        np.testing.assert_allclose(contributions, explanation.values)
        total = explanation.values.sum(axis=1) + explanation.base_values
        np.testing.assert_allclose(total, model.predict(X))

    def test_every_effect_has_an_error_except_of_missing_features(self, model, rows):
        X = rows[0]
        effect, std, significant = model.local_effects(X, return_std=True)
        missing = X[list(effect)].isna()
        assert missing.to_numpy().any()
        assert std.isna().equals(missing)
        assert not (significant & missing).to_numpy().any()
        assert (std.fillna(1) > 0).all(axis=None)

    def test_signs_that_are_known_are_right_and_that_of_nothing_is_not_known(
        self, model, rows
    ):
        X = rows[2]
        effect, _, significant = model.local_effects(X, return_std=True)
        right = (effect["rain"] > 0) == (X["lat"] > 0)
        assert significant["rain"].mean() > 0.5
        assert right[significant["rain"]].mean() > 0.95
        assert significant["heat"].mean() < 0.1

    def test_fewer_are_significant_at_a_stricter_rate(self, model, rows):
        X = rows[2]
        loose, strict = (
            model.local_effects(X, return_std=True, alpha=alpha).significant
            for alpha in (0.3, 0.001)
        )
        assert (loose | ~strict).all(axis=None)
        assert 0 < strict.sum().sum() < loose.sum().sum()

    def test_names_what_is_wrong(self, model, rows):
        with pytest.raises(ValueError, match="'output' parameter"):
            model.local_effects(rows[0], output="weights")
        with pytest.raises(ValueError, match="'alpha' parameter"):
            model.local_effects(rows[0], return_std=True, alpha=0)


KINDS = {
    "dual": ({"head": "dual"}, []),
    "no condition": ({"condition": "none"}, []),
    "no graph": ({}, ["lat", "lon"]),
    "no time": ({}, ["time"]),
    "sequence": ({"time_axis": "sequence"}, []),
    "early stopping": ({"early_stopping": "places"}, []),
    "no numbers": ({}, ["rain", "heat"]),
    "no features": ({}, ["rain", "heat", "cover"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_has_members_and_errors(rows, kind):
    parameters, absent = KINDS[kind]
    X, y = rows[0][:400].drop(columns=absent), rows[1][:400]
    model = STCGRegressor(**{**QUICK, "max_iter": 2}, n_members=2, **parameters)
    _, std = model.fit(X, y).predict(X, return_std=True)
    assert np.isfinite(std).all()
    for output in ("slope", "contribution"):
        effect, std, _ = model.local_effects(X, output=output, return_std=True)
        assert std.isna().equals(effect.isna())
    assert (model.decompose(X).iloc[:, 1:].mean().abs() < 0.5 * y.std()).all()


class TestWithoutUncertainty:
    @pytest.mark.parametrize(
        "parameters",
        [{"n_members": 1}, {"n_members": 2, "calibration_fraction": 0.0}],
        ids=str,
    )
    def test_says_what_is_needed(self, rows, parameters):
        X, y, _, _ = rows
        model = STCGRegressor(**{**QUICK, "max_iter": 1}, **parameters).fit(X, y)
        for ask in (
            lambda: model.predict(X, return_std=True),
            lambda: model.predict_interval(X),
            lambda: model.local_effects(X, return_std=True),
        ):
            with pytest.raises(
                ValueError, match=r"no uncertainty.*n_members=2 or more"
            ):
                ask()

    def test_few_rows_are_not_held_out(self, rows):
        X, y = rows[0][:150], rows[1][:150]
        model = STCGRegressor(**{**QUICK, "max_iter": 1}, n_members=2).fit(X, y)
        assert model.predict(X).shape == (150,)
        with pytest.raises(ValueError, match="200 rows or more"):
            model.predict(X, return_std=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_errors_of_slopes_are_of_the_size_that_is_told(seed, noise):
    X, y, _, _ = make_rows(1_500)
    y = y + noise * np.random.RandomState(seed).randn(len(y))
    model = STCGRegressor(**{**QUICK, "random_state": seed}, n_members=3).fit(X, y)
    effect, std, _ = model.local_effects(X, return_std=True)
    true = np.where(X["lat"] > 0, 2.0, -1.0)
    # Of the typical row: where the law jumps, at the equator, every model is wrong.
    # What is told is to hold there too, and others may err by a quarter of it.
    error = np.median(np.abs(effect["rain"] - true)) / 0.67
    assert 0.25 < error / np.median(std["rain"]) < 3.0


def test_intervals_hold_about_as_many_true_slopes_as_they_say(rows, model):
    X = rows[2]
    effect, std, _ = model.local_effects(X, return_std=True)
    error = np.abs(effect["rain"] - np.where(X["lat"] > 0, 2.0, -1.0))
    assert 0.8 < np.mean(error < 1.645 * std["rain"]) <= 1.0
    assert 0.3 < np.mean(error < 0.674 * std["rain"]) < 0.95


class TestSplitCalibration:
    def split(self, n_places, rows_a_place, fraction=0.1):
        place = np.random.RandomState(1).permutation(
            np.repeat(np.arange(n_places), rows_a_place)
        )
        rows = np.arange(len(place)) + 5_000
        training, held_out, _ = split_calibration(
            fraction, rows, place, np.random.RandomState(0)
        )
        assert np.isin(training, rows).all()
        assert not np.isin(training, held_out).any()
        kept = np.unique(place[training - 5_000])
        unseen = ~np.isin(place[held_out - 5_000], kept)
        return training, held_out, unseen, n_places - len(kept)

    def test_takes_whole_places_and_rows_at_places_that_stay(self):
        training, held_out, unseen, n_unseen = self.split(100, 20)
        assert len(held_out) == 200
        assert len(training) == 2_000 - 200
        assert unseen.mean() == 0.5
        assert n_unseen == 5

    @pytest.mark.parametrize(
        ("n_places", "rows_a_place", "n_unseen"),
        [(20, 1_000, 1), (50, 100, 2), (200, 600, 10), (700, 200, 20), (4_000, 5, 200)],
    )
    def test_some_places_stay_unseen_however_many_rows_they_have(
        self, n_places, rows_a_place, n_unseen
    ):
        training, held_out, unseen, found = self.split(n_places, rows_a_place)
        assert found == n_unseen
        assert 0.3 < unseen.mean() <= 0.5
        n_rows = n_places * rows_a_place
        assert len(held_out) <= min(0.1 * n_rows, MOST_ROWS)
        assert len(training) >= 0.88 * n_rows

    def test_a_place_with_most_of_the_rows_is_not_left_out(self):
        place = np.repeat(np.arange(40), [4_000] + 39 * [20])
        for seed in range(10):
            training, held_out, _ = split_calibration(
                0.1, np.arange(len(place)), place, np.random.RandomState(seed)
            )
            assert (place[training] == 0).sum() > 3_000
            assert len(training) + len(held_out) >= 0.9 * len(place)

    def test_takes_none_where_they_would_tell_nothing(self):
        training, held_out, _, _ = self.split(10, FEWEST_ROWS - 1)
        assert (len(training), len(held_out)) == (10 * (FEWEST_ROWS - 1), 0)
