"""Models of packages that do not take a table as scikit-learn does."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.preprocessing import StandardScaler

from benchmarks.jobs import Job, hold_out
from benchmarks.truth_weighted import in_scratch_folder, quiet

TABNET_EPOCHS, TABNET_PATIENCE = 200, 20


class Wrapped(RegressorMixin, BaseEstimator):
    """An estimator that knows its job; columns of objects are categories."""

    def __init__(self, job: Job) -> None:
        self.job = job


class CatBoost(Wrapped):
    """CatBoost with its defaults, told which columns are categories."""

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Self:
        """Fit to all rows."""
        from catboost import CatBoostRegressor

        self.model_ = CatBoostRegressor(
            random_seed=self.job.seed,
            thread_count=self.job.cores,
            cat_features=categories(X),
            allow_writing_files=False,
            verbose=0,
        ).fit(X, y)
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Predict."""
        return self.model_.predict(X)


class TabNet(Wrapped):
    """TabNet with its defaults, stopped early, on a target of deviation 1.

    Batches are as large as by default (1,024), or smaller so that there are sixteen.
    """

    def fit(self, X: NDArray[Any], y: NDArray[np.float64]) -> Self:
        """Fit to the rest, and stop by what `hold_out` holds out."""
        import torch

        with own_place(), torch.random.fork_rng():
            from pytorch_tabnet.tab_model import TabNetRegressor

            self.scaler_ = StandardScaler().fit(y[:, None])
            target = self.scaler_.transform(y[:, None]).astype(np.float32)
            rows = np.asarray(X, dtype=np.float32)
            rest, held_out = hold_out(self.job)
            self.model_ = TabNetRegressor(
                seed=self.job.seed, verbose=0, device_name="cpu"
            )
            self.model_.fit(
                rows[rest],
                target[rest],
                eval_set=[(rows[held_out], target[held_out])],
                eval_metric=["rmse"],
                max_epochs=TABNET_EPOCHS,
                patience=TABNET_PATIENCE,
                batch_size=min(max(len(rest) // 16, 128), 1024),
                # Batch normalization cannot take a last batch of one row.
                drop_last=len(rest) > 128,
            )
        return self

    def predict(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Predict in units of the target."""
        with own_place():
            scaled = self.model_.predict(np.asarray(X, dtype=np.float32))
        return self.scaler_.inverse_transform(scaled)[:, 0]


class RealMLP(Wrapped):
    """RealMLP with its tuned defaults; the best epoch is that of `hold_out`."""

    def fit(self, X: pd.DataFrame, y: NDArray[np.float64]) -> Self:
        """Fit to the rest, and take the epoch that is best on what is held out."""
        import torch

        with own_place(), torch.random.fork_rng():
            from pytabkit import RealMLP_TD_Regressor

            _, held_out = hold_out(self.job)
            self.model_ = RealMLP_TD_Regressor(
                device="cpu",
                random_state=self.job.seed,
                n_threads=self.job.cores,
                verbosity=0,
            )
            self.model_.fit(X, y, val_idxs=held_out, cat_col_names=categories(X))
        return self

    def predict(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Predict."""
        with own_place():
            return self.model_.predict(X)


def categories(X: pd.DataFrame) -> list[str]:
    """Columns of objects."""
    return list(X.select_dtypes(object))


@contextlib.contextmanager
def own_place() -> Iterator[None]:
    """Let a package talk to nobody, and write where nobody looks."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            in_scratch_folder(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            quiet(),
        ):
            yield
    finally:
        logging.disable(disabled)
