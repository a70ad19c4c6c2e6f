"""A design in which what is hidden is carried by a wind that turns with the season."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from spatialheteroreg.design_law import DesignLaw, rows_on_globe
from spatialheteroreg.design_terms import draw_normal
from spatialheteroreg.globe import START, YEAR_DAYS, FloatArray, SmoothFields
from spatialheteroreg.sphere import EARTH_RADIUS_KM, unit_vectors

CARRIED_KM = 3_000.0
"""How far the wind carries what the sources send out."""

SOURCE_LENGTH_KM = 2_000.0
"""Length scale of the sources."""


def make_advected_globe(
    n_samples: int = 10_000,
    n_locations: int = 1_000,
    *,
    noise: float = 0.2,
    n_years: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make rows whose effects a turning wind carries from place to place.

    Hidden sources q are a smooth random field on the sphere, of length scale
    2,000 km, mean 0 and variance 1. What they send out is found 3,000 km downwind.
    The wind blows from the north on 1 January, from the east a quarter of a year
    later, then from the south and the west; its direction is the same at all
    places. Both features are standard normal:

    - ``near`` has slope 0.6 q(place): what the place itself sends out;
    - ``downwind`` has slope 0.6 q(the place 3,000 km upwind).

    The intercept is 0.6 q(the place 3,000 km upwind), too. A place has as many
    seasonal cycles as it has places around it, yet all follow from one map of q.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of rows, at least 2.
    n_locations : int, default=1_000
        Number of places, drawn uniformly by area. Rows are shared out evenly.
    noise : float, default=0.2
        Standard deviation of the noise, in target units.
    n_years : int, default=5
        Years that the dates cover, from 2001-01-01 on; at most 200.
    random_state : int, RandomState instance or None, default=None
        Draws places, dates, features and noise; the law is always the same.

    Returns
    -------
    Bunch
        With the attributes of :func:`make_regional_globe`; there are two features.

    See Also
    --------
    make_drifting_globe : Effects that change over the years.

    Examples
    --------
    >>> globe = make_advected_globe(2_000, 200, random_state=0)
    >>> globe.local_effects.groupby(globe.location).std().mean().round(1).tolist()
    [0.0, 0.6]
    """
    # The same sources for all: the law must not depend on what is drawn.
    sources = SmoothFields(1, SOURCE_LENGTH_KM, np.random.default_rng(0))
    law = DesignLaw(
        partial(advected_coefficients, sources),
        partial(draw_normal, ["near", "downwind"]),
    )
    return rows_on_globe(
        law,
        (n_samples, n_locations, n_years),
        noise,
        0.0,
        random_state,
        "make_advected_globe",
    )


def advected_coefficients(sources: SmoothFields, X: pd.DataFrame) -> pd.DataFrame:
    """Compute slopes from the sources here and upwind.

    Parameters
    ----------
    sources : SmoothFields
        The hidden field.
    X : DataFrame of shape (n, p)
        Rows with ``lat``, ``lon`` and ``time``.

    Returns
    -------
    DataFrame of shape (n, 3)
        "intercept", "near" and "downwind".
    """
    here, upwind = upwind_places(X)
    carried = 0.6 * sources(upwind)[:, 0]
    slopes = {
        "intercept": carried,
        "near": 0.6 * sources(here)[:, 0],
        "downwind": carried,
    }
    return pd.DataFrame(slopes, index=X.index)


def upwind_places(X: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Find the place of each row and the one from where the wind comes.

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        Rows with ``lat``, ``lon`` and ``time``.

    Returns
    -------
    here, upwind : ndarray of shape (n, 3)
        Unit vectors.
    """
    lat, lon = (np.deg2rad(X[name].to_numpy(dtype=float)) for name in ("lat", "lon"))
    here = unit_vectors(X["lat"], X["lon"])
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros(len(X))], axis=1)
    north = np.stack(
        [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=1
    )
    days = (X["time"] - pd.Timestamp(START)) / pd.Timedelta(days=1)
    turn = 2 * np.pi * days.to_numpy(dtype=np.float64)[:, None] / YEAR_DAYS
    origin = np.cos(turn) * north + np.sin(turn) * east
    angle = CARRIED_KM / EARTH_RADIUS_KM
    return here, np.cos(angle) * here + np.sin(angle) * origin
