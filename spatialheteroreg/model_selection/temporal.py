"""Splitters over time: train on what came before, test on what came after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from ..checks import check_amount, check_count
from ..columns import Table, find_roles
from ..coordinates import holds_dates, read_time
from ..sphere import FloatArray, IntArray
from .splitter import Mask, TableSplitter


class TimeSplitter(TableSplitter):
    """A splitter by time: all rows of a moment are on one side."""

    time: str | int
    gap: float
    _remedy: ClassVar[str] = "Pass a smaller gap, or let the test start later."

    def _read_time(self, table: Table) -> tuple[FloatArray, pd.Series, str]:
        """Times as numbers, the column that they are from, and its name."""
        roles = find_roles(
            table, lat=None, lon=None, time=self.time, categorical_features=None
        )
        if roles.time is None:
            raise ValueError(
                f"{type(self).__name__} needs the time of each row, but found no such "
                f"column (time={self.time!r}). Pass time= with its name or position."
            )
        column, label = table.column(roles.time), table.label(roles.time)
        return read_time(column, label), column, label


class TimeHoldout(TimeSplitter):
    """One split: the last times are the test, all before them the training.

    Rows of the same moment are never on both sides, whatever their places.

    Parameters
    ----------
    test_size : float or int, default=None
        Rows to test on: a share in (0, 1), or a number. As rows of one moment
        stay together, the test begins at the moment that comes closest to it.
        None means 0.2, unless `start` is given.
    start : date, str or number, default=None
        First moment of the test, instead of `test_size`: for a column of dates
        a date of any kind, an ISO 8601 string ("2019", "2019-07-01") or a
        fractional year, without a zone taken as UTC; for a column of numbers a
        number.
    gap : float, default=0.0
        Time left out before the test, in the unit of the column, years for
        dates: training rows lie more than `gap` before its first moment.
    time : str or int, default="auto"
        Column of the time by name or position: dates of any kind, ISO 8601
        strings, or numbers. "auto" looks for time, date and datetime in any
        case.

    See Also
    --------
    ForwardChaining : Several such splits, one after the other.

    Examples
    --------
    >>> from spatialheteroreg.model_selection import TimeHoldout
    >>> X = [[2015], [2018], [2016], [2017], [2018]]
    >>> train, test = next(TimeHoldout(start=2017, time=0).split(X))
    >>> train.tolist(), test.tolist()
    ([0, 2], [1, 3, 4])
    """

    def __init__(
        self,
        test_size: float | None = None,
        *,
        start: Any = None,
        gap: float = 0.0,
        time: str | int = "auto",
    ) -> None:
        if test_size is not None and start is not None:
            raise ValueError("Pass either test_size or start, not both.")
        if test_size is not None:
            whole = isinstance(test_size, (int, np.integer))
            check_scalar(
                test_size,
                "test_size",
                Real,
                min_val=1 if whole else 0,
                max_val=None if whole else 1,
                include_boundaries="left" if whole else "neither",
            )
        check_amount("gap", gap, included=True)
        self.test_size = test_size
        self.start = start
        self.gap = gap
        self.time = time

    def _n_splits(self) -> int:
        return 1

    def _masks(self, table: Table) -> Iterator[tuple[Mask, Mask]]:
        time, column, label = self._read_time(table)
        if self.start is None:
            share = 0.2 if self.test_size is None else self.test_size
            n_test = share * len(time) if share < 1 else share
            if n_test >= len(time):
                raise ValueError(
                    f"test_size={share} leaves none of {len(time)} rows to train on."
                )
            start = starts_at(time, [len(time) - n_test], label)[0]
        else:
            start = read_starts([self.start], column, label)[0]
            check_starts(np.array([start]), time, label)
        yield time < start - self.gap, time >= start


class ForwardChaining(TimeSplitter):
    """Train on the past, test on the next span of time, and move on.

    The times are cut into `n_splits` + 1 spans of about as many rows. Each but
    the first is tested once, with all rows before it as training rows, so the
    training grows from split to split. It is scikit-learn's `TimeSeriesSplit`
    for tables where many rows, those of different places, share a moment: they
    are never on both sides, the order of the rows does not matter, and gaps are
    times instead of numbers of rows.

    Parameters
    ----------
    n_splits : int, default=None
        Number of splits, at least 2. None means 5, unless `starts` is given.
    starts : sequence of date, str or number, default=None
        First moments of the tests, ascending, instead of `n_splits`: a test
        ends where the next begins, the last with the last row. Written as
        `start` of :class:`TimeHoldout`: ``["2018", "2019"]`` tests by year.
    gap : float, default=0.0
        Time left out before each test, in the unit of the column, years for
        dates: training rows lie more than `gap` before its first moment.
    max_train_span : float, default=None
        Longest time that training rows may lie before the first moment of the
        test, in the same unit; a training that moves along instead of growing.
        None means no limit.
    time : str or int, default="auto"
        As for :class:`TimeHoldout`.

    See Also
    --------
    TimeHoldout : A single split.
    sklearn.model_selection.TimeSeriesSplit : For one series in order of time.

    Examples
    --------
    >>> from spatialheteroreg.model_selection import ForwardChaining
    >>> X = [[2015], [2015], [2016], [2016], [2017], [2017]]
    >>> for train, test in ForwardChaining(n_splits=2, time=0).split(X):
    ...     print(train, test)
    [0 1] [2 3]
    [0 1 2 3] [4 5]
    """

    def __init__(
        self,
        n_splits: int | None = None,
        *,
        starts: Sequence[Any] | None = None,
        gap: float = 0.0,
        max_train_span: float | None = None,
        time: str | int = "auto",
    ) -> None:
        if n_splits is not None and starts is not None:
            raise ValueError("Pass either n_splits or starts, not both.")
        if n_splits is not None:
            check_count("n_splits", n_splits, 2)
        if starts is not None and (isinstance(starts, str) or not len(starts)):
            raise ValueError(
                f"starts={starts!r} must be a list of moments, one for each split."
            )
        check_amount("gap", gap, included=True)
        if max_train_span is not None:
            check_amount("max_train_span", max_train_span)
            if max_train_span <= gap:
                raise ValueError(
                    f"max_train_span={max_train_span:g} must be longer than gap="
                    f"{gap:g}: both count back from the first moment of a test."
                )
        self.n_splits = n_splits
        self.starts = starts
        self.gap = gap
        self.max_train_span = max_train_span
        self.time = time

    def _n_splits(self) -> int:
        if self.starts is not None:
            return len(self.starts)
        return 5 if self.n_splits is None else self.n_splits

    def _masks(self, table: Table) -> Iterator[tuple[Mask, Mask]]:
        time, column, label = self._read_time(table)
        n = self.get_n_splits()
        if self.starts is None:
            starts = starts_at(time, np.arange(1, n + 1) * len(time) / (n + 1), label)
        else:
            starts = read_starts(self.starts, column, label)
            check_starts(starts, time, label)
        span = np.inf if self.max_train_span is None else self.max_train_span
        for start, end in zip(starts, [*starts[1:], np.inf], strict=True):
            train = (time >= start - span) & (time < start - self.gap)
            yield train, (time >= start) & (time < end)


# --- where a test starts -----------------------------------------------------


def starts_at(
    time: FloatArray, rows_before: Sequence[float] | FloatArray, label: str
) -> FloatArray:
    """Choose the moments before which about so many rows lie.

    Parameters
    ----------
    time : ndarray of shape (n,)
        Time of each row.
    rows_before : sequence of float of shape (n_starts,)
        Numbers of rows that should lie before each start, ascending.
    label : str
        Name of the column in messages.

    Returns
    -------
    ndarray of shape (n_starts,)
        Different moments of `time`, ascending, none of them the first. Where
        the rest leaves a choice, no other moment comes closer.

    Raises
    ------
    ValueError
        If there are too few moments.

    Examples
    --------
    >>> starts_at(np.array([1.0, 1.0, 2.0, 3.0]), [1, 2], "'year'").tolist()
    [2.0, 3.0]
    """
    moments, counts = np.unique(time, return_counts=True)
    n_starts = len(rows_before)
    if len(moments) <= n_starts:
        raise ValueError(
            f"Column {label} holds {len(moments)} distinct times, but {n_starts} "
            f"split{'s' * (n_starts > 1)} over time take at least {n_starts + 1}."
        )
    before = np.cumsum(counts) - counts
    chosen: list[int] = []
    for number, wanted in enumerate(rows_before):
        lowest = chosen[-1] + 1 if chosen else 1
        highest = len(moments) - (n_starts - number)
        off = np.abs(before[lowest : highest + 1] - wanted)
        chosen.append(lowest + int(np.argmin(off)))
    return moments[chosen]


def read_starts(starts: Sequence[Any], column: pd.Series, label: str) -> FloatArray:
    """Read the moments at which tests start, as the column is read.

    Parameters
    ----------
    starts : sequence of date, str or number
        What the user passed.
    column : Series
        The time column.
    label : str
        Its name in messages.

    Returns
    -------
    ndarray of shape (n_starts,)
        Numbers that compare with those of :func:`read_time`.

    Raises
    ------
    ValueError
        If they cannot be read, or are dates where the column holds numbers.
    """
    moments = pd.Series(list(starts))
    text = ", ".join(str(start) for start in starts)
    if holds_dates(moments) and not holds_dates(column):
        raise ValueError(
            f"Column {label} holds numbers, but tests should start at {text}. Pass "
            "numbers in its unit."
        )
    try:
        return read_time(moments, label)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"The start of a test cannot be read as a time: {text}. Pass dates, "
            "ISO 8601 strings or numbers."
        ) from error


def check_starts(starts: FloatArray, time: FloatArray, label: str) -> None:
    """Refuse starts out of order, and tests without rows.

    Parameters
    ----------
    starts : ndarray of shape (n_starts,)
        First moments of the tests.
    time : ndarray of shape (n,)
        Time of each row.
    label : str
        Name of the column in messages.

    Raises
    ------
    ValueError
        If starts do not ascend, or no row lies in a test.
    """
    if (np.diff(starts) <= 0).any():
        raise ValueError("starts must ascend, and each be there once.")
    order: IntArray = np.searchsorted(np.sort(time), [*starts, np.inf])
    empty = np.flatnonzero(np.diff(order) == 0)
    if empty.size:
        raise ValueError(
            f"No row lies in the test that starts at {starts[empty[0]]:.6g}: column "
            f"{label} runs from {time.min():.6g} to {time.max():.6g} (dates as "
            "fractional years)."
        )
