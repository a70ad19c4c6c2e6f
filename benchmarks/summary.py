"""Results over seeds, beside LightGBM, and over all splits."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from benchmarks.tasks import GENERATORS

CASE = ["task", "split"]
REFERENCES = ["lightgbm", "lightgbm-tuned"]


def summarize(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean over the seeds, and ratios to the same split of LightGBM.

    Parameters
    ----------
    rows : DataFrame
        Results; those with a note have no error and are left out.

    Returns
    -------
    DataFrame
        One row for each task, split, model and settings: number of seeds, mean and
        standard deviation of the RMSE, means of R2 and seconds, ``ratio`` to
        LightGBM as it is and ``ratio_tuned`` to the tuned one.
    """
    table = rows.dropna(subset="rmse").groupby(
        [*CASE, "model", "settings"], sort=False, as_index=False
    )
    table = table.agg(
        seeds=("seed", "nunique"),
        rmse=("rmse", "mean"),
        spread=("rmse", "std"),
        r2=("r2", "mean"),
        seconds=("fit_seconds", "mean"),
    )
    cases = pd.MultiIndex.from_frame(table[CASE])
    for column, name in zip(["ratio", "ratio_tuned"], REFERENCES, strict=True):
        reference = table[table["model"] == name].set_index(CASE)["rmse"]
        table[column] = table["rmse"].to_numpy() / reference.reindex(cases).to_numpy()
    return table


def overall(summary: pd.DataFrame) -> pd.DataFrame:
    """Geometric mean and worst of the ratios over all splits of real tasks.

    Parameters
    ----------
    summary : DataFrame
        What :func:`summarize` gives.

    Returns
    -------
    DataFrame
        One row for each model and settings: ``n_cases`` splits that it was measured
        on, ``mean_ratio`` and ``mean_ratio_tuned``, ``worst_ratio`` and the
        ``worst_case`` where it was, sorted by the first ratio with the models that
        were measured on all splits first.
    """
    real = summary[~summary["task"].isin(GENERATORS) & summary["ratio"].notna()]
    rows = []
    for (model, settings), part in real.groupby(["model", "settings"], sort=False):
        worst = part.loc[part["ratio"].idxmax()]
        rows.append(
            {
                "model": model,
                "settings": settings,
                "n_cases": len(part),
                "mean_ratio": _geometric_mean(part["ratio"]),
                "mean_ratio_tuned": _geometric_mean(part["ratio_tuned"]),
                "worst_ratio": worst["ratio"],
                "worst_case": f"{worst['task']}, {worst['split']}",
            }
        )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    return table.sort_values(["n_cases", "mean_ratio"], ascending=[False, True])


def n_real_cases(summary: pd.DataFrame) -> int:
    """Number of splits of real tasks that any model was measured on."""
    real = summary[~summary["task"].isin(GENERATORS)]
    return len(real.drop_duplicates(CASE))


def label(model: str, settings: str) -> str:
    """Name of a model with its settings, as a call would have them."""
    given = json.loads(settings) if settings else {}
    return " ".join([model, *(f"{name}={value}" for name, value in given.items())])


def mean_and_spread(mean: float, spread: float) -> str:
    """Write a mean with its standard deviation, if there is one."""
    digits = max(3 - int(np.floor(np.log10(abs(mean)))), 0) if mean else 0
    text = f"{mean:,.{digits}f}"
    return text if np.isnan(spread) else f"{text} ± {spread:.2g}"


def to_markdown(table: pd.DataFrame) -> str:
    """Write the summary as a markdown table."""
    lines = [
        "| task | split | model | RMSE | R2 | RMSE / LightGBM | fit, s | seeds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        ratio = "" if np.isnan(row.ratio) else f"{row.ratio:.3f}"
        error = mean_and_spread(row.rmse, row.spread)
        lines.append(
            f"| {row.task} | {row.split} | {label(row.model, row.settings)} | {error} "
            f"| {row.r2:.3f} | {ratio} | {row.seconds:.1f} | {row.seeds} |"
        )
    return "\n".join(lines)


def _geometric_mean(ratios: pd.Series) -> float:
    return float(np.exp(np.log(ratios.dropna()).mean()))
