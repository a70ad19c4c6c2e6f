"""What is measured on: tables with a target, and the ways to split them."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils import Bunch

from spatialheteroreg.datasets import (
    make_drifting_globe,
    make_geoshapley_grid,
    make_heterogeneous_globe,
    make_mgwr_grid,
    make_regional_globe,
)

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]

MAX_ROWS = 60_000


@dataclass(frozen=True)
class Task:
    """A table, its target and what the splits need to know.

    `X` holds the features and the coordinates under their own names;
    categorical features have the dtype ``category``. `planar` coordinates lie on a
    plane instead of on the globe.
    """

    name: str
    X: pd.DataFrame
    y: NDArray[np.float64]
    lat: str
    lon: str
    time: str | None
    groups: NDArray[Any]
    time_holdout: Any = None
    fixed_split: NDArray[Any] | None = None
    planar: bool = False


def task_names(data: Path | None) -> list[str]:
    """Names of the generated tasks, and of those in a folder."""
    real = [] if data is None else list(_read_tasks(data))
    return [*GENERATORS, *real]


def load_task(name: str, data: Path | None = None, *, whole: bool = False) -> Task:
    """Load a task of the folder's ``tasks.json``, or generate one.

    Of a table of the folder with more than ``MAX_ROWS`` rows so many are drawn, if it
    is not wanted `whole`.
    """
    if name in GENERATORS:
        return GENERATORS[name]()
    if data is None:
        raise ValueError(f"Task {name!r} needs the folder of its data: --data.")
    tasks = _read_tasks(data)
    if name not in tasks:
        known = ", ".join([*GENERATORS, *tasks])
        raise ValueError(f"Unknown task {name!r}; there are {known}.")
    about = tasks[name]
    table = pd.read_parquet(data / f"{name}.parquet")
    if not whole and len(table) > MAX_ROWS:
        table = table.sample(MAX_ROWS, random_state=0)
    table = table.reset_index(drop=True)

    lat, lon, time = about["lat"], about["lon"], about["time"]
    # In this order: trees that draw columns at random depend on it, by up to 3 %.
    columns = [lat, lon, *about["features"], *([] if time is None else [time])]
    X = table[columns].copy()
    for column in about["categorical"]:
        X[column] = X[column].astype("category")
    y = table[about["target"]].to_numpy(dtype=np.float64)
    fixed = about.get("fixed_split")
    return Task(
        name=name,
        X=X,
        y=np.log(y) if about.get("target_transform") == "log" else y,
        lat=lat,
        lon=lon,
        time=time,
        groups=_groups(about["group"], table, lat, lon),
        time_holdout=about["time_holdout"],
        fixed_split=None if fixed is None else table[fixed].to_numpy(),
    )


def globe_task(
    n_samples: int = 40_000, n_locations: int = 2_000, noise: float = 0.1
) -> Task:
    """Generate the simulated globe."""
    made = make_heterogeneous_globe(n_samples, n_locations, noise=noise, random_state=0)
    return _globe("globe", made, "2005-01-01")


def region_task(n_samples: int = 10_000, n_locations: int = 500) -> Task:
    """Generate features that matter in one region, not at all, or twice."""
    made = make_regional_globe(n_samples, n_locations, random_state=0)
    return _globe("region", made, "2005-01-01")


def drift_task(n_samples: int = 10_000, n_locations: int = 500) -> Task:
    """Generate effects that change over twenty years."""
    made = make_drifting_globe(n_samples, n_locations, random_state=0)
    return _globe("drift", made, "2017-01-01")


def mgwr_task(n_side: int = 25) -> Task:
    """Generate the design of MGWR."""
    return _grid("mgwr", make_mgwr_grid(n_side, random_state=0))


def geoshapley_task(n_side: int = 50) -> Task:
    """Generate the design of GeoShapley."""
    return _grid("geoshapley", make_geoshapley_grid(n_side, random_state=0))


GENERATORS: dict[str, Callable[[], Task]] = {
    "globe": globe_task,
    "region": region_task,
    "drift": drift_task,
    "mgwr": mgwr_task,
    "geoshapley": geoshapley_task,
}
"""Tasks whose truth is known; they need no data."""


def random_split(task: Task) -> Fold | None:
    """Fill gaps among known places and times."""
    folds = KFold(5, shuffle=True, random_state=0)
    return next(folds.split(task.X))


def grouped_split(task: Task) -> Fold | None:
    """Predict at places that were never seen."""
    folds = GroupKFold(5, shuffle=True, random_state=0)
    return next(folds.split(task.X, groups=task.groups))


def time_split(task: Task) -> Fold | None:
    """Predict the future."""
    if task.time_holdout is None:
        return None
    time = task.X[task.time]
    is_date = pd.api.types.is_datetime64_any_dtype(time)
    holdout = pd.Timestamp(task.time_holdout) if is_date else task.time_holdout
    return _fold((time >= holdout).to_numpy())


def fixed_split(task: Task) -> Fold | None:
    """Use the split that came with the data."""
    if task.fixed_split is None:
        return None
    return _fold(task.fixed_split == "test")


SPLITS: dict[str, Callable[[Task], Fold | None]] = {
    "random": random_split,
    "grouped": grouped_split,
    "time": time_split,
    "fixed": fixed_split,
}
"""Ways to split a task; each gives (train, test), or None where it does not apply."""


def as_moments(time: pd.Series) -> NDArray[np.float64]:
    """Give times as numbers that keep their order."""
    if pd.api.types.is_datetime64_any_dtype(time):
        return time.to_numpy(dtype="datetime64[s]").astype(np.float64)
    return time.to_numpy(dtype=np.float64)


def _globe(name: str, made: Bunch, time_holdout: str) -> Task:
    """Hold out places, or the last years."""
    return Task(
        name=name,
        X=made.data,
        y=made.target.to_numpy(),
        lat="lat",
        lon="lon",
        time="time",
        groups=made.location.to_numpy(),
        time_holdout=time_holdout,
    )


def _grid(name: str, made: Bunch) -> Task:
    """Hold out squares of five by five points."""
    groups = _groups("block:5", made.data, "v", "u")
    y = made.target.to_numpy()
    return Task(name, made.data, y, "v", "u", None, groups, planar=True)


def _fold(is_test: NDArray[np.bool_]) -> Fold:
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def add_data(parser: argparse.ArgumentParser) -> None:
    """Let a command be told where the real data are."""
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("STCG_DATA"),
        help="folder with tasks.json and the Parquet files (default: $STCG_DATA)",
    )


def _read_tasks(data: Path) -> dict[str, Any]:
    path = data / "tasks.json"
    if not path.exists():
        raise FileNotFoundError(
            f"No tasks.json in {data}: --data names the folder with tasks.json and "
            "one Parquet file for each task."
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _groups(rule: str, table: pd.DataFrame, lat: str, lon: str) -> NDArray[Any]:
    """Groups from a column, or from blocks of S degrees for ``block:S``."""
    if not rule.startswith("block:"):
        return table[rule].to_numpy()
    size = float(rule.removeprefix("block:"))
    rows, columns = (np.floor(table[name] / size).astype(int) for name in (lat, lon))
    # GroupKFold deals groups out in the order of their labels: as text, as the
    # published figures were measured.
    return (rows.astype(str) + "_" + columns.astype(str)).to_numpy()
