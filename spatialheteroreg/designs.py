"""Designs of simulations: published ones, and ones that set traps."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.utils import Bunch

from spatialheteroreg.design_law import DesignLaw, rows_on_globe, rows_on_grid
from spatialheteroreg.design_terms import (
    UNTOLD,
    draw_copies,
    draw_normal,
    draw_uniform,
    drifting_coefficients,
    geoshapley_coefficients,
    mgwr_coefficients,
    regional_coefficients,
)

__all__ = [
    "make_drifting_globe",
    "make_geoshapley_grid",
    "make_mgwr_grid",
    "make_regional_globe",
]


def make_mgwr_grid(
    n_side: int = 25,
    *,
    noise: float = 0.5,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make the grid with three coefficient surfaces that MGWR was shown on.

    At positions u and v from 0 to 24 the target is b0 + b1 x1 + b2 x2 + noise
    with x1 and x2 standard normal and [1]_::

        b0 = 3
        b1 = 1 + (u + v) / 12
        b2 = 1 + (36 - (6 - u / 2) ** 2)(36 - (6 - v / 2) ** 2) / 324

    b0 is constant, b1 a plane, b2 a hill. Fit with
    ``STCGRegressor(lat="v", lon="u", metric="euclidean")``.

    Parameters
    ----------
    n_side : int, default=25
        Rows along each side of the grid, at least 2. There is one row at each
        position, 625 by default.
    noise : float, default=0.5
        Standard deviation of the noise, in target units.
    random_state : int, RandomState instance or None, default=None
        Draws features and noise.

    Returns
    -------
    Bunch
        With the attributes:

        data : DataFrame of shape (n_side**2, 4)
            ``u`` and ``v``, planar positions, ``x1`` and ``x2``.
        target, noise_free_target : Series of shape (n_side**2,)
            With noise and without.
        local_effects : DataFrame of shape (n_side**2, 2)
            Exact derivatives by each feature, here b1 and b2.
        contributions : DataFrame of shape (n_side**2, 2)
            What each feature adds, measured from its mean at the same place.
        law : spatialheteroreg.design_law.DesignLaw
            The law, to draw and evaluate other rows.
        feature_names : list of str
            Columns of `data` other than the coordinates.
        DESCR : str
            A description.

    See Also
    --------
    make_geoshapley_grid : Five terms, two of them the same everywhere.

    References
    ----------
    .. [1] A. S. Fotheringham, W. Yang, W. Kang (2017). Multiscale Geographically
           Weighted Regression (MGWR). Annals of the American Association of
           Geographers 107(6), 1247-1265.

    Examples
    --------
    >>> grid = make_mgwr_grid(random_state=0)
    >>> grid.data.shape
    (625, 4)
    >>> float(grid.local_effects["x2"].max())  # in the middle
    5.0
    """
    law = DesignLaw(mgwr_coefficients, partial(draw_normal, ["x1", "x2"]))
    return rows_on_grid(law, 24.0, n_side, noise, random_state, "make_mgwr_grid")


def make_geoshapley_grid(
    n_side: int = 50,
    *,
    noise: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make the grid with five terms that GeoShapley was shown on.

    At positions u and v from 0 to 49 the target is
    f0 + b1 x1 + b2 x2 + 2 x3 + x4**2 + noise, with all features uniform between
    -2 and 2 and [1]_::

        f0 = 6(12.5**2 - (12.5 - u / 2) ** 2)(12.5**2 - (12.5 - v / 2) ** 2) / 12.5**4
        b1 = 3(u + v) / 49
        b2 = 3(49 + u - v) / 49

    x3 is the same everywhere, x4 too, but curved. Fit with
    ``STCGRegressor(lat="v", lon="u", metric="euclidean")``.

    Parameters
    ----------
    n_side : int, default=50
        Rows along each side of the grid, at least 2. There is one row at each
        position, 2,500 by default.
    noise : float, default=1.0
        Standard deviation of the noise, in target units.
    random_state : int, RandomState instance or None, default=None
        Draws features and noise.

    Returns
    -------
    Bunch
        With the attributes of :func:`make_mgwr_grid`; the features are ``x1``
        to ``x4``, and the derivative by x4 is 2 x4.

    See Also
    --------
    make_mgwr_grid : Three smooth surfaces.

    References
    ----------
    .. [1] Z. Li (2024). GeoShapley: A Game Theory Approach to Measuring Spatial
           Effects in Machine Learning Models. Annals of the American Association
           of Geographers 114(7), 1365-1385.

    Examples
    --------
    >>> grid = make_geoshapley_grid(random_state=0)
    >>> grid.data.shape, list(grid.local_effects)
    ((2500, 6), ['x1', 'x2', 'x3', 'x4'])
    """
    law = DesignLaw(
        geoshapley_coefficients, draw_uniform, powers={"x4": 2}, means={"x4": 4 / 3}
    )
    return rows_on_grid(law, 49.0, n_side, noise, random_state, "make_geoshapley_grid")


def make_regional_globe(
    n_samples: int = 10_000,
    n_locations: int = 1_000,
    *,
    noise: float = 0.2,
    n_years: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make rows with an irrelevant, two redundant and one regional feature.

    Traps for explanations, on a sphere. All features are normal with mean 0:

    - ``everywhere`` has a slope between 0.2 and 1.8 that changes with the place;
    - ``copy_a`` and ``copy_b`` are one driver plus independent noise of standard
      deviation 0.5 each. The target depends on the driver, with slope 1, and the
      driver is not in the table. The best guess from both copies weighs them
      alike: the slope by each is 1 / 2.25;
    - ``monsoon`` has a slope of up to 2 within 4,000 km of 20 N 80 E and in the
      half year around 19 July, and none elsewhere or at another time;
    - ``irrelevant`` does nothing.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of rows, at least 2.
    n_locations : int, default=1_000
        Number of places, drawn uniformly by area. Rows are shared out evenly.
    noise : float, default=0.2
        Standard deviation of the noise, in target units. What the copies do not
        tell of the driver adds to it, 1/3.
    n_years : int, default=5
        Years that the dates cover, from 2001-01-01 on; at most 200.
    random_state : int, RandomState instance or None, default=None
        Draws places, dates, features and noise; the law is always the same.

    Returns
    -------
    Bunch
        With the attributes:

        data : DataFrame of shape (n_samples, 8)
            ``lat`` and ``lon`` in degrees, ``time`` (datetime64, whole days) and
            the features.
        target, noise_free_target : Series of shape (n_samples,)
            With noise and without. Without is the mean given all columns of
            `data`.
        local_effects : DataFrame of shape (n_samples, 5)
            Exact derivatives of the noise-free target by each feature.
        contributions : DataFrame of shape (n_samples, 5)
            What each feature adds, measured from its mean at the same place.
        location : Series of shape (n_samples,)
            Number of the place of each row, to group splits by.
        law : spatialheteroreg.design_law.DesignLaw
            The law, to draw and evaluate other rows.
        feature_names : list of str
            Columns of `data` other than the coordinates.
        DESCR : str
            A description.

    See Also
    --------
    make_drifting_globe : Effects that change over the years.

    Examples
    --------
    >>> globe = make_regional_globe(2_000, 200, random_state=0)
    >>> [float(share) for share in (globe.local_effects != 0).mean().round(2)]
    [1.0, 1.0, 1.0, 0.06, 0.0]
    """
    law = DesignLaw(regional_coefficients, draw_copies)
    # Given both copies, what is left of the driver does not depend on them.
    return rows_on_globe(
        law,
        (n_samples, n_locations, n_years),
        noise,
        UNTOLD,
        random_state,
        "make_regional_globe",
    )


def make_drifting_globe(
    n_samples: int = 10_000,
    n_locations: int = 1_000,
    *,
    noise: float = 0.2,
    n_years: int = 20,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make rows whose effects change over the years.

    On a sphere, with t going from 0 to 1 over the span of the dates. All
    features are standard normal:

    - ``growing`` has slope 0.2 + 1.6 t, everywhere;
    - ``turning`` rises from slope -1 to 1 at some places and falls from 1 to -1
      at others, by a smooth pattern;
    - ``switching`` falls from slope 1.2 to 0.2 within some months around t = 0.5;
    - ``steady`` changes with the place, from 0.4 to 1.6, and not with time.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of rows, at least 2.
    n_locations : int, default=1_000
        Number of places, drawn uniformly by area. Rows are shared out evenly.
    noise : float, default=0.2
        Standard deviation of the noise, in target units.
    n_years : int, default=20
        Years that the dates cover, from 2001-01-01 on; at most 200.
    random_state : int, RandomState instance or None, default=None
        Draws places, dates, features and noise; the law is always the same.

    Returns
    -------
    Bunch
        With the attributes of :func:`make_regional_globe`; there are four
        features, and nothing is hidden.

    See Also
    --------
    make_regional_globe : Traps in space and season.

    Examples
    --------
    >>> globe = make_drifting_globe(2_000, 200, random_state=0)
    >>> late = globe.data["time"] >= "2011-01-01"
    >>> slopes = globe.local_effects.groupby(late).mean()
    >>> slopes["growing"].round(1).tolist(), slopes["switching"].round(1).tolist()
    ([0.6, 1.4], [1.2, 0.2])
    """
    law = DesignLaw(
        partial(drifting_coefficients, n_years),
        partial(draw_normal, ["growing", "turning", "switching", "steady"]),
    )
    return rows_on_globe(
        law,
        (n_samples, n_locations, n_years),
        noise,
        0.0,
        random_state,
        "make_drifting_globe",
    )
