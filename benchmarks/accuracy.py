"""Held-out accuracy beside other models, on real and on generated data.

    python -m benchmarks.accuracy --data PATH

A run that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from threadpoolctl import threadpool_limits

from benchmarks.jobs import Job
from benchmarks.models import MODELS, Model
from benchmarks.results import (
    KEY,
    Key,
    add_settings,
    by_key,
    environment,
    first_line,
    package_version,
    read_results,
    time_limit,
    write_result,
)
from benchmarks.summary import summarize, to_markdown
from benchmarks.tasks import (
    GENERATORS,
    SPLITS,
    Fold,
    Task,
    add_data,
    load_task,
    task_names,
)

PACKAGES = ["xgboost", "catboost", "pytorch-tabnet", "pytabkit", "mgwr", "gnnwr"]
FIGURES = ["rmse", "mae", "r2", "fit_seconds", "predict_seconds"]


def measure(
    task: Task,
    split: str,
    fold: Fold,
    model: Model,
    seed: int,
    settings: dict[str, Any],
    *,
    cores: int = 1,
    limit: float | None = None,
) -> dict[str, Any]:
    """Fit on one part, predict the other; what cannot be had is left out, with a note.

    Parameters
    ----------
    task : Task
        The table.
    split : str
        Name of the split.
    fold : tuple of ndarray of int
        Training rows and test rows, the same for every model.
    model : Model
        The model.
    seed : int
        Seed of the model.
    settings : dict
        Parameters of STCGRegressor.
    cores : int, default=1
        Threads of whatever computes.
    limit : float, default=None
        Seconds for the fit and the prediction.

    Returns
    -------
    dict
        Errors, seconds, what the model has to say of itself, and the note.
    """
    train, test = fold
    sizes = {"n_train": len(train), "n_test": len(test)}
    empty = {**sizes, **dict.fromkeys(FIGURES, np.nan), "details": "", "note": ""}
    if model.max_rows is not None and len(train) > model.max_rows:
        return {**empty, "note": f"takes at most {model.max_rows:,} training rows."}
    X = model.encode(task)
    job = Job.of(task, split, train, seed, cores)
    start = time.perf_counter()
    try:
        with limited_to(cores), time_limit(limit):
            estimator = model.make(job, **settings)
            estimator.fit(X.iloc[train], task.y[train])
            fitted = time.perf_counter()
            prediction = estimator.predict(X.iloc[test])
            done = time.perf_counter()
        errors = {
            "rmse": root_mean_squared_error(task.y[test], prediction),
            "mae": mean_absolute_error(task.y[test], prediction),
            "r2": r2_score(task.y[test], prediction),
        }
    except Exception as error:
        # The other models go on.
        return {**empty, "note": first_line(error)}
    details = getattr(estimator, "details_", None)
    return {
        **empty,
        **errors,
        "fit_seconds": fitted - start,
        "predict_seconds": done - fitted,
        "details": "" if details is None else json.dumps(details),
    }


@contextlib.contextmanager
def limited_to(cores: int) -> Iterator[None]:
    """Give every library that computes in threads as many."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        with threadpool_limits(cores):
            yield
    finally:
        torch.set_num_threads(before)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description="Held-out accuracy of STCGRegressor beside other models.",
    )
    add_data(parser)
    parser.add_argument(
        "--task",
        action="append",
        metavar="NAME",
        help=f"a task of tasks.json, a generated one ({', '.join(GENERATORS)}), "
        "'real' or 'all' (default); may be repeated",
    )
    parser.add_argument(
        "--split",
        nargs="+",
        choices=[*SPLITS, "all"],
        default=["all"],
        help="ways to split; those that a task does not have are left out",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        choices=list(MODELS),
        help="default: all whose packages are installed",
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2"
    )
    add_settings(parser)
    parser.add_argument(
        "--cores",
        type=int,
        default=joblib.cpu_count(),
        help="threads of every model (default: all)",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=3600.0,
        help="seconds for a fit with its prediction (default: 3600; not on Windows)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("accuracy.csv"),
        help="CSV file to add results to; what is already in it is not run again "
        "(default: accuracy.csv)",
    )
    parser.add_argument(
        "--redo",
        action="store_true",
        help="run again what is in the file, and replace it",
    )
    options = parser.parse_args(arguments)
    names = options.task or ["all"]
    if options.data is None and (set(names) - set(GENERATORS)):
        parser.error("say where the data are: --data PATH, or set STCG_DATA.")
    options.task = _expand(names, options.data)
    if "all" in options.split:
        options.split = list(SPLITS)
    for name in options.models or []:
        if problem := MODELS[name].why_missing():
            parser.error(problem)
    options.models = options.models or _installed()
    return options


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for and print it; return the rows."""
    options = parse_arguments(arguments)
    given = dict(options.set)
    known = by_key(read_results(options.out))
    rows = []
    for name in options.task:
        task = load_task(name, options.data)
        for split in options.split:
            fold = SPLITS[split](task)
            if fold is None:
                continue
            for model_name in options.models:
                model = MODELS[model_name]
                settings = given if model.takes_settings else {}
                for seed in options.seeds:
                    key = (name, split, model_name, seed, _as_text(settings))
                    if key in known and not options.redo:
                        rows.append(known[key])
                        continue
                    result = measure(
                        task,
                        split,
                        fold,
                        model,
                        seed,
                        settings,
                        cores=options.cores,
                        limit=options.limit,
                    )
                    rows.append(_row(key, result, options.cores))
                    write_result(options.out, rows[-1])
                    print(_one_line(rows[-1]), file=sys.stderr, flush=True)
    results = pd.DataFrame(rows)
    print(to_markdown(summarize(results)) if rows else "Nothing to measure.")
    return results


def _expand(names: list[str], data: Path | None) -> list[str]:
    """Put the names of tasks for the words that stand for several."""
    every = task_names(data)
    real = [name for name in every if name not in GENERATORS]
    groups = {"all": every, "real": real}
    return list(dict.fromkeys(n for name in names for n in groups.get(name, [name])))


def _installed() -> list[str]:
    """Models that can run here; what the others lack is printed."""
    missing = {name: model.why_missing() for name, model in MODELS.items()}
    for name, problem in missing.items():
        if problem:
            print(f"{name} is left out: {problem}", file=sys.stderr)
    return [name for name, problem in missing.items() if not problem]


def _as_text(settings: dict[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True) if settings else ""


def _row(key: Key, result: dict[str, Any], cores: int) -> dict[str, Any]:
    others = {name: package_version(name) for name in PACKAGES}
    return dict(zip(KEY, key, strict=True)) | result | environment(cores) | others


def _one_line(row: dict[str, Any]) -> str:
    name = f"{row['task']} {row['split']} {row['model']} seed {row['seed']}"
    if row["note"]:
        return f"{name}: not measured. {row['note']}"
    return f"{name}: RMSE {row['rmse']:.4g} in {row['fit_seconds']:.1f} s"


if __name__ == "__main__":
    main()
