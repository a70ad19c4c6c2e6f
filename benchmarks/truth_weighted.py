"""Geographically weighted regression and its kin, for the truth benchmark."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.truth_designs import Rows, Scenario
from benchmarks.truth_scores import Answer, Answerer, NotMeasuredError
from spatialheteroreg.sphere import unit_vectors

GNNWR_EPOCHS, GNNWR_PATIENCE = 2_000, 200


def fit_gwr(scenario: Scenario, seed: int, settings: dict[str, Any]) -> Answerer:
    """Geographically weighted regression, on the numeric features."""
    from mgwr.gwr import GWR
    from mgwr.sel_bw import Sel_BW

    table = _Standardized(scenario)
    given = (_positions(scenario, scenario.train.X), scenario.train.y[:, None])
    options = {"spherical": not scenario.planar, "n_jobs": 1}
    bandwidth = Sel_BW(*given, table.of(scenario.train.X), **options).search()
    model = GWR(*given, table.of(scenario.train.X), bandwidth, **options)
    fitted = model.fit()
    # The model forgets them when it predicts.
    params, errors, own = fitted.params, fitted.bse, fitted.predy[:, 0]
    scale, residuals = fitted.scale, fitted.resid_response

    def answer(where: str, rows: Rows) -> Answer:
        if where == "train":
            at = rows.X.index
            return table.answer(rows, own[at], params[at, 1:], errors[at, 1:])
        predictions, slopes = [], []
        # It cannot take more rows at once than it was fitted to.
        for start in range(0, len(rows.y), len(own)):
            X = rows.X.iloc[start : start + len(own)]
            new = model.predict(_positions(scenario, X), table.of(X), scale, residuals)
            predictions.append(new.predictions[:, 0])
            slopes.append(new.params[:, 1:])
        return table.answer(rows, np.concatenate(predictions), np.concatenate(slopes))

    return answer


def fit_mgwr(scenario: Scenario, seed: int, settings: dict[str, Any]) -> Answerer:
    """Multiscale GWR; it knows effects at its own rows and nowhere else."""
    from mgwr.gwr import MGWR
    from mgwr.sel_bw import Sel_BW

    table = _Standardized(scenario)
    y = scenario.train.y
    center, unit = y.mean(), y.std()
    given = (_positions(scenario, scenario.train.X), (y[:, None] - center) / unit)
    Z = table.of(scenario.train.X)
    options = {"spherical": not scenario.planar, "n_jobs": 1}
    selector = Sel_BW(*given, Z, multi=True, **options)
    with contextlib.redirect_stderr(io.StringIO()), quiet():
        selector.search()
        fitted = MGWR(*given, Z, selector, **options).fit()

    def answer(where: str, rows: Rows) -> Answer:
        if where != "train":
            raise NotMeasuredError("MGWR gives no effects at other rows than its own.")
        at = rows.X.index
        own = center + unit * fitted.predy[at, 0]
        return table.answer(
            rows, own, unit * fitted.params[at, 1:], unit * fitted.bse[at, 1:]
        )

    return answer


def fit_gnnwr(
    scenario: Scenario, seed: int, settings: dict[str, Any], *, time: str | None = None
) -> Answerer:
    """Neural network weighted regression, on the numeric features.

    With the name of a column of times it is GTNNWR.
    """
    import torch
    from gnnwr import datasets, models

    features = scenario.features
    train = _gnnwr_table(scenario, scenario.train, time)
    spatial = [name for name in train if name.startswith("place_")]
    order = np.random.default_rng(seed).permutation(len(train))
    held_out, rest = np.split(order, [len(train) // 10])
    columns: dict[str, Any] = {"x_column": features, "spatial_column": spatial}
    if time is not None:
        columns |= {"temp_column": [time], "use_model": "gtnnwr"}
    with (
        in_scratch_folder(),
        torch.random.fork_rng(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        quiet(),
    ):
        torch.manual_seed(seed)
        parts = datasets.init_dataset_split(
            *(train.iloc[chosen].copy() for chosen in (rest, held_out, held_out)),
            y_column=["y"],
            batch_size=64,
            **columns,
        )
        network = models.GNNWR if time is None else models.GTNNWR
        model = network(*parts, use_gpu=torch.cuda.is_available())
        model.run(GNNWR_EPOCHS, early_stop=GNNWR_PATIENCE)
    spread = train[features].iloc[rest].agg(np.ptp)

    def answer(where: str, rows: Rows) -> Answer:
        with quiet():
            new = datasets.init_predict_dataset(
                _gnnwr_table(scenario, rows, time).drop(columns="y"),
                parts[0],
                **columns,
            )
            prediction = model.predict(new)["denormalized_pred_result"].to_numpy()
            slopes = model.predict_coef(new)[:, : len(features)] / spread.to_numpy()
        return _linear_answer(scenario, rows, prediction, slopes)

    return answer


class _Standardized:
    """Numeric features with mean 0 and deviation 1, and slopes back in units."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        table = scenario.train.X[scenario.features]
        self._mean, self._std = table.mean(), table.std()

    def of(self, X: pd.DataFrame) -> Any:
        return ((X[self._scenario.features] - self._mean) / self._std).to_numpy()

    def answer(
        self, rows: Rows, prediction: Any, slopes: Any, errors: Any = None
    ) -> Answer:
        unit = self._std.to_numpy()
        errors = None if errors is None else errors / unit
        return _linear_answer(self._scenario, rows, prediction, slopes / unit, errors)


def _linear_answer(
    scenario: Scenario, rows: Rows, prediction: Any, slopes: Any, errors: Any = None
) -> Answer:
    """Read coefficients as slopes, and as contributions times the feature."""
    features = scenario.features
    table = pd.DataFrame(slopes, columns=features)
    away = rows.X[features] - scenario.train.X[features].mean()
    return Answer(
        prediction=prediction,
        slopes=table,
        slope_std=None if errors is None else pd.DataFrame(errors, columns=features),
        contributions=table * away.reset_index(drop=True),
    )


def _positions(scenario: Scenario, X: pd.DataFrame) -> Any:
    """Give easting and northing, or longitude and latitude, as mgwr takes them."""
    return X[[scenario.lon, scenario.lat]].to_numpy(dtype=np.float64)


def straight_positions(scenario: Scenario, X: pd.DataFrame) -> Any:
    """Give positions that straight distances are right for."""
    at = _positions(scenario, X)
    return at if scenario.planar else unit_vectors(at[:, 1], at[:, 0])


def _gnnwr_table(
    scenario: Scenario, rows: Rows, time: str | None = None
) -> pd.DataFrame:
    """Give features, target, positions and times."""
    at = straight_positions(scenario, rows.X)
    place = {f"place_{axis}": column for axis, column in enumerate(at.T)}
    columns = scenario.features if time is None else [*scenario.features, time]
    table = rows.X[columns].reset_index(drop=True)
    return table.assign(**place, y=rows.y, id=np.arange(len(table)))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings and logs of other packages to themselves."""
    handlers = logging.root.handlers[:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.root.handlers[:] = handlers


@contextlib.contextmanager
def in_scratch_folder() -> Iterator[None]:
    """Let a package that writes where it stands write elsewhere."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
