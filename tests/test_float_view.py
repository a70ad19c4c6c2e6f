"""The float view: floats in place of dates and categories, and back again."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection import FloatView

from .conftest import make_table

SMALL = {
    "n_nodes": 8,
    "max_iter": 1,
    "d_token": 4,
    "d_condition": 8,
    "d_hidden": 16,
    "random_state": 0,
}
OUTSIDE = pytest.mark.filterwarnings("ignore:.*training time:UserWarning")


def tables():
    """Make one training table of each kind, with the parameters that it needs."""
    X, y = make_table()
    X["wet"] = X.rain > 3  # a category of Booleans
    zoned = X.assign(time=X.time.dt.tz_localize("Africa/Nairobi"))
    strings = X.assign(time=X.time.dt.strftime("%Y-%m-%d"), cover=X.cover.astype(str))
    strings.loc[5, "cover"] = None
    numbered = X.assign(time=np.arange(len(X)) % 40, kind=np.arange(len(X)) % 3)
    by_position = X[["rain", "heat", "lat", "lon"]].to_numpy()
    return {
        "dates": (X, y, {}),
        "zoned": (zoned, y, {}),
        "strings": (strings, y, {"head": "dual"}),
        "numbers": (numbered, y, {"period": 12, "categorical_features": ["kind"]}),
        "by position": (by_position, y, {"lat": 2, "lon": 3}),
        "mixed array": (X.to_numpy(), y, {"lat": 0, "lon": 1, "time": 2}),
        "no condition": (X, y, {"condition": "none"}),
        "no place": (X.drop(columns=["lat", "lon"]), y, {}),
    }


@pytest.fixture(scope="module", params=list(tables()))
def case(request):
    X, y, parameters = tables()[request.param]
    if request.param == "numbers":
        X = X.drop(columns=["cover", "wet"])
    model = STCGRegressor(**SMALL, **parameters).fit(X, y)
    return FloatView(model), model, X


@pytest.fixture(scope="module")
def dated():
    X, y = make_table()
    model = STCGRegressor(**SMALL).fit(X, y)
    return FloatView(model), model, X


class TestEveryKindOfTable:
    def test_encodes_as_explain_shows(self, case):
        view, model, X = case
        floats = view.encode(X)
        assert floats.dtype == np.float64
        np.testing.assert_array_equal(floats, model.explain(X).data)
        assert view.feature_names == list(model.explain(X).feature_names)

    def test_predicts_what_the_model_predicts(self, case):
        view, model, X = case
        np.testing.assert_array_equal(view.predict(view.encode(X)), model.predict(X))

    def test_decodes_to_the_same_floats(self, case):
        view, _, X = case
        floats = view.encode(X)
        np.testing.assert_array_equal(view.encode(view.decode(floats)), floats)


# --- dates ---------------------------------------------------------------------


@OUTSIDE
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.datetimes(pd.Timestamp("1678-01-01"), pd.Timestamp("2262-01-01")), min_size=1
    )
)
def test_dates_keep_their_floats_and_prediction(dated, dates):
    view, model, X = dated
    X = X.iloc[np.arange(len(dates)) % len(X)].assign(
        time=np.array(dates, dtype="datetime64[us]")
    )
    floats = view.encode(X)
    back = view.decode(floats)
    np.testing.assert_array_equal(view.encode(back), floats)
    np.testing.assert_array_equal(view.predict(floats), model.predict(X))
    # As far as two floats of that size lie apart, 7.2 or 14.4.
    error = np.abs(back.time.to_numpy() - X.time.to_numpy())
    apart = np.where(X.time.dt.year < 2048, 8, 15).astype("timedelta64[us]")
    assert (error <= apart).all()


@OUTSIDE
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(-9_200_000_000_000, 9_200_000_000_000))
def test_whole_milliseconds_come_back_as_they_were(dated, milliseconds):
    view, _, X = dated
    date = np.array([milliseconds], dtype="datetime64[ms]")
    back = view.decode(view.encode(X.iloc[[0]].assign(time=date)))
    assert back.time[0] == pd.Timestamp(date[0])


def test_dates_with_a_zone_come_back_in_utc():
    X, y, _ = tables()["zoned"]
    view = FloatView(STCGRegressor(**SMALL).fit(X, y))
    utc = X.time.dt.tz_convert("UTC").dt.tz_localize(None)
    assert (view.decode(view.encode(X)).time == utc).all()


@pytest.mark.parametrize("year", [np.nan, np.inf, -np.inf, 1e9])
def test_a_year_that_is_no_date_is_refused(dated, year):
    view, _, X = dated
    floats = view.encode(X)
    floats[4, 2] = year
    with pytest.raises(ValueError, match=r"'time': .* in row 4 is no fractional year"):
        view.predict(floats)


# --- categories and numbers ------------------------------------------------------


@OUTSIDE
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["forest", "grass", "crop", "unseen", "unseen_", "", None]),
            st.none() | st.floats(allow_infinity=False),
            st.integers(-(2**62), 2**62),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_categories_and_numbers_keep_their_prediction(dated, rows):
    view, model, X = dated
    cover, rain, heat = zip(*rows, strict=True)
    X = X.iloc[np.arange(len(rows)) % len(X)].assign(
        rain=np.array(rain, dtype=float), heat=heat, cover=list(cover)
    )
    np.testing.assert_array_equal(view.predict(view.encode(X)), model.predict(X))


def test_categories_come_back_by_their_codes(dated):
    view, _, X = dated
    assert view.categories("cover") == view.categories(5) == ["crop", "forest", "grass"]
    floats = view.encode(X)[:5]
    floats[:, 5] = range(5)
    cover = view.decode(floats).cover
    assert cover.isna().tolist() == [False, True, False, False, False]
    assert cover[2:].tolist() == ["crop", "forest", "grass"]
    assert cover[0] not in view.categories("cover")


def test_a_category_named_unseen_is_not_taken_for_an_unseen_one():
    X, y = make_table()
    X["cover"] = np.where(X.heat > 15, "unseen", "unseen_")
    view = FloatView(STCGRegressor(**SMALL).fit(X, y))
    floats = view.encode(X)
    floats[0, 5] = 0
    np.testing.assert_array_equal(view.encode(view.decode(floats)), floats)


@pytest.mark.parametrize("code", [-1, 0.5, 2.4999, 5, 1e300, np.nan, np.inf])
def test_a_code_of_no_category_is_refused(dated, code):
    view, _, X = dated
    floats = view.encode(X)
    floats[[1, 7], 5] = code
    with pytest.raises(ValueError, match=r"'cover': .* in rows 1, 7 is no code"):
        view.predict(floats)


def test_only_categorical_columns_have_categories(dated):
    view, _, _ = dated
    with pytest.raises(ValueError, match=r"'rain' is no categorical.*'cover'"):
        view.categories("rain")


def test_infinite_numbers_are_refused_as_the_model_refuses_them(dated):
    view, _, X = dated
    floats = view.encode(X)
    floats[2, 3] = np.inf
    with pytest.raises(ValueError, match=r"'rain'.*infinity in row 2"):
        view.predict(floats)


# --- the object ------------------------------------------------------------------


def test_needs_a_fitted_model():
    with pytest.raises(NotFittedError):
        FloatView(STCGRegressor())


def test_a_place_made_of_points_is_refused_unless_it_is_not_read():
    gpd = pytest.importorskip("geopandas")
    X, y = make_table()
    points = gpd.points_from_xy(X.lon, X.lat)
    X = gpd.GeoDataFrame(X.drop(columns=["lat", "lon"]), geometry=points, crs=4326)
    with pytest.raises(ValueError, match=r"Fit with two columns"):
        FloatView(STCGRegressor(**SMALL).fit(X, y))
    model = STCGRegressor(**SMALL, condition="none").fit(X, y)
    view = FloatView(model)
    np.testing.assert_array_equal(view.predict(view.encode(X)), model.predict(X))


@pytest.mark.parametrize("shape", [(6,), (3, 5), (3, 7), (2, 3, 6)])
def test_another_shape_is_refused(dated, shape):
    view, _, _ = dated
    with pytest.raises(ValueError, match=r"shape \(n, 6\)"):
        view.decode(np.zeros(shape))


def test_columns_of_other_names_are_refused(dated):
    view, _, X = dated
    with pytest.raises(ValueError, match="feature names"):
        view.encode(X.rename(columns={"rain": "snow"}))


def test_floats_are_not_written_to(dated):
    view, _, X = dated
    floats = view.encode(X)
    before = floats.copy()
    table = view.decode(floats)
    table.loc[:, "rain"] = 0.0
    np.testing.assert_array_equal(floats, before)
