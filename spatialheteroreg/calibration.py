"""Calibrate the spread of an ensemble on rows that were held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .inspection.explanation import EffectBaseline
from .predictor import ModelMean, Predictor
from .row_inputs import Arrays, RowInputs, UnreadRows
from .sphere import FloatArray, IntArray
from .uncertainty import LARGEST, Spread, Uncertainty, noise_variance

if TYPE_CHECKING:
    from .regressor import STCGRegressor

MOST_ROWS = 4_000
"""Rows that are held out at most, however long the table."""

FEWEST_ROWS = 20
"""Rows below which nothing is held out: they would tell nothing."""

FEWEST_PLACES = 20
"""Places that are held out, where a twentieth of all are as many."""

FAR_AWAY = 1e15
"""Distance in kernel widths at which no node says anything."""


def split_calibration(
    fraction: float, rows: IntArray, place: IntArray, random: np.random.RandomState
) -> tuple[IntArray, IntArray, IntArray]:
    """Hold rows out: half of them in whole places, half at places that are seen.

    Parameters
    ----------
    fraction : float
        Share of the rows to hold out.
    rows : ndarray of int
        Rows to choose from.
    place : ndarray of shape (len(rows),)
        Number of the place of each.
    random : RandomState
        Draws.

    Returns
    -------
    training, calibrating : ndarray of int
        Rows to train on, and rows to calibrate by; none where there are too few. Of
        places with many rows some rows are neither.
    unseen : ndarray of int
        All rows of the whole places.
    """
    n_wanted = min(round(fraction * len(rows)), MOST_ROWS)
    if n_wanted < FEWEST_ROWS:
        return rows, rows[:0], rows[:0]
    order = random.permutation(len(rows))
    rows, place = rows[order], place[order]
    n_places = int(place.max()) + 1
    unseen = np.zeros(len(rows), dtype=bool)
    if n_places >= FEWEST_ROWS:
        size = np.bincount(place)
        some = random.permutation(n_places)
        some = some[size[some] <= fraction * len(rows)]  # others cannot be spared
        filled = np.cumsum(size[some])
        enough = max(int(np.searchsorted(filled, n_wanted / 2)) + 1, FEWEST_PLACES)
        spared = int(np.searchsorted(filled, fraction * len(rows), side="right"))
        n_unseen = min(max(round(fraction * n_places / 2), 1), enough, spared)
        unseen = np.isin(place, some[:n_unseen])
    elsewhere, here = rows[unseen][: n_wanted // 2], rows[~unseen]
    n_here = min(n_wanted - len(elsewhere), len(here) - 2)
    calibrating = np.concatenate([elsewhere, here[:n_here]])
    return np.sort(here[n_here:]), np.sort(calibrating), np.sort(rows[unseen])


def calibrate(
    model: STCGRegressor,
    predictor: Predictor,
    mean: ModelMean,
    known: Arrays,
    held_out: Arrays,
    target: FloatArray,
) -> Uncertainty:
    """Learn from rows held out how the spread of the members is to be read.

    Parameters
    ----------
    model : STCGRegressor
        The model, for its columns and scales.
    predictor : Predictor
        Its trained networks.
    mean : ModelMean
        Where its training rows lie.
    known, held_out : dict of str to ndarray
        Inputs of some training rows, and of rows held out.
    target : ndarray of shape (n_held_out,)
        Target of the rows held out, in its unit.

    Returns
    -------
    Uncertainty
        Ready for any row.
    """
    effects = predictor.effects(known, mean, members=True)
    baselines = np.concatenate(
        [effects.place_time[..., None], effects.features], axis=-1
    ).mean(axis=1)
    # Of a sample of the rows: on the whole they average to the model's own means.
    whole = np.array([model._baseline.place_time, *model._baseline.features])
    baselines += whole - baselines.mean(axis=0)
    scale = model._inputs.encoder_.local_scale(known["numeric"])
    parts = (effects, predictor.effects(_far_away(known), mean, members=True))
    columns = [model._contributions(part, member_baseline(baselines)) for part in parts]
    slopes = [
        predictor.slopes(rows, scale, members=True)
        for rows in (known, _far_away(known))
    ]
    predictions = [part.prediction for part in parts]
    local = [
        near.mean(axis=0) - far.mean(axis=0)
        for near, far in (predictions, slopes, columns)
    ]
    spread = Spread.of(predictions[0])

    members = predictor.member_predictions(held_out)
    residual = target - members.mean(axis=0)
    some = few_rows(len(residual), LARGEST)
    few = {name: array[some] for name, array in held_out.items()}
    noise = noise_variance(
        residual[some],
        _points(model, few),
        few["time_encoding"].astype(np.float64),
        few["numeric"].astype(np.float64),
    )
    error = max(float(np.mean(residual[some] ** 2)) - noise, 0.0)
    among = spread.variance(members)
    # Members that agree more than their mean is right are too sure, never the reverse.
    inflation = max(error / max(float(among.mean()), 1e-12 * (error + noise)), 1.0)
    deviation = np.sqrt(inflation * among + noise)
    return Uncertainty(
        inflation=inflation,
        noise=noise,
        scores=np.sort(np.abs(residual) / deviation),
        prediction=spread,
        slopes=Spread.of(slopes[0]),
        contributions=Spread.of(columns[0]),
        local_prediction=float(np.mean(local[0] ** 2)),
        local_slopes=np.nan_to_num(np.nanmean(local[1] ** 2, axis=0)),
        local_contributions=np.mean(local[2] ** 2, axis=0),
        withheld=min(float(np.quantile(predictor.withheld(held_out), 0.95)), 0.999),
        baselines=baselines,
    )


def member_baseline(baselines: FloatArray) -> EffectBaseline:
    """Return the means that the contributions of each member are measured from."""
    return EffectBaseline(0.0, baselines[:, :1], baselines[:, None, 1:])


def thin(rows: RowInputs | UnreadRows, n_rows: int) -> Arrays:
    """Take at most so many rows, the same ones in each call."""
    return rows[few_rows(len(rows), n_rows)]


def few_rows(n: int, n_rows: int) -> IntArray:
    """Positions of at most so many of n rows, the same ones in each call."""
    if n <= n_rows:
        return np.arange(n)
    return np.random.RandomState(0).permutation(n)[:n_rows]


def _far_away(arrays: Arrays) -> Arrays:
    """Put rows so far from all nodes that the global law alone is left."""
    distance = np.full_like(arrays["node_distance"], FAR_AWAY)
    return {**arrays, "node_distance": distance, "node_log_kernel": -0.5 * distance**2}


def _points(model: STCGRegressor, arrays: Arrays) -> FloatArray:
    """Points at the nearest node's place: near enough for distances between rows."""
    return model._inputs.graph_.node_points[arrays["node_index"][:, 0, 0]]
