"""One fit of the speed benchmark: seconds, memory, and how fast the model answers."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import root_mean_squared_error

from benchmarks.accuracy import limited_to
from benchmarks.apart import run_apart
from benchmarks.jobs import Job
from benchmarks.memory import PeakMemory
from benchmarks.models import MODELS, Model
from benchmarks.results import first_line, time_limit
from benchmarks.speed_answers import (
    RATES,
    TREES,
    time_answers,
    wait_for_device,
)
from benchmarks.speed_cases import Case, Tables, load_tables, matrix_mib
from benchmarks.speed_reach import reach_error
from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe

FIGURES = ["rmse", "fit_seconds", "reach_seconds", "reach_epoch", *RATES]
FIGURES += ["memory_mib", "device_mib", "matrix_mib"]
Figures = dict[str, Any]


def measure_case(
    case: Case,
    models: list[str],
    seed: int,
    settings: dict[str, Any],
    *,
    data: Path | None = None,
    n_asked: int = 100_000,
    cores: int = 1,
    limit: float | None = None,
    over_limits: bool = False,
    repeats: int = 3,
) -> list[Figures]:
    """Measure some models on a case, one after the other, each in a process of its own.

    Parameters
    ----------
    case : Case
        Table and sizes.
    models : list of str
        Names of models; LightGBM is measured first, since others are to reach it.
    seed : int
        Seed of the models.
    settings : dict
        Parameters of STCGRegressor.
    data : Path, default=None
        Folder of the data.
    n_asked : int, default=100_000
        Rows to predict and explain.
    cores : int, default=1
        Threads of whatever computes.
    limit : float, default=None
        Seconds for a fit, and for the answers of a model.
    over_limits : bool, default=False
        Whether models get more rows than they are meant for.
    repeats : int, default=3
        Times that an answer is timed, unless it takes long.

    Returns
    -------
    list of dict
        A row of figures for each model.
    """
    rows: list[Figures] = []
    to_reach = None
    for name in sorted(models, key=lambda name: name != TREES):
        given = {**case.settings(), **settings} if MODELS[name].takes_settings else {}
        try:
            row = run_apart(
                measure_model,
                case,
                name,
                seed,
                given,
                to_reach,
                data=data,
                n_asked=n_asked,
                cores=cores,
                limit=limit,
                over_limits=over_limits,
                repeats=repeats,
            )
        except Exception as error:
            # The process died, of too little memory for one; the other models go on.
            row = {**dict.fromkeys(FIGURES, np.nan), "note": first_line(error)}
        if name == TREES and np.isfinite(row["rmse"]):
            to_reach = row["rmse"]
            row["reach_seconds"] = row["fit_seconds"]
        rows.append({"model": name, **row})
    return rows


def measure_model(
    case: Case,
    name: str,
    seed: int,
    settings: dict[str, Any],
    to_reach: float | None,
    *,
    data: Path | None,
    n_asked: int,
    cores: int,
    limit: float | None,
    over_limits: bool,
    repeats: int,
) -> Figures:
    """Measure one model in this process; parameters as for :func:`measure_case`."""
    tables = load_tables(case, data, n_asked)
    model, n_train = MODELS[name], len(tables.train.X)
    empty = {
        "n_train": n_train,
        "n_asked": n_asked,
        **dict.fromkeys(FIGURES, np.nan),
        "matrix_mib": matrix_mib(tables.train.X),
        "details": "",
        "note": "",
    }
    if not over_limits and model.max_rows is not None and n_train > model.max_rows:
        return {**empty, "note": f"takes at most {model.max_rows:,} training rows."}
    with limited_to(cores):
        try:
            estimator, cost = _fit(tables, model, seed, cores, settings, limit)
            X = model.encode(tables.test)
            with time_limit(limit):
                prediction = estimator.predict(X)
            cost["rmse"] = root_mean_squared_error(tables.test.y, prediction)
        except Exception as error:
            return {**empty, "note": first_line(error)}
        try:
            with time_limit(limit):
                asked = model.encode(tables.asked)
                for answer, figure in time_answers(name, estimator, asked, repeats):
                    cost[answer] = figure
                if to_reach is not None and hasattr(estimator, "set_callbacks"):
                    train = model.encode(tables.train), tables.train.y
                    cost |= reach_error(
                        estimator,
                        cost["fit_seconds"],
                        train,
                        (X, tables.test.y),
                        to_reach,
                    )
        except Exception as error:
            cost["note"] = first_line(error)
    return {**empty, **cost}


def _fit(
    tables: Tables,
    model: Model,
    seed: int,
    cores: int,
    settings: dict[str, Any],
    limit: float | None,
) -> tuple[Any, Figures]:
    """Fit, with seconds and memory."""
    _warm_up(model, settings)
    train = tables.train
    job = Job.of(train, tables.split, np.arange(len(train.X)), seed, cores)
    X = model.encode(train)
    with PeakMemory() as peak, time_limit(limit):
        start = time.perf_counter()
        estimator = model.make(job, **settings)
        estimator.fit(X, train.y)
        wait_for_device()
        seconds = time.perf_counter() - start
    memory = {"memory_mib": peak.host_mib, "device_mib": peak.device_mib}
    return estimator, {"fit_seconds": seconds, **memory}


def _warm_up(model: Model, settings: dict[str, Any]) -> None:
    """Import and fit something tiny, so that imports are neither timed nor counted."""
    if model.package:
        importlib.import_module(model.package)
    globe = make_heterogeneous_globe(200, 20, random_state=0)
    device = settings.get("device", "cpu")
    tiny = STCGRegressor(max_iter=1, device=device, random_state=0)
    tiny.fit(globe.data, globe.target)
