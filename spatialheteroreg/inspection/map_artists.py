"""Maps of numbers and of names, with their colour bar or legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sphere import FloatArray
from .map_canvas import DrawnMap, MapCanvas, MapStyle
from .map_colors import (
    COLORS,
    category_colors,
    centred_norm,
    diverging_colors,
    free_norm,
)
from .map_frame import MapFrame
from .plotting import bar_below, below_axes, extend_of, legend_under_bar


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
    vmin: float | None,
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
        Colours.
    vmin, vmax, quantile : float or None, float or None, float
        Where the colours end; with `vmin` zero need not be in their middle.

    Returns
    -------
    DrawnMap
        The artists.
    """
    canvas = MapCanvas(ax, frame, style, lat, lon)
    sure = np.ones(len(lat), bool) if significant is None else significant
    if vmin is None:
        norm, cmap = centred_norm(values, quantile, vmax), diverging_colors(cmap)
    else:
        # Two colours that meet anywhere but at zero would mislead.
        norm, cmap = free_norm(values, quantile, vmin, vmax), cmap or "viridis"
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
            drawn.legend = legend_under_bar(
                ax, drawn.colorbar, [canvas.unknown_handle()], frame.room
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
    colors: Sequence[Any] | Mapping[str, Any] | None,
    features: Sequence[str] | None,
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
    colors : sequence of colour, mapping of str to colour, or None
        Colours in the order of the names, or by name.
    features : sequence of str or None
        All names that maps like this one may have, in their order; None means
        those of this map.

    Returns
    -------
    DrawnMap
        The artists.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    canvas = MapCanvas(ax, frame, style, lat, lon)
    sure = np.ones(len(lat), bool) if significant is None else significant
    names, palette = _colored(values, colors, features)
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


def _colored(
    values: NDArray[Any],
    colors: Sequence[Any] | Mapping[str, Any] | None,
    features: Sequence[str] | None,
) -> tuple[list[str], list[Any]]:
    """Names of a map and their colours, which are the same on other maps."""
    present, counts = np.unique(values, return_counts=True)
    order = list(features or []) or present.tolist()
    order += [name for name in present.tolist() if name not in order]
    if not isinstance(colors, Mapping) and len(order) > len(
        COLORS if colors is None else colors
    ):
        # The colours do not last for all features: those of this map come first.
        order = present[np.argsort(-counts, kind="stable")].tolist()
    palette = dict(zip(order, category_colors(order, colors), strict=True))
    names = [name for name in order if name in set(present.tolist())]
    return names, [palette[name] for name in names]
