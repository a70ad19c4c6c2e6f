"""The figure of the speed report: how seconds and memory grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.power_law import fit_power_law, large_sizes
from benchmarks.speed_tables import COSTS, TITLES, along, exponent_text

PANELS = ["rows", "nodes", "steps", "features"]
COLORS = {"fit_seconds": "#2f6db3", "memory_mib": "#b3622d"}
MARKERS = {"fit_seconds": "o", "memory_mib": "s"}


def draw_growth(results: pd.DataFrame) -> Any:
    """Draw small panels, one for each axis that was varied: costs over the smallest.

    Parameters
    ----------
    results : DataFrame
        Rows of the speed benchmark; those with the first settings are drawn.

    Returns
    -------
    matplotlib Figure
        Logarithmic axes; a line for the power law of the large sizes, and a dotted
        one for costs in proportion to the size.
    """
    from matplotlib.figure import Figure

    first = results["settings"].iloc[0]
    results = results[results["settings"] == first]
    sizes = {axis: along(results, axis) for axis in PANELS}
    varied = [axis for axis in PANELS if len(sizes[axis]) > 1] or PANELS[:1]
    n_columns = min(len(varied), 2)
    n_lines = -(-len(varied) // n_columns)
    figure = Figure(figsize=(4 * n_columns, 3.2 * n_lines), layout="constrained")
    panels = list(figure.subplots(n_lines, n_columns, squeeze=False).flat)
    for axes, axis in zip(panels, varied, strict=False):
        _draw_axis(axes, sizes[axis], TITLES[axis])
    for axes in panels[len(varied) :]:
        axes.remove()
    handles, labels = figure.axes[0].get_legend_handles_labels()
    by_label = {
        label.split(",")[0]: h for h, label in zip(handles, labels, strict=True)
    }
    figure.legend(
        by_label.values(),
        by_label.keys(),
        loc="outside upper center",
        ncols=3,
        frameon=False,
    )
    return figure


def _draw_axis(axes: Any, sizes: pd.DataFrame, title: str) -> None:
    """Draw the costs along one axis."""
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    if len(sizes) < 2:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    x = sizes.index.to_numpy(dtype=float)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot(x, x / x[0], ":", color="0.5", label="in proportion")
    notes = []
    for column, name in COSTS.items():
        text = _draw_cost(axes, x, sizes[column].to_numpy(), column, name)
        notes.append(f"{name}: exponent {text}")
    axes.text(
        0.03, 0.97, "\n".join(notes), transform=axes.transAxes, va="top", fontsize=8
    )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 6)
    axes.set_ylabel("times that of the smallest", fontsize=8)
    _tick(axes, x)


def _draw_cost(axes: Any, x: Any, cost: Any, column: str, name: str) -> str:
    """Draw one cost over its first, with its law; return the exponent."""
    look = {"color": COLORS[column], "zorder": 3}
    cost = np.where(cost > 0, cost, np.nan)
    if np.isnan(cost).all():
        return "not measured"
    first = cost[np.isfinite(cost)][0]
    axes.plot(x, cost / first, MARKERS[column], linestyle="", label=name, **look)
    large = large_sizes(x)
    law = fit_power_law(x[large], cost[large])
    axes.plot(x[large], law(x[large]) / first, "-", linewidth=1, **look)
    return exponent_text(law)


def _tick(axes: Any, x: Any) -> None:
    """Put a tick at each size, or at powers of ten where sizes are far apart."""
    from matplotlib.ticker import NullFormatter, NullLocator

    if x[-1] / x[0] < 1_000:
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(x, [f"{size:,.0f}" for size in x], fontsize=8)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
