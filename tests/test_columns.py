"""Finding which column is what."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

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
            ({"lat": "lon"}, "must be different columns"),
            (
                {"categorical_features": ["lat"]},
                "names a coordinate or a geometry: 'lat'",
            ),
            ({"categorical_features": "all"}, "must be 'from_dtype'"),
            ({"categorical_features": [1.5]}, "1.5 is neither a name nor a position"),
            ({"categorical_features": [True]}, "instead of a mask"),
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

    def test_dates_among_objects_are_no_categories(self):
        X = pd.DataFrame({"sown": pd.Series([dt.date(2003, 1, 1)], dtype=object)})
        assert roles_of(X).categorical == ()
        assert roles_of(X, categorical_features=["sown"]).categorical == (0,)

    def test_one_of_latitude_and_longitude_is_found_alone(self, table):
        # Whether that is enough, the reader of places decides.
        roles = roles_of(table[0].drop(columns="lon"))
        assert (roles.lat, roles.lon, roles.has_place) == (0, None, True)


class TestShiftedPositions:
    """A selector drops columns, and positions then name others."""

    @pytest.mark.parametrize("role", ["lat", "lon", "time"])
    def test_a_position_beside_the_usual_name_is_refused(self, table, role):
        X = table[0]
        X = X[["rain", *X.columns.drop("rain")]]
        with pytest.raises(
            ValueError,
            match=f"{role}=0 is column 'rain', but X has a column '{role}' too.*"
            f"pass the name, {role}='rain' if it is meant or {role}='{role}'",
        ):
            roles_of(X, **{role: 0})

    def test_the_name_may_be_meant(self, table):
        assert roles_of(table[0], lat="rain").lat == 3

    def test_positions_of_columns_without_usual_names_stand(self, table):
        X = table[0].rename(columns={"lat": "north", "lon": "east"})
        assert roles_of(X, lat=0, lon=1).lon == 1


class TestGeometry:
    @pytest.fixture
    def frame(self, table):
        X, _ = table
        points = gpd.points_from_xy(X.lon, X.lat)
        X = X.drop(columns=["lat", "lon"])
        return gpd.GeoDataFrame(X, geometry=points, crs=4326)

    def test_the_active_geometry_gives_the_place(self, frame):
        roles = roles_of(frame)
        assert roles.lat == roles.lon == 4
        assert roles.features == (1, 2, 3)
        assert "WGS 84" in roles.crs

    def test_columns_of_coordinates_come_first(self, frame):
        roles = roles_of(frame.assign(lat=0.0, lon=0.0))
        assert (roles.lat, roles.lon, roles.crs) == (5, 6, None)
        assert 4 not in roles.features

    def test_other_geometries_are_no_features(self, frame):
        more = frame.assign(other=frame.geometry)
        assert roles_of(more).features == (1, 2, 3)
        assert roles_of(more, lat=None, lon=None).features == (1, 2, 3)
        with pytest.raises(ValueError, match="a coordinate or a geometry: 'other'"):
            roles_of(more, categorical_features=["other"])

    def test_any_geometry_may_be_named(self, frame):
        more = frame.assign(other=frame.geometry)
        assert roles_of(more, lat="other", lon="other").lat == 5
        with pytest.raises(ValueError, match="must be different columns"):
            roles_of(more, lat="other", lon="other", time="other")

    @pytest.mark.parametrize(
        "lose",
        [
            lambda frame: frame.drop(columns="geometry"),
            lambda frame: frame.iloc[:, [0, 1, 2, 3, 5]],
            lambda frame: frame.rename(columns={"geometry": "where"}),
        ],
        ids=["dropped", "left out", "renamed"],
    )
    def test_one_may_be_named_where_the_active_one_is_gone(self, frame, lose):
        X = lose(frame.assign(origin=frame.geometry))
        assert isinstance(X, gpd.GeoDataFrame)
        roles = roles_of(X, lat="origin", lon="origin")
        assert roles.lat == roles.lon == X.columns.get_loc("origin")
        assert roles.features == (1, 2, 3)
        assert not roles_of(X).has_place  # none is guessed
