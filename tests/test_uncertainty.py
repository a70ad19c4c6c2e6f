"""Uncertainty: variances of members, shares of noise, significance, intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg.uncertainty import (
    Spread,
    Uncertainty,
    noise_variance,
    significant,
)

from .conftest import make_table
from .test_ecosystem import small


class TestSpread:
    def test_rows_that_differ_by_chance_alone_get_the_usual_variance(self):
        values = 3.0 * np.random.RandomState(0).randn(6, 4000)
        spread = Spread.of(values)
        np.testing.assert_allclose(spread.usual, 9.0, rtol=0.05)
        assert spread.variance(values).std() < 0.1 * values.var(axis=0).std()

    def test_rows_that_differ_keep_most_of_their_own(self):
        random = np.random.RandomState(0)
        scale = np.repeat([1.0, 10.0], 500)
        variance = Spread.of(scale * random.randn(8, 1000)).variance(
            scale * random.randn(8, 1000)
        )
        assert np.median(variance[500:]) > 20 * np.median(variance[:500])

    def test_is_nearer_to_the_truth_than_the_plain_variance(self):
        random = np.random.RandomState(0)
        true = random.gamma(4.0, 0.25, size=3000)
        values = np.sqrt(true) * random.randn(5, 3000)
        moderated = Spread.of(values).variance(values)
        plain = values.var(axis=0, ddof=1)
        assert np.mean((moderated - true) ** 2) < 0.5 * np.mean((plain - true) ** 2)

    def test_columns_are_learned_apart_and_missing_rows_left_out(self):
        values = np.random.RandomState(0).randn(6, 2000, 2) * [1.0, 100.0]
        values[:, :50, 0] = np.nan
        spread = Spread.of(values)
        np.testing.assert_allclose(spread.usual, [1.0, 1e4], rtol=0.1)

    def test_a_row_where_members_agree_says_nothing_of_others(self):
        values = np.random.RandomState(0).randn(4, 1000)
        values[:, 7] = 1.0
        np.testing.assert_allclose(Spread.of(values).usual, 1.0, rtol=0.1)

    def test_members_that_agree_have_none(self):
        spread = Spread.of(np.ones((4, 30)))
        np.testing.assert_allclose(spread.variance(np.ones((4, 30))), 0.0, atol=1e-12)

    @settings(deadline=None, max_examples=50)
    @given(st.integers(2, 6), st.integers(1, 40), st.floats(1e-6, 1e6), st.data())
    def test_variances_are_finite_and_not_negative(self, members, rows, scale, data):
        seed = data.draw(st.integers(0, 100))
        values = scale * np.random.RandomState(seed).randn(members, rows)
        variance = Spread.of(values).variance(values)
        assert np.isfinite(variance).all()
        assert (variance >= 0).all()


class TestNoiseVariance:
    def rows(self, n=600):
        random = np.random.RandomState(0)
        place = random.uniform(size=(n, 2))
        features = random.randn(n, 2)
        # The error in the slope of the first feature changes over space.
        error = np.sin(6 * place[:, 0]) * features[:, 0]
        return random, place, np.zeros((n, 1)), features, error

    @pytest.mark.parametrize("noise", [0.3, 1.0])
    def test_leaves_out_errors_that_hang_together(self, noise):
        random, place, time, features, error = self.rows()
        residual = error + noise * random.randn(len(error))
        found = noise_variance(residual, place, time, features)
        assert found == pytest.approx(noise**2, rel=0.35)

    def test_takes_noise_for_noise(self):
        random, place, time, features, _ = self.rows()
        found = noise_variance(random.randn(600), place, time, features)
        assert found == pytest.approx(1.0, rel=0.15)

    def test_is_never_all_that_is_left(self):
        random, place, time, features, _ = self.rows(100)
        for _ in range(5):
            residual = random.randn(100)
            found = noise_variance(residual, place, time, features)
            assert found < 0.99 * np.mean(residual**2)

    def test_is_in_squared_units(self):
        random, place, time, features, error = self.rows(200)
        residual = error + 0.3 * random.randn(200)
        one = noise_variance(residual, place, time, features)
        ten = noise_variance(10 * residual, place, time, features)
        assert ten == pytest.approx(100 * one)

    def test_takes_rows_at_one_place_and_no_features(self):
        residual = np.random.RandomState(0).randn(50)
        nothing = np.zeros((50, 0))
        found = noise_variance(residual, np.zeros((50, 3)), nothing, nothing)
        assert 0.0 < found < 1.5

    def test_no_residuals_leave_no_noise(self):
        nothing = np.zeros((20, 0))
        assert noise_variance(np.zeros(20), nothing, nothing, nothing) < 1e-300


class TestSignificant:
    def test_false_signs_stay_below_the_rate(self):
        random = np.random.RandomState(0)
        true = np.where(random.uniform(size=5000) < 0.8, 0.0, 4.0)[:, None]
        found = significant(true + random.randn(5000, 1), np.ones((5000, 1)), 0.1)
        assert found[true > 0].mean() > 0.8
        assert found[true == 0].sum() / found.sum() < 0.12

    def test_of_nothing_but_noise_next_to_nothing_is_found(self):
        noise = np.random.RandomState(0).randn(5000, 3)
        assert significant(noise, np.ones_like(noise), 0.1).mean() < 0.001

    def test_missing_effects_and_effects_without_error_are_not(self):
        effect, std = (
            np.array([[np.nan], [5.0], [9.0]]),
            np.array([[1.0], [0.0], [1.0]]),
        )
        assert significant(effect, std, 0.1).ravel().tolist() == [False, False, True]


def make_uncertainty(**changes):
    spread = Spread(np.array(1.0), np.array(np.inf), 3)
    parts = {
        "inflation": 4.0,
        "noise": 1.0,
        "scores": np.arange(1.0, 100.0),
        **dict.fromkeys(("prediction", "slopes", "contributions"), spread),
        "local_prediction": 9.0,
        "local_slopes": np.ones(1),
        "local_contributions": np.ones(1),
        "withheld": 0.5,
        "baselines": np.zeros((4, 1)),
    }
    return Uncertainty(**{**parts, **changes})


def test_distance_adds_the_variance_of_what_is_local():
    uncertainty = make_uncertainty()
    variance = uncertainty.variance(
        np.zeros((4, 4)),
        uncertainty.prediction,
        uncertainty.local_prediction,
        np.array([0.0, 0.5, 0.75, 1.0]),
    )
    np.testing.assert_allclose(variance, [4.0, 4.0, 4.0 + 9.0 / 4, 4.0 + 9.0])


def test_the_factor_of_an_interval_is_the_conformal_quantile():
    uncertainty = make_uncertainty()  # 99 scores: 1, 2, ..., 99
    assert uncertainty.interval_factor(0.9) == 90.0
    assert uncertainty.interval_factor(0.99) == 99.0
    with pytest.raises(ValueError, match=r"99 rows held out.*at most 0\.99"):
        uncertainty.interval_factor(0.995)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_targets_whose_square_is_no_float_are_refused(table, scale):
    X, y = table
    with pytest.raises(ValueError, match="standard errors need its square"):
        small(n_members=2).fit(X, scale * y)
    assert np.isfinite(small().fit(X, scale * y).predict(X)).all()


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_standard_errors_follow_the_unit_of_the_target(scale):
    X, y = make_table(400)
    one, other = (small(n_members=2).fit(X, factor * y) for factor in (1.0, scale))
    for left, right in zip(
        one.predict(X, return_std=True), other.predict(X, return_std=True), strict=True
    ):
        np.testing.assert_allclose(right / scale, left, rtol=1e-4, atol=1e-4)
