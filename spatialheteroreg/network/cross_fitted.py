"""Networks that are trained side by side, each without some of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .layers import RandomSource
from .output import NetworkOutput
from .stcg import STCGNetwork

Array = TypeVar("Array", Tensor, NDArray[Any])


class CrossFitted(nn.Module):
    """Networks of one form, each on nodes of its own and blind to one fold of the rows.

    Their mean predicts. What a network says of its own fold is honest: it has not
    seen these rows.

    Parameters
    ----------
    parts : iterable of STCGNetwork
        The networks; one alone sees all rows.

    Examples
    --------
    >>> fold = torch.tensor([0, 1, 1, -1])
    >>> [rows.tolist() for rows in seen_rows(fold, 2)]
    [[1, 2, 3], [0, 3]]
    """

    def __init__(self, parts: Iterable[STCGNetwork]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def __iter__(self) -> Iterator[STCGNetwork]:
        return iter(self.parts)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def first(self) -> STCGNetwork:
        """The first network: all have the same form."""
        return next(iter(self))

    def reach(self, n_steps: int) -> None:
        """Have the networks compute so many steps in training, or more."""
        for part in self:
            part.n_steps = max(part.n_steps, n_steps)

    def move_random(self, device: str) -> RandomSource:
        """Have all dropouts draw from one source on a device."""
        source = self.first.move_random(device)
        for part in self:
            part.share_random(source)
        return source

    def forward(self, **inputs: Tensor) -> NetworkOutput:
        """Predict by all networks, one after the other along the axis of members."""
        inputs.pop("fold", None)
        outputs = [part(**inputs_of(inputs, k)) for k, part in enumerate(self)]
        if len(outputs) == 1:
            return outputs[0]
        prediction, combination, intercept, weights = (
            torch.cat([output[i] for output in outputs], dim=1) for i in range(4)
        )
        if outputs[0].combination is outputs[0].prediction:
            combination = prediction
        return NetworkOutput(
            prediction, combination, intercept, weights, outputs[0].values
        )


def inputs_of(inputs: dict[str, Array], k: int) -> dict[str, Array]:
    """Inputs of one network: of what is attached, its own nodes.

    Parameters
    ----------
    inputs : dict of str to Tensor or ndarray
        Inputs of all networks: those called ``node_...`` of shape (B, n_parts, K).
    k : int
        Number of the network.

    Returns
    -------
    dict of str to Tensor or ndarray
        Inputs of :class:`STCGNetwork`.
    """
    return {
        name: values[:, k] if name.startswith("node_") else values
        for name, values in inputs.items()
    }


def seen_rows(fold: Tensor, n_parts: int) -> Iterator[Tensor]:
    """List for each network the rows of a batch that it may see.

    Parameters
    ----------
    fold : Tensor of shape (B,)
        Number of the network that is blind to a row; another number for none.
    n_parts : int
        Number of networks.

    Yields
    ------
    Tensor
        Positions in the batch.
    """
    for k in range(n_parts):
        yield (fold != k).nonzero().squeeze(1)


def seen_first(fold: Tensor, k: int, n_rows: int) -> Tensor:
    """List so many rows of a batch, those that a network may see before the others.

    Unlike :func:`seen_rows` it does not wait for a GPU to say how many there are.

    Parameters
    ----------
    fold : Tensor of shape (B,)
        Number of the network that is blind to a row; another number for none.
    k : int
        Number of the network.
    n_rows : int
        How many to list.

    Returns
    -------
    Tensor of shape (n_rows,)
        Positions in the batch.

    Examples
    --------
    >>> seen_first(torch.tensor([0, 1, 1, -1]), k=1, n_rows=3).tolist()
    [0, 3, 1]
    """
    return (fold == k).to(torch.uint8).argsort(stable=True)[:n_rows]
