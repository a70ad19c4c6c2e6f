"""Seconds and memory of fits, predictions and explanations, beside other models.

    python -m benchmarks.speed --out speed.csv

A run that was stopped goes on with the same command. Run it on a machine with nothing
else to do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from benchmarks.models import MODELS
from benchmarks.results import (
    add_settings,
    append_rows,
    environment,
    package_version,
    read_groups,
)
from benchmarks.speed_answers import OWN, RATES, TREES
from benchmarks.speed_bounds import bound_cases, bounds_table
from benchmarks.speed_cases import CASE, KEY, PEERS_ON, SIZES, Case, plan
from benchmarks.speed_fits import FIGURES, measure_case
from benchmarks.speed_tables import speed_tables, to_markdown
from benchmarks.tasks import add_data

TEXTS = ["nodes", "steps", "folds", "models", "settings", "model", "details", "note"]
COLUMNS = [*KEY, "model", "n_train", "n_asked", *FIGURES, "details", "note"]
PACKAGES = ["pytorch-tabnet", "gnnwr", "mgwr", "shap"]
PEERS = [TREES, "tabnet", "gnnwr", "mgwr"]

Key = tuple[Any, ...]
Job = tuple[Case, dict[str, Any], list[str]]


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Seconds and memory of STCGRegressor beside other models.",
    )
    parser.add_argument(
        "--axis",
        nargs="+",
        choices=[*SIZES, "none"],
        default=list(SIZES),
        help="sizes to vary, one at a time; all by default",
    )
    for axis, sizes in SIZES.items():
        parser.add_argument(
            f"--{axis}",
            nargs="+",
            type=int,
            metavar="N",
            help=f"sizes along this axis (default: {sizes}"
            + (", up to 1,000,000 on a CPU)" if axis == "rows" else ")"),
        )
    parser.add_argument(
        "--task",
        nargs="+",
        default=[],
        metavar="NAME",
        help="tables of the folder of data to measure too; all their rows are taken",
    )
    parser.add_argument(
        "--bounds",
        action="store_true",
        help="measure what has a bound to keep, and no axes; print what is kept",
    )
    add_data(parser)
    parser.add_argument(
        "--models",
        nargs="+",
        choices=[OWN, *PEERS],
        help="default: all whose packages are installed",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    add_settings(parser)
    parser.add_argument(
        "--device", default="cpu", help="of STCGRegressor (default: cpu)"
    )
    parser.add_argument(
        "--cores",
        type=int,
        default=joblib.cpu_count(),
        help="threads of every model (default: all)",
    )
    parser.add_argument(
        "--asked",
        type=int,
        default=100_000,
        metavar="N",
        help="rows to predict and explain (default: 100,000)",
    )
    parser.add_argument(
        "--repeats",
        type=int,
        default=3,
        help="times that an answer is timed, unless it takes long (default: 3)",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=3600.0,
        help="seconds for a fit, and for the answers of a model (default: 3600)",
    )
    parser.add_argument(
        "--over-limits",
        action="store_true",
        help="give GNNWR and MGWR more rows than they are meant for",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="CSV file to add results to; what is already in it is not run again",
    )
    options = parser.parse_args(arguments)
    for name in options.models or []:
        if problem := MODELS[name].why_missing():
            parser.error(problem)
    options.models = options.models or _installed()
    options.cases = _cases(options)
    if not options.cases:
        parser.error("nothing is to be measured: name an --axis or a --task.")
    if options.data is None and any(job[0].task != "made" for job in options.cases):
        parser.error("say where the data are: --data PATH, or set STCG_DATA.")
    return options


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for and print it; return the rows."""
    options = parse_arguments(arguments)
    given = {"device": options.device, **dict(options.set)}
    known = read_groups(options.out, KEY, TEXTS)
    parts = []
    for seed in options.seeds:
        for case, more, models in options.cases:
            settings = {**given, **more}
            key = _key(case, models, seed, settings)
            if key not in known:
                rows = measure_case(
                    case,
                    models,
                    seed,
                    settings,
                    data=options.data,
                    n_asked=options.asked,
                    cores=options.cores,
                    limit=options.limit,
                    over_limits=options.over_limits,
                    repeats=options.repeats,
                )
                known[key] = _frame(key, rows, options.cores)
                append_rows(options.out, known[key])
                for row in rows:
                    print(_one_line(case, row), file=sys.stderr, flush=True)
            parts.append(known[key])
    results = pd.concat(parts, ignore_index=True)
    for title, table in speed_tables(results).items():
        print(f"{title}\n\n{to_markdown(table)}\n")
    if options.bounds:
        print(f"Bounds\n\n{to_markdown(bounds_table(results))}")
    return results


def _cases(options: argparse.Namespace) -> list[Job]:
    """Cases, each with parameters that it alone has and the models to measure."""
    if options.bounds:
        wanted = bound_cases()
    else:
        axes = [axis for axis in options.axis if axis != "none"]
        sizes = {axis: getattr(options, axis) for axis in SIZES}
        found = plan(axes, sizes, options.task, device=options.device)
        wanted = [
            (case, {}, [OWN, *PEERS] if case.axis in PEERS_ON else [OWN])
            for case in found
        ]
    jobs = [
        (case, more, [name for name in models if name in options.models])
        for case, more, models in wanted
    ]
    return [job for job in jobs if job[2]]


def _installed() -> list[str]:
    """Models that can run here; what the others lack is printed."""
    missing = {name: MODELS[name].why_missing() for name in [OWN, *PEERS]}
    for name, problem in missing.items():
        if problem:
            print(f"{name} is left out: {problem}", file=sys.stderr)
    return [name for name, problem in missing.items() if not problem]


def _key(case: Case, models: list[str], seed: int, settings: dict[str, Any]) -> Key:
    """Say what is measured together, and so compared."""
    text = json.dumps(settings, sort_keys=True)
    return (*(getattr(case, name) for name in CASE), " ".join(models), seed, text)


def _frame(key: Key, rows: list[dict[str, Any]], cores: int) -> pd.DataFrame:
    frame = pd.DataFrame(rows).assign(**dict(zip(KEY, key, strict=True)))
    frame = frame.reindex(columns=COLUMNS)
    texts = {name: frame[name].astype(object).fillna("") for name in TEXTS}
    others = {name: package_version(name) for name in PACKAGES}
    return frame.assign(**texts, **environment(cores), **others)


def _one_line(case: Case, row: dict[str, Any]) -> str:
    note = f" {row['note']}" if row["note"] else ""
    if not row["fit_seconds"] > 0:
        return f"{case.label} {row['model']}: not measured.{note}"
    rates = ", ".join(f"{row[name]:,.0f}" for name in RATES if row[name] > 0)
    cost = f"{row['fit_seconds']:.1f} s, {row['memory_mib']:.0f} MiB"
    error = f"RMSE {row['rmse']:.4g}"
    return f"{case.label} {row['model']}: {error} in {cost}, rows/s {rates}.{note}"


if __name__ == "__main__":
    main()
