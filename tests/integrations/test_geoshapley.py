"""GeoShapley: place as one player, and its interactions with the features."""

import numpy as np
import pandas as pd
import pytest
from geoshapley import GeoShapleyExplainer

from spatialheteroreg.inspection import FloatView

from ..conftest import make_table
from ..test_ecosystem import small


def explain(predict, background, rows):
    """Explain with one process; give parts by name, and their sum."""
    result = GeoShapleyExplainer(predict, background).explain(rows, n_jobs=1)
    k = rows.shape[1] - 2
    assert result.primary.shape == result.geo_intera.shape == (len(rows), k)
    assert result.geo.shape == (len(rows),)
    parts = result.primary.sum(axis=1) + result.geo + result.geo_intera.sum(axis=1)
    return result, result.base_value + parts


@pytest.fixture(scope="module")
def table():
    X, y = make_table(150)
    return X.dropna(), y[X.notna().all(axis=1)]


def test_a_model_by_position_with_the_place_last(table):
    X, y = table
    X = X[["rain", "heat", "lat", "lon"]].assign(constant=1.0)
    X = X[["constant", "rain", "heat", "lat", "lon"]]
    model = small(lat=-2, lon=-1, max_iter=8).fit(X.to_numpy(), y)
    rows = X.iloc[20:26]
    result, total = explain(model.predict, X.to_numpy()[:10], rows)
    expected = model.predict(rows.to_numpy())
    # GeoShapley puts a weight of 1e8 in place of the infinite one.
    np.testing.assert_allclose(total, expected, atol=1e-6 * y.std())
    assert np.abs(result.primary[:, 0]).max() < 1e-6 * y.std()
    assert np.abs(result.geo).max() > 1e-3 * y.std()


def test_a_model_with_dates_and_categories_through_the_float_view(table):
    X, y = table
    X = X[["time", "rain", "heat", "cover", "lat", "lon"]]
    model = small(max_iter=8).fit(X, y)
    view = FloatView(model)
    rows = pd.DataFrame(view.encode(X[20:24]), columns=view.feature_names)
    _, total = explain(view.predict, view.encode(X[:10]), rows)
    np.testing.assert_allclose(total, model.predict(X[20:24]), atol=1e-6 * y.std())
