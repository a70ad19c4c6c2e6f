"""What each parameter is worth: one changed at a time, on splits of a task.

    python -m benchmarks.tuning --data PATH --split grouped time --out tuning.csv

A run that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import joblib
import pandas as pd

from benchmarks import accuracy

RANGES = {
    "max_iter": [15, 60],
    "learning_rate": [0.001, 0.01],
    "batch_size": [256, 1024],
    "dropout": [0.0, 0.3],
    "weight_decay": [0.01, 0.5],
    "place_dropout": [0.0, 0.6],
    "condition_dropout": [0.0, 0.3],
    "n_nodes": [20, 60],
    "n_attached": [4, 16],
    "d_token": [8, 32],
    "d_condition": [32, 128],
}
"""Values around the default; `docs/tuning.rst` has the figures of all of them."""

BASE = "n_folds=1"
"""Set in all fits: with one network they take a fifth of the time."""


def measure_all(options: argparse.Namespace) -> pd.DataFrame:
    """Fit the defaults, then each value of each parameter."""
    settings = [
        f"{name}={value}" for name in options.parameters for value in RANGES[name]
    ]
    common = ["--data", str(options.data), "--task", options.task, "--models", "stcg"]
    common += ["--out", str(options.out), "--seeds", *map(str, options.seeds)]
    common += ["--split", *options.split, "--set", BASE]
    common += ["--cores", str(options.cores)]
    changes = [[], *(["--set", setting] for setting in settings)]
    rows = [accuracy.main([*common, *change]) for change in changes]
    return pd.concat(rows, ignore_index=True)


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Error of each setting over that of the defaults, one column a split."""
    errors = rows.pivot_table("rmse", "settings", "split", sort=False)
    return errors / errors.iloc[0]


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for, print the ratios and return them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning")
    parser.add_argument("--data", type=Path, default=os.environ.get("STCG_DATA"))
    parser.add_argument("--task", default="fluxnet_monthly")
    parser.add_argument("--split", nargs="+", default=["all"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--cores", type=int, default=joblib.cpu_count())
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--parameters", nargs="+", choices=list(RANGES), default=list(RANGES)
    )
    options = parser.parse_args(arguments)
    table = ratios(measure_all(options))
    print(table.round(3).to_string())
    return table


if __name__ == "__main__":
    main()
