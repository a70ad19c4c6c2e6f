"""Colours of effects, centred at zero or free, and of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

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
        raise ValueError(
            f"vmax must be positive, got {vmax}. A scale without zero in its middle "
            "takes vmin as well."
        )
    if not 0 < quantile <= 1:
        raise ValueError(f"quantile must be in (0, 1], got {quantile}.")
    if vmax is None:
        size = np.abs(np.asarray(values, dtype=np.float64))
        size = size[np.isfinite(size)]
        limit = float(np.quantile(size, quantile)) if len(size) else 0.0
        # Where nearly all are zero, the few others set the limit.
        vmax = limit or (float(size.max()) if len(size) else 0.0) or 1.0
    return Normalize(-vmax, vmax)


def free_norm(
    values: ArrayLike, quantile: float, vmin: float, vmax: float | None
) -> Normalize:
    """Scale colours from one limit to another, wherever zero is.

    Parameters
    ----------
    values : array_like
        What is drawn; NaN is left out.
    quantile : float
        Share of the values below the upper limit, where that is not given.
    vmin : float
        The lower limit.
    vmax : float or None
        The upper limit; None takes the quantile.

    Returns
    -------
    matplotlib Normalize
        From the lower limit to the upper.

    Raises
    ------
    ValueError
        If the upper limit is not above the lower, or the quantile is not in (0, 1].
    """
    from matplotlib.colors import Normalize

    if not 0 < quantile <= 1:
        raise ValueError(f"quantile must be in (0, 1], got {quantile}.")
    if vmax is None:
        vmax = float(np.nanquantile(np.asarray(values, dtype=np.float64), quantile))
    if not vmin < vmax:
        raise ValueError(
            f"vmin must lie below vmax, got {vmin:g} and {vmax:g}. Without vmax= the "
            "largest values set it."
        )
    return Normalize(vmin, vmax)


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


def category_colors(
    names: Sequence[str], colors: Sequence[Any] | Mapping[str, Any] | None = None
) -> list[Any]:
    """Colour categories.

    Parameters
    ----------
    names : sequence of str
        Categories.
    colors : sequence of colour, mapping of str to colour, or None
        Colours in the order of the categories or by their names; None means
        `COLORS`.

    Returns
    -------
    list of colour
        One each; grey where the colours are used up, or have no such name.
    """
    if isinstance(colors, Mapping):
        return [colors.get(name, OTHER_COLOR) for name in names]
    known = list(COLORS if colors is None else colors)
    return (known + [OTHER_COLOR] * len(names))[: len(names)]
