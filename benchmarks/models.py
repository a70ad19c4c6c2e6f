"""Models that the accuracy benchmark compares, all made in the same way.

A model is one entry of `MODELS`. Packages are imported where they are used, so
that each model runs without those of the others.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from benchmarks.jobs import Job
from benchmarks.tasks import Task
from benchmarks.tuned_lightgbm import TunedLightGBM
from benchmarks.weighted_models import GNNWR, GWR, MGWR
from benchmarks.wrapped_models import CatBoost, RealMLP, TabNet
from spatialheteroreg import STCGRegressor

IS_CATEGORY = make_column_selector(dtype_include="category")
IS_NUMBER = make_column_selector(dtype_exclude="category")
TREE = {"n_estimators": 800, "learning_rate": 0.03, "subsample": 0.8}


def as_it_is(task: Task) -> pd.DataFrame:
    """Give the table itself, with its coordinates under names that are found."""
    if task.planar:
        return task.X
    return task.X.rename(columns={task.lat: "lat", task.lon: "lon", task.time: "time"})


def dates_as_numbers(task: Task) -> pd.DataFrame:
    """Give a date as year and day of the year, and a number as it is."""
    if task.time is None or not hasattr(task.X[task.time], "dt"):
        return task.X
    date = task.X[task.time].dt
    numbers = {"year": date.year, "day_of_year": date.day_of_year}
    return task.X.drop(columns=task.time).assign(**numbers)


@dataclass(frozen=True)
class Model:
    """How to make an estimator for a job, and what it takes.

    Attributes
    ----------
    make : callable
        Makes the estimator from a job and the settings.
    encode : callable
        Which view of the table it takes, row by row.
    takes_settings : bool
        Whether ``--set`` is meant for it.
    package, extra : str
        Package that it needs, and the extra that brings it.
    max_rows : int or None
        Training rows above which it is not run; it never gets fewer than others.
    """

    make: Callable[..., Any]
    encode: Callable[[Task], pd.DataFrame] = dates_as_numbers
    takes_settings: bool = False
    package: str = ""
    extra: str = ""
    max_rows: int | None = None

    def why_missing(self) -> str:
        """Say what to install, or nothing where all is there."""
        if not self.package or importlib.util.find_spec(self.package):
            return ""
        command = f'pip install "spatialheteroreg[{self.extra}]"'
        return f"{self.package} is not installed: {command}"


def make_stcg(job: Job, **settings: Any) -> STCGRegressor:
    place = {"lat": job.lat, "lon": job.lon, "metric": "euclidean"}
    given = {**(place if job.planar else {}), **settings}
    return STCGRegressor(random_state=job.seed, **given)


def make_stcg_nocondition(job: Job, **settings: Any) -> STCGRegressor:
    return make_stcg(job, **{**settings, "condition": "none"})


def make_lightgbm(seed: int, n_jobs: int | None = None) -> Any:
    # Imported here: the other models run without it.
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        **TREE,
        num_leaves=31,
        subsample_freq=1,
        colsample_bytree=0.7,
        min_child_samples=10,
        random_state=seed,
        n_jobs=n_jobs,
        verbose=-1,
    )


def make_xgboost(job: Job) -> Any:
    """Trees as many and as slow as those of LightGBM."""
    from xgboost import XGBRegressor

    return XGBRegressor(
        **TREE,
        max_depth=6,
        colsample_bytree=0.7,
        enable_categorical=True,
        random_state=job.seed,
        n_jobs=job.cores,
    )


def make_catboost(job: Job) -> Pipeline:
    """CatBoost with its defaults."""
    return make_pipeline(FunctionTransformer(texts_for_categories), CatBoost(job))


def make_hgb(job: Job) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        categorical_features="from_dtype", random_state=job.seed
    )


def make_forest(job: Job) -> Pipeline:
    """Three hundred trees that look at a third of the columns."""
    forest = RandomForestRegressor(
        300, max_features=1 / 3, random_state=job.seed, n_jobs=job.cores
    )
    return make_pipeline(all_numbers(), forest)


def make_ridge(job: Job) -> Pipeline:
    return make_pipeline(all_numbers(), RidgeCV(np.logspace(-3, 3, 13)))


def make_tabnet(job: Job) -> Pipeline:
    return make_pipeline(all_numbers(), TabNet(job))


def make_realmlp(job: Job) -> Pipeline:
    """RealMLP scales numbers and embeds categories itself, but imputes nothing."""
    numbers = SimpleImputer(strategy="median", add_indicator=True)
    texts = FunctionTransformer(texts_for_categories)
    columns = ColumnTransformer(
        [("numbers", numbers, IS_NUMBER), ("categories", texts, IS_CATEGORY)]
    )
    return make_pipeline(columns.set_output(transform="pandas"), RealMLP(job))


def all_numbers() -> ColumnTransformer:
    """Impute medians and mark where, scale, and give categories one column each."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
    )
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numbers", numbers, IS_NUMBER), ("categories", categories, IS_CATEGORY)]
    )


def texts_for_categories(X: pd.DataFrame) -> pd.DataFrame:
    """Write categories as text, a missing one too."""
    texts = {
        name: X[name].astype(object).where(X[name].notna(), "missing").map(str)
        for name in IS_CATEGORY(X)
    }
    return X.assign(**{name: text.astype(object) for name, text in texts.items()})


MODELS = {
    "stcg": Model(make_stcg, as_it_is, takes_settings=True),
    "stcg-nocondition": Model(make_stcg_nocondition, as_it_is, takes_settings=True),
    "ridge": Model(make_ridge),
    "lightgbm": Model(
        lambda job: make_lightgbm(job.seed, job.cores),
        package="lightgbm",
        extra="bench",
    ),
    "hgb": Model(make_hgb),
    "xgboost": Model(make_xgboost, package="xgboost", extra="peers"),
    "catboost": Model(make_catboost, package="catboost", extra="peers"),
    "forest": Model(make_forest),
    "lightgbm-tuned": Model(TunedLightGBM, package="lightgbm", extra="bench"),
    "tabnet": Model(make_tabnet, package="pytorch_tabnet", extra="peers"),
    "realmlp": Model(make_realmlp, package="pytabkit", extra="peers"),
    "gwr": Model(GWR, package="mgwr", extra="peers", max_rows=9_000),
    "mgwr": Model(MGWR, package="mgwr", extra="peers", max_rows=2_500),
    "gnnwr": Model(GNNWR, package="gnnwr", extra="peers", max_rows=2_500),
}
"""What `--models` takes.

Limits of rows are those that a fit of an hour on one core allows: the search of a
bandwidth is quadratic in the rows, and GNNWR has as many inputs as rows.
"""
