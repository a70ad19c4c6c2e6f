"""What each part of the method is worth: the paper's experiments as ablations.

    python -m benchmarks.ablations --data PATH --seeds 0 1 2 --out ablations.csv

A run that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.ablation_fits import MEASURES
from benchmarks.ablation_report import to_markdown, write_report
from benchmarks.ablation_studies import REAL, STUDIES, VARIANTS, load
from benchmarks.apart import run_apart
from benchmarks.results import (
    add_settings,
    append_rows,
    environment,
    read_groups,
)
from benchmarks.tasks import Task, add_data

KEY = ["measures", "task", "split", "variant", "seed", "settings"]
TEXTS = ["settings", "where", "feature"]
COLUMNS = [*KEY, *TEXTS[1:], "n_train", "n_test", "n_sites", "rmse", "r2"]
COLUMNS += [
    "explanation_r2",
    "share",
    "within",
    "leads",
    "slope",
    "slope_size",
    "correlation",
]
COLUMNS += ["fit_seconds", "memory_mib"]

TASKS = sorted({task for study in STUDIES.values() for task, _ in study.places})

Key = tuple[Any, ...]


def plan(studies: Sequence[str], seeds: Sequence[int], settings: str) -> Iterator[Key]:
    """List what is to be measured, each once: studies share their fits.

    Parameters
    ----------
    studies : sequence of str
        Names of studies.
    seeds : sequence of int
        Seeds of the models.
    settings : str
        What ``--set`` says, as JSON.

    Yields
    ------
    tuple
        Values of ``KEY``.
    """
    seen = set()
    for seed in seeds:
        for study in (STUDIES[name] for name in studies):
            for task, split in study.places:
                for variant in study.variants:
                    key = (study.measures, task, split, variant, seed, settings)
                    if key not in seen:
                        seen.add(key)
                        yield key


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablations",
        description="STCGRegressor with parts left out or changed.",
    )
    add_data(parser)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(STUDIES),
        default=list(STUDIES),
        help="studies to run; all by default",
    )
    parser.add_argument(
        "--task",
        nargs="+",
        metavar="NAME",
        choices=TASKS,
        default=TASKS,
        help=f"tasks to run on: {', '.join(TASKS)}; all by default",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    add_settings(parser)
    parser.add_argument(
        "--out",
        type=Path,
        help="CSV file to add results to; what is already in it is not run again",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FOLDER",
        help="write the tables and figures of the documentation into its folder",
    )
    options = parser.parse_args(arguments)
    options.given = dict(options.set)
    text = json.dumps(options.given, sort_keys=True) if options.set else ""
    options.plan = [
        key for key in plan(options.only, options.seeds, text) if key[1] in options.task
    ]
    if not options.plan:
        parser.error("none of these studies is made on one of these tasks.")
    if options.data is None and any(key[1] in REAL for key in options.plan):
        parser.error("say where the data are: --data PATH, or set STCG_DATA.")
    return options


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for and print it; return the rows."""
    options = parse_arguments(arguments)
    known = read_groups(options.out, KEY, TEXTS)
    tasks: dict[str, Task] = {}
    parts = []
    for key in options.plan:
        measures, name, split, variant, seed, _ = key
        if key not in known:
            if name not in tasks:
                tasks[name] = load(name, options.data)
            settings = {**options.given, **VARIANTS[variant]}
            rows = run_apart(MEASURES[measures], tasks[name], split, seed, settings)
            known[key] = _frame(key, rows)
            append_rows(options.out, known[key])
            print(_one_line(key, rows), file=sys.stderr, flush=True)
        parts.append(known[key])
    results = pd.concat(parts, ignore_index=True)
    print(to_markdown(results, options.only))
    if options.report is not None:
        write_report(results, options.only, options.report)
    return results


def _frame(key: Key, rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).assign(**dict(zip(KEY, key, strict=True)))
    frame = frame.reindex(columns=COLUMNS)
    texts = {name: frame[name].astype(object).fillna("") for name in TEXTS}
    return frame.assign(**texts, **environment())


def _one_line(key: Key, rows: list[dict[str, Any]]) -> str:
    first = rows[0]
    error = f"RMSE {first['rmse']:.4g}, " if "rmse" in first else ""
    return (
        f"{key[1]} {key[2]} {key[3]} seed {key[4]}: {error}"
        f"{first['fit_seconds']:.1f} s, {first['memory_mib']:.0f} MiB"
    )


if __name__ == "__main__":
    main()
