"""What the displays share: pyplot, checks, labels, bars."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..sphere import FloatArray

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


def check_step(step: float, kind: str) -> None:
    """Check for how large a change of a feature its effect is given.

    Parameters
    ----------
    step : float
        The change.
    kind : str
        What the effect is.

    Raises
    ------
    ValueError
        If it is not positive and finite, or the effect is no slope.
    """
    if not 0 < step < np.inf:
        raise ValueError(f"step must be a positive number, got {step}.")
    if step != 1 and kind != "slope":
        raise ValueError(
            f"step={step:g} is for slopes, but kind={kind!r} was asked for. Leave it "
            "out."
        )


def effect_label(kind: str, feature: str, step: float, gap: str = " ") -> str:
    """Say what the values of an effect are.

    Parameters
    ----------
    kind : {"slope", "contribution"}
        What the effect is.
    feature : str
        Name of the feature.
    step : float
        Its change that a slope is given for.
    gap : str, default=" "
        What parts the two halves of the text, such as a line break.

    Returns
    -------
    str
        Text of an axis or a colour bar.
    """
    if kind != "slope":
        return f"Contribution of {feature}{gap}to the prediction"
    change = f"per unit of {feature}" if step == 1 else f"for {step:g} of {feature}"
    return f"Change of the target{gap}{change}"


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


def legend_under_bar(ax: Any, bar: Any, handles: list[Any], gap: float) -> Any:
    """Set a legend under the colour bar below a map, where no title can be.

    Parameters
    ----------
    ax : matplotlib Axes
        The map.
    bar : matplotlib Colorbar
        Its bar, as :func:`bar_below` makes it.
    handles : list of matplotlib Artist
        What the legend shows.
    gap : float
        Points between map and bar.

    Returns
    -------
    matplotlib Legend
        The legend.
    """
    axis = bar.ax.xaxis
    ticks = axis.get_ticklabels()[0].get_size() + axis.get_tick_padding()
    n_lines = axis.label.get_text().count("\n") + 1
    text = axis.labelpad + 1.25 * n_lines * axis.label.get_size()
    return ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -gap - 8 - ticks - text - 6),
        bbox_transform=below_axes(ax),
        frameon=False,
        borderaxespad=0.0,
        borderpad=0.0,
        fontsize="small",
    )


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
