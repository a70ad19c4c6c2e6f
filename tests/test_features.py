"""Features: standardized, coded, gaps marked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialheteroreg.columns import Table
from spatialheteroreg.features import FeatureEncoder, mean_and_deviation

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


def test_mean_and_deviation_do_not_overflow():
    mean, deviation = mean_and_deviation(np.array([1e308, -1e308]))
    assert (mean, deviation) == (0.0, 1e308)
