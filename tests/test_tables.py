"""The estimator takes every kind of table, and gives the same model for it."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import shapely
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from spatialheteroreg import STCGRegressor

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2, "d_hidden": 16}


@pytest.fixture(scope="module")
def reference():
    X, y = make_table(80)
    X = X.assign(cover=X.cover.astype(object), wet=X.rain > 3.0)
    return STCGRegressor(**QUICK).fit(X, y), X, y


def as_polars(X):
    return pl.from_pandas(X)


def as_arrow(X):
    return pa.Table.from_pandas(X, preserve_index=False)


def as_arrow_dtypes(X):
    return as_arrow(X).to_pandas(types_mapper=pd.ArrowDtype)


def as_nullable(X):
    return X.convert_dtypes().astype({"heat": "Float64"})


def as_objects(X):
    return X.astype(object)


def as_categories(X):
    return X.assign(
        cover=pd.Categorical(X.cover, ["grass", "none", "forest", "crop"], ordered=True)
    )


def as_array(X):
    return X.to_numpy(dtype=object)


def as_lists(X):
    return X.to_numpy(dtype=object).tolist()


KINDS = [as_polars, as_arrow, as_arrow_dtypes, as_nullable, as_objects, as_categories]
NAMELESS = [as_array, as_lists]


def assert_same_model(model, table, reference, X):
    np.testing.assert_array_equal(model.predict(table), reference.predict(X))
    np.testing.assert_array_equal(
        model.feature_importances_, reference.feature_importances_
    )
    ours, theirs = model.explain(table), reference.explain(X)
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(ours.data, theirs.data)
    np.testing.assert_array_equal(
        model.local_effects(table), reference.local_effects(X)
    )


class TestKindsOfTables:
    @pytest.mark.parametrize("make", KINDS)
    def test_the_same_rows_give_the_same_model(self, reference, make):
        model, X, y = reference
        table = make(X)
        other = clone(model).fit(table, y)
        assert_same_model(other, table, model, X)
        assert list(other.feature_names_in_) == list(X.columns)

    @pytest.mark.parametrize("make", NAMELESS)
    def test_columns_by_position_give_the_same_model(self, reference, make):
        model, X, y = reference
        other = clone(model).set_params(lat=0, lon=1, time=2).fit(make(X), y)
        assert_same_model(other, make(X), model, X)

    @pytest.mark.parametrize("make", KINDS)
    def test_a_model_of_one_kind_predicts_another(self, reference, make):
        model, X, _ = reference
        np.testing.assert_array_equal(model.predict(make(X)), model.predict(X))

    def test_effects_are_indexed_as_the_frame_is(self, reference):
        model, X, _ = reference
        X = X.set_index(np.arange(len(X)) * 2)
        assert model.local_effects(X).index.equals(X.index)
        assert model.local_effects(as_polars(X)).index.equals(pd.RangeIndex(len(X)))

    @pytest.mark.parametrize("make", [as_polars, as_arrow])
    def test_other_names_or_another_order_are_refused(self, reference, make):
        model, X, _ = reference
        with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- wa"):
            model.predict(make(X.rename(columns={"heat": "warmth"})))
        with pytest.raises(ValueError, match="must be in the same order"):
            model.predict(make(X[X.columns[::-1]]))

    def test_explanations_show_the_values_of_the_frame(self, reference):
        model, X, y = reference
        X = X[["lat", "lon", "time", "heat"]]
        model = clone(model).fit(X, y)
        shown = model.explain(as_polars(X)).display_data
        np.testing.assert_array_equal(shown, model.explain(X).display_data)

    def test_lazy_frames_are_refused(self, reference):
        model, X, y = reference
        with pytest.raises(ValueError, match="X is a lazy frame"):
            clone(model).fit(as_polars(X).lazy(), y)

    def test_names_that_are_no_strings_go_by_position(self, reference):
        _, X, y = reference
        X = X[["lat", "lon", "rain"]].set_axis([10, 20, 30], axis=1)
        model = STCGRegressor(**QUICK, lat=0, lon=1).fit(X, y)
        assert not hasattr(model, "feature_names_in_")
        with pytest.raises(ValueError, match=r"Column 0 \(named 10\): latitude must"):
            model.predict(X + 90.0)

    def test_names_that_repeat_are_refused(self, reference):
        model, X, y = reference
        with pytest.raises(ValueError, match="'lat' occur more than once"):
            clone(model).fit(X.rename(columns={"rain": "lat"}), y)


@pytest.fixture(scope="module")
def whole():
    """Whole numbers, which every dtype holds."""
    random = np.random.RandomState(0)
    X = np.stack(
        [
            random.randint(0, 60, 60),
            random.randint(0, 120, 60),
            random.randint(0, 100, 60),
        ],
        axis=1,
    ).astype(float)
    y = X[:, 2] + random.normal(size=60)
    model = STCGRegressor(**QUICK, lat=0, lon=1).fit(X, y)
    return model, X, y


class TestKindsOfArrays:
    @pytest.mark.parametrize(
        "dtype",
        ["float16", "float32", ">f8", "longdouble", "int8", ">i4", "uint8", "int64"],
    )
    def test_numbers_of_any_dtype(self, whole, dtype):
        model, X, y = whole
        other = clone(model).fit(X.astype(dtype), y)
        assert_same_model(other, X.astype(dtype), model, X)

    def test_memory_of_any_layout(self, whole, tmp_path):
        model, X, y = whole
        frozen = X.copy()
        frozen.flags.writeable = False
        np.save(tmp_path / "X.npy", X)
        mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
        wide = np.repeat(X, 2, axis=1)[:, ::2]
        for same in (np.asfortranarray(X), frozen, mapped, wide, X.tolist()):
            other = clone(model).fit(same, y)
            np.testing.assert_array_equal(other.predict(same), model.predict(X))

    def test_masked_cells_are_missing(self, whole):
        model, X, y = whole
        gap = X.copy()
        gap[5, 2] = np.nan
        masked = np.ma.masked_invalid(gap)
        other = clone(model).fit(masked, y)
        np.testing.assert_array_equal(
            other.predict(masked), clone(model).fit(gap, y).predict(gap)
        )

    def test_sparse_and_structured_ones_are_refused(self, whole):
        model, X, y = whole
        sparse = pytest.importorskip("scipy.sparse").csr_array(X)
        with pytest.raises(TypeError, match="Sparse data was passed"):
            clone(model).fit(sparse, y)
        structured = np.zeros(60, dtype=[("lat", float), ("lon", float)])
        with pytest.raises(ValueError, match="structured array"):
            clone(model).fit(structured, y)


class TestKindsOfCategories:
    @pytest.mark.parametrize(
        "values",
        [
            pd.Categorical([1, 2, 3] * 20, [3, 2, 1], ordered=True),
            pd.Categorical(pd.to_datetime(["2003", "2004", "2005"] * 20)),
            pd.cut(np.tile([0.0, 5.0, 9.0], 20), 3),
            pd.array([True, False, None] * 20, dtype="boolean"),
            np.array([b"a", b"b", b"c"] * 20),
            pd.Series([1, "1", None] * 20, dtype=object),
        ],
        ids=["ordered", "dates", "intervals", "nullable", "bytes", "mixed"],
    )
    def test_are_told_apart(self, values):
        X = pd.DataFrame({"a": values, "x": np.arange(60.0)})
        y = np.tile([-2.0, 0.0, 2.0], 20) + np.random.RandomState(0).normal(0, 0.1, 60)
        model = STCGRegressor(**QUICK, lat=None, lon=None, time=None).fit(X, y)
        assert model.explain(X).data[:3, 0].tolist() in (
            [2, 3, 4],
            [3, 2, 1],
            [2, 3, 1],
        )

    def test_large_codes_are_not_merged(self):
        codes = np.array([2**60, 2**60 + 1] * 30)
        for X in (codes[:, None], pd.DataFrame({"a": codes}).astype("Int64")):
            model = STCGRegressor(**QUICK, categorical_features=[0], condition="none")
            model.fit(X, np.arange(60.0))
            assert model.explain(X).data[:2, 0].tolist() == [2, 3]


@pytest.fixture(scope="module")
def days():
    X, y = make_table(60)
    X = X[["time", "rain"]].fillna(0.0)
    X["time"] = X["time"].dt.floor("D")
    return STCGRegressor(**QUICK).fit(X, y), X, y


class TestKindsOfTimes:
    @pytest.mark.parametrize(
        "make",
        [
            lambda t: t.astype("datetime64[s]"),
            lambda t: t.astype("datetime64[ns]"),
            lambda t: t.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
            lambda t: t.dt.to_period("D"),
            lambda t: t.dt.date,
            lambda t: pd.Series([d.to_pydatetime() for d in t], dtype=object),
            lambda t: t.astype(object),
            lambda t: t.dt.strftime("%Y-%m-%d"),
            lambda t: t.dt.strftime("%Y%m%dT%H:%M:%S+00:00"),
            lambda t: pd.Categorical(t),
            lambda t: pd.Categorical(t.dt.strftime("%Y-%m-%d")),
            lambda t: t.astype(pd.ArrowDtype(pa.timestamp("ms"))),
            lambda t: t.astype(pd.ArrowDtype(pa.timestamp("us", "Asia/Tokyo"))),
            lambda t: t.astype(pd.ArrowDtype(pa.date32())),
            lambda t: t.dt.strftime("%Y-%m-%d").astype(pd.ArrowDtype(pa.string())),
        ],
        ids=[
            *("seconds", "nanoseconds", "zoned", "periods", "Python dates"),
            *("Python datetimes", "timestamps", "ISO", "basic ISO with zone"),
            *("categories", "categories of strings", "Arrow", "Arrow with zone"),
            *("Arrow dates", "Arrow strings"),
        ],
    )
    def test_the_same_dates_give_the_same_model(self, days, make):
        model, X, y = days
        other = X.assign(time=make(X["time"]))
        expected = model.predict(X)
        np.testing.assert_array_equal(clone(model).fit(other, y).predict(X), expected)
        np.testing.assert_array_equal(model.predict(other), expected)

    def test_arrays_of_days(self, days):
        model, X, y = days
        days_only = X["time"].to_numpy().astype("datetime64[D]")
        table = np.empty((len(X), 2), dtype=object)
        table[:, 0], table[:, 1] = days_only, X["rain"]
        other = clone(model).set_params(time=0).fit(table, y)
        np.testing.assert_array_equal(other.predict(table), model.predict(X))

    def test_whole_years_are_numbers(self, days):
        model, X, y = days
        years = X.assign(time=X["time"].dt.year)
        other = clone(model).fit(years, y)
        assert set(other.explain(years).data[:, 0]) == set(years["time"])
        assert other._inputs.axis_.period is None

    @pytest.mark.parametrize("make", [pd.to_timedelta, lambda n: [dt.timedelta(1)] * n])
    def test_durations_are_refused(self, days, make):
        model, X, y = days
        X = X.assign(time=make(len(X)))
        with pytest.raises(ValueError, match="'time' holds durations, which are no po"):
            clone(model).fit(X, y)


class TestOneCoordinateAlone:
    def test_is_ignored_without_a_condition(self, reference):
        _, X, y = reference
        for alone in ("lat", "lon"):
            table = X.drop(columns={"lat": "lon", "lon": "lat"}[alone])
            model = STCGRegressor(**QUICK, condition="none").fit(table, y)
            assert model.feature_importances_[0] == 0.0
            moved = table.assign(**{alone: 7.0})
            np.testing.assert_array_equal(model.predict(table), model.predict(moved))

    def test_is_refused_with_one(self, reference):
        model, X, y = reference
        with pytest.raises(ValueError, match="Only one of latitude and longitude"):
            clone(model).fit(X.drop(columns="lon"), y)

    def test_coordinates_that_are_not_used_may_hold_anything(self, reference):
        _, X, y = reference
        X = X.assign(lat="north", lon=np.inf)
        model = STCGRegressor(**QUICK, condition="none").fit(X, y)
        assert np.isnan(model.explain(X).data[:, 0]).all()


@pytest.fixture(scope="module")
def geo(reference):
    _, X, y = reference
    points = gpd.points_from_xy(X.lon, X.lat)
    X = gpd.GeoDataFrame(X.drop(columns=["lat", "lon"]), geometry=points, crs=4326)
    return STCGRegressor(**QUICK).fit(X, y), X, y


def test_give_the_model_of_their_coordinates(reference, geo):
    plain, X, y = reference
    model, frame, _ = geo
    X = X[[*X.columns[2:], "lat", "lon"]]
    np.testing.assert_array_equal(
        model.predict(frame), clone(plain).fit(X, y).predict(X)
    )


def test_the_geometry_has_the_contribution_of_place(reference, geo):
    plain, X, y = reference
    model, frame, _ = geo
    X = X[[*X.columns[2:], "lat", "lon"]]
    expected = clone(plain).fit(X, y).explain(X).values
    explanation = model.explain(frame)
    np.testing.assert_allclose(
        explanation.values[:, -1], expected[:, -2:].sum(axis=1), atol=1e-12
    )
    total = explanation.values.sum(axis=1) + explanation.base_values
    np.testing.assert_allclose(total, model.predict(frame))
    assert np.isnan(explanation.data[:, -1]).all()
    assert explanation.feature_names[-1] == "geometry"


class TestReferenceSystems:
    def test_projected_coordinates_give_the_model_of_their_degrees(self, reference):
        plain, X, y = reference
        points = gpd.GeoSeries(gpd.points_from_xy(X.lon, X.lat), crs=4326).to_crs(3857)
        meters = X.assign(lat=points.y, lon=points.x)
        model = clone(plain).set_params(crs=3857).fit(meters, y)
        np.testing.assert_allclose(model.predict(meters), plain.predict(X), rtol=1e-6)
        assert model.explain(meters).data[0, 0] == meters["lat"][0]

    def test_is_not_for_bare_coordinates(self, reference):
        plain, X, y = reference
        model = clone(plain).set_params(crs=3857, metric="euclidean")
        with pytest.raises(ValueError, match="crs= is for degrees"):
            model.fit(X, y)


class TestGeoDataFrames:
    @pytest.mark.parametrize("crs", [3857, 4326, "ESRI:54009"])
    def test_every_call_may_have_its_own_crs(self, geo, crs):
        model, frame, y = geo
        other = clone(model).fit(frame.to_crs(crs), y)
        for same in (frame, frame.to_crs(3857), frame.to_crs(crs)):
            np.testing.assert_allclose(
                other.predict(same), model.predict(frame), rtol=1e-6
            )

    @pytest.mark.filterwarnings("ignore:X does not have valid feature names")
    def test_arrays_made_of_the_frame_have_the_crs_of_fit(self, geo):
        model, frame, y = geo
        frame = frame.to_crs(3857)
        model = clone(model).fit(frame, y)
        bare = np.asarray(frame, dtype=object)
        np.testing.assert_array_equal(model.predict(bare), model.predict(frame))

    def test_projected_frames_may_stay_projected(self, geo):
        _, frame, y = geo
        frame = frame.to_crs(3857)
        model = STCGRegressor(**QUICK, metric="euclidean").fit(frame, y)
        assert np.abs(model.graph_.node_lat).max() > 1e6
        np.testing.assert_allclose(
            model.predict(frame.to_crs(4326)), model.predict(frame), rtol=1e-6
        )

    def test_bare_frames_stay_bare(self, geo):
        _, frame, y = geo
        bare = frame.set_crs(None, allow_override=True)
        model = STCGRegressor(**QUICK, metric="euclidean").fit(bare, y)
        moved = bare.set_crs(3857)
        np.testing.assert_array_equal(model.predict(moved), model.predict(bare))

    def test_survive_slicing_and_warm_starts(self, geo):
        model, frame, y = geo
        assert np.isfinite(cross_val_score(model, frame, y, cv=2)).all()
        np.testing.assert_allclose(
            model.predict(frame.iloc[5:9]), model.predict(frame)[5:9], rtol=1e-9
        )
        warm = clone(model).set_params(warm_start=True).fit(frame, y)
        assert np.isfinite(warm.fit(frame.to_crs(3857), y).predict(frame)).all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda f: f.set_geometry(f.buffer(1.0)), r"rows 0, 1.*Polygon.*centroid"),
            (
                lambda f: f.set_geometry(f.geometry.where(f.index != 3, None)),
                "the point is missing, empty or not finite in row 3",
            ),
            (
                lambda f: f.set_geometry(
                    [shapely.Point()] + list(f.geometry[1:]), crs=4326
                ),
                "the point is missing, empty or not finite in row 0",
            ),
            (
                lambda f: f.set_geometry(
                    [shapely.Point(3.0, np.nan)] + list(f.geometry[1:]), crs=4326
                ),
                "the point is missing, empty or not finite in row 0",
            ),
            (
                lambda f: f.to_crs(3857).set_crs(None, allow_override=True),
                r"latitude must lie in \[-90, 90\].*",
            ),
        ],
        ids=["polygons", "missing", "empty", "not finite", "no crs"],
    )
    @pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
    def test_what_is_no_place_is_refused(self, geo, change, message):
        model, frame, y = geo
        with pytest.raises(ValueError, match=message):
            clone(model).fit(change(frame), y)

    def test_are_ignored_without_a_condition(self, geo):
        _, frame, y = geo
        model = STCGRegressor(**QUICK, condition="none").fit(frame, y)
        assert model.feature_importances_[-1] == 0.0
        assert np.isnan(model.explain(frame).data[:, -1]).all()

    def test_a_geometry_of_fit_must_be_one_at_predict(self, geo):
        model, frame, _ = geo
        table = pd.DataFrame(frame).assign(geometry=1.0)
        with pytest.raises(ValueError, match="'geometry' gives the place and must ho"):
            model.predict(table)
