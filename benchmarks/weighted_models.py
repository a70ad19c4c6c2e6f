"""Geographically weighted regression and its kin as estimators.

They take the numeric columns alone, with medians for what is missing: around many
places a category is absent, and an effect of it there cannot be estimated.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.jobs import Job
from benchmarks.truth_designs import Rows, Scenario
from benchmarks.truth_scores import Answer, Answerer
from benchmarks.truth_weighted import fit_gnnwr, fit_gwr, fit_mgwr, straight_positions

MOMENT = "moment"


class GWR:
    """GWR by the wrapper of the truth benchmark.

    Parameters
    ----------
    job : Job
        Columns of the coordinates, and the seed.
    """

    def __init__(self, job: Job) -> None:
        self.job = job

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Self:
        """Fit to all rows; columns that do not vary are left out."""
        table = self._table(X)
        self.medians_ = table.median()
        varying = table.columns[table.fillna(self.medians_).std() > 0]
        coordinates = {*self._place().values(), MOMENT}
        self.features_ = [name for name in varying if name not in coordinates]
        scenario = Scenario("", self._rows(X, y), {}, planar=self.job.planar)
        self.answer_ = self._answerer(scenario)
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Predict at rows of any place."""
        return self.answer_("new", self._rows(X, np.zeros(len(X)))).prediction

    def _answerer(self, scenario: Scenario) -> Answerer:
        return fit_gwr(scenario, self.job.seed, {})

    def _place(self) -> dict[str, str]:
        """Names of the coordinates, and those that a scenario has for them."""
        lat, lon = ("v", "u") if self.job.planar else ("lat", "lon")
        return {self.job.lat: lat, self.job.lon: lon}

    def _table(self, X: pd.DataFrame) -> pd.DataFrame:
        numbers = X.select_dtypes("number").astype(np.float64)
        return numbers.rename(columns=self._place()).reset_index(drop=True)

    def _rows(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Rows:
        table = self._table(X).fillna(self.medians_)
        unknown = pd.DataFrame(np.nan, index=table.index, columns=self.features_)
        return Rows(table, y, y, unknown, unknown)


class MGWR(GWR):
    """Multiscale GWR, with the coefficients of the nearest training row elsewhere.

    mgwr's own predicts at no other rows than those it was fitted to.
    """

    def _answerer(self, scenario: Scenario) -> Answerer:
        known = scenario.train
        own = fit_mgwr(scenario, self.job.seed, {})("train", known)
        tree = cKDTree(straight_positions(scenario, known.X))
        slopes = own.slopes[self.features_].to_numpy()
        origin = known.X[self.features_].to_numpy()

        def answer(where: str, rows: Rows) -> Answer:
            nearest = tree.query(straight_positions(scenario, rows.X))[1]
            away = rows.X[self.features_].to_numpy() - origin[nearest]
            moved = (slopes[nearest] * away).sum(axis=1)
            return Answer(prediction=own.prediction[nearest] + moved)

        return answer


class GNNWR(GWR):
    """GNNWR, or GTNNWR where rows have a time, which is an axis and no feature."""

    def _answerer(self, scenario: Scenario) -> Answerer:
        time = None if self.job.time is None else MOMENT
        return fit_gnnwr(scenario, self.job.seed, {}, time=time)

    def _table(self, X: pd.DataFrame) -> pd.DataFrame:
        table = super()._table(X)
        if self.job.time is None:
            return table
        if self.job.time in table:
            return table.rename(columns={self.job.time: MOMENT})
        moment = table["year"] + table["day_of_year"] / 366
        return table.drop(columns=["year", "day_of_year"]).assign(**{MOMENT: moment})
