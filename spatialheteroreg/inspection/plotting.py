"""What the displays share: pyplot, colours, a scale centred at zero, bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..sphere import FloatArray

if TYPE_CHECKING:
    from matplotlib.colors import Normalize

# Okabe and Ito, told apart by the colour-blind, yellow left out as too pale for
# points; then Tol's muted ones.
COLORS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#332288",
    "#999933",
    "#882255",
    "#44AA99",
)
"""Colours of categories."""

OTHER_COLOR = "#9A9A9A"
"""Colour of the categories that are left when the colours are used up."""

MAP_SIZE = (7.2, 4.6)
"""Inches of a figure with one map, before its height is fitted."""


def load_pyplot(display: str) -> Any:
    """Import pyplot, or say what to install.

    Parameters
    ----------
    display : str
        Name of the display that needs it.

    Returns
    -------
    module
        The module matplotlib.pyplot.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display} draws with matplotlib. Install it with "
            'pip install "spatialheteroreg[plot]".'
        ) from error
    return plt


def check_lengths(**columns: NDArray[Any] | None) -> None:
    """Check that columns have one value for each row.

    Parameters
    ----------
    **columns : ndarray or None
        Arrays by the name of their argument; None is left out.

    Raises
    ------
    ValueError
        If their lengths differ, or there are no rows.
    """
    lengths = {name: len(part) for name, part in columns.items() if part is not None}
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(
            f"The arguments must have one value for each row, but have: {text}."
        )
    if 0 in lengths.values():
        raise ValueError("There are no rows to draw: pass one or more.")


def centred_norm(values: ArrayLike, quantile: float, vmax: float | None) -> Normalize:
    """Scale colours evenly to both sides of zero.

    Parameters
    ----------
    values : array_like
        What is drawn; NaN is left out.
    quantile : float
        Share of the absolute values within the limits: a few large ones must not
        take the colours from all others.
    vmax : float or None
        The limit itself; None takes the quantile.

    Returns
    -------
    matplotlib Normalize
        From -limit to limit.

    Raises
    ------
    ValueError
        If the limit is not positive, or the quantile is not in (0, 1].
    """
    from matplotlib.colors import Normalize

    if vmax is not None and not vmax > 0:
        raise ValueError(f"vmax must be positive, got {vmax}.")
    if not 0 < quantile <= 1:
        raise ValueError(f"quantile must be in (0, 1], got {quantile}.")
    if vmax is None:
        size = np.abs(np.asarray(values, dtype=np.float64))
        size = size[np.isfinite(size)]
        limit = float(np.quantile(size, quantile)) if len(size) else 0.0
        # Where nearly all are zero, the few others set the limit.
        vmax = limit or (float(size.max()) if len(size) else 0.0) or 1.0
    return Normalize(-vmax, vmax)


def diverging_colors(cmap: Any) -> Any:
    """Return a diverging colour map.

    Parameters
    ----------
    cmap : str, Colormap or None
        None means blue to red, without the ends of matplotlib's "RdBu_r", which in
        small points are both black.

    Returns
    -------
    matplotlib Colormap
        The map.
    """
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap

    if cmap is not None:
        return mpl.colormaps[cmap] if isinstance(cmap, str) else cmap
    inner = mpl.colormaps["RdBu_r"](np.linspace(0.07, 0.93, 257))
    return LinearSegmentedColormap.from_list("effects", inner, N=257)


def extend_of(values: Any, norm: Any) -> str:
    """Say at which ends values lie beyond the colours.

    Parameters
    ----------
    values : array_like
        What is drawn.
    norm : matplotlib Normalize
        Its scale.

    Returns
    -------
    {"neither", "min", "max", "both"}
        As a colour bar takes it.
    """
    array = np.asarray(values, dtype=np.float64)
    below = bool((array < norm.vmin).any())
    above = bool((array > norm.vmax).any())
    return {(0, 0): "neither", (1, 0): "min", (0, 1): "max"}.get((below, above), "both")


def category_colors(n: int, colors: Sequence[Any] | None = None) -> list[Any]:
    """Colour categories.

    Parameters
    ----------
    n : int
        Number of categories.
    colors : sequence of colour or None
        Colours to use; None means `COLORS`.

    Returns
    -------
    list of colour
        One each; grey where the colours are used up.
    """
    known = list(COLORS if colors is None else colors)
    return (known + [OTHER_COLOR] * n)[:n]


def below_axes(ax: Any) -> Any:
    """Make a transform for what is set below axes, whatever their height.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    matplotlib Transform
        From shares of the width, and points above the lower edge.
    """
    from matplotlib.transforms import (
        Affine2D,
        ScaledTranslation,
        blended_transform_factory,
    )

    points = Affine2D().scale(1 / 72) + ax.figure.dpi_scale_trans
    return blended_transform_factory(
        ax.transAxes, points + ScaledTranslation(0, 0, ax.transAxes)
    )


def fit_height(ax: Any, room: float) -> None:
    """Make a figure as high as its only map needs.

    Parameters
    ----------
    ax : matplotlib Axes
        The map, with limits and aspect.
    room : float
        Inches below the map for ticks, colour bar or legend.
    """
    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    width = MAP_SIZE[0] - 0.7  # of the map, beside its tick labels
    height = width * abs(high - low) * ax.get_aspect() / abs(right - left)
    above = 0.35  # for a legend
    ax.figure.set_size_inches(
        MAP_SIZE[0], float(np.clip(height, 1.5, 5.0)) + room + above
    )


def bar_below(ax: Any, artist: Any, label: str, extend: str, gap: float) -> Any:
    """Set a colour bar below a map.

    A bar of the figure keeps the height that axes have before their aspect is
    applied; this one follows the map.

    Parameters
    ----------
    ax : matplotlib Axes
        The map.
    artist : matplotlib ScalarMappable
        What is coloured.
    label : str
        Text of the bar.
    extend : {"neither", "min", "max", "both"}
        Where values lie beyond the colours.
    gap : float
        Points between map and bar, for the tick labels.

    Returns
    -------
    matplotlib Colorbar
        The bar.
    """
    from matplotlib.ticker import MaxNLocator

    thickness = 8
    cax = ax.inset_axes(
        (0.15, -gap - thickness, 0.7, thickness), transform=below_axes(ax)
    )
    bar = ax.figure.colorbar(
        artist, cax=cax, orientation="horizontal", extend=extend, label=label
    )
    bar.locator = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
    bar.outline.set_linewidth(0.6)
    return bar


def bar_beside(ax: Any, artist: Any, label: str, extend: str) -> Any:
    """Set a colour bar to the right of axes, as high as they are.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    artist : matplotlib ScalarMappable
        What is coloured.
    label : str
        Text of the bar.
    extend : {"neither", "min", "max", "both"}
        Where values lie beyond the colours.

    Returns
    -------
    matplotlib Colorbar
        The bar.
    """
    cax = ax.inset_axes((1.03, 0, 0.025, 1))
    bar = ax.figure.colorbar(artist, cax=cax, extend=extend, label=label)
    bar.outline.set_linewidth(0.6)
    return bar


def as_floats(values: ArrayLike, name: str) -> FloatArray:
    """Read a column of numbers.

    Parameters
    ----------
    values : array_like of shape (n,)
        The numbers.
    name : str
        Name of the argument in the message.

    Returns
    -------
    ndarray of shape (n,)
        As float64.

    Raises
    ------
    ValueError
        If they are no numbers, or not one-dimensional.
    """
    try:
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers only.") from error
    if array.ndim != 1:
        raise ValueError(
            f"{name} must have one dimension, got shape {array.shape}: pass one column."
        )
    return array
