"""Rows made of the units of other rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection.units import UnitTable

from .conftest import make_table

UNITS = {
    "place": ["lat", "lon"],
    "time": ["time"],
    "rain": ["rain"],
    "heat": ["heat"],
    "cover": ["cover"],
}


def fit(X, y, **parameters):
    return STCGRegressor(n_nodes=5, max_iter=1, random_state=0, **parameters).fit(X, y)


@pytest.fixture(scope="module")
def known():
    X, y = make_table()
    model = fit(X, y)
    return model, X, UnitTable(model, X)


class TestUnits:
    def test_are_the_place_the_time_and_the_features(self, known):
        _, X, table = known
        assert table.names == list(UNITS)
        named = [[X.columns[j] for j in columns] for columns in table.columns]
        assert named == list(UNITS.values())
        assert table.n_rows == len(X)

    def test_are_only_what_the_model_reads(self):
        X, y = make_table()
        table = UnitTable(fit(X, y, condition="none"), X)
        assert table.names == ["rain", "heat", "cover"]
        assert table.predict(table.cells()).shape == (len(X),)

    def test_without_coordinates_are_the_features(self):
        X, y = make_table()
        X = X[["rain", "heat"]]
        assert UnitTable(fit(X, y, condition="none"), X).names == ["rain", "heat"]

    def test_get_other_names_where_a_feature_has_theirs(self):
        X, y = make_table()
        X = X.rename(columns={"time": "date", "rain": "place", "heat": "time"})
        model = fit(X, y, time="date")
        assert UnitTable(model, X).names == [
            "place (lat, lon)",
            "time (date)",
            "place",
            "time",
            "cover",
        ]

    def test_are_known_of_an_stcg_regressor_only(self):
        with pytest.raises(TypeError, match="LinearRegression, but must be a fitted"):
            UnitTable(LinearRegression().fit([[0.0], [1.0]], [0, 1]), [[0.0]])
        with pytest.raises(NotFittedError):
            UnitTable(STCGRegressor(), [[0.0]])

    def test_a_column_of_points_is_refused_with_what_to_do(self):
        geopandas = pytest.importorskip("geopandas")
        X, y = make_table()
        points = geopandas.points_from_xy(X.lon, X.lat, crs=4326)
        X = geopandas.GeoDataFrame(X.drop(columns=["lat", "lon"]), geometry=points)
        with pytest.raises(ValueError, match="column of points"):
            UnitTable(fit(X, y), X)


class TestPredict:
    def test_the_rows_themselves_are_predicted_as_the_model_does(self, known):
        model, X, table = known
        np.testing.assert_array_equal(table.predict(table.cells()), model.predict(X))

    @settings(max_examples=20, deadline=None)
    @given(source=st.lists(st.integers(0, 119), min_size=5, max_size=5))
    def test_every_unit_comes_whole_from_its_row(self, known, source):
        model, X, table = known
        parts = [
            X.iloc[[row]][columns].reset_index(drop=True)
            for row, columns in zip(source, UNITS.values(), strict=True)
        ]
        expected = model.predict(pd.concat(parts, axis=1)[list(X.columns)])
        for dtype in (np.int64, np.float64):  # tools hand back floats
            cells = np.array([source], dtype=dtype)
            np.testing.assert_allclose(table.predict(cells), expected, rtol=1e-9)

    def test_rows_of_a_second_table_follow_those_of_the_first(self, known):
        model, X, _ = known
        table = UnitTable(model, X[:7], X[20:25])
        np.testing.assert_allclose(
            table.predict(table.cells()),
            model.predict(pd.concat([X[:7], X[20:25]])),
            rtol=1e-9,
        )


def test_contributions_of_latitude_and_longitude_are_added(known):
    _, _, table = known
    values = np.array([[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]])
    assert table.sum_columns(values).tolist() == [[3.0, 4.0, 8.0, 16.0, 32.0]]
    assert table.sum_columns(values[0]).tolist() == [3.0, 4.0, 8.0, 16.0, 32.0]
