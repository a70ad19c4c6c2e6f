"""Rows in any number, made on any device: a law that changes over space and time.

Lighter than `spatialheteroreg.datasets`: fifty million rows are made where they are
needed, a piece at a time, and only their features and their target are kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

PIECE = 2**20
"""Rows that are made at once."""

NOISE = 0.3
"""Standard deviation of the noise of the target."""

START = np.datetime64("2001-01-01")
YEAR_DAYS = 365.2425
COORDINATES = ["lat", "lon", "time"]


@dataclass(frozen=True)
class MadeRows:
    """Rows on a device.

    Attributes
    ----------
    X : Tensor of shape (n, 3 + n_features), float32
        Latitude and longitude in degrees, time in years, then the features.
    y : Tensor of shape (n,), float32
        Target.
    """

    X: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def frame(self) -> pd.DataFrame:
        """Give the rows as a table with dates, as users have it."""
        X = self.X.cpu().numpy()
        days = (X[:, 2].astype(np.float64) * YEAR_DAYS).astype("timedelta64[D]")
        features = [f"x{j}" for j in range(X.shape[1] - len(COORDINATES))]
        frame = pd.DataFrame(X, columns=[*COORDINATES, *features], copy=False)
        return frame.assign(time=(START + days).astype("datetime64[s]"))

    def target(self) -> NDArray[np.float64]:
        """Give the target as numbers on the host."""
        return self.y.cpu().numpy().astype(np.float64)


class MadeLaw:
    r"""A law with a level and slopes that are waves over the sphere.

    .. math:: y = a(p) + c(p)\cos(2\pi t) + g_{month}
              + \sum_j b_j(p)\,x_j + \varepsilon

    at the unit vector p of the place. Features are standard normal; each slope
    :math:`b_j` is a wave about a level of its own, and :math:`g` differs from month to
    month along all years.

    Parameters
    ----------
    n_features : int
        Number of features.
    n_places : int
        Distinct places, even over the sphere.
    years : int, default=20
        Span of the times.
    seed : int, default=0
        Draws the law.
    device : str, default="cpu"
        Where rows are made.

    Examples
    --------
    >>> law = MadeLaw(n_features=4, n_places=50)
    >>> rows = law.draw(100, seed=1)
    >>> rows.X.shape, rows.X.dtype
    (torch.Size([100, 7]), torch.float32)
    >>> list(rows.frame())
    ['lat', 'lon', 'time', 'x0', 'x1', 'x2', 'x3']
    """

    def __init__(
        self,
        n_features: int,
        n_places: int,
        *,
        years: int = 20,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.n_features, self.years, self.device = n_features, years, device
        made = torch.Generator().manual_seed(seed)
        height = 2 * torch.rand(n_places, generator=made) - 1
        turn = 360 * torch.rand(n_places, generator=made) - 180
        lat = torch.rad2deg(torch.asin(height))
        n_waves = n_features + 2
        waves = 2.0 * torch.randn(3, n_waves, generator=made)
        phase = 2 * math.pi * torch.rand(n_waves, generator=made)
        level = torch.rand(n_features, generator=made) - 0.5
        month = 0.3 * torch.randn(12 * years, generator=made)
        self._lat, self._lon = lat.to(device), turn.to(device)
        self._waves, self._phase = waves.to(device), phase.to(device)
        self._level, self._month = level.to(device), month.to(device)

    def draw(self, n: int, seed: int) -> MadeRows:
        """Make rows.

        Parameters
        ----------
        n : int
            Number of rows.
        seed : int
            Draws places, times, features and noise.

        Returns
        -------
        MadeRows
            On the device of the law.
        """
        random = torch.Generator(self.device).manual_seed(seed)
        size = (n, len(COORDINATES) + self.n_features)
        X = torch.empty(size, dtype=torch.float32, device=self.device)
        y = torch.empty(n, dtype=torch.float32, device=self.device)
        for start in range(0, n, PIECE):
            part = slice(start, min(start + PIECE, n))
            self._fill(X[part], y[part], random)
        return MadeRows(X, y)

    def _fill(self, X: Tensor, y: Tensor, random: torch.Generator) -> None:
        given = {"generator": random, "device": self.device}
        place = torch.randint(len(self._lat), (len(y),), **given)
        X[:, 0], X[:, 1] = self._lat[place], self._lon[place]
        # Single precision rounds a number just below 1 up to it.
        X[:, 2] = (self.years * torch.rand(len(y), **given)).clamp(
            max=self.years - 1e-3
        )
        X[:, 3:] = torch.randn(len(y), self.n_features, **given)
        y[:] = self._expect(X) + NOISE * torch.randn(len(y), **given)

    def _expect(self, X: Tensor) -> Tensor:
        """Target without noise (n,) at rows (n, 3 + n_features)."""
        lat, lon = torch.deg2rad(X[:, 0]), torch.deg2rad(X[:, 1])
        point = torch.stack(
            [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()], dim=1
        )
        field = torch.cos(point @ self._waves + self._phase)  # (n, P + 2)
        season = torch.cos(2 * math.pi * X[:, 2])
        month = self._month[(12 * X[:, 2]).long()]
        slopes = (self._level + field[:, 2:]) / math.sqrt(max(self.n_features, 1))
        moved = (slopes * X[:, 3:]).sum(dim=1)
        return field[:, 0] + 0.5 * field[:, 1] * season + month + moved


def places_of(n_rows: int) -> int:
    """Places of so many rows: one for ten, so that time is a cycle and no grid.

    Parameters
    ----------
    n_rows : int
        Number of rows.

    Returns
    -------
    int
        Number of places.

    Examples
    --------
    >>> places_of(100), places_of(1_000_000)
    (50, 100000)
    """
    return max(50, n_rows // 10)
