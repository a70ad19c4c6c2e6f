"""Points and coordinate reference systems."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import ColumnRoles, Table
from .sphere import FloatArray
from .values import kind_of, rows_text


def read_points(
    table: Table, roles: ColumnRoles, crs: Any
) -> tuple[FloatArray, FloatArray, Any]:
    """Read points.

    Parameters
    ----------
    table : Table
        Any table with the columns of the training table.
    roles : ColumnRoles
        Which column holds the points.
    crs : object
        Coordinate reference system of points that bring none; None for none.

    Returns
    -------
    northing, easting : ndarray of shape (n,)
        Coordinates y and x of the points.
    crs : object
        Their coordinate reference system: their own, else that of the training
        points, else the one given.

    Raises
    ------
    ValueError
        If values are missing, not finite, or no points; says in which rows.
    """
    assert roles.lat is not None
    column, label = table.column(roles.lat), table.label(roles.lat)
    if kind_of(column) != "geometries" and column.notna().any():
        raise ValueError(
            f"Column {label} gives the place and must hold points, as in fit."
        )
    import shapely

    points = column.to_numpy(dtype=object, na_value=None)
    bad = shapely.is_missing(points) | shapely.is_empty(points)
    other = ~bad & (shapely.get_type_id(points) != shapely.GeometryType.POINT)
    if other.any():
        raise ValueError(
            f"Column {label}: places must be points, but {rows_text(other)} hold for "
            f"example a {points[other][0].geom_type}. Pass X.set_geometry(X.centroid) "
            "or X.set_geometry(X.representative_point())."
        )
    northing, easting = np.full((2, len(points)), np.nan)
    northing[~bad] = shapely.get_y(points[~bad])
    easting[~bad] = shapely.get_x(points[~bad])
    bad |= ~(np.isfinite(northing) & np.isfinite(easting))
    if bad.any():
        raise ValueError(
            f"Column {label}: the point is missing, empty or not finite in "
            f"{rows_text(bad)}. Drop these rows."
        )
    own = getattr(column.array, "crs", None)
    # Bare points, as in an array made of the frame, are taken for those of fit.
    source = own if own is not None else roles.crs or crs
    return northing, easting, source


def convert(
    northing: FloatArray, easting: FloatArray, source: Any, target: Any
) -> tuple[FloatArray, FloatArray]:
    """Convert coordinates between reference systems.

    Parameters
    ----------
    northing, easting : ndarray of shape (n,)
        Coordinates; latitude and longitude of a geographic system.
    source, target : object
        Systems from and to, as pyproj takes them.

    Returns
    -------
    northing, easting : ndarray of shape (n,)
        Coordinates in the target system; infinite where there are none.

    Raises
    ------
    ValueError
        If pyproj does not know the source, or it has no northing and easting.
    ImportError
        If pyproj is missing.
    """
    try:
        from pyproj import CRS, Transformer
        from pyproj.exceptions import ProjError
    except ImportError as error:
        raise ImportError(
            "crs= needs pyproj, which is not installed. Install it with "
            '`pip install "spatialheteroreg[geo]"`, or pass degrees.'
        ) from error
    name = str(source)[:80]
    try:
        system = CRS.from_user_input(source)
    except ProjError as error:
        raise ValueError(
            f"crs={name!r} is no coordinate reference system that pyproj knows. Pass "
            "for example an EPSG code, 'EPSG:3035'."
        ) from error
    if not (system.is_geographic or system.is_projected):
        raise ValueError(
            f"crs={name!r} has no northing and easting on the Earth that could be "
            "turned into degrees. Pass a geographic or projected system."
        )
    transformer = Transformer.from_crs(system, target, always_xy=True)
    # As lists: older versions of pyproj take an array of one number for a scalar.
    x, y = (v if len(v) > 1 else v.tolist() for v in (easting, northing))
    x, y = transformer.transform(x, y)
    return np.asarray(y), np.asarray(x)
