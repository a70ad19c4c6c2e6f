"""A dask data frame is predicted as its rows are."""

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from spatialheteroreg import predict_partitions

from .conftest import make_table
from .test_ecosystem import numbers_only, small

ALL = {"return_std": True, "effects": True, "slopes": True}


@pytest.fixture(scope="module")
def fitted():
    """Give a model with uncertainty, and a table with an index of its own."""
    X, y = make_table(400)
    X.index = np.arange(1000, 1400)
    return small(n_members=2).fit(X, y), X


def test_rows_get_what_they_get_in_memory(fitted):
    model, X = fitted
    frame = dd.from_pandas(X.iloc[:, ::-1].assign(other=0), npartitions=3)
    lazy = predict_partitions(model, frame, **ALL)
    assert lazy.npartitions == 3
    found = lazy.compute()
    pd.testing.assert_index_equal(found.index, X.index)
    assert list(found.columns) == list(lazy.columns)
    mean, std = model.predict(X, return_std=True)
    slopes = model.local_effects(X, return_std=True)
    wanted = {
        "prediction": mean,
        "prediction_std": std,
        **model.decompose(X).add_prefix("effect_"),
        **slopes.effect.add_prefix("slope_"),
        **slopes.std.add_prefix("slope_std_"),
    }
    assert list(wanted) == list(found)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-9)


def test_a_partition_may_be_empty(fitted):
    model, X = fitted
    frame = dd.from_pandas(X, npartitions=4)
    frame = frame[frame["lat"] > 79.0]
    sizes = frame.map_partitions(len).compute()
    assert 0 in list(sizes)
    found = predict_partitions(model, frame).compute()
    assert len(found) == sum(sizes) > 0
    assert found["prediction"].dtype == np.float64


def test_arrays_in_chunks_by_hand():
    X, y = make_table()
    X = numbers_only(X)
    model = small(lat=0, lon=1, time=2, period=1.0, n_folds=1).fit(X, y)
    array = dask.array.from_array(X, chunks=(50, X.shape[1]))
    lazy = array.map_blocks(model.predict, drop_axis=1, dtype=np.float64)
    np.testing.assert_allclose(lazy.compute(), model.predict(X))
    shares = array.map_blocks(lambda rows: model.explain(rows).values, dtype=np.float64)
    np.testing.assert_allclose(shares.compute(), model.explain(X).values)


def test_what_cannot_be_predicted_is_refused(fitted):
    model, X = fitted
    with pytest.raises(TypeError, match="must be a dask DataFrame, not DataFrame"):
        predict_partitions(model, X)
    frame = dd.from_pandas(X.drop(columns="rain"), npartitions=2)
    with pytest.raises(ValueError, match="frame lacks 'rain', which the model"):
        predict_partitions(model, frame)


def test_features_called_as_parts_are_lost_nowhere():
    X, y = make_table()
    X = X.rename(columns={"heat": "place"})
    model = small().fit(X, y)
    frame = dd.from_pandas(X, npartitions=2)
    found = predict_partitions(model, frame, effects=True).compute()
    total = found.filter(like="effect_").sum(axis=1)
    np.testing.assert_allclose(total, found["prediction"])
    assert "effect_place (lat, lon)" in found


def test_columns_that_would_be_called_alike_are_refused():
    X, y = make_table(400)
    X = X.rename(columns={"heat": "std_rain"})
    model = small(n_members=2).fit(X, y)
    frame = dd.from_pandas(X, npartitions=2)
    predict_partitions(model, frame, slopes=True)
    with pytest.raises(ValueError, match="would be called 'slope_std_rain'"):
        predict_partitions(model, frame, slopes=True, return_std=True)
