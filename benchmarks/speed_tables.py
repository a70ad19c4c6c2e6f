"""Tables of the speed benchmark: costs with ratios, and how they grow."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from benchmarks.power_law import PowerLaw, fit_power_law, large_sizes
from benchmarks.speed_answers import OWN, TREES
from benchmarks.speed_cases import CASE, KEY, PEERS_ON, SIZES

COSTS = {"fit_seconds": "seconds", "memory_mib": "memory"}
GROWTH = "Exponents of the power laws"
TITLES = {
    "rows": "Rows",
    "features": "Features",
    "nodes": "Nodes",
    "steps": "Steps",
    "folds": "Networks",
    "task": "Tables",
}


def with_ratios(results: pd.DataFrame) -> pd.DataFrame:
    """Add ratios to LightGBM, measured in the same run.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.

    Returns
    -------
    DataFrame
        With ``fit_ratio`` and ``explain_ratio`` (seconds over those of LightGBM with
        TreeSHAP), ``predict_ratio`` and ``rmse_ratio``; NaN where LightGBM was not
        measured.
    """
    trees = results[results["model"] == TREES].drop_duplicates(KEY).set_index(KEY)
    at = pd.MultiIndex.from_frame(results[KEY])

    def of_trees(column: str) -> np.ndarray:
        return trees[column].reindex(at).to_numpy(dtype=float)

    ratios = {
        "fit_ratio": results["fit_seconds"] / of_trees("fit_seconds"),
        "predict_ratio": of_trees("predict_rate") / results["predict_rate"],
        "explain_ratio": of_trees("explain_rate") / results["explain_rate"],
        "rmse_ratio": results["rmse"] / of_trees("rmse"),
    }
    return results.assign(**ratios)


def speed_tables(results: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Make a table for each axis, and one of how costs grow; cells are text.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.

    Returns
    -------
    dict of str to DataFrame
        By title, those without results left out.
    """
    rows = with_ratios(results)
    tables = {
        TITLES[axis]: axis_table(rows[rows["axis"] == axis])
        for axis in TITLES
        if (rows["axis"] == axis).any()
    }
    growth = growth_table(results)
    return tables | ({GROWTH: growth} if len(growth) else {})


def axis_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Write costs of all sizes along an axis, medians over the seeds.

    Parameters
    ----------
    rows : DataFrame
        Rows of one axis, with ratios.

    Returns
    -------
    DataFrame
        A line for each size and model, of text. Brackets hold ratios to LightGBM.
    """
    axis = rows["axis"].iloc[0]
    varied = rows["settings"].nunique() > 1
    lines = []
    for _, group in rows.groupby([*CASE, "settings", "model"], sort=False):
        first, middle = group.iloc[0], group.median(numeric_only=True)
        over_matrix = middle["memory_mib"] / middle["matrix_mib"]
        size = first["task"] if axis == "task" else _count(first[axis])
        line = {TITLES[axis]: size}
        if axis in PEERS_ON:
            line["Model"] = first["model"]
        if varied:
            line["Settings"] = first["settings"]
        line |= {
            "RMSE": number_text(middle["rmse"], 4),
            "Fit, s": _with_ratio(middle["fit_seconds"], middle["fit_ratio"]),
        }
        if axis in PEERS_ON:
            line["To LightGBM's RMSE, s"] = number_text(middle["reach_seconds"], 3)
        line |= {
            "Predict, rows/s": _rate(middle["predict_rate"]),
            "Explain, rows/s": _rate(middle["explain_rate"]),
            "Slopes, rows/s": _rate(middle["slope_rate"]),
            "Memory, MiB": _rate(middle["memory_mib"]),
            "Over the matrix": number_text(over_matrix, 3),
        }
        if (rows["device_mib"] > 0).any():
            line["GPU memory, MiB"] = _rate(middle["device_mib"])
        if not middle["fit_seconds"] > 0:
            line["RMSE"] = "not measured"
        lines.append(line)
    return pd.DataFrame(lines)


def growth_table(results: pd.DataFrame) -> pd.DataFrame:
    """Fit the power law of each axis to seconds and memory of STCGRegressor.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.

    Returns
    -------
    DataFrame
        Exponents with their standard errors, over all sizes and over the upper half
        of their logarithms; lines for each choice of settings.
    """
    varied = results["settings"].nunique() > 1
    lines = []
    for settings, axis in product(results["settings"].unique(), SIZES):
        sizes = along(results[results["settings"] == settings], axis)
        if len(sizes) < 2:
            continue
        line = {
            **({"Settings": settings} if varied else {}),
            "Along": TITLES[axis].lower(),
            "From": f"{sizes.index[0]:,}",
            "To": f"{sizes.index[-1]:,}",
        }
        large = large_sizes(sizes.index)
        for column, name in COSTS.items():
            whole = fit_power_law(sizes.index, sizes[column])
            upper = fit_power_law(sizes.index[large], sizes[column][large])
            line[f"{name.capitalize()}, all sizes"] = exponent_text(whole)
            line[f"{name.capitalize()}, large ones"] = exponent_text(upper)
        lines.append(line)
    return pd.DataFrame(lines)


def along(results: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Medians of the costs of STCGRegressor along an axis.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.
    axis : str
        The axis.

    Returns
    -------
    DataFrame
        Seconds and memory, by size. On a GPU memory is that of the GPU.
    """
    mine = results[(results["axis"] == axis) & (results["model"] == OWN)]
    on_gpu = mine["device_mib"].where(mine["device_mib"] > 0)
    mine = mine.assign(memory_mib=on_gpu.fillna(mine["memory_mib"]))
    mine = mine[mine["fit_seconds"] > 0]
    sizes = mine[axis].astype(float).astype(int) if len(mine) else mine[axis]
    return mine.groupby(sizes)[list(COSTS)].median().sort_index()


def exponent_text(law: PowerLaw) -> str:
    """Write an exponent with its standard error, if there is one.

    Parameters
    ----------
    law : PowerLaw
        The law.

    Returns
    -------
    str
        Empty where there is none.

    Examples
    --------
    >>> exponent_text(PowerLaw(0.98, 0.021, 1.0))
    '0.98 ± 0.02'
    """
    if np.isnan(law.exponent):
        return ""
    text = f"{round(law.exponent, 2) + 0.0:.2f}"  # no minus before a zero
    return text if np.isnan(law.error) else f"{text} ± {law.error:.2f}"


def number_text(value: float, digits: int) -> str:
    """Write a number with so many digits, or all those before its point.

    Parameters
    ----------
    value : float
        The number.
    digits : int
        Digits.

    Returns
    -------
    str
        Empty where nothing was measured.

    Examples
    --------
    >>> number_text(0.012345, 3), number_text(12345.6, 3), number_text(np.nan, 3)
    ('0.0123', '12,346', '')
    """
    if not np.isfinite(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def to_markdown(table: pd.DataFrame) -> str:
    """Write a table of text for the screen."""
    lines = [f"| {' | '.join(table)} |", "|" + "---|" * table.shape[1]]
    cells = table.astype(object).fillna("")
    lines += [f"| {' | '.join(map(str, row))} |" for row in cells.values]
    return "\n".join(lines)


def _count(size: object) -> str:
    return f"{int(float(str(size))):,}"


def _rate(value: float) -> str:
    if not np.isfinite(value):
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _with_ratio(value: float, ratio: float) -> str:
    if not np.isfinite(value):
        return ""
    text = number_text(value, 3)
    return text if not np.isfinite(ratio) else f"{text} ({number_text(ratio, 3)})"
