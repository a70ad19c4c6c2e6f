"""A cube is predicted as its rows are, on its own coordinates."""

import copy

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from spatialheteroreg import predict_dataset

from .test_ecosystem import numbers_only, small

SHAPE, DIMS = (4, 6, 5), ("time", "lat", "lon")
ALL = {"return_std": True, "effects": True, "slopes": True}
COLUMNS = ["lat", "lon", "time", "rain", "heat", "cover"]


@pytest.fixture(scope="module")
def cube():
    """Give a cube with a static category, descending latitudes and a sea."""
    random = np.random.RandomState(0)
    rain, heat = random.gamma(2.0, 2.0, SHAPE), random.normal(15, 8, SHAPE)
    cover = random.choice(np.array(["forest", "grass"], dtype=object), SHAPE[1:])
    rain[:, 0, :2] = heat[:, 0, :2] = np.nan  # the sea
    cover[0, :2] = None
    rain[:, 2, 2] = np.nan  # a gap
    ds = xr.Dataset(
        {
            "rain": (DIMS, rain.astype(np.float32), {"units": "mm"}),
            "heat": (DIMS, heat),
            "cover": (DIMS[1:], cover),
            "slope_of_land": (DIMS[1:], random.uniform(size=SHAPE[1:])),
        },
        {
            "time": pd.date_range("2001-01-15", periods=SHAPE[0], freq="91D"),
            "lat": ("lat", np.linspace(50, -50, SHAPE[1]), {"units": "degrees_north"}),
            "lon": np.arange(0.0, 360.0, 72.0),
            "lat_bounds": (("lat", "bound"), np.zeros((SHAPE[1], 2))),
        },
    )
    ds["rain"].encoding = {"dtype": "int16", "scale_factor": 0.1}
    ds["lat"].encoding = {"dtype": "float32"}
    return ds


@pytest.fixture(scope="module")
def rows(cube):
    return cube[["rain", "heat", "cover"]].to_dataframe().reset_index()[COLUMNS]


@pytest.fixture(scope="module")
def model(rows):
    """Fit where there is land: 400 rows, some of them to calibrate by."""
    land = rows[rows["heat"].notna()]
    land = pd.concat([land.assign(heat=land["heat"] + k) for k in range(4)])
    target = np.sign(land["lat"]) * land["heat"] + land["rain"].fillna(4.0)
    return small(n_members=2).fit(land, target)


@pytest.fixture(scope="module")
def expected(model, rows):
    """Predict the rows as a table."""
    mean, std = model.predict(rows, return_std=True)
    slopes = model.local_effects(rows, return_std=True)
    return {
        "prediction": mean.reshape(SHAPE),
        "prediction_std": std.reshape(SHAPE),
        "effect": model.decompose(rows).to_numpy().reshape(*SHAPE, -1),
        "slope": slopes.effect.to_numpy().reshape(*SHAPE, -1),
        "slope_std": slopes.std.to_numpy().reshape(*SHAPE, -1),
    }


@pytest.fixture(scope="module")
def prediction(model, cube):
    return predict_dataset(model, cube)["prediction"]


def land_of(array):
    """Leave out the cells of the sea, which come first."""
    array = np.array(array, dtype=np.float64)
    array[:, 0, :2] = np.nan
    return array


# --- what a cell gets --------------------------------------------------------


@pytest.mark.parametrize("chunks", [None, {"time": 3, "lat": 4}])
def test_cells_get_what_rows_get(model, cube, expected, chunks):
    ds = cube if chunks is None else cube.chunk(chunks)
    found = predict_dataset(model, ds, dtype="float64", **ALL)
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], land_of(values), rtol=1e-6, atol=1e-9)
    features = ["rain", "heat", "cover"]
    assert [*found.part.values] == [
        "baseline",
        "place",
        "time",
        "place_time",
        *features,
    ]
    assert [*found.feature.values] == ["rain", "heat"]


def test_effects_alone_add_up_for_both_heads(rows, cube):
    land = rows[rows["heat"].notna()]
    for head in ("additive", "dual"):
        model = small(n_folds=1, head=head).fit(land, land["heat"])
        found = predict_dataset(model, cube, effects=True)
        whole = predict_dataset(model, cube)["prediction"]
        np.testing.assert_allclose(found["prediction"], whole, rtol=1e-5)
        total = found["effect"].sum("part", skipna=False)
        assert np.allclose(total, whole, equal_nan=True) is (head == "additive")


def test_a_chunked_cube_is_computed_when_asked(model, cube, prediction, monkeypatch):
    lazy = cube.chunk(time=1, lat=3)
    calls = []
    original = type(model).predict

    def count(self, X, **options):
        calls.append(len(X))
        return original(self, X, **options)

    monkeypatch.setattr(type(model), "predict", count)
    found = predict_dataset(model, lazy)
    assert found["prediction"].chunks == lazy["rain"].chunks
    assert calls == []
    found.isel(time=0, lat=slice(3)).compute()
    assert calls == [13]  # of 15 cells two are sea
    np.testing.assert_array_equal(found["prediction"].values, prediction)


@pytest.mark.parametrize(
    ("scheduler", "n_workers"),
    [("threads", 4), ("processes", 1)],  # a process takes seconds to start
)
def test_workers_find_what_one_finds(model, cube, prediction, scheduler, n_workers):
    lazy = predict_dataset(model, cube.chunk(time=1, lat=4))["prediction"]
    found = lazy.compute(scheduler=scheduler, num_workers=n_workers)
    np.testing.assert_allclose(found, prediction, rtol=1e-6)


def test_threads_take_effects_and_slopes_from_one_model(model, cube):
    lazy = predict_dataset(model, cube.chunk(time=1), **ALL)
    found = lazy.compute(scheduler="threads", num_workers=4)
    xr.testing.assert_allclose(found, predict_dataset(model, cube, **ALL), rtol=1e-6)


def test_networks_are_made_ready_once_for_all_chunks(model, cube, monkeypatch):
    made = []
    original = type(model)._make_predictor

    def count(self):
        made.append(self)
        return original(self)

    monkeypatch.setattr(type(model), "_make_predictor", count)
    unasked = copy.deepcopy(model)
    predict_dataset(unasked, cube.chunk(time=1), **ALL).compute(scheduler="threads")
    assert len(made) == 1


# --- coordinates -------------------------------------------------------------


@pytest.mark.parametrize("chunks", [{}, {"time": 2, "lat": 4}])
def test_the_same_places_get_the_same_numbers(model, cube, prediction, chunks):
    turned = cube.assign_coords(lon=(cube.lon + 180) % 360 - 180)
    turned = turned.sortby(["lat", "lon"]).transpose("lon", "time", "lat", ...)
    found = predict_dataset(model, turned.chunk(chunks))["prediction"]
    assert found.dims == ("lon", "time", "lat")
    assert (found.lon.values < 0).any()
    back = found.assign_coords(lon=found.lon % 360).reindex_like(prediction)
    np.testing.assert_allclose(back.transpose(*DIMS), prediction, rtol=1e-6)


@pytest.mark.parametrize(
    "names",
    [
        {"lat": "Latitude", "lon": "longitude", "time": "date"},
        {"lat": "nav_y", "lon": "nav_x", "time": "t"},
    ],
)
def test_coordinates_are_found_by_usual_and_by_standard_names(
    model, cube, prediction, names
):
    ds = cube.copy()
    for column, name in (("lat", "latitude"), ("lon", "longitude"), ("time", "time")):
        ds[column].attrs["standard_name"] = name
    found = predict_dataset(model, ds.rename(names))["prediction"]
    assert set(found.dims) == set(names.values())
    np.testing.assert_array_equal(found, prediction)


def test_coordinates_may_have_two_dimensions(model, cube, prediction):
    lat, lon = xr.broadcast(cube.lat, cube.lon)
    ds = cube.drop_vars(["lat", "lon", "lat_bounds"]).rename(lat="y", lon="x")
    lat = lat.values.copy()
    lat[3, 3] = np.nan  # a cell without a place, as some ocean models have them
    ds = ds.assign_coords(lat=(("y", "x"), lat), lon=(("y", "x"), lon.values))
    found = predict_dataset(model, ds.chunk(time=2))["prediction"]
    assert found.dims == ("time", "y", "x")
    wanted = prediction.values.copy()
    wanted[:, 3, 3] = np.nan
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_one_time_and_cells_in_a_row(model, cube, prediction):
    found = predict_dataset(model, cube.isel(time=1))["prediction"]
    np.testing.assert_allclose(found, prediction[1], rtol=1e-6)
    row = predict_dataset(model, cube.stack(cell=("lat", "lon")))["prediction"]
    back = row.unstack("cell").transpose(*DIMS)
    np.testing.assert_allclose(back, prediction, rtol=1e-6)


def test_features_that_stand_still_are_predicted_at_each_time(rows, cube):
    land = rows[rows["heat"].notna()]
    model = small(n_folds=1).fit(land[["lat", "lon", "time", "cover"]], land["heat"])
    found = predict_dataset(model, cube[["cover"]].assign_coords(time=cube.time))
    assert found["prediction"].dims == DIMS
    assert (found["prediction"].isel(lat=3).std("time") > 0).all()


@pytest.mark.parametrize("chunks", [None, {"time": 2, "lat": 4}])
def test_categories_of_pandas(model, cube, prediction, chunks):
    column = cube["cover"].to_series().astype("category")
    ds = cube.assign(cover=column.to_xarray().transpose(*DIMS[1:]).reindex_like(cube))
    ds = ds if chunks is None else ds.assign(rain=ds["rain"].chunk(chunks))
    found = predict_dataset(model, ds)["prediction"]
    np.testing.assert_allclose(found, prediction, rtol=1e-6)


def test_attributes_and_encodings(model, cube):
    ds = cube.assign(crs=0)
    ds["rain"].attrs["grid_mapping"] = "crs"
    attrs = {"long_name": "uptake", "units": "g m-2"}
    found = predict_dataset(model, ds, attrs=attrs, **ALL)
    assert found["lat"].variable.identical(cube["lat"].variable)
    assert found["lat"].encoding == {"dtype": "float32"}
    assert list(found.coords) == [*DIMS, "crs", "part", "feature"]
    for name in ("prediction", "prediction_std", "effect"):
        assert found[name].attrs["units"] == "g m-2"
        assert found[name].attrs["grid_mapping"] == "crs"
    assert found["prediction"].attrs["long_name"] == "predicted uptake"
    assert "units" not in found["slope"].attrs
    assert {found[name].dtype for name in found} == {np.dtype("float32")}
    assert found["prediction"].encoding == {}


# --- cells that are left out -------------------------------------------------


def test_gaps_and_masks(model, cube, prediction):
    assert prediction.isnull().sum() == 2 * SHAPE[0]  # the sea
    strict = predict_dataset(model, cube, dropna="any")["prediction"]
    assert strict.isnull().sum() == 3 * SHAPE[0]  # and the gap
    mask = xr.DataArray([1.0, np.nan, 0.0, 1.0, 1.0], dims="lon")
    wanted = prediction.where(mask == 1)
    for ds in (cube, cube.chunk(lat=2)):
        found = predict_dataset(model, ds.assign(land=mask), mask="land")["prediction"]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        found = predict_dataset(model, ds, mask=mask == 1)["prediction"]
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_cube_without_a_cell_to_predict(model, cube):
    off = xr.zeros_like(cube["lat"])
    assert predict_dataset(model, cube, mask=off)["prediction"].isnull().all()
    assert predict_dataset(model, cube.isel(time=slice(0)), **ALL).sizes["time"] == 0


# --- what is refused ---------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.drop_vars(["rain", "cover"]), "ds lacks 'rain', 'cover', which"),
        (lambda ds: ds.drop_vars("time"), "no coordinate for the column 'time'"),
        (
            lambda ds: ds.rename(lat="latitude").assign_coords(Latitude=0.0),
            "Several variables of ds could be the column 'lat' of the model: 'lat",
        ),
        (lambda ds: ds.assign_coords(lat=ds.lat * 3), "must lie in .-90, 90. degrees"),
        (lambda ds: ds.assign_coords(time=range(4)), "held dates in fit and holds num"),
    ],
)
def test_a_cube_that_does_not_fit_is_refused_before_it_is_computed(
    model, cube, change, message
):
    with pytest.raises(ValueError, match=message):
        predict_dataset(model, change(cube).chunk(lon=2))


def test_other_calendars_are_refused_with_what_to_do(model, cube):
    date = type("Date360Day", (), {"__module__": "cftime", "calendar": "360_day"})
    times = np.array([date() for _ in range(SHAPE[0])], dtype=object)
    ds = cube.drop_vars("time").assign_coords(time=("time", times))
    with pytest.raises(ValueError, match=r"calendar '360_day'.*convert_calendar"):
        predict_dataset(model, ds)


def test_times_out_of_reach_are_told_once(model, cube):
    early = cube.assign_coords(time=cube.time - np.timedelta64(3650, "D"))
    with pytest.warns(UserWarning, match="4 rows lie well before") as told:
        predict_dataset(model, early.chunk(time=1)).compute()
    assert len(told) == 1
    assert told[0].filename == __file__


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        ("land", ValueError, "ds lacks 'land'"),
        (np.ones(5), TypeError, "mask must be a DataArray or the name of"),
        (xr.DataArray([1], dims="band"), ValueError, "has the dimension 'band'"),
        (xr.DataArray([1, 1], dims="lon"), ValueError, "other coordinates.*'lon'"),
        (
            xr.DataArray(np.ones(5), {"lon": np.arange(-180.0, 180.0, 72.0)}),
            ValueError,
            "mask has other coordinates than ds along 'lon'",
        ),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(model, cube, mask, error, message):
    with pytest.raises(error, match=message):
        predict_dataset(model, cube, mask=mask)


def test_models_that_know_no_names_are_refused(table, cube):
    X, y = table
    with pytest.raises(NotFittedError, match="not fitted yet"):
        predict_dataset(small(), cube)
    by_position = small(lat=0, lon=1, time=2, period=1.0, n_folds=1)
    with pytest.raises(ValueError, match="fitted on columns without names"):
        predict_dataset(by_position.fit(numbers_only(X), y), cube)
    with pytest.raises(TypeError, match="fitted STCGRegressor, not Pipeline"):
        predict_dataset(make_pipeline(small()), cube)


def test_models_without_uncertainty_have_no_standard_errors(table, cube):
    model = small(n_folds=1).fit(*table)
    with pytest.raises(ValueError, match="This model has no uncertainty"):
        predict_dataset(model, cube, return_std=True)


def test_points_are_refused(table, cube):
    geopandas = pytest.importorskip("geopandas")
    X, y = table
    points = geopandas.points_from_xy(X["lon"], X["lat"])
    X = geopandas.GeoDataFrame(X.drop(columns=["lat", "lon"]), geometry=points)
    model = small(n_folds=1).fit(X, y)
    with pytest.raises(ValueError, match="fitted on points of a GeoDataFrame"):
        predict_dataset(model, cube)


def test_points_beside_coordinates_need_not_be_in_the_cube(table, cube):
    geopandas = pytest.importorskip("geopandas")
    X, y = table
    plain = small(n_folds=1).fit(X, y)
    points = geopandas.points_from_xy(X["lon"], X["lat"])
    model = small(n_folds=1).fit(geopandas.GeoDataFrame(X, geometry=points), y)
    xr.testing.assert_equal(predict_dataset(model, cube), predict_dataset(plain, cube))


def test_arrays_are_refused(model, cube):
    with pytest.raises(TypeError, match="must be an xarray Dataset, not DataArray"):
        predict_dataset(model, cube["rain"])


# --- cubes of odd shapes ---------------------------------------------------------


@pytest.mark.parametrize("chunks", [None, {}])
def test_a_single_cell_is_a_cube(model, cube, chunks):
    cell = cube.isel(time=1, lat=2, lon=3)
    cell = cell if chunks is None else cell.chunk(chunks)
    found = predict_dataset(model, cell, **ALL)
    assert found["prediction"].shape == ()
    whole = predict_dataset(model, cube, **ALL).isel(time=1, lat=2, lon=3)
    xr.testing.assert_allclose(found.compute(), whole, rtol=1e-6)


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_cube_may_be_empty_along_any_dimension(model, cube, dim, chunked):
    empty = cube.isel({dim: slice(0, 0)})
    found = predict_dataset(model, empty.chunk() if chunked else empty, **ALL)
    assert found["prediction"].sizes == {**dict(zip(DIMS, SHAPE, strict=True)), dim: 0}
    assert found.compute()["effect"].size == 0


def test_names_of_the_result_must_be_free(model, cube):
    with pytest.raises(ValueError, match="coordinates called 'part', as the result"):
        predict_dataset(model, cube.expand_dims(part=3), effects=True)
    level = cube.assign_coords(prediction=("lat", np.arange(SHAPE[1])))
    with pytest.raises(ValueError, match="coordinates called 'prediction'"):
        predict_dataset(model, level)
    assert "prediction" in predict_dataset(model, cube.expand_dims(part=3))


def test_features_called_as_parts_keep_their_place(rows):
    land = rows[rows["heat"].notna()].rename(columns={"heat": "place"})
    fitted = small().fit(land, land["place"])
    cells = land.set_index(list(DIMS)).to_xarray()
    found = predict_dataset(fitted, cells, effects=True)
    assert found.indexes["part"].is_unique
    total = found["effect"].sum("part", skipna=False)
    np.testing.assert_allclose(total, found["prediction"], atol=1e-4)
