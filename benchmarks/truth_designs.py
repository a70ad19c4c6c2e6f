"""Designs whose true effects are known, as training rows and rows to judge by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from spatialheteroreg.datasets import (
    make_drifting_globe,
    make_geoshapley_grid,
    make_heterogeneous_globe,
    make_mgwr_grid,
    make_regional_globe,
)

FloatArray = NDArray[np.float64]

MAX_ROWS = 2_000
"""Rows of each kind that effects are judged at."""
ROWS_A_PLACE = 20
SUBSAMPLE = 20
"""One row of so many of the globe is in its small version."""


@dataclass(frozen=True)
class Rows:
    """Rows with all that is true of them; columns of the truths are features."""

    X: pd.DataFrame
    y: FloatArray
    truth: FloatArray
    slopes: pd.DataFrame
    contributions: pd.DataFrame

    def take(self, rows: NDArray[Any]) -> Rows:
        """Some of the rows; their index tells where they were."""
        return Rows(
            self.X.iloc[rows],
            self.y[rows],
            self.truth[rows],
            self.slopes.iloc[rows],
            self.contributions.iloc[rows],
        )

    def sample(self, n: int) -> Rows:
        """Draw n of the rows, the same ones in each call."""
        if n >= len(self.y):
            return self
        drawn = np.random.default_rng(0).choice(len(self.y), n, replace=False)
        return self.take(np.sort(drawn))


@dataclass(frozen=True)
class Scenario:
    """Rows to train on, and rows at known and at unseen places."""

    name: str
    train: Rows
    tests: dict[str, Rows]
    planar: bool = False

    @property
    def lat(self) -> str:
        return "v" if self.planar else "lat"

    @property
    def lon(self) -> str:
        return "u" if self.planar else "lon"

    @property
    def features(self) -> list[str]:
        """Features that have a slope."""
        return list(self.train.slopes)

    @property
    def irrelevant(self) -> list[str]:
        """Features that do nothing anywhere."""
        return [name for name, slope in self.train.slopes.items() if not slope.any()]

    def regions(self, X: pd.DataFrame) -> FloatArray:
        """Number of the region of each row: blocks of 30 degrees, or quadrants."""
        if self.planar:
            half = {name: self.train.X[name].mean() for name in ("u", "v")}
            return ((X["u"] > half["u"]) + 2 * (X["v"] > half["v"])).to_numpy()
        band, block = np.floor((X["lat"] + 90) / 30), np.floor((X["lon"] + 180) / 30)
        return (12 * band + block).to_numpy()

    def judged(self) -> dict[str, Rows]:
        """Rows that effects are judged at."""
        every = {"train": self.train, **self.tests}
        return {where: rows.sample(MAX_ROWS) for where, rows in every.items()}


def globe(rows: int, seed: int) -> Scenario:
    """Make (a): the simulated globe."""
    made = make_heterogeneous_globe(
        rows, max(rows // ROWS_A_PLACE, 10), noise=0.1, random_state=seed
    )
    made.contributions = globe_contributions(made)
    return _split_places("globe", made, seed)


def small_globe(rows: int, seed: int) -> Scenario:
    """Make a subsample of (a) for models that take no more.

    Places are known where the subsample has a row.
    """
    whole = globe(rows * SUBSAMPLE, seed)
    train = whole.train.sample(rows)
    places = pd.MultiIndex.from_frame(train.X[["lat", "lon"]])
    known = whole.tests["known"]
    has_row = pd.MultiIndex.from_frame(known.X[["lat", "lon"]]).isin(places)
    tests = {**whole.tests, "known": known.take(np.flatnonzero(has_row))}
    return Scenario("globe-small", _numbered(train), tests)


def mgwr(rows: int, seed: int) -> Scenario:
    """Make (b): the design of MGWR."""
    return _grid("mgwr", make_mgwr_grid, 0.5, rows, seed)


def geoshapley(rows: int, seed: int) -> Scenario:
    """Make (c): the design of GeoShapley."""
    return _grid("geoshapley", make_geoshapley_grid, 1.0, rows, seed)


def region(rows: int, seed: int) -> Scenario:
    """Make (d): irrelevant, redundant and regional features."""
    places = max(rows // ROWS_A_PLACE, 10)
    made = make_regional_globe(rows, places, random_state=seed)
    return _split_places("region", made, seed)


def drift(rows: int, seed: int) -> Scenario:
    """Make (e): effects that change over the years."""
    places = max(rows // ROWS_A_PLACE, 10)
    made = make_drifting_globe(rows, places, random_state=seed)
    return _split_places("drift", made, seed)


@dataclass(frozen=True)
class Design:
    """How to make a scenario of so many rows for a seed."""

    make: Callable[[int, int], Scenario]
    rows: int


DESIGNS = {
    "globe": Design(globe, 40_000),
    "globe-small": Design(small_globe, 2_000),
    "mgwr": Design(mgwr, 625),
    "geoshapley": Design(geoshapley, 2_500),
    "region": Design(region, 10_000),
    "drift": Design(drift, 10_000),
}


def globe_contributions(made: Bunch) -> pd.DataFrame:
    """Exact Shapley values of the numeric features, place and day being given.

    The law is at most quadratic in a feature, and features meet in pairs. So a
    mean over a feature is the mean of two points a standard deviation around its
    mean, and a Shapley value the mean of what a feature adds with the others at
    the row and at their means.
    """
    names = list(made.local_effects)
    means, deviations = made.data[names].mean(), made.data[names].std(ddof=0)
    values = {}
    for name in names:
        added = []
        for X in (made.data, made.data.assign(**means)):
            low, high = (
                made.law.target(X.assign(**{name: means[name] + s * deviations[name]}))
                for s in (-1, 1)
            )
            there = made.law.target(X.assign(**{name: made.data[name]}))
            added.append(there - (low + high) / 2)
        values[name] = (added[0] + added[1]) / 2
    return pd.DataFrame(values, index=made.data.index)


def _split_places(name: str, made: Bunch, seed: int) -> Scenario:
    """Hold out a tenth of the places, and a tenth of the rows at the others."""
    rng = np.random.default_rng(seed)
    places = made.location.unique()
    away = rng.choice(places, max(len(places) // 10, 1), replace=False)
    unseen = made.location.isin(away).to_numpy()
    held_out = ~unseen & (rng.random(len(unseen)) < 0.1)
    rows = _rows(made)
    train = rows.take(np.flatnonzero(~unseen & ~held_out))
    tests = {
        where: rows.take(np.flatnonzero(chosen))
        for where, chosen in (("known", held_out), ("unseen", unseen))
    }
    return Scenario(name, _numbered(train), tests)


def _grid(
    name: str, make: Callable[..., Bunch], noise: float, rows: int, seed: int
) -> Scenario:
    """Train on the whole grid; judge by new draws, on the grid and between."""
    made = make(max(round(np.sqrt(rows)), 2), noise=noise, random_state=seed)
    random = np.random.RandomState(seed + 1_000_000)
    positions = made.data[["u", "v"]]
    between = pd.DataFrame(
        random.uniform(positions.min(), positions.max(), positions.shape),
        columns=["u", "v"],
    )
    tests = {}
    for where, at in (("known", positions), ("unseen", between)):
        X = made.law.features(at, random)
        truth = made.law.target(X)
        tests[where] = Rows(
            X,
            truth + noise * random.standard_normal(len(X)),
            truth,
            made.law.local_effects(X),
            made.law.contributions(X),
        )
    return Scenario(name, _rows(made), tests, planar=True)


def _rows(made: Bunch) -> Rows:
    return Rows(
        made.data,
        made.target.to_numpy(),
        made.noise_free_target.to_numpy(),
        made.local_effects,
        made.contributions,
    )


def _numbered(rows: Rows) -> Rows:
    """Give the rows an index from 0, so that samples of them can be found again."""
    return Rows(
        rows.X.reset_index(drop=True),
        rows.y,
        rows.truth,
        rows.slopes.reset_index(drop=True),
        rows.contributions.reset_index(drop=True),
    )
