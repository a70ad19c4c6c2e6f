"""Feature selection: the coordinates stay, whatever the selector does."""

import pickle

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SequentialFeatureSelector,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from spatialheteroreg import STCGRegressor
from spatialheteroreg.feature_selection import KeepCoordinates

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2}


@pytest.fixture(scope="module")
def table():
    """Columns in an order that positions do not survive, and two useless ones."""
    X, y = make_table(80)
    X = X.assign(noise=0.0, more=1.0)
    return X[["noise", "rain", "lat", "more", "lon", "heat", "time", "cover"]], y


class Recording(STCGRegressor):
    """Takes down the columns of each fit."""

    seen: list

    def fit(self, X, y, sample_weight=None, groups=None):
        self.seen.append((list(getattr(X, "columns", [])), X, self.get_params()))
        return super().fit(X, y, sample_weight, groups)


def selectors(model):
    yield RFE(model, n_features_to_select=2)
    yield SequentialFeatureSelector(model, n_features_to_select=2, cv=2)
    yield SequentialFeatureSelector(
        model, n_features_to_select=4, cv=2, direction="backward"
    )
    yield SelectFromModel(model, max_features=2, threshold=-np.inf)


def names_of(value):
    return type(value).__name__


@pytest.mark.parametrize("selector", [*selectors(Recording(**QUICK))], ids=names_of)
def test_every_fit_sees_place_and_time(table, selector):
    Recording.seen = []
    X, y = table
    select = KeepCoordinates(selector).fit(X, y)
    assert len(Recording.seen) > 0
    for columns, _, parameters in Recording.seen:
        assert columns[:3] == ["lat", "lon", "time"]
        roles = ("lat", "lon", "time")
        assert [parameters[role] for role in roles] == list(roles)
    kept = select.transform(X)
    assert {"lat", "lon", "time"} < set(kept.columns)
    assert 3 < kept.shape[1] < X.shape[1]
    pd.testing.assert_frame_equal(kept, X[kept.columns])
    assert select.get_feature_names_out().tolist() == kept.columns.tolist()


@pytest.mark.parametrize("selector", [*selectors(Recording(**QUICK))], ids=names_of)
def test_the_same_for_arrays_by_position(table, selector):
    X, y = table
    numbers = X.assign(time=X.time.dt.day, cover=X.cover.cat.codes).to_numpy(
        dtype=float
    )
    model = Recording(**QUICK, lat=2, lon=4, time=6, categorical_features=[7])
    Recording.seen = []
    select = KeepCoordinates(clone(selector).set_params(estimator=model))
    select.fit(numbers, y)
    for _, array, parameters in Recording.seen:
        assert [parameters[role] for role in ("lat", "lon", "time")] == [0, 1, 2]
        assert set(array[:, 0]) <= set(numbers[:, 2])  # the latitudes
        assert set(array[:, 1]) <= set(numbers[:, 4])
        for position in parameters["categorical_features"]:
            assert set(array[:, position]) <= {0.0, 1.0, 2.0}
    kept = select.get_support(indices=True)
    assert {2, 4, 6} < set(kept.tolist())
    np.testing.assert_array_equal(select.transform(numbers), numbers[:, kept])


def test_a_name_holds_beside_a_feature_of_the_usual_name(table):
    X, y = table
    X = X.rename(columns={"lat": "north", "noise": "lat"})
    model = Recording(**QUICK, lat="north")
    Recording.seen = []
    select = KeepCoordinates(RFE(model, n_features_to_select=2)).fit(X, y)
    assert {columns[0] for columns, _, _ in Recording.seen} == {"north"}
    assert any("lat" in columns[3:] for columns, _, _ in Recording.seen)
    assert "north" in select.get_feature_names_out()


class TestGeometry:
    """Points are latitude and longitude in one column, by whatever name."""

    @pytest.fixture
    def frame(self, table):
        X, _ = table
        points = gpd.points_from_xy(X.lon, X.lat, crs=4326)
        return gpd.GeoDataFrame(X.drop(columns=["lat", "lon"]), geometry=points)

    @pytest.mark.parametrize("named", [False, True])
    def test_every_fit_sees_the_points(self, table, frame, named):
        places, seen = {}, []

        class Placed(STCGRegressor):
            def fit(self, X, y, sample_weight=None, groups=None):
                super().fit(X, y, sample_weight, groups)
                seen.append(self)
                return self

        if named:  # another geometry is the active one
            far = gpd.GeoSeries.from_xy(np.zeros(len(frame)), np.zeros(len(frame)))
            frame = frame.rename_geometry("origin")
            frame = frame.assign(station=far.set_crs(4326)).set_geometry("station")
            places = {"lat": "origin", "lon": "origin"}
        model = Placed(**QUICK, **places)
        select = KeepCoordinates(RFE(model, n_features_to_select=2))
        select.fit(frame, table[1])
        assert len(seen) > 1
        for fitted in seen:
            assert fitted._inputs.roles.has_place
            assert np.ptp(fitted.graph_.node_lat) > 10
        kept = select.get_feature_names_out()
        assert ("origin" if named else "geometry") in kept
        assert "station" not in kept


def test_the_useful_features_win():
    X, y = make_table(200)
    X = X.assign(noise=np.random.RandomState(5).randn(200))
    model = STCGRegressor(random_state=0, n_nodes=8, max_iter=15)
    select = KeepCoordinates(RFE(model, n_features_to_select=2)).fit(X, y)
    assert "noise" not in select.get_feature_names_out()
    assert "rain" in select.get_feature_names_out()


def test_in_a_pipeline_the_names_live_on(table):
    X, y = table
    model = STCGRegressor(**QUICK)
    selector = RFE(model, n_features_to_select=2)
    pipeline = make_pipeline(KeepCoordinates(selector), model).fit(X, y)
    inner = pipeline[-1]
    assert inner.graph_ is not None
    assert {"lat", "lon", "time"} < set(inner.feature_names_in_)
    assert pipeline.predict(X).shape == (len(X),)


def test_a_selector_without_our_estimator_is_refused(table):
    for selector in (SelectKBest(), RFE(LinearRegression())):
        with pytest.raises(ValueError, match="must hold an STCGRegressor"):
            KeepCoordinates(selector).fit(*table)


def test_a_prefitted_selector_is_refused(table):
    selector = SelectFromModel(STCGRegressor(**QUICK).fit(*table), prefit=True)
    with pytest.raises(ValueError, match="Pass prefit=False"):
        KeepCoordinates(selector).fit(*table)


def test_lists_of_mixed_rows_keep_their_kinds(table):
    X, y = table
    rows = X.assign(time=X.time.astype(str), cover=X.cover.astype(str))
    model = STCGRegressor(**QUICK, lat=2, lon=4, time=6)
    select = KeepCoordinates(RFE(model, n_features_to_select=2))
    kept = select.fit_transform(rows.to_numpy(dtype=object).tolist(), y)
    assert isinstance(
        kept[0][select.get_support().nonzero()[0].tolist().index(2)], float
    )


def test_the_training_rows_are_not_kept(table):
    sizes = []
    for n_rows in (80, 800):
        X, y = make_table(n_rows)
        # Kriging has a reason to keep places and residuals.
        estimator = STCGRegressor(**QUICK, krige_residuals=False, n_folds=1)
        select = KeepCoordinates(RFE(estimator)).fit(X, y)
        sizes.append(len(pickle.dumps(select)))
    assert sizes[1] < 1.2 * sizes[0]


def test_coordinates_alone_leave_nothing_to_choose(table):
    X, y = table
    with pytest.raises(ValueError, match="no feature to choose"):
        KeepCoordinates(RFE(STCGRegressor(**QUICK))).fit(X[["lat", "lon"]], y)


def test_other_columns_at_transform_are_refused(table):
    X, y = table
    select = KeepCoordinates(RFE(STCGRegressor(**QUICK))).fit(X, y)
    with pytest.raises(ValueError, match="feature names"):
        select.transform(X.rename(columns={"rain": "snow"}))


class TestBareSelectors:
    """Without the wrapper, positions name other columns than before."""

    @pytest.fixture
    def numbers(self, table):
        """Coordinates last, behind what is no latitude: each cut shifts them."""
        X, y = table
        X = X[["noise", "rain", "heat", "more", "lat", "lon"]].fillna(0.0)
        return (X + [500.0, 500.0, 500.0, 500.0, 0.0, 0.0]).to_numpy(), y

    @pytest.mark.parametrize(
        "make",
        [
            lambda model: RFE(model, n_features_to_select=3),
            lambda model: SequentialFeatureSelector(
                model, n_features_to_select=2, cv=2, direction="backward"
            ),
            lambda model: SequentialFeatureSelector(
                model, n_features_to_select=2, cv=2
            ),
            lambda model: BaggingRegressor(
                model, n_estimators=4, max_features=5, random_state=0
            ),
            lambda model: make_pipeline(
                SelectFromModel(model, max_features=5, threshold=-np.inf), model
            ),
        ],
        ids=["RFE", "backward", "forward", "bagging", "SelectFromModel"],
    )
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
    def test_shifted_positions_are_refused(self, numbers, make):
        model = STCGRegressor(**QUICK, lat=4, lon=5, time=None)
        with pytest.raises(ValueError, match=r"latitude must lie|not a position"):
            make(model).fit(*numbers)

    def test_a_frame_that_select_from_model_cuts_may_lose_its_place_but_tells(
        self, table
    ):
        X, y = table
        X = X[["rain", "lat", "lon", "heat"]]
        selector = SelectFromModel(STCGRegressor(**QUICK), max_features=1)
        cut = selector.set_output(transform="pandas").fit(X, y).transform(X)
        named = STCGRegressor(**QUICK, lat="lat", lon="lon")
        with pytest.raises(ValueError, match=r"is not a column of X|Only one of lat"):
            named.fit(cut, y)
