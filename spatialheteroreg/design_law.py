"""Laws whose coefficients are known term by term, and rows that follow them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from spatialheteroreg.checks import check_amount, check_count
from spatialheteroreg.globe import START, YEAR_DAYS
from spatialheteroreg.sphere import to_lat_lon

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DesignLaw:
    """A law that is a sum of one term for each feature.

    The noise-free target is::

        intercept(place, time) + sum_j b_j(place, time) x_j ** p_j

    Made by the generators of :mod:`spatialheteroreg.designs`.

    Attributes
    ----------
    coefficients : callable
        Takes rows and returns a DataFrame with the columns "intercept" and b_j,
        one for each feature, in target units.
    draw : callable
        Takes a number of rows and a numpy Generator and returns a DataFrame of
        features.
    powers : mapping of str to int
        p_j where it is not 1.
    means : mapping of str to float
        Mean of x_j ** p_j over all that `draw` may give, where it is not 0.
    """

    coefficients: Callable[[pd.DataFrame], pd.DataFrame]
    draw: Callable[[int, np.random.Generator], pd.DataFrame]
    powers: Mapping[str, int] = field(default_factory=dict)
    means: Mapping[str, float] = field(default_factory=dict)

    def features(
        self,
        coordinates: pd.DataFrame,
        random_state: int | np.random.RandomState | None = None,
    ) -> pd.DataFrame:
        """Draw features for rows at given places and times.

        Parameters
        ----------
        coordinates : DataFrame of shape (n, n_coordinates)
            Places, and times where the design has them, as in its ``data``.
        random_state : int, RandomState instance or None, default=None
            Draws the features.

        Returns
        -------
        DataFrame
            Coordinates and features, with the index of `coordinates`.

        Examples
        --------
        >>> from spatialheteroreg.datasets import make_mgwr_grid
        >>> law = make_mgwr_grid(random_state=0).law
        >>> between = pd.DataFrame({"u": [3.5, 4.5], "v": [7.5, 7.5]})
        >>> law.target(law.features(between, random_state=0)).shape
        (2,)
        """
        seed = check_random_state(random_state).randint(2**31 - 1)
        drawn = self.draw(len(coordinates), np.random.default_rng(seed))
        return pd.concat([coordinates, drawn.set_axis(coordinates.index)], axis=1)

    def target(self, X: pd.DataFrame) -> FloatArray:
        """Compute the noise-free target at rows.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Coordinates and features.

        Returns
        -------
        ndarray of shape (n,)
            Target in its units.
        """
        intercept, slopes = self._split(X)
        return intercept + (slopes * self._powered(X, slopes)).sum(axis=1).to_numpy()

    def intercept(self, X: pd.DataFrame) -> FloatArray:
        """Compute what place and time add by themselves.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Coordinates; other columns are not read.

        Returns
        -------
        ndarray of shape (n,)
            Intercept in target units.
        """
        return self._split(X)[0]

    def local_effects(self, X: pd.DataFrame) -> pd.DataFrame:
        """Give the derivatives of the noise-free target by each feature.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Coordinates and features.

        Returns
        -------
        DataFrame of shape (n, n_features)
            Target units per feature unit, with the index of `X`.
        """
        _, slopes = self._split(X)
        for name, power in self.powers.items():
            slopes[name] *= power * X[name] ** (power - 1)
        return slopes

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Give what each feature adds, measured from its mean at the same place.

        Parameters
        ----------
        X : DataFrame of shape (n, p)
            Coordinates and features.

        Returns
        -------
        DataFrame of shape (n, n_features)
            The term b_j x_j ** p_j less what it is for the mean of x_j ** p_j, in
            target units, with the index of `X`.
        """
        _, slopes = self._split(X)
        means = pd.Series(self.means, dtype=np.float64)
        center = means.reindex(slopes.columns, fill_value=0.0)
        return slopes * (self._powered(X, slopes) - center)

    def _split(self, X: pd.DataFrame) -> tuple[FloatArray, pd.DataFrame]:
        table = self.coefficients(X)
        return table.pop("intercept").to_numpy(dtype=np.float64), table

    def _powered(self, X: pd.DataFrame, slopes: pd.DataFrame) -> pd.DataFrame:
        powered = X[list(slopes)].astype(np.float64)
        for name, power in self.powers.items():
            powered[name] **= power
        return powered


def rows_on_grid(
    law: DesignLaw,
    length: float,
    n_side: int,
    noise: float,
    random_state: int | np.random.RandomState | None,
    name: str,
) -> Bunch:
    """Draw one row at each node of a square grid."""
    check_count("n_side", n_side, 2)
    check_amount("noise", noise, included=True)
    along = np.linspace(0.0, length, n_side)
    v, u = (axis.ravel() for axis in np.meshgrid(along, along, indexing="ij"))
    places = pd.DataFrame({"u": u, "v": v})
    description = f"A grid of {n_side} x {n_side} rows, noise {noise:g}. See {name}."
    random = check_random_state(random_state)
    return _bunch(law, places, noise, random, description)


def rows_on_globe(
    law: DesignLaw,
    sizes: tuple[int, int, int],
    noise: float,
    hidden: float,
    random_state: int | np.random.RandomState | None,
    name: str,
) -> Bunch:
    """Draw rows at random places of a sphere, on random days."""
    n_samples, n_locations, n_years = sizes
    check_count("n_samples", n_samples, 2)
    check_count("n_locations", n_locations, 1)
    check_count("n_years", n_years, 1, 200)
    check_amount("noise", noise, included=True)
    random = check_random_state(random_state)
    rng = np.random.default_rng(random.randint(2**31 - 1))
    directions = rng.standard_normal((min(n_locations, n_samples), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lat, lon = to_lat_lon(directions)
    location = rng.permutation(np.arange(n_samples) % len(directions))
    days = rng.integers(int(n_years * YEAR_DAYS), size=n_samples)
    dates = START + days.astype("timedelta64[D]")
    places = pd.DataFrame({"lat": lat[location], "lon": lon[location], "time": dates})
    description = (
        f"{n_samples} rows at {len(directions)} places of a sphere over {n_years} "
        f"years, noise {noise:g}. See {name}."
    )
    bunch = _bunch(law, places, float(np.hypot(noise, hidden)), random, description)
    bunch.location = pd.Series(location, name="location")
    return bunch


def _bunch(
    law: DesignLaw,
    places: pd.DataFrame,
    deviation: float,
    random: np.random.RandomState,
    description: str,
) -> Bunch:
    data = law.features(places, random)
    rng = np.random.default_rng(random.randint(2**31 - 1))
    truth = pd.Series(law.target(data), name="y")
    return Bunch(
        data=data,
        target=truth + deviation * rng.standard_normal(len(data)),
        noise_free_target=truth,
        local_effects=law.local_effects(data),
        contributions=law.contributions(data),
        law=law,
        feature_names=[name for name in data if name not in places],
        DESCR=description,
    )
