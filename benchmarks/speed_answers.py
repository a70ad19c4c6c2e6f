"""How fast a fitted model predicts and explains."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

OWN, TREES = "stcg", "lightgbm"
RATES = ["predict_rate", "explain_rate", "contribution_rate", "slope_rate"]
FEW = 1_000
"""Rows of the first answer, which imports and compiles."""
LONG_ENOUGH = 10.0
"""Seconds after which an answer is not timed again."""


def time_answers(
    name: str, estimator: Any, X: pd.DataFrame, repeats: int
) -> Iterator[tuple[str, Any]]:
    """Time predictions, and explanations where a model has some.

    Parameters
    ----------
    name : str
        Name of the model.
    estimator : estimator
        Fitted.
    X : DataFrame
        Rows to ask for.
    repeats : int
        Times that an answer is timed, unless it takes long.

    Yields
    ------
    answer : str
        One of ``RATES``, or "details".
    figure : float or str
        Rows a second, or which explainer it was, as JSON.
    """
    yield "predict_rate", rows_per_second(estimator.predict, X, repeats)
    if name == OWN:
        contributions = partial(estimator.local_effects, output="contribution")
        yield "explain_rate", rows_per_second(estimator.explain, X, repeats)
        yield "contribution_rate", rows_per_second(contributions, X, repeats)
        yield "slope_rate", rows_per_second(estimator.local_effects, X, repeats)
    elif name == TREES:
        explainer, answer = quicker_tree_shap(estimator, X[:FEW])
        yield "details", json.dumps({"explainer": explainer})
        yield "explain_rate", rows_per_second(answer, X, repeats)


def quicker_tree_shap(
    estimator: Any, X: pd.DataFrame
) -> tuple[str, Callable[[pd.DataFrame], Any]]:
    """Choose the quicker of shap's TreeExplainer and LightGBM's own TreeSHAP.

    Parameters
    ----------
    estimator : LGBMRegressor
        Fitted.
    X : DataFrame
        A few rows to try them with.

    Returns
    -------
    name : str
        Which one it is.
    answer : callable
        Explains rows.
    """
    import shap

    ways = {
        "pred_contrib": lambda X: estimator.predict(X, pred_contrib=True),
        "TreeExplainer": shap.TreeExplainer(estimator).shap_values,
    }
    rates = {name: rows_per_second(way, X, 1) for name, way in ways.items()}
    name = max(rates, key=lambda name: rates[name])
    return name, ways[name]


def rows_per_second(
    answer: Callable[[pd.DataFrame], Any], X: pd.DataFrame, repeats: int
) -> float:
    """Time an answer, after a first one to few rows that does not count.

    Parameters
    ----------
    answer : callable
        Takes rows.
    X : DataFrame
        The rows.
    repeats : int
        Times; the median counts. No more once `LONG_ENOUGH` seconds have passed.

    Returns
    -------
    float
        Rows a second.
    """
    answer(X[:FEW])
    seconds: list[float] = []
    while len(seconds) < repeats and sum(seconds) < LONG_ENOUGH:
        start = time.perf_counter()
        answer(X)
        wait_for_device()
        seconds.append(time.perf_counter() - start)
    return len(X) / float(np.median(seconds))


def wait_for_device() -> None:
    """Wait until a GPU has done what it was told, unless it is told to record it."""
    if torch.cuda.is_available() and not torch.cuda.is_current_stream_capturing():
        torch.cuda.synchronize()
