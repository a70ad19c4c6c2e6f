"""Features and coefficients of the designs of simulations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spatialheteroreg.globe import START, YEAR_DAYS
from spatialheteroreg.sphere import great_circle_distance, unit_vectors

FloatArray = NDArray[np.float64]

# The region and the season where `monsoon` matters.
_CENTER = (20.0, 80.0)
_RADIUS_KM = 4_000.0
_PEAK_DAY = 200.0
# Noise of the copies, and effect of the driver that they are copies of.
_COPY_NOISE = 0.5
_DRIVER_EFFECT = 1.0

UNTOLD = float(_DRIVER_EFFECT * _COPY_NOISE / np.sqrt(2 + _COPY_NOISE**2))
"""Standard deviation of what the copies do not tell of the driver's effect."""


def draw_normal(names: list[str], n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw standard normal features."""
    return pd.DataFrame(rng.standard_normal((n, len(names))), columns=names)


def draw_uniform(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw features that are uniform between -2 and 2."""
    names = ["x1", "x2", "x3", "x4"]
    return pd.DataFrame(rng.uniform(-2.0, 2.0, (n, len(names))), columns=names)


def draw_copies(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw normal features, two of them copies of one driver."""
    names = ["everywhere", "copy_a", "copy_b", "monsoon", "irrelevant"]
    drawn = draw_normal(names, n, rng)
    driver = rng.standard_normal(n)
    for copy in ("copy_a", "copy_b"):
        drawn[copy] = driver + _COPY_NOISE * drawn[copy]
    return drawn


# --- coefficients --------------------------------------------------------------


def mgwr_coefficients(X: pd.DataFrame) -> pd.DataFrame:
    """A constant, a plane and a hill."""
    u, v = X["u"], X["v"]
    hill = (36 - (6 - u / 2) ** 2) * (36 - (6 - v / 2) ** 2) / 324
    return pd.DataFrame({"intercept": 3.0, "x1": 1 + (u + v) / 12, "x2": 1 + hill})


def geoshapley_coefficients(X: pd.DataFrame) -> pd.DataFrame:
    """A hill, two planes and two constants."""
    u, v = X["u"], X["v"]
    across, along = (12.5**2 - (12.5 - s / 2) ** 2 for s in (u, v))
    return pd.DataFrame(
        {
            "intercept": 6 * across * along / 12.5**4,
            "x1": 3 * (u + v) / 49,
            "x2": 3 * (49 + u - v) / 49,
            "x3": 2.0,
            "x4": 1.0,
        }
    )


def regional_coefficients(X: pd.DataFrame) -> pd.DataFrame:
    """Slopes of which one is 0 nearly everywhere, and one everywhere."""
    lobes, poles, _ = _patterns(X)
    distance = great_circle_distance(X["lat"], X["lon"], *_CENTER)
    region = np.maximum(0.0, 1 - (distance / _RADIUS_KM) ** 2)
    angle = 2 * np.pi * (_years(X) - _PEAK_DAY / YEAR_DAYS)
    season = np.maximum(0.0, np.cos(angle))
    by_copy = _DRIVER_EFFECT / (2 + _COPY_NOISE**2)
    slopes = {
        "intercept": 0.6 * poles,
        "everywhere": 1 + 0.8 * lobes,
        "copy_a": by_copy,
        "copy_b": by_copy,
        "monsoon": 2 * region * season,
        "irrelevant": 0.0,
    }
    return pd.DataFrame(slopes, index=X.index)


def drifting_coefficients(n_years: int, X: pd.DataFrame) -> pd.DataFrame:
    """Slopes of which three change over the years."""
    lobes, poles, waves = _patterns(X)
    years = _years(X)
    t = years / n_years
    slopes = {
        "intercept": 0.6 * poles,
        "growing": 0.2 + 1.6 * t,
        "turning": lobes * (2 * t - 1),
        "switching": 0.7 - 0.5 * np.tanh(2 * (years - n_years / 2)),
        "steady": 1 + 0.6 * waves,
    }
    return pd.DataFrame(slopes, index=X.index)


def _patterns(X: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Three smooth patterns between -1 and 1, without a seam."""
    x, y, z = unit_vectors(X["lat"], X["lon"]).T
    return 3 * x**2 * y - y**3, z, 2 * x * z


def _years(X: pd.DataFrame) -> FloatArray:
    """Years since the first date, as a float."""
    days = (X["time"] - pd.Timestamp(START)) / pd.Timedelta(days=1)
    return days.to_numpy(dtype=np.float64) / YEAR_DAYS
