"""Saved models: everything comes back."""

import datetime as dt
import doctest
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone

from spatialheteroreg.network.layers import Dropout
from spatialheteroreg.persistence import APART, ATTRIBUTES, SESSION, save_model
from spatialheteroreg.saving.parts import PARTS

from .conftest import make_table
from .sameness import (
    SMALL,
    assert_goes_on_alike,
    assert_same,
    assert_same_model,
    fit,
    there_and_back,
)

SOMETIMES = {"feature_names_in_", "_split_seed"}
"""Attributes of some fitted models only."""


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table()
    return fit(X, y), X, y


@pytest.fixture(scope="module")
def small():
    X, y = make_table(40)
    return fit(X, y, **SMALL, max_iter=1), X, y


def configurations():
    X, _ = make_table(60)
    numbers = X.drop(columns="cover").assign(time=2001 + np.arange(len(X)) / 50)
    yield "default", X, {}
    yield "dual head", X, {"head": "dual", "n_layers": 2, "attention": "softmax"}
    yield "no condition", X, {"condition": "none"}
    yield "time only", X.drop(columns=["lat", "lon"]), {}
    yield "place only", X.drop(columns="time"), {}
    yield "sequence", X, {"time_axis": "sequence", "gcn_layers": 2, "lstm_layers": 2}
    yield "cycle", numbers, {"period": 1.0, "n_steps": 4}
    yield "without graph layers", X, {"gcn_layers": 0, "lstm_layers": 0, "n_layers": 0}
    yield "without cross-attention", X, {"cross_attention": False}
    yield "dynamic graph", X, {"dynamic_graph": True}
    yield "invariance", X, {"invariance_penalty": 5.0}
    yield "folds", X, {"n_folds": 3}
    yield "ensemble", X, {"n_members": 3, "calibration_fraction": 0.4}
    yield "ensemble without uncertainty", X, {"n_members": 2}
    yield "early stopping", X, {"early_stopping": "rows", "validation_fraction": 0.2}
    yield (
        "projected",
        numbers.assign(lat=numbers.lat * 1e5, lon=numbers.lon * 1e5),
        {"metric": "euclidean", "bandwidth": 1e6},
    )
    yield "array", numbers.to_numpy(), {"lat": 0, "lon": 1, "time": 2, "period": 1.0}
    yield "one feature", X[["lat", "lon", "rain"]], {}
    yield "one category", X[["lat", "lon", "cover"]], {}
    yield "no feature", X[["lat", "lon"]], {"head": "dual"}
    yield "a constant", X.assign(rain=1.0), {}
    yield "double precision", X, {"precision": "float64"}
    yield (
        "nullable",
        X.assign(
            rain=X.rain.astype("Float64"),
            many=pd.array(([1, 2, None] * 20), dtype="Int64"),
            wet=pd.array(([True, False, None] * 20), dtype="boolean"),
            soil=pd.array((["clay", "sand", None] * 20), dtype="string"),
        ),
        {"categorical_features": ["cover", "many", "wet", "soil"]},
    )
    yield "a zone", X.assign(time=X.time.dt.tz_localize("Europe/Berlin")), {}
    yield "periods", X.assign(time=X.time.dt.to_period("M")), {}


@pytest.mark.parametrize(
    ("X", "parameters"),
    [pytest.param(X, parameters, id=name) for name, X, parameters in configurations()],
)
def test_everything_comes_back(X, parameters, tmp_path):
    _, y = make_table(60)
    model = fit(X, y, **parameters)
    loaded = there_and_back(model, tmp_path)
    assert_same_model(model, loaded, X)
    assert_goes_on_alike(model, loaded, X, y, warm=True)


KINDS_OF_CATEGORIES = {
    "strings": ["forest", 'a "quoted" ä', ""],
    "integers": [3, -1, 2**62],
    "floats": [0.1, -np.inf, 1e300],
    "bools": [True, False],
    "missing": ["a", None, float("nan")],
    "mixed": ["a", 1, 2.5, True],
    "bytes": [b"a", b"b\x00"],
    "dates": [dt.date(2003, 1, 2), dt.date(1999, 1, 1)],
    "datetimes": [dt.datetime(2003, 1, 2, 3, 4, 5, 6), dt.datetime(1999, 1, 1)],
    "timestamps": [pd.Timestamp("2003-01-02T03:04:05.123456789"), pd.Timestamp("1999")],
    "zoned": [
        pd.Timestamp("2003-07-01", tz="Europe/Berlin"),
        pd.Timestamp("1999", tz="UTC"),
    ],
    "NumPy dates": [np.datetime64("2003-01-02"), np.datetime64("1999-01-01", "ns")],
    "periods": [pd.Period("2003-01", "M"), pd.Period("1999Q1")],
    "intervals": [pd.Interval(0, 1), pd.Interval(1.0, np.inf)],
}


@pytest.mark.parametrize("kind", KINDS_OF_CATEGORIES)
def test_categories_of_every_plain_kind_come_back(kind, tmp_path):
    X, y = make_table(60)
    known = KINDS_OF_CATEGORIES[kind]
    cells = pd.Series([known[k % len(known)] for k in range(60)], dtype=object)
    X = X.assign(cover=cells)
    model = fit(X, y, categorical_features=["cover"])
    loaded = there_and_back(model, tmp_path)
    assert model._inputs.encoder_.n_codes == [2 + cells.dropna().nunique()]
    assert_same_model(model, loaded, X)
    unseen = X.assign(cover="lava")
    np.testing.assert_array_equal(model.predict(unseen), loaded.predict(unseen))


def test_binned_columns_and_other_pandas_categories_come_back(tmp_path):
    X, y = make_table()
    X = X.assign(
        heat=pd.cut(X.heat, 3),
        cover=X.cover.cat.add_categories(["never seen"]),
        month=pd.Categorical(X.time.dt.to_period("Q")),
    )
    model = fit(X, y)
    assert_same_model(model, there_and_back(model, tmp_path), X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_nodes": np.int64(8), "learning_rate": np.float32(0.003), "verbose": False},
        {"categorical_features": np.array(["cover"])},
        {"categorical_features": pd.Index(["cover"])},
        {"categorical_features": ("cover",)},
        {"categorical_features": [np.str_("cover")]},
        {"categorical_features": [np.int64(5)]},
        {"lat": np.str_("lat"), "lon": 1, "time": np.int32(2)},
        {"checkpoint": Path("somewhere", "checkpoint")},
    ],
    ids=str,
)
def test_parameters_of_every_kind_come_back(parameters, tmp_path):
    X, y = make_table(60)
    # The checkpoint is only a name here: a fit would write it.
    later = {name: parameters.pop(name) for name in {"checkpoint"} & parameters.keys()}
    model = fit(X, y, **parameters).set_params(**later)
    loaded = there_and_back(model, tmp_path)
    assert_same_model(model, loaded, X)
    assert_same(model.get_params(), loaded.get_params())


def test_a_random_state_is_kept_with_its_state(tmp_path):
    X, y = make_table(60)
    model = fit(X, y, random_state=np.random.RandomState(3))
    loaded = there_and_back(model, tmp_path)
    assert loaded.random_state is not model.random_state
    assert_same_model(model, loaded, X)
    assert_goes_on_alike(model, loaded, X, y, warm=True)
    assert_goes_on_alike(model, loaded, X, y, warm=False)


def test_a_coordinate_reference_system_comes_back(tmp_path):
    pyproj = pytest.importorskip("pyproj")
    X, y = make_table(60)
    X = X.assign(lat=3e6 + X.lat * 1e4, lon=4e6 + X.lon * 1e4)
    model = fit(X, y, crs=pyproj.CRS("EPSG:3035"))
    loaded = there_and_back(model, tmp_path)
    assert_same_model(model, loaded, X)
    assert_goes_on_alike(model, loaded, X, y, warm=True)
    assert_goes_on_alike(model, loaded, X, y, warm=False)


def test_points_of_a_geodataframe_come_back(tmp_path):
    geopandas = pytest.importorskip("geopandas")
    X, y = make_table(60)
    points = geopandas.points_from_xy(X.lon, X.lat, crs="EPSG:4326")
    X = geopandas.GeoDataFrame(X[["rain", "heat"]], geometry=points)
    model = fit(X, y)
    loaded = there_and_back(model, tmp_path)
    assert_same(model, loaded)
    np.testing.assert_array_equal(model.predict(X), loaded.predict(X))


def test_parameters_set_after_fit_do_not_touch_the_network(fitted, tmp_path):
    model, X, _ = fitted
    model = pickle.loads(pickle.dumps(model))
    model.set_params(d_token=4, head="dual", dropout=0.5, n_steps=3)
    assert_same_model(model, there_and_back(model, tmp_path), X)


def test_a_warm_start_with_later_times_comes_back(tmp_path):
    X, y = make_table(60)
    X = X.assign(time=np.arange(60.0))
    model = fit(X, y, warm_start=True, n_steps=10)
    model.fit(X.assign(time=X.time + 40), y)
    network = model.net_.module_.first
    assert network.n_steps > network.condition.n_steps
    assert_same_model(model, there_and_back(model, tmp_path), X)


def test_dropout_is_that_of_the_fit(small, tmp_path):
    model, X, _ = small
    model = pickle.loads(pickle.dumps(model))
    for part in model.net_.module_.modules():
        if isinstance(part, Dropout):
            part.p /= 2  # as with more rows, under dropout="auto"
    assert_same_model(model, there_and_back(model, tmp_path), X)


def test_a_second_round_changes_nothing(fitted, tmp_path):
    model, X, _ = fitted
    once = there_and_back(model, tmp_path)
    first = (tmp_path / "model.safetensors").read_bytes()
    assert_same_model(model, there_and_back(once, tmp_path), X)
    assert (tmp_path / "model.safetensors").read_bytes() == first


def test_a_loaded_model_can_be_pickled_cloned_and_looked_at(fitted, tmp_path):
    model, X, y = fitted
    loaded = there_and_back(model, tmp_path)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(loaded)).predict(X), model.predict(X)
    )
    np.testing.assert_array_equal(clone(loaded).fit(X, y).predict(X), model.predict(X))
    assert loaded.net_.initialized_
    assert len(loaded.net_.history) == model.n_iter_
    assert loaded.net_.optimizer__weight_decay == model.net_.optimizer__weight_decay


def test_attributes_that_users_add_are_kept_if_they_are_plain(fitted, tmp_path):
    model = pickle.loads(pickle.dumps(fitted[0]))
    model.note = {"region": "Sahel", "bounds": np.array([10.0, 20.0])}
    assert_same(there_and_back(model, tmp_path).note, model.note)
    model.note = object()
    with pytest.raises(TypeError, match="attribute note holds <object"):
        save_model(model, tmp_path / "model.safetensors")
    del model.note
    model.predict = 3
    with pytest.raises(TypeError, match="attributes predict of the model hide"):
        save_model(model, tmp_path / "model.safetensors")


def test_metadata_requests_come_back(fitted, tmp_path):
    model = clone(fitted[0])
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight="w")
        model.set_predict_request(return_std=True)
        loaded = there_and_back(model.fit(*fitted[1:]), tmp_path)
        assert str(loaded.get_metadata_routing()) == str(model.get_metadata_routing())


def test_callbacks_stay_with_the_session(small, tmp_path):
    model = pickle.loads(pickle.dumps(small[0]))
    vars(model).update(dict.fromkeys(SESSION, object()))
    assert_same(there_and_back(model, tmp_path), small[0])


def test_no_attribute_can_be_added_unnoticed(fitted, tmp_path, monkeypatch):
    model, X, y = fitted
    stopped = fit(X, y, early_stopping=True)
    for one in (
        model,
        stopped,
        fit(X.select_dtypes("number").to_numpy(), y, lat=0, lon=1),
    ):
        fitted_names = vars(one).keys() - one.get_params().keys() - set(APART)
        assert set(ATTRIBUTES) <= fitted_names <= {*ATTRIBUTES, *SOMETIMES}
    for part in (
        model._inputs,
        model._inputs.encoder_,
        model.graph_,
        model._training_mean,
    ):
        with monkeypatch.context() as patch:
            patch.setitem(vars(part), "novelty_", 1)
            with pytest.raises(RuntimeError, match=r"\['novelty_'\] unknown"):
                save_model(model, tmp_path / "model.safetensors")


def test_the_table_of_parts_names_what_is_there(fitted):
    model, _, _ = fitted
    inputs = model._inputs
    for part in (
        *(inputs, inputs.roles, inputs.encoder_, inputs.graph_, inputs.axis_),
        *(model._training_mean, model._baseline),
    ):
        fields = dict(PARTS.values())[type(part)]
        assert vars(part).keys() == set(fields)


def test_the_examples_of_the_guide_run(tmp_path, monkeypatch):
    guide = Path(__file__).parents[1] / "docs" / "saving.rst"
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(guide), module_relative=False)
    assert tried > 10
    assert failed == 0
