"""What the network says of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

if TYPE_CHECKING:
    from .invariance import Withheld


class NetworkOutput(NamedTuple):
    """What the network says of a batch, in units of the standardized target.

    Attributes
    ----------
    prediction : Tensor of shape (B, E)
        The prediction of each member.
    combination : Tensor of shape (B, E)
        Intercept plus weighted features. The same as `prediction` for the
        additive head.
    intercept : Tensor of shape (B, E)
        What place and time alone say.
    weights : Tensor of shape (B, E, P)
        Weight of each feature.
    values : Tensor of shape (B, P)
        What the weights multiply.
    withheld : Withheld or None
        In training with an invariance penalty, the same without one feature.
    """

    prediction: Tensor
    combination: Tensor
    intercept: Tensor
    weights: Tensor
    values: Tensor
    withheld: Withheld | None = None
