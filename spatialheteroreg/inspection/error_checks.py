"""What errors can tell of a model: one check each, from arrays to a finding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..sphere import FloatArray, IntArray
from .autocorrelation import MoranTest
from .findings import Finding, grade, make_finding

PART_ROWS = 20
"""A region or season with fewer rows says little of its error."""


def check_inside(inside: NDArray[np.bool_]) -> Finding:
    """Look how many rows lie outside the area of applicability.

    Parameters
    ----------
    inside : ndarray of shape (n,), bool
        Whether rows are inside.

    Returns
    -------
    Finding
        "applicability"; the value is the share outside.
    """
    outside = float(1.0 - np.mean(inside))
    return make_finding(
        "applicability",
        grade(outside, 0.1, 0.5),
        outside,
        f"{outside:.0%} of the rows lie outside the area of applicability.",
        "See applicability(X) for which; no validation tells the error there. "
        "Train on rows that resemble them, or leave them out.",
    )


def check_error(target: FloatArray, residual: FloatArray) -> Finding:
    """Look at the error as a whole.

    Parameters
    ----------
    target, residual : ndarray of shape (n,)
        The target, and the target minus the prediction.

    Returns
    -------
    Finding
        "error"; the value is the root mean squared error.
    """
    rmse = float(np.sqrt(np.mean(residual**2)))
    ratio = rmse / (float(target.std()) or 1.0)
    return make_finding(
        "error",
        grade(ratio, 0.9, 1.0),
        rmse,
        f"The RMSE is {rmse:.4g}, {ratio:.2f} of the target's standard deviation "
        f"(R2 {1 - ratio**2:.3f}).",
        "The mean of these rows does about as well: look whether they resemble the "
        "training rows, and whether training ended well.",
    )


def check_bias(target: FloatArray, residual: FloatArray) -> Finding:
    """Look whether predictions are too high or too low in the mean.

    Parameters
    ----------
    target, residual : ndarray of shape (n,)
        The target, and the target minus the prediction.

    Returns
    -------
    Finding
        "bias"; the value is the mean of prediction minus target.
    """
    bias = float(-residual.mean())
    size = abs(bias) / (float(target.std()) or 1.0)
    # What the scatter of the residuals makes of a model without bias is none.
    chance = abs(bias) < 3.0 * residual.std() / np.sqrt(len(residual))
    side = "high" if bias > 0 else "low"
    return make_finding(
        "bias",
        "ok" if chance else grade(size, 0.05, 0.2),
        bias,
        f"Predictions are too {side} by {abs(bias):.3g} in the mean, {size:.2f} of "
        "the target's standard deviation.",
        "Look at the errors by region and season for where it comes from. Training "
        "rows of these places and times would take it away.",
    )


def check_autocorrelation(moran: MoranTest) -> Finding:
    """Look whether errors of neighboring nodes are alike.

    Parameters
    ----------
    moran : MoranTest
        Test of the nodes' mean residuals.

    Returns
    -------
    Finding
        "residual autocorrelation"; the value is Moran's I.
    """
    alike = moran.p_value < 0.05 and moran.statistic > 0
    return make_finding(
        "residual autocorrelation",
        grade(moran.statistic, 0.0, 0.3) if alike else "ok",
        moran.statistic,
        f"Mean errors of neighboring nodes are {'alike' if alike else 'not alike'}: "
        f"Moran's I {moran.statistic:.2f}, by chance {moran.expectation:.2f} "
        f"(z {moran.z_score:.1f}, p {moran.p_value:.3f}).",
        "Something that differs by place is not learned: raise n_nodes or max_iter, "
        "or add a feature that tells it.",
    )


def check_parts(name: str, parts: pd.DataFrame, advice: str) -> Finding | None:
    """Look whether the error of a region or season stands out.

    Parameters
    ----------
    name : str
        What the parts are.
    parts : DataFrame
        As :func:`error_by_part` makes it.
    advice : str
        What to do.

    Returns
    -------
    Finding or None
        The value is the largest RMSE over that of all rows. None where fewer
        than two parts have enough rows.
    """
    counted = parts[parts["rows"] >= PART_ROWS]
    total = float(np.sqrt(np.average(parts["rmse"] ** 2, weights=parts["rows"])))
    if len(counted) < 2 or total == 0:
        return None
    worst = counted.loc[counted["rmse"].idxmax()]
    ratio = float(worst["rmse"] / total)
    return make_finding(
        name,
        grade(ratio, 1.5, 2.0),
        ratio,
        f"The largest RMSE, {worst['rmse']:.3g} ({worst['part']}), is {ratio:.2f} "
        f"times that of all rows; the bias there is {worst['bias']:.2g}.",
        advice,
    )


def error_by_part(
    residual: FloatArray, part: IntArray, names: Sequence[str]
) -> pd.DataFrame:
    """Tell the error of each part of the rows.

    Parameters
    ----------
    residual : ndarray of shape (n,)
        Target minus prediction.
    part : ndarray of shape (n,)
        Part of each row, from 0.
    names : sequence of str
        Names of the parts.

    Returns
    -------
    DataFrame
        "part", "rows", "rmse" and "bias" (prediction minus target) of each part
        with rows.
    """
    rows = np.bincount(part, minlength=len(names))
    there = np.flatnonzero(rows)
    square = np.bincount(part, residual**2, minlength=len(names))[there]
    total = np.bincount(part, residual, minlength=len(names))[there]
    return pd.DataFrame(
        {
            "part": [names[int(k)] for k in there],
            "rows": rows[there],
            "rmse": np.sqrt(square / rows[there]),
            "bias": -total / rows[there],
        }
    )
