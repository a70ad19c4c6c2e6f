"""Where the seconds of a fit and of its answers go, and how near the machine's limit.

    python -m benchmarks.speed_profile --out speed_profile.csv

Run it on a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from benchmarks.accuracy import limited_to
from benchmarks.apart import run_apart
from benchmarks.machine_limit import (
    answer_operations,
    measure_limits,
    training_operations,
    widest_product,
)
from benchmarks.made_rows import MadeLaw, places_of
from benchmarks.results import add_settings, append_rows, environment
from benchmarks.speed_reach import epoch_seconds
from benchmarks.speed_tables import to_markdown
from benchmarks.stages import REST, STAGES, StageTimer
from spatialheteroreg import STCGRegressor

ANSWERS = ["fit", "predict", "explain"]
COUNTED = 2_000
"""Rows whose operations are counted."""

Figures = list[dict[str, Any]]


def measure(
    rows: int, features: int, asked: int, cores: int, settings: dict[str, Any]
) -> Figures:
    """Time the stages, measure the machine, and count operations.

    Parameters
    ----------
    rows, features : int
        Size of the generated table.
    asked : int
        Rows to predict and explain.
    cores : int
        Threads.
    settings : dict
        Parameters of STCGRegressor.

    Returns
    -------
    list of dict
        Rows with ``table`` ("stages", "limits" or "work"), ``name``, ``of``,
        ``value`` and ``unit``.
    """
    law = MadeLaw(features, places_of(rows))
    train, test = law.draw(rows, seed=1), law.draw(max(asked, 2 * COUNTED), seed=2)
    X, y, Z = train.frame(), train.target(), test.frame()
    model = STCGRegressor(**{"device": "cpu", "random_state": 0, **settings})
    with limited_to(cores):
        STCGRegressor(max_iter=1).fit(X[:500], y[:500]).explain(Z[:500])
        calls = {
            "fit": lambda: model.fit(X, y),
            "predict": lambda: model.predict(Z),
            "explain": lambda: model.explain(Z),
        }
        seconds: dict[str, dict[str, float]] = {}
        for name, call in calls.items():
            with StageTimer() as timer:
                call()
            seconds[name] = timer.seconds
        sized = _with_sizes(model)
        limits = measure_limits(model.device, widest_product(sized, features))
        epochs = epoch_seconds(model.history_)
        work = {
            "training": (
                training_operations(sized, features),
                rows * model.n_iter_ / epochs,
                limits["float32"].value,
            ),
        }
        for name in ANSWERS[1:]:
            per_row = answer_operations(getattr(model, name), Z, COUNTED)
            pace = len(Z) / sum(seconds[name].values())
            work[name] = per_row, pace, limits["float32"].value
    return [
        *_stage_rows(seconds),
        *(_row("limits", lim.name, "", lim.value, lim.unit) for lim in limits.values()),
        *_work_rows(work),
    ]


def stage_table(figures: pd.DataFrame) -> pd.DataFrame:
    """Write seconds and shares of the stages.

    Parameters
    ----------
    figures : DataFrame
        Rows of :func:`measure`.

    Returns
    -------
    DataFrame
        A line for each stage, a column for each call, of text.
    """
    mine = figures[figures["table"] == "stages"]
    wide = mine.pivot_table(index="name", columns="of", values="value", sort=False)
    wide = wide.reindex(columns=[name for name in ANSWERS if name in wide])
    shares = 100 * wide / wide.sum()
    text = {
        name: [
            "" if pd.isna(value) else f"{value:.3g} ({share:.0f} %)"
            for value, share in zip(wide[name], shares[name], strict=True)
        ]
        for name in wide
    }
    heads = {name: f"{name.capitalize()}, s" for name in wide}
    return (
        pd.DataFrame(text)
        .rename(columns=heads)
        .assign(Stage=wide.index)[["Stage", *heads.values()]]
    )


def limit_table(figures: pd.DataFrame) -> pd.DataFrame:
    """Write the limits of the machine.

    Parameters
    ----------
    figures : DataFrame
        Rows of :func:`measure`.

    Returns
    -------
    DataFrame
        A line for each limit, of text.
    """
    mine = figures[figures["table"] == "limits"]
    values = [
        f"{row.value / 1e9:,.1f} {row.unit}" for row in mine.itertuples(index=False)
    ]
    return pd.DataFrame({"Limit": mine["name"], "Measured": values})


def work_table(figures: pd.DataFrame) -> pd.DataFrame:
    """Write what the network computes, and its share of what the machine can.

    Parameters
    ----------
    figures : DataFrame
        Rows of :func:`measure`.

    Returns
    -------
    DataFrame
        A line for training (a row and epoch), predict and explain, of text.
    """
    mine = figures[figures["table"] == "work"]
    wide = mine.pivot_table(index="of", columns="name", values="value", sort=False)
    return pd.DataFrame(
        {
            "Call": wide.index,
            "kFLOP a row": [f"{v / 1e3:,.0f}" for v in wide["operations"]],
            "Rows/s": [f"{v:,.0f}" for v in wide["pace"]],
            "Share of the limit": [f"{100 * v:.1f} %" for v in wide["share"]],
        }
    )


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for and print it; return the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed_profile",
        description="Seconds by stage, and shares of the machine's limit.",
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--asked", type=int, default=100_000)
    parser.add_argument("--cores", type=int, default=joblib.cpu_count())
    parser.add_argument("--device", default="cpu")
    add_settings(parser)
    parser.add_argument("--out", type=Path, help="CSV file to write the figures to")
    options = parser.parse_args(arguments)
    settings = {"device": options.device, **dict(options.set)}
    sizes = {name: getattr(options, name) for name in ("rows", "features", "asked")}
    rows = run_apart(measure, **sizes, cores=options.cores, settings=settings)
    figures = pd.DataFrame(rows).assign(
        **{name: sizes[name] for name in ("rows", "features", "asked")},
        settings=json.dumps(settings, sort_keys=True),
        **environment(options.cores),
    )
    if options.out is not None:
        options.out.unlink(missing_ok=True)
        append_rows(options.out, figures)
    for table in (stage_table, limit_table, work_table):
        print(f"{to_markdown(table(figures))}\n")
    return figures


def _with_sizes(model: STCGRegressor) -> STCGRegressor:
    """Put the sizes that a fitted model found for itself."""
    sizes = {
        "n_nodes": 1 if model.graph_ is None else model.graph_.n_nodes,
        "n_folds": len(model.net_.module_),
        "batch_size": model.net_.batch_size,
    }
    return STCGRegressor(**{**model.get_params(deep=False), **sizes})


def _stage_rows(seconds: dict[str, dict[str, float]]) -> Figures:
    return [
        _row("stages", stage, of, parts[stage], "s")
        for stage in [*STAGES, REST]
        for of, parts in seconds.items()
        if stage in parts
    ]


def _work_rows(work: dict[str, tuple[float, float, float]]) -> Figures:
    rows = []
    for of, (operations, pace, limit) in work.items():
        rows += [
            _row("work", "operations", of, operations, "FLOP"),
            _row("work", "pace", of, pace, "rows/s"),
            _row("work", "share", of, operations * pace / limit, ""),
        ]
    return rows


def _row(table: str, name: str, of: str, value: float, unit: str) -> dict[str, Any]:
    return {"table": table, "name": name, "of": of, "value": value, "unit": unit}


if __name__ == "__main__":
    main()
