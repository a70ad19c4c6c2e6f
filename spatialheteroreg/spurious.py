"""A design with a feature that is no cause, only an effect, of the target."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from spatialheteroreg.design_law import DesignLaw, rows_on_globe
from spatialheteroreg.design_terms import draw_normal
from spatialheteroreg.sphere import unit_vectors, wrap_longitude

EFFECT_NOISE = 0.5
"""Standard deviation of what else the effect is made of."""

STRENGTHS = (0.0, 1.0, 0.25, 2.0, 0.5, 1.5, 0.75, -1.0)
"""How the effect follows the target in each region."""


def make_spurious_regions(
    n_samples: int = 10_000,
    n_locations: int = 1_000,
    *,
    noise: float = 0.6,
    strengths: Sequence[float] = STRENGTHS,
    n_years: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make rows with two causes of the target and one effect of it.

    On a sphere of eight regions, its octants. The causes are standard normal; the
    effect is made of the target, after it, in a way that differs by region::

        y      = b_a(place) cause_a + b_b(place) cause_b + noise
        effect = strength(region) y + 0.5 N(0, 1)

    b_a lies between 0.5 and 1.5 and b_b between -1.5 and 0.5, by smooth patterns
    that do not know the regions. Given the causes, the effect tells of the noise:
    much where its strength is great, nothing where it is 0, and the opposite where
    it is negative. Who changed the effect would not change the target. In seven
    regions the strength goes from 0 to 2; in the last it is -1, and what was learned
    in the others of the effect does harm.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of rows, at least 2.
    n_locations : int, default=1_000
        Number of places, drawn uniformly by area. Rows are shared out evenly.
    noise : float, default=0.6
        Standard deviation of the noise, in target units; the same in all regions.
    strengths : sequence of 8 floats, default=(0, 1, 0.25, 2, 0.5, 1.5, 0.75, -1)
        Strength of each region.
    n_years : int, default=5
        Years that the dates cover, from 2001-01-01 on; at most 200. The law does
        not depend on time.
    random_state : int, RandomState instance or None, default=None
        Draws places, dates, features and noise; the law is always the same.

    Returns
    -------
    Bunch
        With the attributes:

        data : DataFrame of shape (n_samples, 6)
            ``lat``, ``lon``, ``time``, ``cause_a``, ``cause_b`` and ``effect``.
        target, noise_free_target : Series of shape (n_samples,)
            With noise and without. Without is the mean given the causes.
        local_effects : DataFrame of shape (n_samples, 3)
            What a change of each feature would change in the target; 0 for
            ``effect``.
        region : Series of shape (n_samples,)
            Number of the region of each row, 0 to 7.
        location : Series of shape (n_samples,)
            Number of the place of each row.
        law : spatialheteroreg.design_law.DesignLaw
            The law of the causes.
        feature_names : list of str
            Columns of `data` other than the coordinates.
        DESCR : str
            A description.

    See Also
    --------
    make_regional_globe : Other traps, for explanations.

    References
    ----------
    Arjovsky, M., Bottou, L., Gulrajani, I., Lopez-Paz, D. (2019). Invariant risk
    minimization. arXiv:1907.02893. Its first example is such a structure.

    Examples
    --------
    >>> globe = make_spurious_regions(4_000, 400, random_state=0)
    >>> both = globe.data[["effect"]].assign(y=globe.target)
    >>> strong, opposite = (both[globe.region == k].corr() for k in (3, 7))
    >>> bool(strong.loc["effect", "y"] > 0.9), bool(opposite.loc["effect", "y"] < -0.8)
    (True, True)
    """
    strength = np.asarray(strengths, dtype=np.float64)
    if strength.shape != (8,) or not np.isfinite(strength).all():
        raise ValueError("strengths must be 8 finite numbers, one for each region.")
    random = check_random_state(random_state)
    law = DesignLaw(causal_coefficients, partial(draw_normal, ["cause_a", "cause_b"]))
    sizes = (n_samples, n_locations, n_years)
    globe = rows_on_globe(law, sizes, noise, 0.0, random, "make_spurious_regions")
    region = octants(globe.data)
    rest = np.random.default_rng(random.randint(2**31 - 1)).standard_normal(n_samples)
    globe.data["effect"] = strength[region] * globe.target + EFFECT_NOISE * rest
    for table in (globe.local_effects, globe.contributions):
        table["effect"] = 0.0
    globe.feature_names = [*globe.feature_names, "effect"]
    globe.region = pd.Series(region, name="region")
    return globe


def causal_coefficients(X: pd.DataFrame) -> pd.DataFrame:
    """Compute the slopes of the causes.

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        Rows with ``lat`` and ``lon``.

    Returns
    -------
    DataFrame of shape (n, 3)
        "intercept", which is 0, "cause_a" and "cause_b".
    """
    x, y, z = unit_vectors(X["lat"], X["lon"]).T
    slopes = {
        "intercept": 0.0,
        "cause_a": 1 + 0.5 * np.sin(4 * z + 2 * x),
        "cause_b": -0.5 + np.sin(4 * y - 2 * z),
    }
    return pd.DataFrame(slopes, index=X.index)


def octants(X: pd.DataFrame) -> NDArray[np.int64]:
    """Number the regions: quarters of longitude, those of the south from 4 on.

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        Rows with ``lat`` and ``lon``.

    Returns
    -------
    ndarray of shape (n,)
        Numbers from 0 to 7.
    """
    lon = wrap_longitude(X["lon"].to_numpy(dtype=np.float64))
    quarter = ((lon + 180) // 90).astype(np.int64) % 4
    return quarter + 4 * (X["lat"].to_numpy(dtype=np.float64) < 0)
