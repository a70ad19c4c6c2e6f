"""How places come onto axes: plain, projected by matplotlib, or of cartopy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..sphere import FloatArray, wrap_longitude
from .map_lines import cut_lines

_PROJECTED = ("mollweide", "aitoff", "hammer", "lambert")
_GLOBAL_SPAN = 240.0
"""Degrees of longitude from which the whole globe is shown."""


@dataclass(frozen=True)
class MapFrame:
    """The frame of one map.

    Attributes
    ----------
    kind : {"plain", "projected", "cartopy", "planar"}
        Degrees on plain axes; radians on axes that matplotlib projects; degrees
        on axes of cartopy; bare coordinates.
    center : float
        Longitude in the middle of a plain map. A region across the date line is
        drawn around its own middle.
    names : tuple of two str
        Names of the axes of bare coordinates.
    """

    kind: str
    center: float = 0.0
    names: tuple[str, str] = ("Easting", "Northing")

    @classmethod
    def of(
        cls,
        ax: Any,
        lon: ArrayLike,
        metric: str,
        names: tuple[str, str] = ("Easting", "Northing"),
    ) -> MapFrame:
        """Choose the frame by axes and data.

        Parameters
        ----------
        ax : matplotlib Axes
            Where to draw.
        lon : array_like of shape (n,)
            Longitudes that will be drawn.
        metric : {"haversine", "euclidean"}
            Degrees, or bare coordinates.
        names : tuple of two str
            Names of the axes of bare coordinates.

        Returns
        -------
        MapFrame
            The frame.

        Raises
        ------
        ValueError
            If a map cannot be drawn on such axes.
        """
        kind = "plain" if ax.name == "rectilinear" else ax.name
        kind = "projected" if kind in _PROJECTED else kind
        kind = "cartopy" if hasattr(ax, "add_geometries") else kind
        if kind not in {"plain", "projected", "cartopy"}:
            raise ValueError(
                f"A map cannot be drawn on axes of projection {ax.name!r}. Use plain "
                f"axes, {', '.join(_PROJECTED)}, or axes of cartopy."
            )
        if metric == "euclidean":
            if kind != "plain":
                raise ValueError(
                    "Coordinates of metric='euclidean' are no degrees: draw them on "
                    "plain axes."
                )
            return cls("planar", names=names)
        return cls(kind, middle_longitude(lon) if kind == "plain" else 0.0)

    @property
    def room(self) -> float:
        """Points that ticks and names of the axis take below the map."""
        return {"plain": 24.0, "planar": 38.0}.get(self.kind, 8.0)

    def options(self) -> dict[str, Any]:
        """Return what every artist on these axes needs.

        Returns
        -------
        dict
            Keyword arguments.
        """
        if self.kind != "cartopy":
            return {}
        from cartopy.crs import PlateCarree

        return {"transform": PlateCarree()}

    def place(self, lat: ArrayLike, lon: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Turn places into what the axes take.

        Parameters
        ----------
        lat, lon : array_like of shape (n,)
            Places in degrees, or bare coordinates.

        Returns
        -------
        x, y : ndarray of shape (n,)
            For the axes.
        """
        x, y = np.asarray(lon, float), np.asarray(lat, float)
        if self.kind == "planar":
            return x, y
        x = wrap_longitude(x - self.center) + self.center
        return self.scale(x, y)

    def scale(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Turn degrees that lie on the map into units of the axes.

        Parameters
        ----------
        x, y : ndarray
            Longitude and latitude on the map.

        Returns
        -------
        x, y : ndarray
            Radians on projected axes, else as they are.
        """
        if self.kind == "projected":
            return np.radians(x), np.radians(y)
        return x, y

    def lines(self, lines: Iterable[tuple[FloatArray, FloatArray]]) -> list[FloatArray]:
        """Turn lines into pieces that the axes take.

        Parameters
        ----------
        lines : iterable of tuple of two ndarrays
            Latitude and longitude along each line.

        Returns
        -------
        list of ndarray of shape (k, 2)
            Pieces of the lines; none crosses the edge of the map.
        """
        if self.kind == "planar":
            return [np.column_stack([lon, lat]) for lat, lon in lines]
        pieces = cut_lines(lines, self.center)
        return [np.column_stack(self.scale(*piece.T)) for piece in pieces]

    def dress(
        self, ax: Any, x: FloatArray, y: FloatArray, *, cells: bool = False
    ) -> None:
        """Set limits, aspect and ticks.

        Parameters
        ----------
        ax : matplotlib Axes
            Where the map was drawn.
        x, y : ndarray
            What was drawn, as :meth:`place` returns it, or edges of cells.
        cells : bool, default=False
            Whether these are edges, at which the map ends.
        """
        from matplotlib.ticker import FuncFormatter

        if self.kind == "planar":
            ax.set_aspect("equal")
            ax.set(xlabel=self.names[0], ylabel=self.names[1])
            x_limits, y_limits = _limits(x, y, 1.0, None, cells)
            ax.set_xlim(*x_limits)
            ax.set_ylim(*y_limits)
            # Without a factor in the corner, which nobody sees.
            ax.ticklabel_format(style="plain", useOffset=False)
            ax.locator_params(nbins=5)
        elif self.kind == "projected":
            ax.set_longitude_grid(60)
            ax.set_latitude_grid(30)
            ax.set_longitude_grid_ends(90)
            ax.set_xticklabels([])  # they would lie on the equator, under the data
            ax.yaxis.set_major_formatter(
                FuncFormatter(lambda v, _: degrees(np.degrees(v), "NS"))
            )
            ax.tick_params(axis="y", labelsize="small")
            ax.grid(True, color="0.75", linewidth=0.4, zorder=0.5)
            ax.set_axisbelow(True)
        elif self.kind == "cartopy":
            if np.ptp(wrap_longitude(x - middle_longitude(x))) >= _GLOBAL_SPAN:
                ax.set_global()
        elif self.kind == "plain":
            self._dress_degrees(ax, x, y, cells)

    def _dress_degrees(
        self, ax: Any, x: FloatArray, y: FloatArray, cells: bool
    ) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        globe = np.ptp(x) >= _GLOBAL_SPAN
        if globe:
            left, right, low, high = -180.0, 180.0, -90.0, 90.0
            if np.ptp(y) < 100.0:
                # A strip lower than this could not be read.
                middle = np.clip((y.min() + y.max()) / 2, -45.0, 45.0)
                low, high = _padded(np.append(y, [middle - 40.0, middle + 40.0]))
                low, high = max(low, -90.0), min(high, 90.0)
            ax.set_xticks(np.arange(-180, 181, 60))
            ax.set_yticks(np.arange(-90, 91, 30))
        else:
            middle = np.clip((y.min() + y.max()) / 2, -75.0, 75.0)
            stretch = 1.0 / np.cos(np.radians(middle))
            (left, right), (low, high) = _limits(x, y, stretch, 1.0, cells)
            low, high = max(low, -90.0), min(high, 90.0)
            for axis, n in ((ax.xaxis, 5), (ax.yaxis, 6)):
                axis.set_major_locator(
                    MaxNLocator(n, steps=[1, 1.5, 2, 2.5, 3, 5, 6, 10])
                )
        ax.set_xlim(left, right)
        ax.set_ylim(low, high)
        ax.set_aspect(1.0 if globe else stretch)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: degrees(v, "EW")))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: degrees(v, "NS")))


def middle_longitude(lon: ArrayLike) -> float:
    """Say around which longitude to draw a plain map.

    Parameters
    ----------
    lon : array_like of shape (n,)
        Longitudes in degrees.

    Returns
    -------
    float
        0, or the middle of a region that lies across the date line.

    Examples
    --------
    >>> middle_longitude([-120, 0, 120]), middle_longitude([170, -170])
    (0.0, 180.0)
    """
    east = np.unique(wrap_longitude(np.asarray(lon, dtype=float)))
    gaps = np.diff(np.append(east, east[0] + 360.0))
    widest = int(gaps.argmax())
    if 360.0 - gaps[widest] >= _GLOBAL_SPAN or widest == len(east) - 1:
        return 0.0
    first, last = east[widest + 1], east[widest] + 360.0
    middle = (first + last) / 2
    return float(middle - 360.0 if middle > 180.0 else middle)


def degrees(value: float, ends: str) -> str:
    """Write a longitude or latitude.

    Parameters
    ----------
    value : float
        Degrees; longitudes may go beyond 180.
    ends : {"EW", "NS"}
        Letters of the positive and the negative side.

    Returns
    -------
    str
        As on a map.

    Examples
    --------
    >>> degrees(190, "EW"), degrees(-30.5, "NS"), degrees(0, "EW")
    ('170°W', '30.5°S', '0°')
    """
    value = round(float(value), 6)
    if ends == "EW":
        value = (value + 180.0) % 360.0 - 180.0
    letter = ends[0] if value > 0 else ends[1]
    if value == 0 or (ends == "EW" and abs(value) == 180.0):
        letter = ""
    return f"{abs(value):g}°{letter}"


def _limits(
    x: FloatArray, y: FloatArray, stretch: float, least: float | None, cells: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits around points, or at the edges of cells.

    A map that would be a strip, too thin for its labels, is widened.
    """
    if cells:
        # Around cells a margin would look like cells without data.
        x_limits = float(np.min(x)), float(np.max(x))
        y_limits = float(np.min(y)), float(np.max(y))
    else:
        x_limits, y_limits = _padded(x, least), _padded(y, least)
    width = x_limits[1] - x_limits[0]
    height = (y_limits[1] - y_limits[0]) * stretch
    tallest, widest = (3.0, 8.0) if cells else (1.6, 4.0)
    lacking_x = max(height / tallest - width, 0.0) / 2
    lacking_y = max(width / widest - height, 0.0) / stretch / 2
    return (
        (x_limits[0] - lacking_x, x_limits[1] + lacking_x),
        (y_limits[0] - lacking_y, y_limits[1] + lacking_y),
    )


def _padded(values: FloatArray, least: float | None = None) -> tuple[float, float]:
    """Limits a little beyond the values, and wide enough for one point."""
    low, high = float(np.min(values)), float(np.max(values))
    pad = 0.04 * (high - low)
    if pad == 0.0:
        pad = max(abs(low) * 1e-3, 1.0) if least is None else least
    return low - pad, high + pad
