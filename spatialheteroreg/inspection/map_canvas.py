"""Points and cells of a map, also where the sign of an effect is not known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sphere import FloatArray
from .coastlines import draw_coastlines
from .map_frame import MapFrame
from .map_grid import MapGrid, find_grid

_UNKNOWN = "sign not known"
_HATCH = "////"


@dataclass(frozen=True)
class MapStyle:
    """How a map is drawn; as the arguments of `EffectMapDisplay.plot`.

    Attributes
    ----------
    as_grid : {"auto", True, False}
        Whether to draw cells.
    insignificant : {"auto", "fade", "hatch", "show"}
        How to draw places where the sign is not known.
    coastlines : {"auto", True, False}
        Whether to draw coastlines.
    size : float or None
        Area of a point.
    key : bool
        Whether to draw a colour bar or legend.
    """

    as_grid: bool | str
    insignificant: str
    coastlines: bool | str
    size: float | None
    key: bool

    def check(self) -> None:
        """Refuse what is not known.

        Raises
        ------
        ValueError
            If an option is unknown.
        """
        if self.as_grid not in (True, False, "auto"):
            raise ValueError(
                f"as_grid must be True, False or 'auto', got {self.as_grid!r}."
            )
        if self.insignificant not in {"auto", "fade", "hatch", "show"}:
            raise ValueError(
                "insignificant must be 'auto', 'fade', 'hatch' or 'show', got "
                f"{self.insignificant!r}."
            )

    def mark(self, grid: MapGrid | None) -> str:
        """Choose how to draw places where the sign is not known.

        Parameters
        ----------
        grid : MapGrid or None
            The grid of the places.

        Returns
        -------
        {"fade", "hatch", "show"}
            The choice.
        """
        if self.insignificant != "auto":
            return self.insignificant
        return "fade" if grid is None else "hatch"


@dataclass
class DrawnMap:
    """What was drawn.

    Attributes
    ----------
    artists : list of matplotlib Artist
        Points or cells.
    insignificant, coastlines, colorbar, legend : object or None
        The rest; None where there is none.
    """

    artists: list[Any] = field(default_factory=list)
    insignificant: Any = None
    coastlines: Any = None
    colorbar: Any = None
    legend: Any = None


class MapCanvas:
    """Axes with a frame, the places on it, and their grid if they form one.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    frame : MapFrame
        Its frame.
    style : MapStyle
        How to draw.
    lat, lon : ndarray of shape (n,)
        Distinct places.

    Attributes
    ----------
    grid : MapGrid or None
        The grid of the places.
    mark : {"fade", "hatch", "show"}
        How places are drawn where the sign is not known.
    marked : bool
        Whether there were any.

    Raises
    ------
    ValueError
        If the places form no grid and `as_grid=True`.
    """

    def __init__(
        self,
        ax: Any,
        frame: MapFrame,
        style: MapStyle,
        lat: FloatArray,
        lon: FloatArray,
    ) -> None:
        self.ax, self.frame, self.style = ax, frame, style
        self.x, self.y = frame.place(lat, lon)
        self.grid = None if style.as_grid is False else self._find_grid(lat, lon)
        if style.as_grid is True and self.grid is None:
            raise ValueError(
                "The places form no grid of latitudes and longitudes. Pass "
                "as_grid='auto' to draw points."
            )
        self.mark = style.mark(self.grid)
        self.marked = False

    def draw(
        self,
        layers: list[tuple[FloatArray, NDArray[np.bool_], dict[str, Any]]],
        sure: NDArray[np.bool_],
    ) -> DrawnMap:
        """Draw layers of values, each at some of the places.

        Parameters
        ----------
        layers : list of tuple
            Values, a mask of the places that are drawn, and the colours.
        sure : ndarray of shape (n,), bool
            Where the sign is known.

        Returns
        -------
        DrawnMap
            The artists.
        """
        self.marked = self.mark != "show" and not sure.all()
        drawn = DrawnMap()
        for values, chosen, coloring in layers:
            if self.mark == "fade" and self.marked:
                drawn.artists.append(self._put(values, chosen & sure, coloring))
                faded = self._put(values, chosen & ~sure, coloring, faded=True)
                drawn.insignificant = drawn.insignificant or faded
            else:
                drawn.artists.append(self._put(values, chosen, coloring))
        if self.mark == "hatch" and self.marked:
            drawn.insignificant = self._hatch(~sure)
        if self.grid is not None:
            self.ax.set_facecolor("0.9")  # no data must not look like zero
        edges = self._corners()
        self.frame.dress(self.ax, *edges, cells=self.grid is not None)
        span = np.ptp(edges[0]) if self.frame.kind == "plain" else 360.0
        drawn.coastlines = draw_coastlines(
            self.ax, self.frame, self.style.coastlines, float(span)
        )
        return drawn

    def unknown_handle(self) -> Any:
        """Make what the legend shows for places whose sign is not known.

        Returns
        -------
        matplotlib Artist
            A point or a patch.
        """
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        if self.grid is not None:
            look: dict[str, Any] = (
                {"hatch": _HATCH} if self.mark == "hatch" else {"alpha": 0.35}
            )
            return Patch(facecolor="0.85", edgecolor="0.35", label=_UNKNOWN, **look)
        marker: dict[str, Any] = {"marker": "o", "markersize": 3.5, "alpha": 0.6}
        if self.mark == "hatch":
            marker = {"marker": "x", "markersize": 4}
        return Line2D([], [], linestyle="", color="0.5", label=_UNKNOWN, **marker)

    def _find_grid(self, lat: FloatArray, lon: FloatArray) -> MapGrid | None:
        if self.frame.kind == "planar":
            return find_grid(lon, lat)
        center = self.frame.center
        x, y = MapFrame("plain", center).place(lat, lon)
        return find_grid(x, y, (center - 180.0, center + 180.0))

    def _corners(self) -> tuple[FloatArray, FloatArray]:
        if self.grid is None:
            return self.x, self.y
        return self.grid.x_edges, self.grid.y_edges

    def _put(
        self,
        values: FloatArray,
        chosen: NDArray[np.bool_],
        coloring: dict[str, Any],
        *,
        faded: bool = False,
    ) -> Any:
        options = self.frame.options()
        if self.grid is not None:
            cells = np.ma.masked_invalid(
                self.grid.fill(np.where(chosen, values, np.nan))
            )
            return self.ax.pcolormesh(
                *self.frame.scale(self.grid.x_edges, self.grid.y_edges),
                cells,
                alpha=0.35 if faded else None,
                edgecolors="none",
                rasterized=True,
                zorder=1,
                **coloring,
                **options,
            )
        size = self._point_size()
        return self.ax.scatter(
            self.x[chosen],
            self.y[chosen],
            c=values[chosen],
            s=size * 0.5 if faded else size,
            alpha=0.6 if faded else None,
            # Values near zero are pale: a thin rim shows that they are there.
            edgecolors="none" if size < 8 else "0.6" if faded else "0.2",
            linewidths=0.25 if faded else 0.4,
            rasterized=len(self.x) > 5_000,
            zorder=1.5 if faded else 2,
            **coloring,
            **options,
        )

    def _hatch(self, unsure: NDArray[np.bool_]) -> Any:
        import matplotlib as mpl
        from matplotlib.collections import PolyCollection

        options = self.frame.options()
        if self.grid is None:
            return self.ax.scatter(
                self.x[unsure],
                self.y[unsure],
                s=self._point_size() * 0.5,
                marker="x",
                color="0.25",
                linewidths=0.6,
                zorder=2.2,
                **options,
            )
        x, y = self.frame.scale(self.grid.x_edges, self.grid.y_edges)
        row, first, last = self.grid.strips(unsure)
        west, east, south, north = x[first], x[last + 1], y[row], y[row + 1]
        corners = np.stack(
            [west, south, east, south, east, north, west, north], axis=1
        ).reshape(-1, 4, 2)
        with mpl.rc_context({"hatch.linewidth": 0.6}):
            hatched = PolyCollection(
                list(corners),
                hatch=_HATCH,
                facecolor="none",
                edgecolor="0.3",
                linewidth=0.0,
                zorder=1.2,
                **options,
            )
        self.ax.add_collection(hatched, autolim=False)
        return hatched

    def _point_size(self) -> float:
        if self.style.size is not None:
            return self.style.size
        return float(np.clip(10_000 / len(self.x), 3.0, 36.0))
