"""The same model explained by several methods, and how far they agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_scalar

from ..frames import read_table
from ..row_inputs import draw_rows
from ..samples import read_target
from ..sphere import FloatArray, IntArray
from .deletion import DeletionCurves, remove_in_order
from .importance_methods import lightgbm_values, permutation_sizes, shap_values
from .units import UnitTable

if TYPE_CHECKING:
    from ..regressor import STCGRegressor

METHODS = ("native", "shap", "permutation", "lightgbm")


@dataclass(frozen=True, eq=False)
class ImportanceComparison:
    """What several methods say of the same rows.

    Made by :func:`compare_importances`. Tables have a row or a column for each
    unit: "place" (latitude and longitude together), "time" and each feature.

    Attributes
    ----------
    importances : DataFrame of shape (n_units, n_methods)
        Importance of each unit by each method, as shares that add up to 1; the
        most important by the first method comes first.
    agreement : DataFrame of shape (n_pairs, 4)
        For each pair of methods: "spearman" and "kendall", the correlation of the
        ranks of their importances; "over_rows", the mean over the units of
        `feature_correlation`; "within_row", the mean over the rows of
        `row_correlation`. NaN where a method has no contributions by row.
    feature_correlation : DataFrame of shape (n_units, n_pairs)
        Correlation over the rows between the contributions that two methods give
        a unit. NaN where a unit contributes the same to all rows.
    row_correlation : DataFrame of shape (n_rows, n_pairs)
        Correlation over the units between the contributions that two methods give
        a row. The index is the position of the row in X.
    contributions : dict of str to DataFrame of shape (n_rows, n_units)
        Contributions in target units, of the methods that have them by row.
    deletion : DeletionCurves
        What is left of the predictions as units are removed in the order of each
        method that explains this model, and in a random order.
    seconds : Series of shape (n_methods,)
        Seconds that each method took.
    n_rows : int
        Rows that were explained.
    """

    importances: pd.DataFrame
    agreement: pd.DataFrame
    feature_correlation: pd.DataFrame
    row_correlation: pd.DataFrame
    contributions: dict[str, pd.DataFrame]
    deletion: DeletionCurves
    seconds: pd.Series
    n_rows: int

    def to_frame(self) -> pd.DataFrame:
        """Put it into one table.

        Returns
        -------
        DataFrame of shape (n_units + 2, n_methods)
            The importances, then "area under deletion" (NaN for methods that
            explain another model) and "seconds per row".
        """
        below = pd.DataFrame(
            {
                "area under deletion": self.deletion.areas,
                "seconds per row": self.seconds / self.n_rows,
            }
        ).T
        return pd.concat([self.importances, below[self.importances.columns]])

    def __repr__(self) -> str:
        with pd.option_context("display.width", 88, "display.max_columns", None):
            table = self.to_frame().to_string(float_format="{:.3g}".format)
            agreement = self.agreement.to_string(float_format="{:.2f}".format)
        random = self.deletion.areas["random"]
        return (
            f"ImportanceComparison of {self.n_rows} rows\n{table}\n"
            f"(area under deletion of a random order: {random:.3g}; smaller is more "
            f"faithful)\n\n{agreement}"
        )


def compare_importances(
    model: STCGRegressor,
    X: Any,
    y: ArrayLike | None = None,
    methods: Sequence[str] = ("native", "shap", "permutation"),
    *,
    n_rows: int | None = 100,
    n_background: int = 50,
    max_evals: int | str = "auto",
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> ImportanceComparison:
    """Explain one fitted model by several methods, and compare them.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    X : DataFrame or array_like of shape (n, p)
        Rows to explain, and to draw the background from; columns as in fit.
    y : array_like of shape (n,), default=None
        Target. "permutation" then measures how the error grows, and without it
        how the prediction changes; "lightgbm" needs it.
    methods : sequence of str, default=("native", "shap", "permutation")
        Any of these:

        - "native": :meth:`STCGRegressor.explain`.
        - "shap": `shap.PermutationExplainer` of the model's `predict`.
        - "permutation": `sklearn.inspection.permutation_importance`.
        - "lightgbm": Tree SHAP of LightGBM fitted to X and y: what a
          common practice says of the same data, not of this model.
    n_rows : int or None, default=100
        Rows of X to explain, drawn at random; None means all.
    n_background : int, default=50
        Rows of X that stand for what is usual, to SHAP and to deletion.
    max_evals : int or "auto", default="auto"
        Evaluations of the model for each row that SHAP may use, of
        `n_background` predictions each, at least 2 n_units + 1. "auto": ten
        permutations forward and backward.
    n_repeats : int, default=5
        Shuffles of each unit for "permutation".
    random_state : int, RandomState instance or None, default=None
        Draws rows, background, shuffles and orders.

    Returns
    -------
    ImportanceComparison
        Importances, their agreement, deletion curves and seconds.

    Raises
    ------
    ImportError
        If "lightgbm" is asked for and not installed.
    TypeError
        If the model is no STCGRegressor.
    ValueError
        If a method is unknown, y is needed or does not fit X, or X cannot be read.

    See Also
    --------
    ImportanceComparisonDisplay : Draws the comparison.
    deletion_curves : Deletion curves of any explanation.

    Notes
    -----
    Latitude and longitude are one unit, "place", for every method: their
    contributions are added, they are shuffled, removed and put back together.
    One at a time, rows would land in places that nobody asked about.

    The methods need not agree, even where each is right. Where a feature does more
    at one place than at another, "native" gives all of it to the feature, and to
    the place what is left without any feature; SHAP and permutation give the place
    a part of it, since the prediction changes when the place does.

    The importance is the mean absolute contribution. For "permutation" it is the
    square root of the mean growth of the squared error (0 where it does not grow),
    which is in target units as well. Without y the predictions are the target, and
    it is the root of their mean squared change.

    SHAP predicts about ``20 n_rows n_units n_background`` rows in all, deletion
    ``4 n_rows n_units n_background``.

    "lightgbm" has no deletion curve: it explains another model. It sees dates as
    years and as the part of the year that has passed, categories as categories.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(150, 30, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> comparison = compare_importances(
    ...     model, globe.data, globe.target, n_rows=20, n_background=5, random_state=0
    ... )
    >>> comparison.importances.shape
    (9, 3)
    >>> comparison.agreement.columns.tolist()
    ['spearman', 'kendall', 'over_rows', 'within_row']
    """
    methods = _check_methods(methods, y)
    if n_rows is not None:
        check_scalar(n_rows, "n_rows", Integral, min_val=2)
    check_scalar(n_background, "n_background", Integral, min_val=1)
    check_scalar(n_repeats, "n_repeats", Integral, min_val=1)
    random = check_random_state(random_state)
    table = UnitTable(model, X)
    if table.n_rows < 2:
        raise ValueError("X has 1 row. Pass at least 2, so that they can be compared.")
    target = None if y is None else read_target(X, y, None, table.n_rows)[0]
    max_evals = _check_max_evals(max_evals, table.n_units)
    rows = draw_rows(table.n_rows, n_rows, random)
    background = draw_rows(table.n_rows, n_background, random)
    seed = int(random.randint(2**31 - 1))
    import shap  # noqa: F401  # so that its import is in nobody's seconds

    part = _safe_indexing(read_table(X), rows)
    explain: dict[str, Callable[[], FloatArray]] = {
        "native": lambda: table.sum_columns(model.explain(part).values),
        "shap": lambda: shap_values(table, rows, background, max_evals, seed),
        "permutation": lambda: permutation_sizes(table, rows, target, n_repeats, seed),
        "lightgbm": lambda: lightgbm_values(table, rows, target, seed),
    }
    sizes: dict[str, FloatArray] = {}
    contributions, seconds = {}, {}
    for method in methods:
        start = time.perf_counter()
        values = explain[method]()
        seconds[method] = time.perf_counter() - start
        sizes[method] = np.abs(values)
        if values.ndim == 2:
            contributions[method] = pd.DataFrame(values, rows, table.names)
    importances = pd.DataFrame(
        {name: _shares(np.atleast_2d(size)) for name, size in sizes.items()},
        index=table.names,
    )
    of_this_model = {
        name: np.broadcast_to(size, (len(rows), table.n_units))
        for name, size in sizes.items()
        if name != "lightgbm"
    }
    over_rows, within_row = _correlations(contributions, rows, table.names)
    return ImportanceComparison(
        importances.sort_values(methods[0], ascending=False, kind="stable"),
        _agreement(importances, over_rows, within_row),
        over_rows,
        within_row,
        contributions,
        remove_in_order(table, rows, background, of_this_model, random),
        pd.Series(seconds, name="seconds"),
        len(rows),
    )


# --- their agreement ---------------------------------------------------------


def _shares(size: FloatArray) -> FloatArray:
    mean = size.mean(axis=0)
    total = mean.sum()
    return mean / total if total > 0 else np.full_like(mean, 1.0 / len(mean))


def _correlations(
    contributions: dict[str, pd.DataFrame], rows: IntArray, names: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Correlation of contributions over the rows, and within each row."""
    over_rows = pd.DataFrame(index=names)
    within_row = pd.DataFrame(index=pd.Index(rows, name="row"))
    for first, second in combinations(contributions, 2):
        pair = _pair(first, second)
        a, b = contributions[first].to_numpy(), contributions[second].to_numpy()
        over_rows[pair] = _column_correlation(a, b)
        within_row[pair] = _column_correlation(a.T, b.T)
    return over_rows, within_row


def _column_correlation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Pearson correlation of each column of a with that of b; NaN if constant."""
    deviation, spread = [], []
    for values in (a, b):
        centred = values - values.mean(axis=0)
        size = np.sqrt((centred**2).sum(axis=0))
        # Rounding makes a constant vary, and its noise correlates with anything.
        size[size <= 1e-9 * np.abs(values).max(initial=0.0)] = np.nan
        deviation.append(centred)
        spread.append(size)
    correlation: FloatArray = (deviation[0] * deviation[1]).sum(axis=0)
    return correlation / (spread[0] * spread[1])


def _agreement(
    importances: pd.DataFrame, over_rows: pd.DataFrame, within_row: pd.DataFrame
) -> pd.DataFrame:
    ranks = {name: importances.corr(method=name) for name in ("spearman", "kendall")}
    table = pd.DataFrame(
        {
            _pair(first, second): {
                "spearman": ranks["spearman"].loc[first, second],
                "kendall": ranks["kendall"].loc[first, second],
                "over_rows": over_rows.mean().get(_pair(first, second), np.nan),
                "within_row": within_row.mean().get(_pair(first, second), np.nan),
            }
            for first, second in combinations(importances, 2)
        },
        index=["spearman", "kendall", "over_rows", "within_row"],
        dtype=np.float64,
    )
    return table.T


def _pair(first: str, second: str) -> str:
    return f"{first} ~ {second}"


# --- what the user passed ----------------------------------------------------


def _check_methods(methods: Sequence[str], y: Any) -> list[str]:
    names = [methods] if isinstance(methods, str) else list(methods)
    unknown = [name for name in names if name not in METHODS]
    if unknown or not names or len(set(names)) < len(names):
        raise ValueError(
            f"methods={methods!r} must name one or more of {', '.join(METHODS)}, each "
            "once."
        )
    if "lightgbm" in names and y is None:
        raise ValueError(
            "methods: 'lightgbm' is fitted to X and y. Pass y, or leave it out."
        )
    return names


def _check_max_evals(max_evals: Any, n_units: int) -> int:
    least = 2 * n_units + 1
    if max_evals == "auto":
        return 10 * least
    if not isinstance(max_evals, Integral) or max_evals < least:
        raise ValueError(
            f"max_evals={max_evals!r} must be 'auto' or at least {least}, one "
            f"permutation of the {n_units} units forward and backward."
        )
    return int(max_evals)
