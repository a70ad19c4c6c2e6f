"""Effects beside the true ones, on designs whose law is known.

    python -m benchmarks.truth --design mgwr --out truth.csv

A run that was stopped goes on with the same command.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.results import (
    add_settings,
    append_rows,
    environment,
    first_line,
    package_version,
    read_groups,
    time_limit,
)
from benchmarks.truth_designs import DESIGNS, Scenario
from benchmarks.truth_models import DEFAULT_MODELS, MODELS, Model
from benchmarks.truth_scores import SCORES, NotMeasuredError, score

KEY = ["design", "rows", "model", "seed", "settings"]
TEXTS = ["settings", "where", "feature", "note"]
PACKAGES = ["shap", "geoshapley", "mgwr", "gnnwr"]
COLUMNS = [*KEY, "where", "feature", *SCORES]
COLUMNS += ["n_train", "n_judged", "fit_seconds", "answer_seconds", "note"]

# What the printed table shows: head, column, digits.
SHOWN = [
    ("slope r", "slope_corr", 3),
    ("slope RMSE", "slope_rmse", 3),
    ("contribution r", "contribution_corr", 3),
    ("contribution RMSE", "contribution_rmse", 3),
    ("rank", "rank", 2),
    ("RMSE of y", "y_rmse", 3),
    ("to the truth", "truth_rmse", 3),
    ("slopes covered", "slope_coverage", 2),
    ("y covered", "interval_coverage", 2),
    ("false signal", "false_signal", 3),
    ("fit, s", "fit_seconds", 1),
    ("answer, s", "answer_seconds", 1),
]


def measure(
    scenario: Scenario,
    model: Model,
    seed: int,
    settings: dict[str, Any],
    limit: float | None = None,
) -> list[dict[str, Any]]:
    """Fit and ask; what cannot be had becomes a row with a note.

    Parameters
    ----------
    scenario : Scenario
        Rows to train on, rows to judge by.
    model : Model
        The model.
    seed : int
        Seed of the model.
    settings : dict
        Parameters of STCGRegressor.
    limit : float, default=None
        Seconds for the fit, and again for each kind of rows.

    Returns
    -------
    list of dict
        Scores of all kinds of rows, by feature and in the mean.
    """
    common: dict[str, Any] = {"n_train": len(scenario.train.y)}
    start = time.perf_counter()
    try:
        with time_limit(limit):
            answer = model.fit(scenario, seed, settings)
    except Exception as error:
        # The other models go on.
        return [{**common, "where": "all", "note": _first_line(error)}]
    common["fit_seconds"] = time.perf_counter() - start
    rows: list[dict[str, Any]] = []
    for where, judged in scenario.judged().items():
        asked = judged.sample(model.rows_of(scenario) or len(judged.y))
        start = time.perf_counter()
        try:
            with time_limit(limit):
                said = answer(where, asked)
        except Exception as error:
            rows.append({**common, "where": where, "note": _first_line(error)})
            continue
        seconds = time.perf_counter() - start
        about = {"n_judged": len(asked.y), "answer_seconds": seconds}
        rows += [
            {**common, **about, "where": where, **scores}
            for scores in score(scenario, asked, said)
        ]
    return rows


def summarize(results: pd.DataFrame) -> pd.DataFrame:
    """Mean over the seeds, of the rows that are means over the features."""
    noted = results["note"] != ""
    rows = results[(results["feature"] == "mean") | noted]
    keys = ["design", "rows", "model", "settings", "where"]
    figures = [column for _, column, _ in SHOWN]
    table = rows.groupby(keys, sort=False, as_index=False).agg(
        {
            **dict.fromkeys(figures, "mean"),
            "seed": "nunique",
            "note": lambda notes: " ".join(sorted(set(notes) - {""})),
        }
    )
    return table.rename(columns={"seed": "seeds"})


def to_markdown(summary: pd.DataFrame) -> str:
    """Write a table for each design, without columns that nobody fills."""
    parts = []
    for (design, n_rows), table in summary.groupby(["design", "rows"], sort=False):
        shown = [(h, c, d) for h, c, d in SHOWN if table[c].notna().any()]
        heads = ["model", "rows", *(head for head, _, _ in shown), "seeds"]
        lines = [f"{design}, {n_rows} rows", "", f"| {' | '.join(heads)} |"]
        lines.append("|" + "---|" * len(heads))
        for _, row in table.iterrows():
            cells = [f"{row['model']} {row['settings']}".strip(), row["where"]]
            cells += [
                "" if np.isnan(row[column]) else f"{row[column]:.{digits}f}"
                for _, column, digits in shown
            ]
            lines.append(f"| {' | '.join(cells)} | {row['seeds']} |")
        notes = table[table["note"] != ""]
        lines += [
            f"\n{row['model']}, {row['where']}: not measured. {row['note']}"
            for _, row in notes.iterrows()
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.truth",
        description="Learned effects beside the true ones of simulated designs.",
    )
    parser.add_argument(
        "--design", nargs="+", choices=list(DESIGNS), default=list(DESIGNS)
    )
    parser.add_argument(
        "--models",
        nargs="+",
        choices=list(MODELS),
        help="default: those that can run on the design",
    )
    parser.add_argument("--rows", type=int, help="rows of a design")
    parser.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[0],
        help="a seed draws the rows, and starts the model",
    )
    add_settings(parser)
    parser.add_argument(
        "--limit",
        type=float,
        default=3600.0,
        help="seconds for a fit, and for each of its answers (not on Windows)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="CSV file to add results to; what is already in it is not run again",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for and print it; return the rows."""
    options = parse_arguments(arguments)
    given = dict(options.set)
    known = read_groups(options.out, KEY, TEXTS)
    parts = []
    for name in options.design:
        design = DESIGNS[name]
        n_rows = options.rows or design.rows
        for seed in options.seeds:
            scenario = None
            for model_name in options.models or DEFAULT_MODELS[name]:
                model = MODELS[model_name]
                settings = given if model.takes_settings else {}
                text = json.dumps(settings, sort_keys=True) if settings else ""
                key = (name, n_rows, model_name, seed, text)
                if key in known:
                    parts.append(known[key])
                    continue
                if scenario is None:
                    scenario = design.make(n_rows, seed)
                rows = measure(scenario, model, seed, settings, options.limit)
                parts.append(_frame(key, rows))
                append_rows(options.out, parts[-1])
                print(_one_line(parts[-1]), file=sys.stderr, flush=True)
    results = pd.concat(parts, ignore_index=True)
    print(to_markdown(summarize(results)))
    return results


def _frame(key: tuple[Any, ...], rows: list[dict[str, Any]]) -> pd.DataFrame:
    about = environment() | {name: package_version(name) for name in PACKAGES}
    frame = pd.DataFrame(rows).assign(**dict(zip(KEY, key, strict=True)))
    frame = frame.reindex(columns=COLUMNS)
    texts = {name: frame[name].astype(object).fillna("") for name in TEXTS}
    return frame.assign(**texts, **about)


def _one_line(frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    name = f"{first['design']} {first['model']} seed {first['seed']}"
    notes = set(frame["note"]) - {""}
    means = frame[frame["feature"] == "mean"]
    if means.empty:
        return f"{name}: {' '.join(sorted(notes))}"
    figures = ", ".join(
        f"{row['where']} {row['slope_corr']:.3f}/{row['contribution_corr']:.3f}"
        for _, row in means.iterrows()
    )
    return f"{name}: slopes/contributions {figures}; fit {first['fit_seconds']:.1f} s"


def _first_line(error: Exception) -> str:
    if isinstance(error, NotMeasuredError):
        return str(error)
    return first_line(error)


if __name__ == "__main__":
    main()
