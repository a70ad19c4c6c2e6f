"""Seconds of training until an error on held-out rows is reached."""

from __future__ import annotations

import time
import warnings
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import root_mean_squared_error

from spatialheteroreg import STCGRegressor


def reach_error(
    model: STCGRegressor,
    fit_seconds: float,
    train: tuple[pd.DataFrame, NDArray[Any]],
    test: tuple[pd.DataFrame, NDArray[Any]],
    to_reach: float,
) -> dict[str, Any]:
    """Fit again, and stop at the first epoch that reaches an error.

    Seconds are those of training, and of what a fit does after its last epoch: without
    that nothing predicts. It takes scikit-learn 1.9 or newer, whose callbacks it uses.

    Parameters
    ----------
    model : STCGRegressor
        Fitted to `train`.
    fit_seconds : float
        Seconds that its fit took.
    train, test : tuple of DataFrame and ndarray
        Rows and targets, to fit to and to predict after each epoch.
    to_reach : float
        RMSE.

    Returns
    -------
    dict
        "reach_seconds" and "reach_epoch"; empty where the error is not reached.
    """
    chaser = Chaser(*test, to_reach)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Interrupted after epoch", UserWarning)
        clone(model).set_callbacks(chaser).fit(*train)
    if chaser.reached_ is None:
        return {}
    seconds, epoch = chaser.reached_
    trained = chaser.setup_seconds_ + epoch_seconds(model.history_)
    finish = max(fit_seconds - trained, 0.0)
    return {"reach_seconds": seconds + finish, "reach_epoch": epoch}


class Chaser:
    """A callback of scikit-learn that stops a fit once an error is reached.

    Seconds are those of training: from the start of fit to its first epoch, and those
    of the epochs. What it costs to predict in between does not count.

    Parameters
    ----------
    X, y : DataFrame, ndarray
        Held-out rows.
    to_reach : float
        RMSE.

    Attributes
    ----------
    setup_seconds_ : float
        Seconds before the first epoch.
    reached_ : tuple of float and int, or None
        Seconds of training, and number of the epoch.
    """

    def __init__(self, X: pd.DataFrame, y: Any, to_reach: float) -> None:
        self.X, self.y, self.to_reach = X, y, to_reach

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin."""
        self.setup_seconds_ = 0.0
        self.reached_: tuple[float, int] | None = None
        self._start = time.perf_counter()

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is to be given back."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Note when the first epoch begins."""
        if context.task_name == "epoch" and context.task_id == 0:
            self.setup_seconds_ = time.perf_counter() - self._start

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> bool:
        """Ask for the end once the error is reached."""
        if context.task_name != "epoch" or self.reached_ is not None:
            return self.reached_ is not None
        error = root_mean_squared_error(self.y, fitted_estimator.predict(self.X))
        if error > self.to_reach:
            return False
        history = fitted_estimator.history_
        self.reached_ = self.setup_seconds_ + epoch_seconds(history), len(history)
        return True


def epoch_seconds(history: list[dict[str, float]]) -> float:
    """Sum up the seconds of epochs."""
    return float(sum(epoch["dur"] for epoch in history))
