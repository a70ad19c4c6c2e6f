"""Finding which column is what, and reading numbers."""

import numpy as np
import pandas as pd
import pytest

from spatialheteroreg.columns import read_numbers

from .conftest import roles_of


class TestRoles:
    def test_usual_names_are_found_in_any_case(self):
        X = pd.DataFrame(
            [[1.0, 2.0, 3.0, 4.0]], columns=["a", "Latitude", "LNG", "Date"]
        )
        roles = roles_of(X)
        assert (roles.lat, roles.lon, roles.time, roles.numeric) == (1, 2, 3, (0,))

    def test_names_and_positions_name_the_same_column(self, table):
        X, _ = table
        named = roles_of(
            X, lat="lat", lon="lon", time="time", categorical_features=["cover"]
        )
        placed = roles_of(X, lat=0, lon=1, time=2, categorical_features=[-1])
        assert named == placed == roles_of(X)

    def test_none_makes_a_coordinate_a_feature(self, table):
        X, _ = table
        roles = roles_of(X, lat=None, lon=None)
        assert not roles.has_place
        assert roles.numeric == (0, 1, 3, 4)

    def test_arrays_without_names_have_no_coordinates(self):
        roles = roles_of(np.zeros((3, 4)))
        assert (roles.lat, roles.lon, roles.time) == (None, None, None)

    def test_categories_come_from_the_dtype(self):
        X = pd.DataFrame(
            {
                "string": ["a", "b"],
                "category": pd.Categorical([1, 2]),
                "bool": [True, False],
                "object": pd.Series(["x", None], dtype=object),
                "numbers_in_object": pd.Series([1.0, None], dtype=object),
                "integer": [1, 2],
                "nullable": pd.array([1, None], dtype="Int64"),
            }
        )
        assert roles_of(X).categorical == (0, 1, 2, 3)
        assert roles_of(X, categorical_features=None).categorical == ()
        assert roles_of(X, categorical_features=["integer"]).categorical == (5,)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"lat": "latitud"}, r"lat='latitud' is not a column of X. Columns: 'lat'"),
            ({"time": 9}, "time=9 is not a position in X, which has 6 columns"),
            ({"lon": None}, r"Only one of latitude and longitude.*Pass lon="),
            ({"lat": "lon"}, "must be different columns"),
            ({"categorical_features": ["lat"]}, "names a coordinate: 'lat'"),
            ({"categorical_features": "all"}, "must be 'from_dtype'"),
            ({"categorical_features": ["soil"]}, "'soil' is not a column"),
        ],
    )
    def test_wrong_names_say_what_would_be_right(self, table, parameters, message):
        with pytest.raises(ValueError, match=message):
            roles_of(table[0], **parameters)

    def test_ambiguous_names_are_not_guessed(self, table):
        X = table[0].assign(date=1.0)
        with pytest.raises(
            ValueError, match="Several columns could be time=: 'time', 'date'"
        ):
            roles_of(X)

    def test_names_for_an_array_are_refused(self):
        with pytest.raises(
            ValueError, match=r"X has no column names\. Pass a position"
        ):
            roles_of(np.zeros((2, 3)), lat="lat", lon="lon")


@pytest.mark.parametrize(
    "dtype", ["Int64", "Float32", "boolean", "int8", "double[pyarrow]"]
)
def test_numbers_of_any_dtype(dtype):
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    column = pd.Series([1, 0, 1]).astype(dtype)
    assert read_numbers(column, "'a'").tolist() == [1.0, 0.0, 1.0]
