"""Small tables and a counter that every test may use."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spatialheteroreg.columns import ColumnRoles, Table, find_roles
from spatialheteroreg.network import STCGNetwork


def make_table(
    n_rows: int = 120, random_state: int = 0
) -> tuple[pd.DataFrame, np.ndarray]:
    """Make a table with coordinates, dates, two numbers, a category and a gap."""
    random = np.random.RandomState(random_state)
    X = pd.DataFrame(
        {
            "lat": random.uniform(-80, 80, n_rows),
            "lon": random.uniform(-180, 180, n_rows),
            "time": pd.Timestamp("2001-01-01")
            + pd.to_timedelta(random.randint(0, 1400, n_rows), unit="D"),
            "rain": random.gamma(2.0, 2.0, n_rows),
            "heat": random.normal(15, 8, n_rows),
            "cover": pd.Categorical(random.choice(["forest", "grass", "crop"], n_rows)),
        }
    )
    y = np.where(X.lat > 0, 1.0, -1.0) * X.rain + 0.1 * X.heat
    X.loc[3, "rain"] = np.nan
    return X, y.to_numpy()


@pytest.fixture
def table() -> tuple[pd.DataFrame, np.ndarray]:
    """Return a fresh small table and its target."""
    return make_table()


def roles_of(X: object, **parameters: object) -> ColumnRoles:
    """Find the roles of a table's columns, by default as the estimator does."""
    auto = {"lat": "auto", "lon": "auto", "time": "auto"}
    options = {**auto, "categorical_features": "from_dtype", **parameters}
    return find_roles(Table(X), **options)


def count_passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the forward passes of training in the last entry of a list."""
    n_calls: list[int] = []
    forward = STCGNetwork.forward

    def count(network, **inputs):
        n_calls[-1] += network.training
        return forward(network, **inputs)

    monkeypatch.setattr(STCGNetwork, "forward", count)
    return n_calls
