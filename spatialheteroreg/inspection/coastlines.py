"""Coastlines from the data of cartopy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..sphere import FloatArray
from .map_frame import MapFrame

_FILE = "shapefiles/natural_earth/physical/ne_{}_coastline.shp"


def draw_coastlines(ax: Any, frame: MapFrame, wanted: bool | str, span: float) -> Any:
    """Draw coastlines.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    frame : MapFrame
        Its frame.
    wanted : {"auto", True, False}
        "auto" draws them if cartopy is installed and has its data at hand; True
        downloads the data if need be.
    span : float
        Width of the map in degrees, by which their detail is chosen.

    Returns
    -------
    LineCollection or None
        The lines; None where none are drawn.

    Raises
    ------
    ImportError
        If they are wanted and cartopy is missing.
    ValueError
        If they are wanted on bare coordinates.
    RuntimeError
        If they are wanted and their data cannot be had.
    """
    if wanted not in (True, False, "auto"):
        raise ValueError(f"coastlines must be True, False or 'auto', got {wanted!r}.")
    if wanted is True and frame.kind == "planar":
        raise ValueError(
            "Coastlines are in degrees, but metric='euclidean' means bare "
            "coordinates. Pass coastlines=False."
        )
    if wanted is False or frame.kind == "planar":
        return None
    path = coastline_file(span, download=wanted is True)
    if path is None:
        return None
    from matplotlib.collections import LineCollection

    lines = LineCollection(
        frame.lines(read_coastlines(path)),
        colors="0.25",
        linewidths=0.5,
        zorder=1.4,  # above cells, below points
        **frame.options(),
    )
    ax.add_collection(lines, autolim=False)
    return lines


def coastline_file(span: float, *, download: bool) -> Path | None:
    """Find the coastlines of cartopy.

    Parameters
    ----------
    span : float
        Width of the map in degrees.
    download : bool
        Whether to download them if need be. False never uses the network.

    Returns
    -------
    Path or None
        The shapefile of the detail that suits best; None where there is none.

    Raises
    ------
    ImportError
        If cartopy is missing and they shall be downloaded.
    RuntimeError
        If they cannot be downloaded.
    """
    try:
        from cartopy import config
    except ImportError as error:
        if not download:
            return None
        raise ImportError(
            "Coastlines are drawn with cartopy. Install it with pip install cartopy, "
            "or pass coastlines=False."
        ) from error
    details = ["110m", "50m", "10m"]
    best = 0 if span > 60 else 1 if span > 10 else 2
    for detail in sorted(details, key=lambda one: abs(details.index(one) - best)):
        for folder in ("pre_existing_data_dir", "data_dir", "repo_data_dir"):
            path = Path(config[folder]) / _FILE.format(detail)
            if path.is_file():
                return path
    if not download:
        return None
    from cartopy.io.shapereader import natural_earth

    try:
        return Path(natural_earth(details[best], "physical", "coastline"))
    except OSError as error:
        raise RuntimeError(
            "The coastlines of cartopy are not on this machine and could not be "
            f"downloaded ({error}). Pass coastlines=False."
        ) from error


def read_coastlines(path: Path) -> list[tuple[FloatArray, FloatArray]]:
    """Read lines from a shapefile.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of tuple of two ndarrays
        Latitude and longitude along each line.
    """
    from cartopy.io.shapereader import Reader

    lines = []
    for geometry in Reader(str(path)).geometries():
        for part in getattr(geometry, "geoms", [geometry]):
            lon, lat = np.asarray(part.coords)[:, :2].T
            lines.append((lat, lon))
    return lines
