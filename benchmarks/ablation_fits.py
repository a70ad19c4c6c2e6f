"""One fit of an ablation: its errors, its cost, or what leads in which climate."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import r2_score, root_mean_squared_error

from benchmarks.ablation_studies import bands, climates
from benchmarks.apart import peak_memory
from benchmarks.models import as_it_is
from benchmarks.tasks import SPLITS, Task
from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe

FloatArray = NDArray[np.float64]

MIN_ROWS = 30
"""Rows that an error of a band needs."""


def measure_errors(
    task: Task, split: str, seed: int, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Fit on one part, predict the other; call it in a process of its own.

    Parameters
    ----------
    task : Task
        The table.
    split : str
        One of ``SPLITS``.
    seed : int
        Seed of the model.
    settings : dict
        Parameters of STCGRegressor.

    Returns
    -------
    list of dict
        A row for each band of :func:`bands` that has test rows enough.
    """
    fold = SPLITS[split](task)
    if fold is None:
        raise ValueError(f"Task {task.name!r} has no split {split!r}.")
    train, test = fold
    X = as_it_is(task)
    model, cost = _fit(X.iloc[train], task.y[train], seed, settings)
    prediction = model.predict(X.iloc[test])
    rows = []
    for where, inside in bands(task).items():
        chosen = inside[test]
        if where != "all" and chosen.sum() < MIN_ROWS:
            continue
        truth, said = task.y[test][chosen], prediction[chosen]
        errors = {
            "n_test": int(chosen.sum()),
            "rmse": root_mean_squared_error(truth, said),
            "r2": r2_score(truth, said),
        }
        rows.append({"where": where, "n_train": len(train), **errors, **cost})
    return rows


def measure_drivers(
    task: Task, split: str, seed: int, settings: dict[str, Any]
) -> list[dict[str, Any]]:
    """Fit on all rows and say what leads in which climate.

    Parameters
    ----------
    task : Task
        Monthly table with sites as groups.
    split : str
        Not used: all rows.
    seed : int
        Seed of the model.
    settings : dict
        Parameters of STCGRegressor.

    Returns
    -------
    list of dict
        A row for each climate and column of X: its mean share of the predictions
        (`feature_weights`), the same of contributions measured from their mean at
        the site, the share of the sites at which it leads the features so, its mean
        slope in target units for one standard deviation of the feature over all
        rows, the same of the slope's size, and its correlation with the target
        within the climate.
    """
    X = as_it_is(task)
    model, cost = _fit(X, task.y, seed, settings)
    shares = pd.DataFrame(model.feature_weights(X), columns=list(X))
    contributions = model.local_effects(X, output="contribution")
    within = shares_within(contributions.reset_index(drop=True), task.groups)
    slopes = model.local_effects(X).reset_index(drop=True)
    slopes = slopes * X[list(slopes)].std()
    rows = []
    for climate, at in climates(task).groupby(climates(task)).groups.items():
        about = {"where": climate, "n_train": len(X), "n_test": len(at), **cost}
        about["n_sites"] = len(np.unique(task.groups[at]))
        features = within.loc[at].drop(columns=["lat", "lon", "time"])
        leads = leading(features, task.groups[at])
        for name in X:
            row = {**about, "feature": name, "share": shares.loc[at, name].mean()}
            row["within"] = within.loc[at, name].mean()
            row["leads"] = leads.get(name, np.nan)
            if name in slopes:
                row["slope"] = slopes.loc[at, name].mean()
                row["slope_size"] = slopes.loc[at, name].abs().mean()
                row["correlation"] = np.corrcoef(X[name].iloc[at], task.y[at])[0, 1]
            rows.append(row)
    return rows


def shares_within(contributions: pd.DataFrame, site: NDArray[Any]) -> pd.DataFrame:
    """Share of each column in what differs between the rows of a site.

    Parameters
    ----------
    contributions : DataFrame of shape (n, p)
        Contributions.
    site : ndarray of shape (n,)
        The site of each row.

    Returns
    -------
    DataFrame of shape (n, p)
        Sizes of the contributions measured from their mean at the site, over their
        sum; 0 where nothing differs.
    """
    away = contributions - contributions.groupby(site).transform("mean")
    return away.abs().div(away.abs().sum(axis=1), axis=0).fillna(0.0)


def leading(shares: pd.DataFrame, site: NDArray[Any]) -> dict[Any, float]:
    """Share of the sites at which each feature has the largest mean share.

    Parameters
    ----------
    shares : DataFrame of shape (n, p)
        Shares of the features.
    site : ndarray of shape (n,)
        The site of each row.

    Returns
    -------
    dict
        By feature.
    """
    first = shares.groupby(site).mean().idxmax(axis=1).value_counts(normalize=True)
    return dict(first.reindex(list(shares), fill_value=0.0))


MEASURES = {"errors": measure_errors, "drivers": measure_drivers}


def _fit(
    X: pd.DataFrame, y: FloatArray, seed: int, settings: dict[str, Any]
) -> tuple[STCGRegressor, dict[str, float]]:
    """Fit; tell seconds, and the memory that the fit took beyond a tiny one."""
    warm = make_heterogeneous_globe(200, 20, random_state=0)
    STCGRegressor(max_iter=1, random_state=0).fit(warm.data, warm.target)
    model = STCGRegressor(random_state=seed, **settings)
    before, start = peak_memory(), time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    cost = {
        "explanation_r2": model.explanation_r2_,
        "fit_seconds": seconds,
        "memory_mib": peak_memory() - before,
    }
    return model, cost
