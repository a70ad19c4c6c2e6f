"""What the speed benchmark measures: sizes along axes, and tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.made_rows import MadeLaw, MadeRows, places_of
from benchmarks.tasks import SPLITS, Task, load_task

AUTO = "auto"
YEARS = 20
MOST_ROWS_ON_CPU = 1_000_000


@dataclass(frozen=True)
class Case:
    """One table, and the sizes of the model that is fitted to it.

    Attributes
    ----------
    axis : str
        Which size is varied; "task" for a table of the folder of data, "memory" for
        rows whose memory has a bound.
    task : str
        Name of the table; "made" for generated rows.
    rows, features : int
        Size of generated rows; 0 where the table says.
    nodes, steps, folds : str
        `n_nodes`, `n_steps` and `n_folds` of STCGRegressor; "auto" leaves them.
    """

    axis: str
    task: str = "made"
    rows: int = 20_000
    features: int = 8
    nodes: str = AUTO
    steps: str = AUTO
    folds: str = AUTO

    def settings(self) -> dict[str, Any]:
        """Parameters of STCGRegressor."""
        given: dict[str, Any] = {}
        if self.nodes != AUTO:
            given["n_nodes"] = int(self.nodes)
        if self.folds != AUTO:
            given["n_folds"] = int(self.folds)
        if self.steps != AUTO:
            given |= {"time_axis": "sequence", "n_steps": int(self.steps)}
        return given

    @property
    def size(self) -> int:
        """Size along the axis; the rows where it is none."""
        return int(getattr(self, self.axis if self.axis in SIZES else "rows"))

    @property
    def label(self) -> str:
        """Name of the case for a line of text."""
        if self.axis == "task":
            return self.task
        return f"{self.size:,} {self.axis if self.axis in SIZES else 'rows'}"


CASE = [field.name for field in fields(Case)]
KEY = [*CASE, "models", "seed", "settings"]
"""What is measured together, so that ratios are of one run."""

BASE = Case("", nodes="200", steps="12", folds="3")
"""What the axes other than the rows leave as it is."""

SIZES: dict[str, list[int]] = {
    "rows": [
        *(1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
        *(10_000_000, 50_000_000),
    ],
    "features": [2, 4, 8, 16, 32, 64],
    "nodes": [100, 200, 500, 1_000, 2_000, 5_000],
    "steps": [1, 12, 60, 120, 240],
    "folds": [1, 2, 3, 5, 8],
}
"""Sizes along each axis. Rows go with the default parameters."""

PEERS_ON = {"rows", "features", "task"}
"""Axes that mean something to other models."""


def make_cases(axis: str, sizes: Sequence[int] | None, base: Case = BASE) -> list[Case]:
    """List the cases of an axis.

    Parameters
    ----------
    axis : str
        One of ``SIZES``.
    sizes : sequence of int or None
        Sizes in place of those of ``SIZES``.
    base : Case, default=BASE
        What stays as it is.

    Returns
    -------
    list of Case
        From small to large.

    Examples
    --------
    >>> [case.rows for case in make_cases("rows", [100, 1_000])]
    [100, 1000]
    >>> make_cases("steps", [12])[0].settings()["time_axis"]
    'sequence'
    """
    sizes = SIZES[axis] if sizes is None else sizes
    if axis == "rows":
        start = replace(base, axis=axis, nodes=AUTO, steps=AUTO, folds=AUTO)
        return [replace(start, rows=size) for size in sizes]
    as_given = int if axis == "features" else str
    return [replace(base, axis=axis, **{axis: as_given(size)}) for size in sizes]


@dataclass(frozen=True)
class Tables:
    """Rows to fit to, rows to predict, and rows to time the answers with.

    Attributes
    ----------
    train, test, asked : Task
        Tables with their targets; that of `asked` is not used.
    split : str
        How the test rows were chosen.
    """

    train: Task
    test: Task
    asked: Task
    split: str


def load_tables(case: Case, data: Path | None, n_asked: int) -> Tables:
    """Load or make the tables of a case.

    Parameters
    ----------
    case : Case
        The case.
    data : Path or None
        Folder of the data.
    n_asked : int
        Rows to time the answers with.

    Returns
    -------
    Tables
        The test rows of generated tables are those that answers are timed with.
        Of others rows are drawn with replacement.
    """
    if case.task == "made":
        law = MadeLaw(case.features, places_of(case.rows), years=YEARS)
        train, test = law.draw(case.rows, seed=1), law.draw(n_asked, seed=2)
        asked = _made_task(test)
        return Tables(_made_task(train), asked, asked, "random")
    task = load_task(case.task, data, whole=True)
    split = "random" if task.fixed_split is None else "fixed"
    fold = SPLITS[split](task)
    assert fold is not None
    train_rows, test_rows = fold
    drawn = np.random.default_rng(0).integers(len(task.X), size=n_asked)
    return Tables(
        _take(task, train_rows), _take(task, test_rows), _take(task, drawn), split
    )


def matrix_mib(X: pd.DataFrame) -> float:
    """Size of a table as one matrix of single precision, in MiB."""
    return X.size * 4 / 2**20


def plan(
    axes: Sequence[str],
    sizes: dict[str, list[int] | None],
    tasks: Sequence[str],
    *,
    device: str = "cpu",
) -> Iterator[Case]:
    """List all cases: those of the axes, then the tasks.

    Parameters
    ----------
    axes : sequence of str
        Axes to vary.
    sizes : dict
        Sizes by axis; None takes those of ``SIZES``.
    tasks : sequence of str
        Tables of the folder of data.
    device : str, default="cpu"
        On a CPU rows end at a million, if nobody asks for more.

    Yields
    ------
    Case
        The cases.
    """
    for axis in axes:
        given = sizes.get(axis)
        for case in make_cases(axis, given):
            is_large = axis == "rows" and case.rows > MOST_ROWS_ON_CPU
            if given is None and is_large and device == "cpu":
                continue
            yield case
    for name in tasks:
        yield Case("task", task=name, rows=0, features=0)


def _made_task(rows: MadeRows) -> Task:
    """Give generated rows as a task whose groups are the rows."""
    return Task(
        name="made",
        X=rows.frame(),
        y=rows.target(),
        lat="lat",
        lon="lon",
        time="time",
        groups=np.arange(len(rows)),
    )


def _take(task: Task, rows: NDArray[np.int64]) -> Task:
    return replace(
        task,
        X=task.X.iloc[rows].reset_index(drop=True),
        y=task.y[rows],
        groups=task.groups[rows],
        fixed_split=None,
    )
