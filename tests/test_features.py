"""Features: standardized, coded, gaps marked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialheteroreg.columns import Table
from spatialheteroreg.features import (
    FeatureEncoder,
    mean_and_deviation,
    median_and_deviation,
)

from .conftest import roles_of


class TestFeatures:
    def encode(self, X, new=None):
        encoder = FeatureEncoder().fit(Table(X), roles_of(X))
        return encoder, encoder.transform(Table(X if new is None else new))

    def test_numbers_are_standardized_and_gaps_marked(self, table):
        X, _ = table
        encoder, encoded = self.encode(X)
        rain = encoded.numeric[:, 0]
        assert encoded.missing[:, 0].nonzero()[0].tolist() == [3]
        assert rain[3] == 0.0
        present = np.delete(rain, 3)
        assert present.mean() == pytest.approx(0, abs=1e-6)
        assert present.std() == pytest.approx(1, abs=1e-6)
        assert encoder.scale_[0] == pytest.approx(X.rain.std(ddof=0))

    def test_categories_keep_their_codes_and_reserve_two(self, table):
        X, _ = table
        new = X.iloc[:3].assign(cover=["grass", "lava", None])
        encoder, encoded = self.encode(X, new)
        grass = list(encoder.categories_[0]).index("grass") + FeatureEncoder.FIRST
        assert encoded.codes[:, 0].tolist() == [
            grass,
            FeatureEncoder.UNSEEN,
            FeatureEncoder.MISSING,
        ]

    def test_infinity_is_refused_with_column_and_rows(self, table):
        X = table[0].assign(heat=np.inf)
        with pytest.raises(
            ValueError, match="Column 'heat': Input X contains infinity in rows 0, 1"
        ):
            self.encode(X)

    def test_dates_as_a_feature_are_refused(self, table):
        X = table[0].assign(sown=pd.Timestamp("2001-01-01"))
        with pytest.raises(
            ValueError, match="'sown' holds dates but serves as feature"
        ):
            self.encode(X)

    def test_a_constant_feature_counts_as_zero_ever_after(self, table):
        X = table[0].assign(heat=7.0)
        _, encoded = self.encode(X, X.assign(heat=1e9))
        assert not encoded.numeric[:, 1].any()

    @given(
        st.lists(st.floats(allow_infinity=False), min_size=1, max_size=30),
        st.floats(allow_infinity=False),
    )
    def test_any_number_is_encoded_as_something_finite(self, values, other):
        X = pd.DataFrame({"a": values, "b": 1.0})
        _, encoded = self.encode(X, X.assign(a=other))
        assert np.isfinite(encoded.numeric).all()
        assert (encoded.missing[:, 0] == np.isnan(other)).all()

    def test_heavy_tails_are_bent_and_light_ones_are_not(self):
        rng = np.random.default_rng(0)
        normal = rng.normal(size=4000)
        X = pd.DataFrame({"normal": normal, "even": rng.random(4000)})
        X["rain"] = np.exp(normal)
        encoder, encoded = self.encode(X)
        assert encoder.bent_.tolist() == [False, False, True]
        rain = encoded.numeric[:, 2]
        assert np.abs(rain).max() < 5.0
        assert np.median(rain) == pytest.approx(0.0, abs=0.01)
        # Wet months stay apart, in their order.
        assert (np.diff(rain[np.argsort(normal)]) > 0.0).all()

    def test_one_far_value_does_not_press_the_others_together(self):
        X = pd.DataFrame({"area": [*np.linspace(0.0, 1.0, 99), 1e6], "b": 1.0})
        _, encoded = self.encode(X)
        assert encoded.numeric[:99, 0].std() > 0.5

    def test_a_rare_flag_is_not_bent(self):
        X = pd.DataFrame({"shore": [1.0] * 5 + [0.0] * 95, "b": 1.0})
        encoder, _ = self.encode(X)
        assert not encoder.bent_.any()

    def test_units_of_the_inputs_follow_the_bend(self):
        rng = np.random.default_rng(1)
        X = pd.DataFrame(
            {"rain": np.exp(rng.normal(size=500)), "heat": rng.random(500)}
        )
        encoder = FeatureEncoder("float64").fit(Table(X), roles_of(X))
        here, there = (
            encoder.transform(Table(X + step)).numeric for step in (-1e-6, 1e-6)
        )
        units = encoder.local_scale(encoder.transform(Table(X)).numeric)
        np.testing.assert_allclose(2e-6 / (there - here), units, rtol=1e-5)

    def test_a_number_that_is_held_has_infinite_units(self):
        X = pd.DataFrame({"heat": np.linspace(0, 1, 50), "b": 1.0})
        encoder, encoded = self.encode(X, X.assign(heat=1e3))
        assert np.isinf(encoder.local_scale(encoded.numeric)).all()


def test_quartiles_count_a_row_of_weight_two_as_two_rows():
    values, weight = np.array([0.0, 3.0, 4.0, 9.0, np.nan]), np.array([2, 1, 3, 1, 5])
    repeated = np.repeat(values, weight)
    assert median_and_deviation(values, weight) == median_and_deviation(repeated)


def test_quartiles_tell_the_deviation_of_a_normal_distribution():
    values = np.random.default_rng(0).normal(5.0, 2.0, 20_000)
    assert median_and_deviation(values) == pytest.approx((5.0, 2.0), abs=0.05)


def test_nothing_has_no_quartiles():
    assert median_and_deviation(np.array([np.nan])) == (0.0, 0.0)


def test_mean_and_deviation_do_not_overflow():
    mean, deviation = mean_and_deviation(np.array([1e308, -1e308]))
    assert (mean, deviation) == (0.0, 1e308)
