"""Bounds that a fit with default parameters is to keep on two cores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.speed_answers import OWN, TREES
from benchmarks.speed_cases import Case
from benchmarks.speed_tables import with_ratios

MILLION = 1_000_000
FLUX, EVI, CHINA = "fluxnet_monthly", "evi_grid_2006", "pm25_china"
RIVALS = {"gnnwr": "GNNWR", "tabnet": "TabNet"}
STOPPED = r"stopped after ([\d.]+) s"
KEPT, MISSED, OPEN = "kept", "missed", "not measured"


@dataclass(frozen=True)
class Bound:
    """One bound.

    Attributes
    ----------
    what : str
        What is measured, in which unit.
    asked : float
        The bound.
    value : callable
        Takes the results, with ratios, and gives the figure; NaN where it is open.
    at_most : bool
        Whether the bound is an upper one.
    below : callable or None
        Gives what the figure is below in any case, where it is open; NaN where nothing
        is known.
    """

    what: str
    asked: float
    value: Callable[[pd.DataFrame], float]
    at_most: bool = True
    below: Callable[[pd.DataFrame], float] | None = None

    def judge(self, value: float) -> str:
        """Say whether a figure keeps the bound.

        Parameters
        ----------
        value : float
            The figure.

        Returns
        -------
        str
            "kept", "missed" or "not measured".
        """
        if np.isnan(value):
            return OPEN
        kept = value <= self.asked if self.at_most else value >= self.asked
        return KEPT if kept else MISSED


def bound_cases() -> list[tuple[Case, dict[str, Any], list[str]]]:
    """List what has to be measured.

    Returns
    -------
    list of tuple of Case, dict and list of str
        Each with parameters that it alone has, and the models that are measured on
        it. Memory does not depend on the number of epochs, so that one is enough.
    """

    def table(name: str, *models: str) -> tuple[Case, dict[str, Any], list[str]]:
        case = Case("task", task=name, rows=0, features=0)
        return case, {}, [OWN, TREES, *models]

    memory = Case("memory", rows=MILLION + 50_000, features=12)
    return [
        table(FLUX, *RIVALS),
        table(CHINA, *RIVALS),
        (memory, {"max_iter": 1}, [OWN]),
        table(EVI),
    ]


def bounds_table(results: pd.DataFrame) -> pd.DataFrame:
    """Compare what was measured with the bounds.

    Parameters
    ----------
    results : DataFrame
        Rows of the speed benchmark.

    Returns
    -------
    DataFrame
        A line for each bound, of text.
    """
    rows = with_ratios(results)
    lines = []
    for bound in BOUNDS:
        value = bound.value(rows)
        is_open = np.isnan(value)
        measured = "" if is_open else _text(value)
        below = bound.below(rows) if is_open and bound.below is not None else np.nan
        if below <= bound.asked:
            value, measured = below, f"< {_text(below)}"
        lines.append(
            {
                "Bound": bound.what,
                "Asked": f"{'<=' if bound.at_most else '>='} {bound.asked:,g}",
                "Measured": measured,
                "Result": bound.judge(value),
                "Note": _note(rows, bound) if is_open else "",
            }
        )
    table = pd.DataFrame(lines)
    return table if table["Note"].any() else table.drop(columns="Note")


def _figure(column: str, task: str, model: str = OWN) -> Callable[..., float]:
    """Median over the seeds of a column of a table."""

    def value(rows: pd.DataFrame) -> float:
        found = rows[(rows["task"] == task) & (rows["model"] == model)][column]
        return float(found.median()) if len(found) else np.nan

    return value


def _over(column: str, task: str, rival: str) -> Callable[..., float]:
    """A column of a table over that of another model."""

    def value(rows: pd.DataFrame) -> float:
        own = _figure(column, task)(rows)
        return own / _figure(column, task, rival)(rows)

    return value


def _seconds_below(task: str, rival: str) -> Callable[..., float]:
    """Seconds of a fit over those after which that of another model was stopped."""

    def value(rows: pd.DataFrame) -> float:
        notes = rows[(rows["task"] == task) & (rows["model"] == rival)]["note"]
        after = notes.astype(str).str.extract(STOPPED, expand=False).astype(float)
        return _figure("fit_seconds", task)(rows) / float(after.min())

    return value


def _gain(task: str) -> Callable[..., float]:
    """Seconds of LightGBM with TreeSHAP over those of explanations."""

    def value(rows: pd.DataFrame) -> float:
        return 1 / _figure("explain_ratio", task)(rows)

    return value


def _memory(rows: pd.DataFrame) -> float:
    """Memory of the largest fits above a million rows, over the matrix."""
    large = rows[(rows["n_train"] > MILLION) & (rows["model"] == OWN)]
    ratio = (large["memory_mib"] / large["matrix_mib"]).dropna()
    return float(ratio.max()) if len(ratio) else np.nan


def _note(rows: pd.DataFrame, bound: Bound) -> str:
    """Say why models that the bound names were not measured."""
    named = [name for name in (*RIVALS, TREES) if name in bound.what.lower()]
    tasks = [task for task in (FLUX, EVI, CHINA) if task in bound.what]
    at = rows["model"].isin(named or [OWN]) & rows["task"].isin(tasks or ["made"])
    return " ".join(dict.fromkeys(note for note in rows[at]["note"] if note))


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


BOUNDS = [
    Bound(f"{FLUX}: fit, s", 15, _figure("fit_seconds", FLUX)),
    Bound(f"{EVI}: fit, s", 150, _figure("fit_seconds", EVI)),
    *(
        Bound(
            f"{task}: predict, rows/s",
            100_000,
            _figure("predict_rate", task),
            at_most=False,
        )
        for task in (FLUX, EVI)
    ),
    *(
        Bound(
            f"{task}: predict and explain, times the speed of LightGBM with TreeSHAP",
            5,
            _gain(task),
            at_most=False,
        )
        for task in (FLUX, EVI)
    ),
    *(
        Bound(
            f"{task}: {what} over that of {title}",
            1,
            _over(column, task, rival),
            below=_seconds_below(task, rival) if column == "fit_seconds" else None,
        )
        for task in (CHINA, FLUX)
        for rival, title in RIVALS.items()
        for what, column in (("fit", "fit_seconds"), ("RMSE", "rmse"))
    ),
    Bound("memory of a fit to a million rows, over its matrix", 3, _memory),
]
"""What a release is to keep."""
