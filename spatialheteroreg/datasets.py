"""Data whose local effects are known, to check what a model has learned."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_scalar

from spatialheteroreg.advection import make_advected_globe
from spatialheteroreg.checks import check_amount, check_count
from spatialheteroreg.designs import (
    make_drifting_globe,
    make_geoshapley_grid,
    make_mgwr_grid,
    make_regional_globe,
)
from spatialheteroreg.globe import NUMERIC_FEATURES, START, YEAR_DAYS, GlobeLaw
from spatialheteroreg.sphere import to_lat_lon
from spatialheteroreg.spurious import make_spurious_regions

__all__ = [
    "make_advected_globe",
    "make_drifting_globe",
    "make_geoshapley_grid",
    "make_heterogeneous_globe",
    "make_mgwr_grid",
    "make_regional_globe",
    "make_spurious_regions",
]


def make_heterogeneous_globe(
    n_samples: int = 10_000,
    n_locations: int = 1_000,
    *,
    noise: float = 0.1,
    n_years: int = 5,
    nonlinear: bool = True,
    interaction: bool = True,
    correlation_length: float = 2_000.0,
    target_scale: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make rows from a planet whose law differs from place to place.

    The table looks like a study of gross primary productivity: places spread
    evenly over the sphere, days of several years, weather, leaves and land
    cover. The target is a smooth function of the features whose slopes change
    with the place and the season. What makes them change is not among the
    features, so a model has to learn it from where and when the rows are.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of rows, at least 2.
    n_locations : int, default=1_000
        Number of places, drawn uniformly by area. Rows are shared out evenly;
        with more places than rows, every row has its own.
    noise : float, default=0.1
        Standard deviation of the noise on the target, in units of the
        noise-free target's standard deviation.
    n_years : int, default=5
        Years that the dates cover, from 2001-01-01 on; at most 200.
    nonlinear : bool, default=True
        Whether productivity has an optimum in temperature, a term quadratic in
        it. Off, the target is linear in temperature for a given place and day.
    interaction : bool, default=True
        Whether leaves and light multiply each other (``radiation`` times
        ``lai``). Off, no feature's effect depends on another feature.
    correlation_length : float, default=2_000.0
        Length scale in km of the hidden fields: the correlation of their values
        at two places a chord d apart is exp(-d**2 / (2 correlation_length**2)),
        0.61 at one length and 0.14 at two (less for lengths near the planet's
        size, since each field averages to 0 over the planet). At least 200.
    target_scale : float, default=1.0
        Standard deviation of the noise-free target.
    random_state : int, RandomState instance or None, default=None
        Draws the planet, the places, the rows and the noise. An int makes the
        call repeatable, and gives the same planet for any number of rows.

    Returns
    -------
    Bunch
        With the attributes:

        data : DataFrame of shape (n_samples, 10)
            ``lat`` and ``lon`` in degrees (-180..180), ``time`` (datetime64,
            whole days), ``temperature`` in degree C, ``radiation`` in W m-2,
            ``precipitation`` in mm d-1, ``vpd`` in hPa, ``soil_moisture`` in
            m3 m-3, ``lai`` in m2 m-2 and ``land_cover`` (category).
        target : Series of shape (n_samples,)
            The noise-free target plus noise, named ``gpp``.
        noise_free_target : Series of shape (n_samples,)
            Mean 0, standard deviation `target_scale`.
        local_effects : DataFrame of shape (n_samples, 6)
            Exact derivatives of the noise-free target by each numeric feature
            at each row, in target units per feature unit.
        location : Series of shape (n_samples,)
            Number of the place of each row, to group splits by.
        law : spatialheteroreg.globe.GlobeLaw
            The law itself, to evaluate at other places, days and features.
        feature_names : list of str
            Columns of `data` other than the coordinates.
        DESCR : str
            A description.

    See Also
    --------
    spatialheteroreg.globe.GlobeLaw : The planet and its law.

    Examples
    --------
    >>> globe = make_heterogeneous_globe(500, 100, random_state=0)
    >>> globe.data.shape, list(globe.local_effects)[:2]
    ((500, 10), ['temperature', 'radiation'])
    >>> round(float(globe.noise_free_target.std(ddof=0)), 6)
    1.0

    The law tells what would be at a warmer place of the same kind:

    >>> warmer = globe.data.assign(temperature=globe.data["temperature"] + 1)
    >>> globe.law.target(warmer).shape
    (500,)
    """
    check_count("n_samples", n_samples, 2)
    check_count("n_locations", n_locations, 1)
    check_count("n_years", n_years, 1, 200)
    check_amount("noise", noise, included=True)
    check_amount("correlation_length", correlation_length, 200.0, included=True)
    check_amount("target_scale", target_scale, np.finfo(float).tiny, included=True)
    check_scalar(nonlinear, "nonlinear", (bool, np.bool_))
    check_scalar(interaction, "interaction", (bool, np.bool_))

    # One stream each, so that the planet does not depend on the number of rows.
    seeds = check_random_state(random_state).randint(2**31 - 1, size=4)
    planet, places, rows, errors = (np.random.default_rng(seed) for seed in seeds)

    law = GlobeLaw(
        planet,
        nonlinear=bool(nonlinear),
        interaction=bool(interaction),
        correlation_length=float(correlation_length),
    )
    directions = places.standard_normal((min(n_locations, n_samples), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lat, lon = to_lat_lon(directions)
    location = rows.permutation(np.arange(n_samples) % len(directions))
    days = rows.integers(int(n_years * YEAR_DAYS), size=n_samples)
    data = law.features(
        lat[location],
        lon[location],
        START + days.astype("timedelta64[D]"),
        weather=rows.standard_normal((n_samples, len(NUMERIC_FEATURES))),
    )
    law.standardize(data, float(target_scale))

    truth = pd.Series(law.target(data), name="gpp")
    scatter = noise * target_scale * errors.standard_normal(n_samples)
    return Bunch(
        data=data,
        target=truth + scatter,
        noise_free_target=truth,
        local_effects=law.local_effects(data),
        location=pd.Series(location, name="location"),
        law=law,
        feature_names=[*NUMERIC_FEATURES, "land_cover"],
        DESCR=(
            f"A simulated planet: {n_samples} rows at {len(directions)} places over "
            f"{n_years} years. Slopes vary over about {correlation_length:g} km and "
            f"with the season; noise {noise:g} of the noise-free target's standard "
            "deviation. See make_heterogeneous_globe."
        ),
    )
