"""LightGBM tuned by random search on its training rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import loguniform, uniform
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import ParameterSampler

from benchmarks.jobs import Job, hold_out
from benchmarks.truth_weighted import quiet

SPACE = {
    "learning_rate": loguniform(0.02, 0.2),
    "num_leaves": loguniform(8, 256),
    "min_child_samples": loguniform(2, 100),
    "subsample": uniform(0.5, 0.5),
    "colsample_bytree": uniform(0.4, 0.6),
    "reg_alpha": loguniform(1e-3, 10),
    "reg_lambda": loguniform(1e-3, 10),
    "cat_smooth": loguniform(1, 100),
}
"""What is drawn for a trial; `uniform` has its start and its width."""
WHOLE = ["num_leaves", "min_child_samples"]
MAX_TREES, PATIENCE = 2_000, 50
"""Trees of a trial, and trees without a better error after which it stops."""


class TunedLightGBM:
    """Random search, and a fit of the best setting to all training rows.

    Each trial is fitted to the rest of the training rows and judged by the ones
    that :func:`~benchmarks.jobs.hold_out` holds out, with early stopping. The last
    fit has the trees of the best trial.

    Parameters
    ----------
    job : Job
        Seed, cores, and how to hold out rows.
    n_trials : int, default=40
        Settings that are tried.
    """

    def __init__(self, job: Job, n_trials: int = 40) -> None:
        self.job = job
        self.n_trials = n_trials

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Self:
        """Search, then fit; `X` and `y` are the training rows."""
        rest, held_out = hold_out(self.job)
        trials = [
            self._try(setting, X, y, rest, held_out) for setting in self._settings()
        ]
        error, self.setting_ = min(trials, key=lambda trial: trial[0])
        self.details_ = {"error": error, **self.setting_}
        self.model_ = self._new(self.setting_).fit(X, y)
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Predict with the last fit."""
        return self.model_.predict(X)

    def _settings(self) -> list[dict[str, Any]]:
        drawn = ParameterSampler(SPACE, self.n_trials, random_state=self.job.seed)
        return [
            {
                name: round(value) if name in WHOLE else float(value)
                for name, value in setting.items()
            }
            for setting in drawn
        ]

    def _try(
        self,
        setting: dict[str, Any],
        X: pd.DataFrame,
        y: NDArray[np.float64],
        rest: NDArray[np.int64],
        held_out: NDArray[np.int64],
    ) -> tuple[float, dict[str, Any]]:
        """Error on what is held out, and the setting with its number of trees."""
        from lightgbm import early_stopping

        model = self._new({**setting, "n_estimators": MAX_TREES})
        judged = X.iloc[held_out], y[held_out]
        with quiet():  # versions differ in how what is held out is named
            model.fit(
                X.iloc[rest],
                y[rest],
                eval_set=[judged],
                callbacks=[early_stopping(PATIENCE, verbose=False)],
            )
        error = root_mean_squared_error(judged[1], model.predict(judged[0]))
        trees = model.best_iteration_ or MAX_TREES
        return error, {**setting, "n_estimators": trees}

    def _new(self, setting: dict[str, Any]) -> Any:
        from lightgbm import LGBMRegressor

        return LGBMRegressor(
            **setting,
            subsample_freq=1,
            random_state=self.job.seed,
            n_jobs=self.job.cores,
            verbose=-1,
        )
