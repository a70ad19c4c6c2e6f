"""What fit is given: a table in memory, or more rows than that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from .allocator import give_back
from .batches import Rows, make_rows
from .columns import Table
from .frames import is_dataset
from .inputs import Extent, InputBuilder
from .row_inputs import as_complex
from .samples import Samples, Split, draw_folds, number_groups, read_target, take_weight
from .sphere import IntArray
from .streaming.counting import fold_of_rows
from .streaming.rows import HeldOut, StreamedRows
from .streaming.sources import ArraySource, DatasetSource, Source, in_order
from .streaming.survey import READ_ROWS, Survey, survey

IN_MEMORY_ROWS = 1_000_000
"""Rows up to which arrays and frames are made ready for training as a whole."""

HELD_SHARE = 0.5
"""Share of the memory of a GPU that rows may take throughout a fit."""


def open_data(
    X: Any, y: Any, sample_weight: Any, groups: Any
) -> TableData | StreamedData:
    """Look at what was passed to fit.

    Parameters
    ----------
    X : DataFrame, array_like of shape (n, p) or pyarrow.dataset.Dataset
        Rows.
    y, sample_weight, groups : array_like of shape (n,) or str
        What belongs to them; of a data set names of columns.

    Returns
    -------
    TableData or StreamedData
        Ready to be checked and loaded.
    """
    if is_dataset(X):
        return StreamedData(DatasetSource(X, y, sample_weight, groups))
    table = Table(X)
    if table.n_rows > IN_MEMORY_ROWS:
        return StreamedData(ArraySource(table, y, sample_weight, groups), X)
    return TableData(table, X, y, sample_weight, groups)


class TableData:
    """Rows that are made ready for training as a whole.

    Parameters
    ----------
    table : Table
        X, read.
    X, y, sample_weight, groups : object
        As they were passed to fit.

    Attributes
    ----------
    frame : object
        What scikit-learn takes names and number of the columns from.
    head, table : Table
        Rows that tell which column is what, and rows to learn from; here all rows.
    target : ndarray of shape (n,)
        Target of the table's rows.
    weight, label : ndarray of shape (n,) or None
        Their sample weights and numbers of groups.
    extent : Extent or None
        Of all rows to train on, where the table is a sample.
    """

    extent: Extent | None = None
    label: IntArray | None

    def __init__(
        self, table: Table, X: Any, y: Any, sample_weight: Any, groups: Any
    ) -> None:
        self.frame = X
        self.head = self.table = table
        self._passed = y, sample_weight, groups

    def check(self) -> None:
        """Read target and weights."""
        y, sample_weight, _ = self._passed
        self.target, self.weight = read_target(
            self.frame, y, sample_weight, self.table.n_rows
        )

    def load(self, inputs: InputBuilder) -> None:
        """Read the groups."""
        groups = self._passed[-1]
        self.label = (
            None if groups is None else number_groups(groups, self.table.n_rows)
        )

    def hold_out(self, inputs: InputBuilder, split: Split) -> int:
        """Return how many rows there are to train on."""
        return len(split.training)

    def samples(
        self,
        inputs: InputBuilder,
        split: Split,
        n_folds: int,
        seed: int,
        target_mean: float,
        target_scale: float,
    ) -> Samples:
        """Make the rows ready for training."""
        # Like other rows held out, folds are the same again in a warm start.
        random = np.random.RandomState(seed)
        return Samples(
            inputs.encode(self.table),
            (self.target - target_mean) / target_scale,
            self.weight,
            split,
            draw_folds(n_folds, self.table.n_rows, split.training, random),
        )


class StreamedData:
    """Rows of which some are in memory at a time.

    Parameters
    ----------
    source : Source
        Where they come from.
    frame : object, default=None
        What tells the columns' names; None takes the first rows.

    Attributes
    ----------
    frame, head, table, target, weight, label, extent
        As of :class:`TableData`; the table is a sample.
    """

    label: IntArray | None

    def __init__(self, source: Source, frame: Any = None) -> None:
        self.source = source
        self.head = source.head()
        self.frame = self.head.frame if frame is None else frame

    def check(self) -> None:
        """Do nothing: rows are checked when they are read."""

    def load(self, inputs: InputBuilder) -> None:
        """Look at all rows once, and keep a sample."""
        if not hasattr(inputs, "encoder_"):
            inputs.settle_time(self.head)
        self.survey: Survey = survey(self.source, inputs)
        sample = self.survey.sample
        self.table, self.target = sample.table, sample.target
        self.weight, self.extent = self.survey.weight, self.survey.extent
        self.label = (
            None if sample.label is None else number_groups(sample.label, len(sample))
        )

    def hold_out(self, inputs: InputBuilder, split: Split) -> int:
        """Leave rows, and whole places, out of training; return how many are left."""
        sample = self.survey.sample
        others = np.setdiff1d(np.arange(len(sample)), split.training)
        self.held_out = HeldOut(sample.number[others])
        if len(split.unseen):
            self.held_out = self._hold_out_places(inputs, split.unseen)
        n_rows = self.survey.extent.n_rows - len(others)
        if self.held_out.is_whole:
            n_rows = sum(
                len(self.held_out.training(self.source.read(numbers), inputs))
                for numbers in in_order(self.source, READ_ROWS)
            )
        self.extent = replace(self.survey.extent, n_rows=n_rows)
        return n_rows

    def _hold_out_places(self, inputs: InputBuilder, rows: IntArray) -> HeldOut:
        """Hold out all rows at the places, or of the groups, of rows of the sample."""
        sample, number = self.survey.sample, self.held_out.number
        if sample.label is not None:
            return HeldOut(number, label=np.unique(sample.label[rows]))
        lat, lon = inputs.read_place(sample.table, always=True)
        return HeldOut(number, place=np.unique(as_complex(lat, lon)[rows]))

    def samples(
        self,
        inputs: InputBuilder,
        split: Split,
        n_folds: int,
        seed: int,
        target_mean: float,
        target_scale: float,
    ) -> Samples:
        """Say where the sample is, and make the others ready to be read."""
        stream = StreamedRows(
            self.source,
            inputs,
            self.held_out,
            n_rows=self.extent.n_rows,
            target_mean=target_mean,
            target_scale=target_scale,
            mean_weight=self.survey.mean_weight,
            n_folds=n_folds,
            seed=seed,
        )
        times = np.array([self.extent.start, self.extent.end])
        return StreamedSamples(
            self.source.unread(self.survey.sample, inputs.encode),
            (self.target - target_mean) / target_scale,
            self.weight,
            split,
            fold_of_rows(self.survey.sample.number, n_folds, seed),
            stream=stream,
            last_step=int(inputs.axis_.locate(times, warn=False).upper.max()),
        )


def gpu_memory(device: str) -> int:
    """Bytes that a GPU of CUDA has; 0 for other devices, whose memory is the host's."""
    if torch.device(device).type != "cuda":
        return 0
    return torch.cuda.get_device_properties(device).total_memory


@dataclass(frozen=True)
class StreamedSamples(Samples):
    """A sample of the rows, and all of them to be read in training.

    Attributes
    ----------
    stream : StreamedRows
        Rows to train on.
    last_step : int
        Last step of the time axis that they reach.
    """

    stream: StreamedRows
    last_step: int

    @property
    def n_training(self) -> int:
        """Number of rows to train on."""
        return len(self.stream)

    @property
    def n_steps(self) -> int:
        """Steps of the time axis that the rows reach."""
        return self.last_step + 1

    def to_device(self, device: str, dtype: torch.dtype) -> tuple[Any, Rows | None]:
        """Have rows brought to the device by and by, and rows to stop by at once.

        All rows are brought at once where a GPU can hold them.
        """
        # What looking at all rows and laying out the nodes has freed.
        give_back()
        stream, rows = self.stream.to(device, dtype), self.split.held_out
        training: Rows | StreamedRows = stream
        if memory := gpu_memory(device):
            training = stream.hold(HELD_SHARE * memory) or stream
        if len(rows) == 0:
            return training, None
        held_out = make_rows(
            self.inputs.subset(rows).read(),
            self.target[rows],
            take_weight(self.weight, rows),
            self.fold[rows],
            device,
            dtype,
        )
        return training, held_out
