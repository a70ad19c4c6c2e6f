"""Features as the network takes them: standardized, coded, gaps marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .columns import ColumnRoles, Table
from .row_inputs import CHUNK_ROWS, slices
from .sphere import FloatArray, IntArray
from .values import read_numbers, rows_counted_from, rows_text

Z_LIMIT = 10.0
"""Standardized values are held within this many standard deviations."""

HEAVY_TAILS = 1.2
"""Standard deviation over that which the quartiles tell (of a normal distribution both
are the same) from which on a feature has heavy tails, and is bent."""

QUARTILES = 1.349
"""Distance of the quartiles of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class EncodedFeatures:
    """Features as the network takes them.

    Attributes
    ----------
    numeric : ndarray of shape (n, n_numeric)
        Standardized, float32 or float64; 0 where missing.
    missing : ndarray of shape (n, n_numeric), bool
        Where numbers are missing.
    codes : ndarray of shape (n, n_categorical), int64
        Categories: 0 unseen, 1 missing, 2 and on as in training.
    """

    numeric: NDArray[np.floating[Any]]
    missing: NDArray[np.bool_]
    codes: IntArray


class FeatureEncoder:
    r"""Standardize numbers, number categories, mark what is missing.

    A number :math:`x` becomes :math:`z = (x - m) / s`, held within 10. Where the
    tails of a feature are heavy, as of rain or of areas, a few rows would otherwise
    stand far from all others and the others close together: there :math:`m` is the
    median and :math:`s` comes from the quartiles, and :math:`\mathrm{arsinh}\, z`,
    which grows like a logarithm far out, takes the place of :math:`z`.

    Parameters
    ----------
    dtype : {"float32", "float64"}, default="float32"
        Precision of the standardized numbers.

    Attributes
    ----------
    center_, scale_ : ndarray of shape (n_numeric,)
        Mean and standard deviation over the training rows, of a feature with heavy
        tails what median and quartiles tell of them; the deviation of a constant
        feature is infinite, so that it counts as 0 ever after.
    bent_ : ndarray of shape (n_numeric,), bool
        Which features have heavy tails.
    categories_ : list of Index
        Known values of each categorical feature.
    """

    UNSEEN, MISSING, FIRST = 0, 1, 2

    def __init__(self, dtype: str = "float32") -> None:
        self.dtype = dtype

    def fit(
        self,
        table: Table,
        roles: ColumnRoles,
        rows: IntArray | None = None,
        weight: FloatArray | None = None,
        categories: Sequence[Sequence[Any]] | None = None,
    ) -> FeatureEncoder:
        """Learn scales and categories.

        Parameters
        ----------
        table : Table
            Training table.
        roles : ColumnRoles
            Which columns are features.
        rows : ndarray of int, default=None
            Rows to learn from; None means all.
        weight : ndarray of shape (n,), default=None
            Positive weights of the rows of the table; None means 1 for all.
        categories : sequence of sequence, default=None
            Values of each categorical feature; None takes those of the rows.

        Returns
        -------
        FeatureEncoder
            Itself.
        """
        self.roles = roles
        rows = np.arange(table.n_rows) if rows is None else rows
        counted = None if weight is None else weight[rows]
        scales = [
            _feature_scale(finite_numbers(table, j)[rows], counted)
            for j in roles.numeric
        ]
        self.center_, self.scale_, bent = np.array(scales).reshape(-1, 3).T
        self.bent_ = bent.astype(bool)
        if categories is None:
            categories = [
                table.column(j).iloc[rows].dropna().unique() for j in roles.categorical
            ]
        self.categories_ = [
            pd.Index(sorted(known, key=str), dtype=object) for known in categories
        ]
        return self

    @property
    def n_codes(self) -> list[int]:
        """Number of codes of each categorical feature, reserved ones included."""
        return [len(known) + self.FIRST for known in self.categories_]

    def transform(self, table: Table) -> EncodedFeatures:
        """Encode a table.

        Parameters
        ----------
        table : Table
            Table with the columns of the training table.

        Returns
        -------
        EncodedFeatures
            Arrays for the network.

        Raises
        ------
        ValueError
            If a number is infinite or not a number; says in which rows.
        """
        n = table.n_rows
        numeric = np.zeros((n, len(self.roles.numeric)), dtype=self.dtype)
        missing = np.zeros(numeric.shape, dtype=bool)
        codes = np.empty((n, len(self.roles.categorical)), dtype=np.int64)
        # A part at a time: what is computed on the way is in float64.
        for rows in slices(n, CHUNK_ROWS):
            part = table.rows(rows.start, rows.stop)
            with rows_counted_from(rows.start):
                self._standardize(part, numeric[rows], missing[rows])
            for k, j in enumerate(self.roles.categorical):
                codes[rows, k] = self._number(part.column(j), k)
        return EncodedFeatures(numeric, missing, codes)

    def _standardize(
        self,
        table: Table,
        numeric: NDArray[np.floating[Any]],
        missing: NDArray[np.bool_],
    ) -> None:
        """Fill in the numbers of rows, and where there are none."""
        for k, j in enumerate(self.roles.numeric):
            values = finite_numbers(table, j)
            missing[:, k] = np.isnan(values)
            with np.errstate(over="ignore", invalid="ignore"):
                z = (values - self.center_[k]) / self.scale_[k]
                if self.bent_[k]:
                    z = np.arcsinh(z)
            numeric[:, k] = np.nan_to_num(np.clip(z, -Z_LIMIT, Z_LIMIT))

    def _number(self, column: pd.Series, k: int) -> IntArray:
        """Codes of the cells of a categorical feature."""
        known = self.categories_[k].get_indexer(pd.Index(column, dtype=object))
        codes = np.where(known < 0, self.UNSEEN, known + self.FIRST)
        return np.where(column.isna(), self.MISSING, codes)

    def local_scale(self, numeric: NDArray[np.floating[Any]]) -> FloatArray:
        """Say how much of a feature one unit of what the network takes stands for.

        Parameters
        ----------
        numeric : ndarray of shape (n, n_numeric)
            Numbers as :meth:`transform` gives them.

        Returns
        -------
        ndarray of shape (n, n_numeric)
            Feature units; those of a bent feature grow with its size. Infinite where
            a number is held, as it no longer follows the feature.
        """
        size = np.abs(numeric.astype(np.float64))
        scale = np.where(self.bent_, self.scale_ * np.cosh(size), self.scale_)
        return np.where(size < Z_LIMIT, scale, np.inf)


def finite_numbers(table: Table, position: int) -> FloatArray:
    """Read a numeric feature.

    Parameters
    ----------
    table : Table
        Any table with the columns of the training table.
    position : int
        Column of the feature.

    Returns
    -------
    ndarray of shape (n,)
        Numbers and NaN.

    Raises
    ------
    ValueError
        If numbers are infinite, or no numbers; says in which rows.
    """
    label = table.label(position)
    values = read_numbers(table.column(position), label)
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"Column {label}: Input X contains infinity in {rows_text(infinite)}. "
            "Replace it by a number, or by NaN for a missing value."
        )
    return values


def _feature_scale(
    values: FloatArray, weight: FloatArray | None
) -> tuple[float, float, bool]:
    """Center, scale, and whether the tails are heavy."""
    center, deviation = mean_and_deviation(values, weight)
    median, usual = median_and_deviation(values, weight)
    if 0.0 < HEAVY_TAILS * usual < deviation < np.inf:
        return median, usual, True
    return center, deviation, False


def median_and_deviation(
    values: FloatArray, weight: FloatArray | None = None
) -> tuple[float, float]:
    """Median, and the standard deviation that the quartiles tell.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers and NaN.
    weight : ndarray of shape (n,), default=None
        Positive weights; None means 1 for all.

    Returns
    -------
    median, deviation : float
        Of the numbers that are there; the deviation is that of a normal
        distribution with the same quartiles, 0 where they are the same.

    Examples
    --------
    >>> median, deviation = median_and_deviation(np.array([0.0, 1.0, 2.0, 1e6]))
    >>> median, round(deviation, 3)
    (1.0, 1.483)
    """
    there = ~np.isnan(values)
    present = values[there]
    if present.size == 0:
        return 0.0, 0.0
    # A row of weight 2 counts as two rows, so quartiles are values of rows.
    below, median, above = np.quantile(
        present,
        [0.25, 0.5, 0.75],
        method="inverted_cdf",
        weights=None if weight is None else weight[there],
    )
    with np.errstate(over="ignore"):
        return float(median), float(above - below) / QUARTILES


def mean_and_deviation(
    values: FloatArray, weight: FloatArray | None = None
) -> tuple[float, float]:
    """Mean and standard deviation of what is there, safe from overflow.

    A constant column gets an infinite deviation: whatever it holds later, it
    taught nothing and counts as 0.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers and NaN.
    weight : ndarray of shape (n,), default=None
        Positive weights; None means 1 for all.

    Returns
    -------
    mean, deviation : float
        Of the numbers that are there.

    Examples
    --------
    >>> mean_and_deviation(np.array([1.0, 3.0, np.nan]))
    (2.0, 1.0)
    >>> mean_and_deviation(np.array([0.0, 4.0]), np.array([0.5, 0.5]))
    (2.0, 2.0)
    """
    there = ~np.isnan(values)
    present = values[there]
    if present.size == 0:
        return 0.0, np.inf
    unit = max(float(np.abs(present).max()), np.finfo(float).tiny)
    scaled = present / unit
    if weight is None:
        center, deviation = float(scaled.mean()), float(scaled.std())
    else:
        share = weight[there] / weight[there].sum()
        center = float(share @ scaled)
        deviation = float(np.sqrt(share @ (scaled - center) ** 2))
    # A constant column keeps rounding noise; it must not be blown up to size 1.
    if deviation * unit == 0.0 or deviation <= 1e-12 * max(abs(center), 1e-300):
        return center * unit, np.inf
    return center * unit, deviation * unit
