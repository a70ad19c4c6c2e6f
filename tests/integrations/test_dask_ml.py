"""dask-ml: predictions of tables in parts."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask_ml.wrappers import ParallelPostFit

from ..test_ecosystem import numbers_only, small


@pytest.fixture
def parts(table):
    """Give a fitted wrapper by position, its rows as a dask array, and the target."""
    X, y = table
    X = numbers_only(X)
    # Without `predict_meta` dask-ml predicts a row of zeros: the year 0.
    model = ParallelPostFit(
        small(lat=0, lon=1, time=2, period=1.0), predict_meta=np.empty(0)
    ).fit(X, y)
    return model, X, y, da.from_array(X, chunks=(50, X.shape[1]))


def test_a_frame_in_partitions_is_predicted_as_one(table):
    X, y = table
    model = ParallelPostFit(small(), predict_meta=pd.Series(dtype=float)).fit(X, y)
    lazy = model.predict(dd.from_pandas(X, npartitions=3))
    assert lazy.npartitions == 3
    by_hand = small().fit(X, y).predict(X)
    np.testing.assert_allclose(np.asarray(lazy.compute()), by_hand)
    np.testing.assert_allclose(model.predict(X), by_hand)


def test_an_array_in_chunks_is_predicted_as_one(parts):
    model, X, _, chunks = parts
    lazy = model.predict(chunks)
    assert isinstance(lazy, da.Array)
    assert lazy.chunks == ((50, 50, 20),)
    np.testing.assert_allclose(lazy.compute(), model.estimator.predict(X))


def test_scores_of_parts_are_those_of_the_whole(parts):
    model, X, y, chunks = parts
    model.set_params(scoring="neg_mean_squared_error")
    error = np.mean((model.estimator.predict(X) - y) ** 2)
    assert model.score(chunks, da.from_array(y, chunks=50)) == pytest.approx(-error)


@pytest.mark.xfail(
    raises=ValueError,
    reason="dask-ml 2025.1.0 cannot compute R2 of dask arrays with dask 2025.2 or "
    "newer, whatever the model (its issue 1012, mended after that release)",
)
def test_r2_of_parts_is_that_of_the_whole(parts):
    model, X, y, chunks = parts
    score = model.score(chunks, da.from_array(y, chunks=50))
    assert score == pytest.approx(model.estimator.score(X, y))
