"""Time as the network sees it: steps, positions between them, encodings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .checks import check_amount, check_choice, check_count
from .sphere import FloatArray, IntArray

STEPS_PER_CYCLE = 12
MAX_STEPS = 240
ROWS_PER_STEP = 60
FILLED_CELLS = 0.5


@dataclass(frozen=True)
class TimePosition:
    """Rows placed between two steps.

    Attributes
    ----------
    lower, upper : ndarray of shape (n,)
        The steps before and after.
    fraction : ndarray of shape (n,)
        How far towards `upper`, in [0, 1].
    """

    lower: IntArray
    upper: IntArray
    fraction: FloatArray


class TimeAxis:
    """Steps of the recurrent network, and where rows lie between them.

    Steps are laid either around one cycle ("cycle": the months of a year,
    joined at its end) or along the whole span of the training times
    ("sequence": every month of every year). Beside the steps, each row carries
    a smooth encoding: two harmonics of the cycle, and a trend.

    Parameters
    ----------
    period : float or None, default=None
        Length of the cycle in the unit of the times; None means no cycle.
    kind : {"auto", "cycle", "sequence"}, default="auto"
        How the steps are laid. "auto" takes the sequence if rows fill at
        least half of all pairs of a place and a step, and there are 60 rows a step
        or more, as in gridded data; else the cycle.
    n_steps : int or "auto", default="auto"
        Number of steps around the cycle, or along the whole span. "auto": 12 a
        cycle, at most 240 along the span; without a cycle one for 60 rows.

    Attributes
    ----------
    start, end : float
        First and last training time.
    n_steps_ : int
        Steps within the training times.
    kind_ : str
        "cycle" or "sequence".
    step_width : float
        Distance between two steps in the unit of the times.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of its range, or a cycle is asked for without its period.

    Examples
    --------
    Fractional years, with the year as the cycle:

    >>> import numpy as np
    >>> axis = TimeAxis(period=1.0, kind="cycle").fit(np.linspace(2000, 2010, 99))
    >>> axis.n_steps_
    12
    >>> place = axis.locate([2003.0, 2003.5, 2003.98])
    >>> place.lower.tolist(), place.upper.tolist()
    ([0, 6, 11], [1, 7, 0])
    """

    def __init__(
        self,
        period: float | None = None,
        *,
        kind: str = "auto",
        n_steps: int | str = "auto",
    ) -> None:
        check_choice("kind", kind, ("auto", "cycle", "sequence"))
        if period is not None:
            check_amount("period", period)
        elif kind == "cycle":
            raise ValueError("kind='cycle' needs a period: the length of the cycle.")
        if n_steps != "auto":
            check_count("n_steps", n_steps, 1)
        self.period = period
        self.kind = kind
        self.n_steps = n_steps

    def fit(self, time: ArrayLike, n_places: int = 1) -> TimeAxis:
        """Lay the steps over the training times.

        Parameters
        ----------
        time : array_like of shape (n,)
            Finite times as numbers.
        n_places : int, default=1
            Distinct places of the rows.

        Returns
        -------
        TimeAxis
            Itself.
        """
        times = np.asarray(time, dtype=np.float64)
        return self.lay(
            float(times.min()),
            float(times.max()),
            n_rows=len(times),
            n_distinct=len(np.unique(times)),
            n_places=n_places,
        )

    def lay(
        self, start: float, end: float, *, n_rows: int, n_distinct: int, n_places: int
    ) -> TimeAxis:
        """Lay the steps over times of which no more than this is known.

        Parameters
        ----------
        start, end : float
            First and last training time.
        n_rows, n_distinct, n_places : int
            Training rows, and distinct times and places of them.

        Returns
        -------
        TimeAxis
            Itself.
        """
        self.start, self.end = start, end
        span = end - start
        sequence = self._sequence_length(n_rows, n_distinct, span)
        self.kind_ = self.kind
        if self.period is None or n_distinct == 1:
            self.kind_ = "sequence"
        elif self.kind == "auto":
            months = self._automatic_length(n_rows, n_distinct, span)
            wanted = max(ROWS_PER_STEP, FILLED_CELLS * n_places) * months
            self.kind_ = "sequence" if n_rows >= wanted and span > 0 else "cycle"
        if self.kind_ == "cycle":
            assert self.period is not None
            self.n_steps_ = (
                STEPS_PER_CYCLE if self.n_steps == "auto" else int(self.n_steps)
            )
            self.step_width = self.period / self.n_steps_
        else:
            self.n_steps_ = min(sequence, n_distinct)
            self.step_width = span / max(self.n_steps_ - 1, 1) or 1.0
        return self

    @property
    def n_steps_max(self) -> int:
        """Steps that a prediction may use: a sequence may roll on as long again."""
        return self.n_steps_ if self.kind_ == "cycle" else 2 * self.n_steps_

    @property
    def n_encoded(self) -> int:
        """Width of :meth:`encode`."""
        return 1 if self.period is None else 5

    def step_times(self, n_steps: int) -> FloatArray:
        """Times of the first steps.

        Parameters
        ----------
        n_steps : int
            How many.

        Returns
        -------
        ndarray of shape (n_steps,)
            Times in the unit of the training times; of a cycle, within the
            cycle that holds the middle of the training times.
        """
        if self.kind_ == "sequence":
            return self.start + self.step_width * np.arange(n_steps, dtype=float)
        assert self.period is not None
        middle = np.floor((self.start + self.end) / 2 / self.period) * self.period
        return middle + self.step_width * np.arange(n_steps, dtype=float)

    def locate(self, time: ArrayLike, *, warn: bool = True) -> TimePosition:
        """Place times between steps.

        Parameters
        ----------
        time : array_like of shape (n,)
            Finite times as numbers.
        warn : bool, default=True
            Whether to warn of times that the steps do not reach.

        Returns
        -------
        TimePosition
            Steps before and after, and the fraction between.

        Warns
        -----
        UserWarning
            If times lie more than a step (on a cycle: a cycle) before the first
            training time, where all but the season is held, or so far behind
            the last that the steps do not roll on to them.
        """
        times = np.asarray(time, dtype=np.float64)
        if warn:
            self.warn_outside(times)
        if self.kind_ == "cycle":
            assert self.period is not None
            position = np.mod(times, self.period) / self.step_width
            lower = np.floor(position).astype(np.int64) % self.n_steps_
            upper = (lower + 1) % self.n_steps_
            return TimePosition(lower, upper, position - np.floor(position))
        with np.errstate(over="ignore"):  # infinitely many steps are clipped below
            position = (times - self.start) / self.step_width
        last = self.n_steps_max - 1
        position = np.clip(position, 0.0, last)
        if self.n_steps_ == 1:
            position = np.zeros_like(position)
        # The last training row sits exactly on the last step, in spite of rounding.
        nearest = np.round(position)
        position = np.where(np.abs(position - nearest) < 1e-6, nearest, position)
        lower = np.floor(position).astype(np.int64)
        fraction = position - lower
        upper = np.where(fraction > 0, lower + 1, lower)
        return TimePosition(lower, upper, fraction)

    def encode(self, time: ArrayLike) -> FloatArray:
        """Encode times: trend in [-1, 1], then harmonics of the cycle.

        Parameters
        ----------
        time : array_like of shape (n,)
            Finite times as numbers. Beyond the training times the trend is
            held at its end.

        Returns
        -------
        ndarray of shape (n, n_encoded)
            Trend; and sine and cosine of one and two turns a cycle.
        """
        times = np.asarray(time, dtype=np.float64)
        half = (self.end - self.start) / 2
        # One training time teaches no trend.
        trend = np.zeros_like(times)
        if half > 0:
            with np.errstate(over="ignore"):
                trend = (times - (self.start + self.end) / 2) / half
            trend = np.clip(trend, -1.0, 1.0)
        if self.period is None:
            return trend[:, None]
        angle = 2 * np.pi * np.mod(times, self.period) / self.period
        waves = [f(k * angle) for k in (1, 2) for f in (np.sin, np.cos)]
        return np.stack([trend, *waves], axis=1)

    def _sequence_length(self, n_rows: int, n_distinct: int, span: float) -> int:
        if self.n_steps != "auto":
            return int(self.n_steps)
        return self._automatic_length(n_rows, n_distinct, span)

    def _automatic_length(self, n_rows: int, n_distinct: int, span: float) -> int:
        if self.period is None:
            return max(1, min(n_distinct, MAX_STEPS, n_rows // ROWS_PER_STEP))
        steps = round(span / self.period * STEPS_PER_CYCLE) + 1
        return min(n_distinct, int(min(steps, MAX_STEPS)))

    def warn_outside(self, times: FloatArray, stacklevel: int = 3) -> None:
        """Warn of times that the steps do not reach.

        Parameters
        ----------
        times : ndarray of shape (n,)
            Finite times as numbers.
        stacklevel : int, default=3
            Whose line the warning is of: 1 is this method, 2 its caller.

        Warns
        -----
        UserWarning
            As :meth:`locate` does.
        """
        # Within a step, or a cycle where seasons repeat, nothing is far-fetched.
        slack = self.step_width
        if self.kind_ == "cycle" and self.period is not None:
            slack = self.period
        early = int(np.sum(times < self.start - slack))
        if early:
            warnings.warn(
                f"{early} rows lie well before the first training time; all but their "
                "season is held at the first.",
                stacklevel=stacklevel,
            )
        if self.kind_ == "cycle":
            return
        reached = self.start + (self.n_steps_max - 1) * self.step_width
        if self.n_steps_ == 1:
            reached = self.end
        late = int(np.sum(times > reached + slack))
        if late:
            warnings.warn(
                f"{late} rows lie more than one training span after the last training "
                "time; they are treated as the last step that can be reached.",
                stacklevel=stacklevel,
            )
