"""What a model is told beside its rows, and how it may hold some of them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from benchmarks.tasks import Fold, Task, as_moments

HELD_OUT = 5
"""One part of so many of the training rows is held out."""


@dataclass(frozen=True)
class Job:
    """One fit. Groups and moments are those of the training rows alone.

    Attributes
    ----------
    seed : int
        Seed of the model.
    cores : int
        Threads of the fit.
    split : str
        How the test rows were chosen.
    groups : ndarray of shape (n_train,)
        Groups of the rows.
    moments : ndarray of shape (n_train,) or None
        Times of the rows, as numbers.
    lat, lon : str
        Columns of the place.
    time : str or None
        Column of the time.
    planar : bool
        Whether places lie on a plane instead of on the globe.
    """

    seed: int
    cores: int
    split: str
    groups: NDArray[Any]
    moments: NDArray[np.float64] | None
    lat: str
    lon: str
    time: str | None
    planar: bool

    @classmethod
    def of(
        cls, task: Task, split: str, train: NDArray[Any], seed: int, cores: int
    ) -> Job:
        """Take from a task what belongs to the training rows."""
        moments = None
        if task.time is not None:
            moments = as_moments(task.X[task.time].iloc[train])
        return cls(
            seed=seed,
            cores=cores,
            split=split,
            groups=task.groups[train],
            moments=moments,
            lat=task.lat,
            lon=task.lon,
            time=task.time,
            planar=task.planar,
        )


def hold_out(job: Job) -> Fold:
    """Part the training rows as the split parts all rows.

    Whole groups are held out for ``grouped``, the latest fifth for ``time``, rows
    at random for the others.

    Returns
    -------
    rest, held_out : ndarray of int
        Positions among the training rows.
    """
    n = len(job.groups)
    if job.split == "grouped" and len(np.unique(job.groups)) >= HELD_OUT:
        folds = GroupKFold(HELD_OUT, shuffle=True, random_state=job.seed)
        return next(folds.split(np.empty((n, 0)), groups=job.groups))
    if job.split == "time" and job.moments is not None:
        last = np.quantile(job.moments, 1 - 1 / HELD_OUT)
        is_late = job.moments >= last
        if not is_late.all():
            return np.flatnonzero(~is_late), np.flatnonzero(is_late)
    order = np.random.default_rng(job.seed).permutation(n)
    held_out, rest = np.split(order, [n // HELD_OUT])
    return np.sort(rest), np.sort(held_out)
