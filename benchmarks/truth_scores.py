"""How near effects are to the true ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from benchmarks.truth_designs import Rows, Scenario

FloatArray = NDArray[np.float64]

COVERAGE = 0.9
"""Share of the truth that intervals should hold."""
MIN_ROWS = 5
"""Rows that a region needs for its ranking to count."""
SCORES = [
    "slope_corr",
    "slope_rmse",
    "slope_coverage",
    "contribution_corr",
    "contribution_rmse",
    "rank",
    "false_signal",
    "y_rmse",
    "truth_rmse",
    "interval_coverage",
    "interval_width",
]


@dataclass(frozen=True)
class Answer:
    """What a model says of rows; None is what it cannot say.

    Columns of frames are features; `interval` is (n, 2).
    """

    prediction: FloatArray | None = None
    slopes: pd.DataFrame | None = None
    slope_std: pd.DataFrame | None = None
    contributions: pd.DataFrame | None = None
    interval: FloatArray | None = None


Answerer = Callable[[str, Rows], Answer]
"""Answers for the rows of a kind: "train", "known" or "unseen"."""


class NotMeasuredError(Exception):
    """What a model cannot do, as one sentence."""


def score(scenario: Scenario, rows: Rows, answer: Answer) -> list[dict[str, Any]]:
    """Score an answer: a row for each feature, and one of their means.

    Slopes count in target units per standard deviation of the feature, so that
    features of all units can be averaged. A correlation is NaN where the truth
    is constant, and left out of the mean.
    """
    features = scenario.features
    by_feature = pd.DataFrame(index=features, columns=SCORES, dtype=np.float64)
    for name in features:
        unit = scenario.train.X[name].std()
        if answer.slopes is not None:
            true, said = (
                table[name].to_numpy(dtype=np.float64) * unit
                for table in (rows.slopes, answer.slopes)
            )
            by_feature.loc[name, "slope_corr"] = correlation(true, said)
            by_feature.loc[name, "slope_rmse"] = _rms(true - said)
            if answer.slope_std is not None:
                reach = norm.ppf((1 + COVERAGE) / 2) * unit * answer.slope_std[name]
                within = np.abs(true - said) <= reach.to_numpy(dtype=np.float64)
                by_feature.loc[name, "slope_coverage"] = within.mean()
        if answer.contributions is not None:
            # Where zero lies is a matter of convention.
            true, said = (
                table[name].to_numpy(dtype=np.float64) - table[name].mean()
                for table in (rows.contributions, answer.contributions)
            )
            by_feature.loc[name, "contribution_corr"] = correlation(true, said)
            by_feature.loc[name, "contribution_rmse"] = _rms(true - said)
    means = by_feature.mean().to_dict()
    if answer.contributions is not None:
        said = answer.contributions[features]
        regions = scenario.regions(rows.X)
        means["rank"] = rank_agreement(rows.contributions[features], said, regions)
        if scenario.irrelevant:
            signal = said[scenario.irrelevant].abs().to_numpy().mean()
            means["false_signal"] = signal / scenario.train.y.std()
    if answer.prediction is not None:
        means["y_rmse"] = _rms(rows.y - answer.prediction)
        means["truth_rmse"] = _rms(rows.truth - answer.prediction)
    if answer.interval is not None:
        low, high = answer.interval.T
        means["interval_coverage"] = ((low <= rows.y) & (rows.y <= high)).mean()
        means["interval_width"] = (high - low).mean()
    table = [{"feature": name, **by_feature.loc[name]} for name in features]
    return [{"feature": "mean", **means}, *table]


def correlation(true: FloatArray, said: FloatArray) -> float:
    """Correlate; NaN where the truth is constant, 0 where only the answer is."""
    if np.ptp(true) <= 1e-9 * max(1.0, np.abs(true).max()):
        return np.nan
    if np.ptp(said) <= 1e-12 * max(1.0, np.abs(said).max()):
        return 0.0
    return float(np.corrcoef(true, said)[0, 1])


def rank_agreement(
    true: pd.DataFrame, said: pd.DataFrame, regions: NDArray[Any]
) -> float:
    """Spearman correlation of mean absolute contributions, mean over the regions."""
    agreements = []
    for region in np.unique(regions):
        inside = regions == region
        if inside.sum() < MIN_ROWS:
            continue
        importances = [
            table.loc[inside].abs().mean().to_numpy() for table in (true, said)
        ]
        if all(np.ptp(importance) > 0 for importance in importances):
            agreements.append(spearmanr(*importances).statistic)
    return float(np.mean(agreements)) if agreements else np.nan


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))
