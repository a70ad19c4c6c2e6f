"""Write results of the accuracy benchmark as a page with tables and a figure.

python -m benchmarks.report accuracy.csv --out docs/benchmarks
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.report_figure import draw_ratios
from benchmarks.results import KEY, read_results
from benchmarks.summary import (
    CASE,
    label,
    mean_and_spread,
    n_real_cases,
    overall,
    summarize,
)
from benchmarks.tasks import GENERATORS, SPLITS

VERSIONS = ["python", "torch", "scikit-learn", "lightgbm", "xgboost", "catboost"]
VERSIONS += ["pytorch-tabnet", "pytabkit", "mgwr", "gnnwr", "numpy", "pandas"]

HEAD = """\
Accuracy
========

.. Written by ``python -m benchmarks.report``; what is changed here by hand is lost.

Root mean squared error on held-out rows, in units of the target; lower is better. Mean
and standard deviation over the seeds of the model; the folds stay the same, and every
model gets the same rows and cores. :doc:`/benchmarks` says what models and splits are.

.. code-block:: console

   $ python -m benchmarks.accuracy --data PATH --out accuracy.csv
   $ python -m benchmarks.report accuracy.csv --out docs/benchmarks
"""

OVERALL = """\
All real data
-------------

Ratio of the error to that of LightGBM: the geometric mean over the {n} splits of the
real tasks, the same to tuned LightGBM, and the largest. Models that could not be run on
all splits come last; their means are over fewer.
"""

FIGURE = """\
.. figure:: {name}
   :alt: Ratio of the error of each model to that of LightGBM, by task and split
   :class: on-white

   Error of each model over that of LightGBM, on the same rows; left of the line it is
   better. Arrows point to what lies outside.
"""


def page(rows: pd.DataFrame, figure: str) -> str:
    """Write the page.

    Parameters
    ----------
    rows : DataFrame
        Results of the accuracy benchmark.
    figure : str
        Name of the picture, beside the page.

    Returns
    -------
    str
        The page, as reStructuredText.
    """
    summary = summarize(rows)
    parts = [HEAD]
    if n_cases := n_real_cases(summary):
        parts += [OVERALL.format(n=n_cases), overall_table(summary)]
    parts.append(FIGURE.format(name=figure))
    for task in _tasks(summary):
        parts += [_title(task), task_table(summary[summary["task"] == task])]
    parts += [_title("Not measured"), _not_measured(rows)] if _has_notes(rows) else []
    parts += [_title("Machine and versions"), machine(rows)]
    return "\n".join(parts)


def overall_table(summary: pd.DataFrame) -> str:
    """Write a row for each model: means of the ratios, and the worst."""
    body = [
        [
            label(row.model, row.settings),
            str(row.n_cases),
            _ratio(row.mean_ratio),
            _ratio(row.mean_ratio_tuned),
            _ratio(row.worst_ratio),
            row.worst_case,
        ]
        for row in overall(summary).itertuples()
    ]
    heads = ["Model", "Splits", "To LightGBM", "To tuned LightGBM", "Largest", "Where"]
    return list_table([heads, *body])


def task_table(summary: pd.DataFrame) -> str:
    """Write a row for each model, with error and ratio for each split of a task."""
    splits = [name for name in SPLITS if name in set(summary["split"])]
    models = summary[["model", "settings"]].drop_duplicates()
    cells = {
        (row.model, row.settings, row.split): _cell(row) for row in summary.itertuples()
    }
    body = [
        [label(*model), *(cells.get((*model, split), "") for split in splits)]
        for model in models.itertuples(index=False, name=None)
    ]
    return list_table([["Model", *splits], *body])


def machine(rows: pd.DataFrame) -> str:
    """Say where, when and with what the rows were measured."""
    measured = rows[rows["rmse"].notna()]
    days = sorted({str(date)[:10] for date in measured["date"]})
    versions = ", ".join(
        f"{name} {_listed(measured[name])}"
        for name in VERSIONS
        if name in measured and measured[name].notna().any()
    )
    commits = _listed(measured["commit"])
    return (
        f"{' to '.join(dict.fromkeys([days[0], days[-1]]))}; "
        f"{_listed(measured['machine'])}, cores of each fit: "
        f"{_listed(measured['cores'])}; {versions}; commit {commits}. "
        f"Seeds: {_listed(measured['seed'])}.\n"
    )


def list_table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows as a table whose first row is its head."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'*' if k == 0 else ' '} - {c}" for k, c in enumerate(row)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> Path:
    """Write what the command line asks for; return the path of the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report")
    parser.add_argument(
        "results",
        type=Path,
        nargs="+",
        help="CSV files of benchmarks.accuracy; of rows that measure the same the last "
        "one is taken",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("docs/benchmarks"),
        help="folder for accuracy.rst and accuracy.png (default: docs/benchmarks)",
    )
    options = parser.parse_args(arguments)
    for path in options.results:
        if not path.exists():
            parser.error(f"there is no file {path}.")
    rows = pd.concat([read_results(path) for path in options.results])
    rows = rows.drop_duplicates(KEY, keep="last")
    options.out.mkdir(parents=True, exist_ok=True)
    draw_ratios(summarize(rows)).savefig(options.out / "accuracy.png", dpi=120)
    path = options.out / "accuracy.rst"
    path.write_text(page(rows, "accuracy.png"), encoding="utf-8")
    print(f"{path} and its figure are written.")
    return path


def _tasks(summary: pd.DataFrame) -> list[str]:
    """Real tasks, then generated ones."""
    return sorted(summary["task"].unique(), key=lambda name: name in GENERATORS)


def _title(text: str) -> str:
    return f"{text}\n{'-' * len(text)}\n"


def _cell(row: Any) -> str:
    text = mean_and_spread(row.rmse, row.spread)
    return text if np.isnan(row.ratio) else f"{text} ({row.ratio:.3f})"


def _ratio(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"


def _listed(values: Iterable[Any]) -> str:
    """Join what differs."""
    return ", ".join(dict.fromkeys(str(v) for v in values if pd.notna(v)))


def _has_notes(rows: pd.DataFrame) -> bool:
    return bool((rows["note"] != "").any())


def _not_measured(rows: pd.DataFrame) -> str:
    """List what models could not do, and why."""
    noted = rows[rows["note"] != ""]
    lines = []
    for (model, note), part in noted.groupby(["model", "note"], sort=False):
        cases = part.drop_duplicates(CASE)[CASE].agg(", ".join, axis=1)
        lines.append(f"- {model}: {'; '.join(cases)}. ``{note}``")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
