"""The figure of the accuracy report: ratios to LightGBM."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.summary import CASE
from benchmarks.tasks import GENERATORS, SPLITS

EDGES = 0.7, 2.0
"""Ratios outside are drawn at the edge, as arrows."""
OWN = "stcg"
MARKERS = "osD^vPXh*<>8pd"


def draw_ratios(summary: pd.DataFrame) -> Any:
    """Draw one line for each task and split, and one marker for each model.

    Models with settings other than their own are left to the tables.

    Parameters
    ----------
    summary : DataFrame
        What :func:`benchmarks.summary.summarize` gives.

    Returns
    -------
    matplotlib Figure
        Ratios on a logarithmic axis, with a line at LightGBM.
    """
    from matplotlib.figure import Figure

    as_it_is = (summary["settings"] == "") & (summary["model"] != "lightgbm")
    shown = summary[summary["ratio"].notna() & as_it_is]
    cases = _cases(summary)
    height = {case: -k for k, case in enumerate(cases)}
    figure = Figure(figsize=(9, 1.8 + 0.33 * len(cases)), layout="constrained")
    axes = figure.subplots()
    for k, model in enumerate(shown["model"].unique()):
        part = shown[shown["model"] == model]
        y = [height[case] for case in part[CASE].itertuples(index=False, name=None)]
        _draw_model(axes, part["ratio"].to_numpy(), np.array(y), model, k)
    _draw_frame(axes, cases)
    figure.legend(loc="outside upper center", ncols=5, frameon=False)
    return figure


def _cases(summary: pd.DataFrame) -> list[tuple[str, str]]:
    """Tasks with their splits, real ones first, each in its order."""
    tasks = list(dict.fromkeys(summary["task"]))
    splits = list(SPLITS)
    return sorted(
        set(summary[CASE].itertuples(index=False, name=None)),
        key=lambda c: (c[0] in GENERATORS, tasks.index(c[0]), splits.index(c[1])),
    )


def _draw_model(axes: Any, ratios: Any, heights: Any, model: str, number: int) -> None:
    """Put the markers of a model; the package's own are larger, and in front."""
    from matplotlib import colormaps

    own = model == OWN
    color = "black" if own else colormaps["tab10"](number % 10)
    inside = (ratios >= EDGES[0]) & (ratios <= EDGES[1])
    look = {"color": color, "zorder": 4 if own else 3}
    axes.plot(
        ratios[inside],
        heights[inside],
        linestyle="",
        marker=MARKERS[number % len(MARKERS)],
        markersize=9 if own else 6,
        alpha=1 if own else 0.85,
        label=model,
        **look,
    )
    for edge, marker, beyond in (
        (EDGES[0], "$\\leftarrow$", ratios < EDGES[0]),
        (EDGES[1], "$\\rightarrow$", ratios > EDGES[1]),
    ):
        if beyond.any():
            at = np.full(beyond.sum(), edge)
            arrows = axes.plot(at, heights[beyond], linestyle="", marker=marker, **look)
            arrows[0].set_clip_on(False)


def _draw_frame(axes: Any, cases: list[tuple[str, str]]) -> None:
    """Draw the line at LightGBM, the names of the cases, and lines between tasks."""
    from matplotlib.ticker import NullLocator

    ticks = [t for t in (0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2) if _within(t)]
    axes.set_xscale("log")
    axes.set_xlim(*EDGES)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(
        [-k for k in range(len(cases))], [f"{task}, {split}" for task, split in cases]
    )
    axes.set_ylim(-len(cases) + 0.4, 0.6)
    axes.axvline(1, color="black", linewidth=1)
    axes.grid(axis="x", color="0.9")
    for k, (before, after) in enumerate(pairwise(cases)):
        if before[0] != after[0]:
            axes.axhline(-k - 0.5, color="0.8", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("RMSE over that of LightGBM")
    axes.spines[["top", "right"]].set_visible(False)


def _within(ratio: float) -> bool:
    return EDGES[0] <= ratio <= EDGES[1]
