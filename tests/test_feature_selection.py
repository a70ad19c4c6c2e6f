"""Feature selection: the coordinates stay, whatever the selector does."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
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
        assert [parameters[role] for role in ("lat", "lon", "time")] == [0, 1, 2]
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
        select = KeepCoordinates(RFE(STCGRegressor(**QUICK))).fit(X, y)
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


def test_a_bare_selector_that_shifts_columns_is_seen_by_its_latitudes(table):
    """Without the wrapper, positions name other columns than before."""
    X, y = table
    numbers = X.drop(columns=["time", "cover"]).to_numpy()
    model = STCGRegressor(**QUICK, lat=2, lon=4, time=None)
    numbers[:, 3] += 500.0  # the column that becomes the latitude
    with pytest.raises(ValueError, match=r"latitude must lie|not a position"):
        RFE(model, n_features_to_select=1).fit(numbers, y)
