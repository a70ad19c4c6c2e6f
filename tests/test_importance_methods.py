"""SHAP, permutation and LightGBM over units."""

import sys

import numpy as np
import pandas as pd
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection.importance_methods import (
    lightgbm_values,
    permutation_sizes,
    shap_values,
)
from spatialheteroreg.inspection.units import UnitTable

from .conftest import make_table


@pytest.fixture(scope="module")
def known():
    X, y = make_table(200)
    model = STCGRegressor(n_nodes=8, max_iter=8, random_state=0).fit(X, y)
    return model, X, y, UnitTable(model, X)


def test_shap_values_add_up_from_the_background_to_the_prediction(known):
    model, X, _, table = known
    rows, background = np.array([3, 5]), np.arange(10, 20)  # row 3 has a gap
    values = shap_values(table, rows, background, 55, seed=0)
    base = model.predict(X.iloc[background]).mean()
    assert values.shape == (2, table.n_units)
    np.testing.assert_allclose(
        base + values.sum(axis=1), model.predict(X.iloc[rows]), rtol=1e-6
    )


def test_shap_values_of_a_sum_are_its_terms_less_their_mean():
    terms = np.random.RandomState(0).normal(size=(20, 4))

    class Sum:
        def cells(self):
            return np.repeat(np.arange(20)[:, None], 4, axis=1)

        def predict(self, cells):
            return terms[cells.astype(int), np.arange(4)].sum(axis=1)

    values = shap_values(Sum(), np.arange(5), np.arange(5, 20), 9, seed=0)
    np.testing.assert_allclose(values, terms[:5] - terms[5:].mean(axis=0))


class TestPermutation:
    def test_shuffles_latitude_and_longitude_together(self, known):
        model, X, y, table = known
        # At two places no shuffle can make a third, if they are moved whole.
        two = X.assign(
            lat=np.where(X.lat > 0, 50.0, -50.0), lon=np.where(X.lat > 0, 10.0, -170.0)
        )
        seen = []

        class Spy(UnitTable):
            def predict(self, cells):
                places = self.floats[np.asarray(cells)[:, 0].astype(int), :2]
                seen.extend(map(tuple, places))
                return super().predict(cells)

        size = permutation_sizes(Spy(model, two), np.arange(200), y, 2, seed=0)
        assert set(seen) == {(50.0, 10.0), (-50.0, -170.0)}
        assert size[table.names.index("place")] > 0

    def test_is_the_root_of_the_growth_of_the_squared_error(self, known):
        model, X, y, table = known
        rows = np.arange(200)
        size = permutation_sizes(table, rows, y, 20, seed=0)
        u = table.names.index("heat")
        swapped = X.assign(heat=np.random.RandomState(1).permutation(X.heat))
        error, worse = (
            np.mean((model.predict(rows_) - y) ** 2) for rows_ in (X, swapped)
        )
        assert size[u] == pytest.approx(np.sqrt(max(worse - error, 0)), rel=0.5)
        assert (size >= 0).all()

    def test_without_a_target_it_is_the_change_of_the_prediction(self, known):
        model, X, _, table = known
        size = permutation_sizes(table, np.arange(200), None, 20, seed=0)
        swapped = X.assign(heat=np.random.RandomState(1).permutation(X.heat))
        change = np.sqrt(np.mean((model.predict(swapped) - model.predict(X)) ** 2))
        assert size[table.names.index("heat")] == pytest.approx(change, rel=0.3)


class TestLightGBM:
    def test_sees_the_season_in_the_time(self):
        pytest.importorskip("lightgbm")
        X, _ = make_table(400)
        day = X.time.dt.day_of_year.to_numpy()
        y = np.cos(2 * np.pi * day / 365.25)
        model = STCGRegressor(n_nodes=5, max_iter=1, random_state=0).fit(X, y)
        table = UnitTable(model, X)
        values = lightgbm_values(table, np.arange(400), y, seed=0)
        share = np.abs(values).mean(axis=0)
        assert share[table.names.index("time")] > 0.9 * share.sum()
        assert np.corrcoef(values.sum(axis=1), y)[0, 1] > 0.95

    def test_puts_each_column_into_its_unit(self):
        pytest.importorskip("lightgbm")
        X, _ = make_table(400)
        columns = ["cover", "lon", "heat", "time", "lat"]
        effects = {
            "cover": (X.cover == "crop") * 1.0,
            "place": np.sign(X.lat) + np.sign(X.lon),
            "heat": X.heat,
        }
        model = STCGRegressor(n_nodes=5, max_iter=1, random_state=0)
        table = UnitTable(model.fit(X[columns], X.heat), X[columns])
        for unit, y in effects.items():
            values = lightgbm_values(table, np.arange(400), y.to_numpy(), seed=0)
            share = pd.Series(np.abs(values).mean(axis=0), table.names)
            assert share[unit] > 0.9 * share.sum()

    def test_not_installed_says_what_to_install(self, known, monkeypatch):
        _, _, y, table = known
        monkeypatch.setitem(sys.modules, "lightgbm", None)
        with pytest.raises(ImportError, match=r"spatialheteroreg\[bench\]"):
            lightgbm_values(table, np.arange(5), y, seed=0)
