"""A simulated planet: its climate, and a law that changes over it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from spatialheteroreg.sphere import EARTH_RADIUS_KM, unit_vectors

FloatArray = NDArray[np.float64]

# Center and spread of each numeric feature, in its unit: the law works on
# (x - center) / spread so that its coefficients can be compared.
_FEATURES = {
    "temperature": (15.0, 12.0),  # degree C
    "radiation": (170.0, 75.0),  # W m-2
    "precipitation": (2.6, 2.0),  # mm d-1
    "vpd": (5.0, 5.0),  # hPa
    "soil_moisture": (0.25, 0.09),  # m3 m-3
    "lai": (2.5, 1.5),  # m2 m-2
}
NUMERIC_FEATURES = list(_FEATURES)
_CENTER, _SPREAD = np.array(list(_FEATURES.values())).T
_LAND_COVER = {
    "barren": -0.45,
    "cropland": 0.25,
    "forest": 0.35,
    "grassland": 0.0,
    "shrubland": -0.15,
}
_CLIMATE = ["wetness", "warmth", "greenness", "farming"]
YEAR_DAYS = 365.2425
START = np.datetime64("2001-01-01")


class GlobeLaw:
    """A planet with a climate and a law that changes over it.

    Made by :func:`spatialheteroreg.datasets.make_heterogeneous_globe`. With z
    the features less a typical value, over a typical spread, the noise-free
    target is::

        a(place, season) + c(land cover) + sum_j b_j(place, season) z_j
        - 0.15 z_temperature**2          (nonlinear)
        + 0.15 z_radiation z_lai         (interaction)

    shifted and scaled. a and b_j are made of hidden smooth random fields on the
    sphere. Light, leaves and water in the soil mostly help and dry air mostly
    hurts; rain helps in some regions and does nothing in others; warmth helps
    where and when it is cold and harms where and when it is hot.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the planet.
    nonlinear, interaction : bool
        Whether these terms are part of the law.
    correlation_length : float
        Length scale of the hidden fields in km.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        nonlinear: bool,
        interaction: bool,
        correlation_length: float,
    ) -> None:
        self._curvature = 0.15 if nonlinear else 0.0
        self._synergy = 0.15 if interaction else 0.0
        self._climate = SmoothFields(len(_CLIMATE), correlation_length, rng)
        # Annual mean, cosine and sine of the intercept and of each slope.
        self._hidden = SmoothFields(
            3 * (1 + len(NUMERIC_FEATURES)), correlation_length, rng
        )
        self._offset, self._scale = 0.0, 1.0

    def standardize(self, X: pd.DataFrame, target_scale: float) -> None:
        """Shift and scale the law to mean 0 and a standard deviation on rows.

        Parameters
        ----------
        X : DataFrame
            Rows as made by :meth:`features`.
        target_scale : float
            The standard deviation wanted.
        """
        self._offset, self._scale = 0.0, 1.0
        raw = self.target(X)
        self._offset, self._scale = raw.mean(), target_scale / raw.std()

    def features(
        self,
        lat: ArrayLike,
        lon: ArrayLike,
        time: ArrayLike,
        weather: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Make features at places and days: their climate, and the day's weather.

        Parameters
        ----------
        lat, lon : array_like of shape (n,)
            Degrees.
        time : array_like of shape (n,)
            Dates (datetime64).
        weather : array_like of shape (n, 6), default=None
            Standard normal deviations from the climate, one for each numeric
            feature; None gives the climate itself.

        Returns
        -------
        DataFrame of shape (n, 10)
            Coordinates and features, as in the generator's ``data``.

        Examples
        --------
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> law = make_heterogeneous_globe(200, 50, random_state=0).law
        >>> date = np.array(["2003-07-15"] * 2, dtype="datetime64[D]")
        >>> frame = law.features([60.0, -60.0], [20.0, 20.0], date)
        >>> bool(frame["temperature"][0] > frame["temperature"][1])  # July
        True
        """
        coordinates = {"lat": lat, "lon": lon, "time": time}
        frame = pd.DataFrame({key: np.asarray(v) for key, v in coordinates.items()})
        anomaly = dict(
            zip(
                NUMERIC_FEATURES,
                np.zeros((len(NUMERIC_FEATURES), len(frame)))
                if weather is None
                else np.asarray(weather, dtype=np.float64).T,
                strict=True,
            )
        )
        field = dict(zip(_CLIMATE, _at_places(self._climate, frame).T, strict=True))
        height = np.sin(np.deg2rad(frame["lat"].to_numpy(dtype=np.float64)))
        season = _season(frame["time"])
        warm = height * np.cos(season - _day_angle(200))  # heat lags the Sun
        light = height * np.cos(season - _day_angle(172))

        # Wet tropics, dry subtropics, wet middle latitudes, dry poles.
        belts = np.cos(6 * np.arcsin(height))
        wet_place = 0.5 * belts + 0.7 * field["wetness"]
        wet = wet_place + 0.3 * warm + 0.8 * anomaly["precipitation"]
        mean_temperature = 25 - 28 * height**2 + 2.5 * field["warmth"]
        temperature = mean_temperature + 12 * warm + 6 * anomaly["temperature"]
        radiation = 215 - 130 * height**2 + 115 * light - 25 * wet
        humidity = _sigmoid(1.2 + 0.8 * wet - 0.8 * anomaly["vpd"])
        soil = 0.7 * wet_place - 0.3 * warm + 0.8 * anomaly["soil_moisture"]
        leaves = 0.7 * wet_place + 0.5 * field["greenness"] + 0.05 * temperature

        frame["temperature"] = temperature
        frame["radiation"] = np.maximum(radiation + 45 * anomaly["radiation"], 0)
        frame["precipitation"] = np.maximum(1.6 + 0.5 * wet, 0) ** 2
        frame["vpd"] = _saturation_pressure(temperature) * (1 - humidity)
        frame["soil_moisture"] = 0.06 + 0.38 * _sigmoid(soil)
        frame["lai"] = 6 * _sigmoid(leaves - 1.2 + 0.8 * anomaly["lai"])
        cover = np.select(
            [
                (wet_place < -0.9) | (mean_temperature < 0),
                (field["farming"] > 0.9) & (mean_temperature > 6),
                wet_place > 0.35,
                mean_temperature > 16,
            ],
            ["barren", "cropland", "forest", "shrubland"],
            default="grassland",
        )
        frame["land_cover"] = pd.Categorical(cover, categories=list(_LAND_COVER))
        return frame

    def target(self, X: pd.DataFrame) -> FloatArray:
        """Compute the noise-free target at rows.

        Parameters
        ----------
        X : DataFrame of shape (n, 10)
            Rows as made by :meth:`features`; the features may be changed.

        Returns
        -------
        ndarray of shape (n,)
            Target in its units.
        """
        z = self._standard_features(X)
        intercept, slopes = self._coefficients(X)
        cover = X["land_cover"].map(_LAND_COVER).to_numpy(dtype=np.float64)
        raw = intercept + cover + (slopes * z).sum(axis=1)
        raw -= self._curvature * z[:, 0] ** 2
        raw += self._synergy * z[:, 1] * z[:, 5]
        return (raw - self._offset) * self._scale

    def local_effects(self, X: pd.DataFrame) -> pd.DataFrame:
        """Give the derivatives of the noise-free target by each numeric feature.

        Parameters
        ----------
        X : DataFrame of shape (n, 10)
            Rows as made by :meth:`features`; the features may be changed.

        Returns
        -------
        DataFrame of shape (n, 6)
            Target units per feature unit, with the index of `X`.
        """
        z = self._standard_features(X)
        _, slopes = self._coefficients(X)
        slopes[:, 0] -= 2 * self._curvature * z[:, 0]
        slopes[:, 1] += self._synergy * z[:, 5]
        slopes[:, 5] += self._synergy * z[:, 1]
        return pd.DataFrame(
            slopes * self._scale / _SPREAD, columns=NUMERIC_FEATURES, index=X.index
        )

    def _coefficients(self, X: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Intercept (n,) and slopes (n, 6) at the places and days of the rows."""
        height = np.sin(np.deg2rad(X["lat"].to_numpy(dtype=np.float64)))
        season = _season(X["time"])
        mean, cosine, sine = np.split(_at_places(self._hidden, X), 3, axis=1)
        wave = cosine * np.cos(season)[:, None] + sine * np.sin(season)[:, None]
        field = (mean + 0.6 * wave) / np.sqrt(1.36)  # unit variance over the year
        warm = height * np.cos(season - _day_angle(200))
        need_of_warmth = 0.7 * (height**2 - 1 / 3) - 0.5 * warm
        slopes = [
            0.30 + need_of_warmth + 0.7 * field[:, 1],
            0.70 + 0.85 * field[:, 2],
            2.20 * _sigmoid(1.8 * field[:, 3] - 0.4),
            -0.60 + 0.8 * field[:, 4],
            0.50 + 0.7 * field[:, 5],
            0.70 + 0.85 * field[:, 6],
        ]
        return 0.6 * field[:, 0], np.stack(slopes, axis=1)

    @staticmethod
    def _standard_features(X: pd.DataFrame) -> FloatArray:
        return (X[NUMERIC_FEATURES].to_numpy(dtype=np.float64) - _CENTER) / _SPREAD


class SmoothFields:
    """Independent Gaussian random fields on the sphere, mean 0 and variance 1.

    Random Fourier features of the unit vectors (Rahimi and Recht 2007): waves
    through space, seen on the sphere. So there is no seam, and the poles are
    places like any other.
    """

    def __init__(
        self, n_fields: int, length: float, rng: np.random.Generator, n_waves: int = 128
    ) -> None:
        self._waves = rng.standard_normal((3, n_waves)) * EARTH_RADIUS_KM / length
        self._weights = rng.standard_normal((2 * n_waves, n_fields))
        self._mean, self._std = 0.0, 1.0
        # Over the whole sphere each field has exactly the moments promised, so
        # that no planet happens to be dull.
        values = self(_even_directions(2_000))
        self._mean, self._std = values.mean(axis=0), values.std(axis=0)

    def __call__(self, directions: FloatArray) -> FloatArray:
        """Values (n, n_fields) at unit vectors (n, 3)."""
        angles = directions @ self._waves
        basis = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        return (basis @ self._weights - self._mean) / self._std


def _at_places(fields: SmoothFields, X: pd.DataFrame) -> FloatArray:
    """Values of the fields at each row, computed once for each place."""
    places = X[["lat", "lon"]]
    index = places.groupby(["lat", "lon"], sort=False).ngroup().to_numpy()
    distinct = places.drop_duplicates()
    return fields(unit_vectors(distinct["lat"], distinct["lon"]))[index]


def _even_directions(n: int) -> FloatArray:
    """Spread n unit vectors evenly over the sphere (a Fibonacci spiral)."""
    k = np.arange(n)
    z = 1 - (2 * k + 1) / n
    turn = k * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)


def _season(time: pd.Series) -> FloatArray:
    """Angle of each date in the yearly cycle, in radians."""
    days = (time - pd.Timestamp(START)) / pd.Timedelta(days=1)
    return 2 * np.pi * days.to_numpy(dtype=np.float64) / YEAR_DAYS


def _day_angle(day_of_year: float) -> float:
    return 2 * np.pi * day_of_year / YEAR_DAYS


def _sigmoid(x: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-x))


def _saturation_pressure(temperature: FloatArray) -> FloatArray:
    """Saturation vapor pressure in hPa over water (Magnus formula)."""
    return 6.11 * np.exp(17.3 * temperature / (temperature + 237.3))
