"""Held-out accuracy on real data, beside boosted trees.

python -m benchmarks.accuracy --task fluxnet_monthly --data PATH
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score, root_mean_squared_error

from benchmarks.tasks import GLOBE, SPLITS, Fold, Task, load_task, task_names
from spatialheteroreg import STCGRegressor

KEY = ["task", "split", "model", "seed", "settings"]
PACKAGES = ["spatialheteroreg", "torch", "scikit-learn", "lightgbm", "numpy", "pandas"]


@dataclass(frozen=True)
class Model:
    """How to make an estimator for a seed, and which view of X it takes."""

    make: Callable[..., Any]
    encode: Callable[[Task], pd.DataFrame]
    takes_settings: bool = False


def as_it_is(task: Task) -> pd.DataFrame:
    """Give the table itself, with its coordinates under names that are found."""
    return task.X.rename(columns={task.lat: "lat", task.lon: "lon", task.time: "time"})


def dates_as_numbers(task: Task) -> pd.DataFrame:
    """Give a date as year and day of the year, and a number as it is."""
    if task.time is None or not hasattr(task.X[task.time], "dt"):
        return task.X
    date = task.X[task.time].dt
    numbers = {"year": date.year, "day_of_year": date.day_of_year}
    return task.X.drop(columns=task.time).assign(**numbers)


def make_stcg(seed: int, **settings: Any) -> STCGRegressor:
    return STCGRegressor(random_state=seed, **settings)


def make_stcg_nocondition(seed: int, **settings: Any) -> STCGRegressor:
    return STCGRegressor(random_state=seed, **{**settings, "condition": "none"})


def make_lightgbm(seed: int) -> Any:
    # Imported here: the other models run without it.
    from lightgbm import LGBMRegressor

    return LGBMRegressor(
        n_estimators=800,
        learning_rate=0.03,
        num_leaves=31,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.7,
        min_child_samples=10,
        random_state=seed,
        verbose=-1,
    )


def make_hgb(seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        categorical_features="from_dtype", random_state=seed
    )


MODELS = {
    "lightgbm": Model(make_lightgbm, dates_as_numbers),
    "hgb": Model(make_hgb, dates_as_numbers),
    "stcg": Model(make_stcg, as_it_is, takes_settings=True),
    "stcg-nocondition": Model(make_stcg_nocondition, as_it_is, takes_settings=True),
}


def default_models(task: str) -> list[str]:
    names = ["lightgbm", "stcg", "stcg-nocondition"]
    return [*names, "hgb"] if task == GLOBE else names


def measure(
    task: Task, fold: Fold, model: Model, seed: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """Fit on one part, predict the other: errors and seconds."""
    train, test = fold
    X = model.encode(task)
    estimator = model.make(seed, **settings)
    start = time.perf_counter()
    estimator.fit(X.iloc[train], task.y[train])
    fitted = time.perf_counter()
    prediction = estimator.predict(X.iloc[test])
    done = time.perf_counter()
    return {
        "n_train": len(train),
        "n_test": len(test),
        "rmse": root_mean_squared_error(task.y[test], prediction),
        "r2": r2_score(task.y[test], prediction),
        "fit_seconds": fitted - start,
        "predict_seconds": done - fitted,
    }


def environment() -> dict[str, Any]:
    """Say where and with what a row was measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": _commit(),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "cores": joblib.cpu_count(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def summarize(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over the seeds, beside LightGBM on the same split."""
    keys = ["task", "split", "model", "settings"]
    table = rows.groupby(keys, sort=False, as_index=False).agg(
        seeds=("seed", "nunique"),
        rmse=("rmse", "mean"),
        spread=("rmse", "std"),
        r2=("r2", "mean"),
        seconds=("fit_seconds", "mean"),
    )
    reference = table[table["model"] == "lightgbm"].set_index(["task", "split"])["rmse"]
    place = pd.MultiIndex.from_frame(table[["task", "split"]])
    table["ratio"] = table["rmse"].to_numpy() / reference.reindex(place).to_numpy()
    return table


def to_markdown(table: pd.DataFrame) -> str:
    """Write the summary as a markdown table."""
    lines = [
        "| task | split | model | RMSE | R2 | RMSE / LightGBM | fit, s | seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        model = f"{row.model} {row.settings}".strip()
        spread = "" if np.isnan(row.spread) else f" ± {row.spread:.2g}"
        ratio = "" if np.isnan(row.ratio) else f"{row.ratio:.3f}"
        lines.append(
            f"| {row.task} | {row.split} | {model} | {row.rmse:.4g}{spread} "
            f"| {row.r2:.3f} | {ratio} | {row.seconds:.1f} | {row.seeds} |"
        )
    return "\n".join(lines)


def parse_setting(text: str) -> tuple[str, Any]:
    """Read ``name=value``; a value that is no Python literal is a string."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value.")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description="Held-out accuracy of STCGRegressor beside boosted trees.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("STCG_DATA"),
        help="folder with tasks.json and the Parquet files (default: $STCG_DATA)",
    )
    parser.add_argument(
        "--task",
        action="append",
        metavar="NAME",
        help="a task of tasks.json, 'globe' (generated) or 'all'; may be repeated "
        "(default: fluxnet_monthly)",
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
        help="default: lightgbm, stcg and stcg-nocondition, for globe hgb too",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--set",
        action="append",
        type=parse_setting,
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of STCGRegressor; may be repeated",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="CSV file to add results to; what is already in it is not run again",
    )
    options = parser.parse_args(arguments)
    options.task = options.task or ["fluxnet_monthly"]
    if "all" in options.task:
        options.task = task_names(options.data)
    if "all" in options.split:
        options.split = list(SPLITS)
    if options.data is None and options.task != [GLOBE]:
        parser.error("say where the data are: --data PATH, or set STCG_DATA.")
    return options


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for and print it; return the rows."""
    options = parse_arguments(arguments)
    given = dict(options.set)
    known = _read_results(options.out)
    rows = []
    for name in options.task:
        task = load_task(name, options.data)
        for split in options.split:
            fold = SPLITS[split](task)
            if fold is None:
                continue
            for model_name in options.models or default_models(name):
                model = MODELS[model_name]
                settings = given if model.takes_settings else {}
                for seed in options.seeds:
                    text = json.dumps(settings, sort_keys=True) if settings else ""
                    key = (name, split, model_name, seed, text)
                    if key in known:
                        rows.append(known[key])
                        continue
                    result = measure(task, fold, model, seed, settings)
                    rows.append(dict(zip(KEY, key, strict=True)) | result)
                    rows[-1] |= environment()
                    _append(options.out, rows[-1])
                    print(
                        f"{name} {split} {model_name} seed {seed}: "
                        f"RMSE {result['rmse']:.4g} in {result['fit_seconds']:.1f} s",
                        file=sys.stderr,
                        flush=True,
                    )
    results = pd.DataFrame(rows)
    print(to_markdown(summarize(results)) if rows else "Nothing to measure.")
    return results


def _read_results(path: Path | None) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows of an earlier run, by what they measure."""
    if path is None or not path.exists():
        return {}
    rows = pd.read_csv(path, dtype={"settings": str}).fillna({"settings": ""})
    return {tuple(row[name] for name in KEY): row for row in rows.to_dict("records")}


def _append(path: Path | None, row: dict[str, Any]) -> None:
    """Add one row at once, so that a run that is stopped loses nothing."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    if not is_new and list(pd.read_csv(path, nrows=0)) != list(row):
        raise ValueError(
            f"{path} has other columns than this version writes. Name a new file."
        )
    pd.DataFrame([row]).to_csv(path, mode="a", header=is_new, index=False)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """Short hash of the checkout, marked when files differ; empty outside of git."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


if __name__ == "__main__":
    main()
