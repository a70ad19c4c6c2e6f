"""Maps of numbers and of names, with their colour bar or legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sphere import FloatArray
from .map_canvas import DrawnMap, MapCanvas, MapStyle
from .map_frame import MapFrame
from .plotting import (
    bar_below,
    below_axes,
    category_colors,
    centred_norm,
    diverging_colors,
    extend_of,
)


def draw_numbers(
    ax: Any,
    frame: MapFrame,
    style: MapStyle,
    lat: FloatArray,
    lon: FloatArray,
    values: FloatArray,
    significant: NDArray[np.bool_] | None,
    label: str,
    cmap: Any,
    vmax: float | None,
    quantile: float,
) -> DrawnMap:
    """Draw an effect.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    frame : MapFrame
        Its frame.
    style : MapStyle
        How to draw.
    lat, lon, values : ndarray of shape (n,)
        Places and effects.
    significant : ndarray of shape (n,), bool, or None
        Where the sign is known.
    label : str
        Text of the colour bar.
    cmap : str, Colormap or None
        Diverging colours.
    vmax, quantile : float or None, float
        Where the colours end.

    Returns
    -------
    DrawnMap
        The artists.
    """
    canvas = MapCanvas(ax, frame, style, lat, lon)
    sure = np.ones(len(lat), bool) if significant is None else significant
    norm, cmap = centred_norm(values, quantile, vmax), diverging_colors(cmap)
    coloring = {"cmap": cmap, "norm": norm}
    drawn = canvas.draw([(values, np.ones(len(lat), bool), coloring)], sure)
    if style.key:
        extend = extend_of(values, norm)
        # Faded artists would fade the bar.
        from matplotlib.cm import ScalarMappable

        drawn.colorbar = bar_below(
            ax, ScalarMappable(norm, cmap), label, extend, frame.room
        )
        if canvas.marked:
            drawn.legend = ax.legend(
                handles=[canvas.unknown_handle()],
                loc="lower right",
                bbox_to_anchor=(1.0, 1.0),
                frameon=False,
                borderaxespad=0.2,
                fontsize="small",
            )
    return drawn


def draw_categories(
    ax: Any,
    frame: MapFrame,
    style: MapStyle,
    lat: FloatArray,
    lon: FloatArray,
    values: NDArray[Any],
    significant: NDArray[np.bool_] | None,
    label: str,
    colors: Sequence[Any] | None,
) -> DrawnMap:
    """Draw names, each in its colour.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    frame : MapFrame
        Its frame.
    style : MapStyle
        How to draw.
    lat, lon : ndarray of shape (n,)
        Places.
    values : ndarray of shape (n,) of str
        Their names.
    significant : ndarray of shape (n,), bool, or None
        Where the sign is known.
    label : str
        Title of the legend.
    colors : sequence of colour or None
        Colours, for the most frequent name first.

    Returns
    -------
    DrawnMap
        The artists.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    canvas = MapCanvas(ax, frame, style, lat, lon)
    sure = np.ones(len(lat), bool) if significant is None else significant
    names, counts = np.unique(values, return_counts=True)
    names = names[np.argsort(-counts, kind="stable")]
    palette = category_colors(len(names), colors)
    layers = [
        (np.zeros(len(lat)), values == name, {"cmap": ListedColormap([color])})
        for name, color in zip(names, palette, strict=True)
    ]
    drawn = canvas.draw(layers, sure)
    if style.key:
        handles = [
            Patch(color=color, label=name)
            for name, color in zip(names, palette, strict=True)
        ]
        handles += [canvas.unknown_handle()] if canvas.marked else []
        drawn.legend = ax.legend(
            handles=handles,
            title=label,
            loc="upper center",
            bbox_to_anchor=(0.5, -frame.room + 6),
            bbox_transform=below_axes(ax),
            ncols=min(len(handles), 4),
            frameon=False,
            borderaxespad=0.0,
            handlelength=1.0,
            handleheight=1.0,
            columnspacing=1.5,
        )
    return drawn
