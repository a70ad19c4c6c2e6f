"""What was chosen in a fit where a parameter is "auto"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .inputs import InputBuilder
from .time_axis import TimeAxis

if TYPE_CHECKING:
    from .net import STCGNet


class ChosenMixin:
    """Sizes of a fit, for an estimator that has `_inputs` and `net_`.

    They are read from what was fitted, and so are absent before.
    """

    _inputs: InputBuilder
    net_: STCGNet

    @property
    def n_folds_(self) -> int:
        """Number of networks."""
        return len(self.net_.module_)

    @property
    def max_iter_(self) -> int:
        """Epochs that were asked for."""
        return int(self.net_.max_epochs)

    @property
    def batch_size_(self) -> int:
        """Rows a step."""
        return int(self.net_.batch_size)

    @property
    def learning_rate_(self) -> float:
        """Peak of the one-cycle schedule."""
        return float(self.net_.optimizer__lr)

    @property
    def weight_decay_(self) -> float:
        """Decay of the matrices."""
        return float(self.net_.optimizer__weight_decay)

    @property
    def dropout_(self) -> float:
        """Share of the numbers dropped in training; 0 where there are no features."""
        decoder = self.net_.module_.first.decoder
        return 0.0 if decoder is None else float(decoder.dropout.p)

    @property
    def time_axis_(self) -> TimeAxis | None:
        """Steps of the recurrent network; None where rows have no time."""
        inputs = self._inputs
        timed = inputs.use_coordinates and inputs.roles.time is not None
        return inputs.axis_ if timed else None
