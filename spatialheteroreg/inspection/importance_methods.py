"""Methods that explain any model: SHAP, permutation, LightGBM beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from ..sphere import FloatArray, IntArray
from .units import UnitTable


def shap_values(
    table: UnitTable, rows: IntArray, background: IntArray, max_evals: int, seed: int
) -> FloatArray:
    """Explain rows by model-agnostic SHAP.

    Parameters
    ----------
    table : UnitTable
        The table.
    rows, background : ndarray of int
        Rows to explain, and rows to replace by.
    max_evals : int
        Evaluations for each row.
    seed : int
        Draws the permutations.

    Returns
    -------
    ndarray of shape (n, n_units)
        Contributions of the units in target units.
    """
    import shap

    cells = table.cells().astype(np.float64)
    with _numpy_state_kept():  # shap seeds and uses NumPy's global generator
        explainer = shap.PermutationExplainer(
            table.predict,
            _Background(cells[background]),
            seed=seed,
        )
        explanation = explainer(cells[rows], max_evals=max_evals, silent=True)
    return np.asarray(explanation.values, dtype=np.float64)


def permutation_sizes(
    table: UnitTable,
    rows: IntArray,
    target: FloatArray | None,
    n_repeats: int,
    seed: int,
) -> FloatArray:
    """Shuffle each unit and see how much worse the rows are predicted.

    Parameters
    ----------
    table : UnitTable
        The table.
    rows : ndarray of int of shape (n,)
        Rows to shuffle.
    target : ndarray of shape (table.n_rows,) or None
        Target; None takes the predictions for it.
    n_repeats : int
        Shuffles of each unit.
    seed : int
        Draws them.

    Returns
    -------
    ndarray of shape (n_units,)
        Root of the mean growth of the squared error, 0 where it does not grow.
    """
    from sklearn.inspection import permutation_importance

    cells = table.cells()[rows]
    growth = permutation_importance(
        _Predictor(table),
        cells,
        table.predict(cells) if target is None else target[rows],
        scoring="neg_mean_squared_error",
        n_repeats=n_repeats,
        random_state=seed,
    ).importances_mean
    return np.sqrt(np.maximum(growth, 0.0))


def lightgbm_values(
    table: UnitTable, rows: IntArray, target: FloatArray | None, seed: int
) -> FloatArray:
    """Fit LightGBM to all rows, and explain some by Tree SHAP.

    Parameters
    ----------
    table : UnitTable
        The table.
    rows : ndarray of int of shape (n,)
        Rows to explain.
    target : ndarray of shape (table.n_rows,)
        Target.
    seed : int
        Seed of LightGBM.

    Returns
    -------
    ndarray of shape (n, n_units)
        Contributions of the units in target units.
    """
    try:
        from lightgbm import LGBMRegressor
    except ImportError as error:
        raise ImportError(
            "methods: 'lightgbm' needs LightGBM. Install it with "
            'pip install "spatialheteroreg[bench]".'
        ) from error
    floats = [table.floats[:, columns] for columns in table.columns]
    categorical = []
    for u, columns in enumerate(table.columns):
        if columns[0] in table.categorical:
            categorical.append(sum(part.shape[1] for part in floats[:u]))
        if columns[0] == table.date:
            year = floats[u]
            floats[u] = np.hstack([year, year % 1.0])  # trees find no season in a year
    width = [part.shape[1] for part in floats]
    matrix = np.hstack(floats)
    # One thread: those of LightGBM and of PyTorch get in each other's way.
    trees = LGBMRegressor(random_state=seed, n_jobs=1, verbose=-1)
    trees.fit(matrix, target, categorical_feature=categorical)
    # LightGBM's own code of Tree SHAP, which shap.TreeExplainer calls as well.
    values = np.asarray(trees.predict(matrix[rows], pred_contrib=True))[:, :-1]
    return np.add.reduceat(values, np.cumsum([0, *width[:-1]]), axis=1)


class _Background:
    """Masker of shap: rows of the background with some units of the row.

    `shap.maskers.Independent` does the same, after compiling for two seconds.
    """

    def __init__(self, cells: FloatArray) -> None:
        self.cells = cells
        self.shape = cells.shape

    def __call__(self, mask: NDArray[np.bool_], row: FloatArray) -> FloatArray:
        return np.where(mask, row, self.cells)


class _Predictor(RegressorMixin, BaseEstimator):
    """A fitted estimator over cells, which is what scikit-learn shuffles."""

    def __init__(self, table: UnitTable) -> None:
        self.table = table

    def fit(self, X: Any, y: Any) -> _Predictor:
        return self

    def predict(self, X: Any) -> FloatArray:
        return self.table.predict(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True


@contextmanager
def _numpy_state_kept() -> Iterator[None]:
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
