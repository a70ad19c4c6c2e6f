"""Effects by season as lines with ribbons, or as a heat map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..sphere import FloatArray
from .effect_bins import MONTHS
from .map_colors import category_colors, centred_norm
from .plotting import bar_beside, extend_of

_MARKERS = "os^Dv<>P"


@dataclass
class DrawnSeason:
    """What was drawn.

    Attributes
    ----------
    lines, ribbons : dict of str to matplotlib Artist
        By band.
    mesh, colorbar, legend : object or None
        The rest; None where there is none.
    """

    lines: dict[str, Any] = field(default_factory=dict)
    ribbons: dict[str, Any] = field(default_factory=dict)
    mesh: Any = None
    colorbar: Any = None
    legend: Any = None


def draw_lines(
    ax: Any,
    mean: pd.DataFrame,
    std: pd.DataFrame,
    text: str,
    ordered: bool,
    colors: Any,
    legend: bool,
) -> DrawnSeason:
    """Draw a line and a ribbon for each band.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    mean, std : DataFrame of shape (n_bands, n_bins)
        Means, NaN where nothing is drawn, and standard deviations.
    text : str
        Name of the effect.
    ordered : bool
        Whether the bands have an order.
    colors : sequence of colour, mapping of str to colour, or None
        Colours of the bands.
    legend : bool
        Whether to draw the legend of several bands.

    Returns
    -------
    DrawnSeason
        The artists.
    """
    drawn, centers = DrawnSeason(), mean.columns.to_numpy(dtype=float)
    palette = _line_colors(list(mean.index), ordered, colors)
    ax.axhline(0.0, color="0.4", linewidth=0.8, zorder=1)
    for k, (name, color) in enumerate(zip(mean.index, palette, strict=True)):
        line, spread = mean.loc[name].to_numpy(), std.loc[name].to_numpy()
        drawn.ribbons[name] = ax.fill_between(
            centers, line - spread, line + spread, color=color, alpha=0.15, lw=0
        )
        (drawn.lines[name],) = ax.plot(
            centers,
            line,
            color=color,
            marker=_MARKERS[k % len(_MARKERS)],
            markersize=4,
            linewidth=1.6,
            label=name,
        )
    ax.set_ylabel(text)
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if legend and len(mean) > 1:
        drawn.legend = ax.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            frameon=False,
            borderaxespad=0.0,
        )
    return drawn


def draw_cells(
    ax: Any,
    mean: pd.DataFrame,
    text: str,
    cmap: Any,
    vmax: float | None,
    legend: bool,
) -> DrawnSeason:
    """Draw means as colours.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    mean : DataFrame of shape (n_bands, n_bins)
        Means; NaN where nothing is drawn.
    text : str
        Name of the effect.
    cmap : Colormap
        Diverging colours.
    vmax : float or None
        Where the colours end on both sides; None takes the largest mean.
    legend : bool
        Whether to draw the colour bar.

    Returns
    -------
    DrawnSeason
        The artists.
    """
    norm = centred_norm(mean, 1.0, vmax)
    mesh = ax.pcolormesh(
        mean.columns.to_numpy(dtype=float),
        np.arange(len(mean)),
        np.ma.masked_invalid(mean.to_numpy()),
        cmap=cmap,
        norm=norm,
        shading="nearest",
    )
    ax.set_yticks(np.arange(len(mean)), mean.index)
    ax.set_ylim(len(mean) - 0.5, -0.5)  # the first, the northernmost, at the top
    ax.tick_params(length=0)
    bar = bar_beside(ax, mesh, text, extend_of(mean, norm)) if legend else None
    return DrawnSeason(mesh=mesh, colorbar=bar)


def dress_time(ax: Any, centers: FloatArray, label: str) -> None:
    """Set limits, ticks and name of the axis of time.

    Parameters
    ----------
    ax : matplotlib Axes
        Where the effects were drawn.
    centers : ndarray of shape (n_bins,)
        Middle of each bin; months 1 to 12.
    label : str
        Name of the axis.
    """
    if label == "Month":
        ax.set_xticks(centers, MONTHS)
    else:
        ax.ticklabel_format(axis="x", useOffset=False)
    step = centers[1] - centers[0] if len(centers) > 1 else 1.0
    ax.set_xlim(centers[0] - step / 2, centers[-1] + step / 2)
    ax.set_xlabel(label)


def _line_colors(names: list[str], ordered: bool, colors: Any) -> list[Any]:
    if colors is None and ordered:
        import matplotlib as mpl

        # From the north to the south, without the yellow, too pale for lines.
        return list(mpl.colormaps["plasma"](np.linspace(0.0, 0.85, len(names))))
    return category_colors(names, colors)
