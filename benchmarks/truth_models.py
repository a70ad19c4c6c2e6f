"""Models that tell effects, all asked in the same way.

A model is a function of a scenario, a seed and the settings; it fits and returns
a function that answers for rows. Packages are imported where they are used, so
that each model runs without those of the others.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.models import dates_as_numbers, make_lightgbm
from benchmarks.tasks import Task
from benchmarks.truth_designs import Rows, Scenario
from benchmarks.truth_scores import COVERAGE, Answer, Answerer
from benchmarks.truth_weighted import fit_gnnwr, fit_gwr, fit_mgwr, quiet
from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection import FloatView

BACKGROUND = 50
"""Training rows that GeoShapley averages over."""


@dataclass(frozen=True)
class Model:
    """How to fit, and how many rows of each kind it is asked about.

    The cost of some explainers doubles with each column, so that they are asked
    about fewer rows on globes than on grids.
    """

    fit: Callable[[Scenario, int, dict[str, Any]], Answerer]
    globe_rows: int | None = None
    grid_rows: int | None = None
    takes_settings: bool = False

    def rows_of(self, scenario: Scenario) -> int | None:
        return self.grid_rows if scenario.planar else self.globe_rows


def fit_stcg(scenario: Scenario, seed: int, settings: dict[str, Any]) -> Answerer:
    """The package's own model: one network, or an ensemble in one."""
    model = _new_stcg(scenario, seed, {"n_folds": 1, **settings})
    model.fit(scenario.train.X, scenario.train.y)
    return lambda where, rows: _ask_stcg(model, rows)


def fit_ensemble(scenario: Scenario, seed: int, settings: dict[str, Any]) -> Answerer:
    """Eight members, for standard errors and intervals, and more epochs."""
    return fit_stcg(scenario, seed, {"n_members": 8, "max_iter": 60, **settings})


def fit_shap(scenario: Scenario, seed: int, settings: dict[str, Any]) -> Answerer:
    """Boosted trees, explained by TreeExplainer."""
    import shap

    model = make_lightgbm(seed)
    model.fit(_as_numbers(scenario, scenario.train.X), scenario.train.y)
    explainer = shap.TreeExplainer(model)

    def answer(where: str, rows: Rows) -> Answer:
        X = _as_numbers(scenario, rows.X)
        values = explainer.shap_values(X)
        return Answer(
            prediction=model.predict(X),
            contributions=pd.DataFrame(values, columns=list(X)),
        )

    return answer


def fit_geoshapley(scenario: Scenario, seed: int, settings: dict[str, Any]) -> Answerer:
    """Boosted trees, explained by GeoShapley."""
    model = make_lightgbm(seed)
    train = _place_last(scenario, _as_numbers(scenario, scenario.train.X, codes=True))
    model.fit(train, scenario.train.y)

    def predict(values: Any) -> Any:
        return model.predict(pd.DataFrame(values, columns=list(train)))

    def encode(X: pd.DataFrame) -> pd.DataFrame:
        return _place_last(scenario, _as_numbers(scenario, X, codes=True))

    return _geoshapley(scenario, seed, predict, encode)


def fit_geoshapley_stcg(
    scenario: Scenario, seed: int, settings: dict[str, Any]
) -> Answerer:
    """The package's own model, explained by GeoShapley."""
    model = _new_stcg(scenario, seed, settings)
    train = _place_last(scenario, scenario.train.X)
    view = FloatView(model.fit(train, scenario.train.y))

    def encode(X: pd.DataFrame) -> pd.DataFrame:
        values = view.encode(_place_last(scenario, X))
        return pd.DataFrame(values, columns=view.feature_names)

    return _geoshapley(scenario, seed, view.predict, encode)


MODELS = {
    "stcg": Model(fit_stcg, takes_settings=True),
    "stcg-ensemble": Model(fit_ensemble, takes_settings=True),
    "lightgbm-shap": Model(fit_shap),
    "lightgbm-geoshapley": Model(fit_geoshapley, globe_rows=100, grid_rows=625),
    "stcg-geoshapley": Model(
        fit_geoshapley_stcg, globe_rows=30, grid_rows=200, takes_settings=True
    ),
    "gwr": Model(fit_gwr),
    "mgwr": Model(fit_mgwr),
    "gnnwr": Model(fit_gnnwr),
}

DEFAULT_MODELS = {
    "globe": ["stcg", "stcg-ensemble", "lightgbm-shap"],
    "globe-small": list(MODELS),
    "mgwr": list(MODELS),
    "geoshapley": list(MODELS),
    "region": ["stcg", "stcg-ensemble", "lightgbm-shap", "lightgbm-geoshapley"],
    "drift": ["stcg", "stcg-ensemble", "lightgbm-shap", "lightgbm-geoshapley"],
}
"""Models that can run on a design; GWR and its kin take some thousand rows."""


# --- what the models share -----------------------------------------------------


def _new_stcg(scenario: Scenario, seed: int, settings: dict[str, Any]) -> STCGRegressor:
    place = {"lat": "v", "lon": "u", "metric": "euclidean"} if scenario.planar else {}
    return STCGRegressor(random_state=seed, **place, **settings)


def _ask_stcg(model: STCGRegressor, rows: Rows) -> Answer:
    explanation = model.explain(rows.X)
    contributions = pd.DataFrame(explanation.values, columns=explanation.feature_names)
    certain = {
        "prediction": model.predict(rows.X),
        "contributions": contributions,
    }
    if getattr(model, "n_members", 1) == 1:
        return Answer(slopes=model.local_effects(rows.X), **certain)
    try:
        effects = model.local_effects(rows.X, return_std=True)
    except ValueError as error:
        if "no uncertainty" not in str(error):
            raise
        # too few rows to calibrate errors by
        return Answer(slopes=model.local_effects(rows.X), **certain)
    interval = model.predict_interval(rows.X, coverage=COVERAGE)
    return Answer(
        slopes=effects.effect, slope_std=effects.std, interval=interval, **certain
    )


def _geoshapley(
    scenario: Scenario,
    seed: int,
    predict: Callable[[Any], Any],
    encode: Callable[[pd.DataFrame], pd.DataFrame],
) -> Answerer:
    """Give primary effects with their interactions with the place."""
    from geoshapley import GeoShapleyExplainer

    rng = np.random.default_rng(seed)
    train = encode(scenario.train.X)
    chosen = rng.choice(len(train), min(BACKGROUND, len(train)), replace=False)
    explainer = GeoShapleyExplainer(predict, train.iloc[chosen].to_numpy(), g=2)

    def answer(where: str, rows: Rows) -> Answer:
        X = encode(rows.X)
        names = list(X)[:-2]
        with contextlib.redirect_stderr(io.StringIO()), quiet():
            result = explainer.explain(X, n_jobs=1)
            slopes = None
            if scenario.planar and len(X) >= 100:
                # Its coefficients are a GWR on planar positions.
                columns = [names.index(name) for name in scenario.features]
                slopes = result.get_svc(columns, "gwr", include_primary=True)
                slopes = pd.DataFrame(slopes, columns=scenario.features)
        total = result.primary + result.geo_intera
        return Answer(
            prediction=predict(X.to_numpy()),
            slopes=slopes,
            contributions=pd.DataFrame(total, columns=names),
        )

    return answer


def _as_numbers(
    scenario: Scenario, X: pd.DataFrame, *, codes: bool = False
) -> pd.DataFrame:
    """Give dates as year and day, and categories as codes if asked."""
    time = "time" if "time" in X else None
    nothing = np.zeros(len(X))
    table = dates_as_numbers(
        Task(scenario.name, X, nothing, scenario.lat, scenario.lon, time, nothing)
    )
    if not codes:
        return table
    is_category = table.dtypes == "category"
    return table.assign(
        **{name: table[name].cat.codes for name in table.columns[is_category]}
    ).astype(np.float64)


def _place_last(scenario: Scenario, X: pd.DataFrame) -> pd.DataFrame:
    place = [scenario.lat, scenario.lon]
    return X[[name for name in X if name not in place] + place]
