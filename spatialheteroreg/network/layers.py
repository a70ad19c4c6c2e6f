"""Layers that draw their random numbers from a generator of their own.

PyTorch's layers draw from one global generator. Two fits in two threads would
disturb each other, and every fit would disturb its caller.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class RandomSource:
    """A torch generator that can be pickled and moved.

    Parameters
    ----------
    seed : int
        Decides every number that is drawn.
    device : torch.device or str, default="cpu"
        Where the numbers are made.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.generator = torch.Generator(device=device).manual_seed(seed)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "seed": self.generator.initial_seed(),
            "state": self.generator.get_state(),
            "device": self.generator.device.type,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        reachable = {
            "cpu": True,
            "cuda": torch.cuda.is_available(),
            "mps": torch.backends.mps.is_available(),
        }
        if reachable.get(state["device"], False):
            self.generator = torch.Generator(device=state["device"])
            self.generator.set_state(state["state"].cpu())
        else:
            self.generator = torch.Generator().manual_seed(state["seed"])

    def __deepcopy__(self, memo: dict[int, Any]) -> RandomSource:
        copied = RandomSource.__new__(RandomSource)
        copied.__setstate__(self.__getstate__())
        return copied


class Linear(nn.Linear):
    """`torch.nn.Linear` that waits for :func:`initialize`.

    Examples
    --------
    >>> layer = initialize(Linear(4, 2), RandomSource(0))
    >>> layer(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def reset_parameters(self) -> None:
        """Leave the parameters to :func:`initialize`."""


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` that waits for :func:`initialize`."""

    def reset_parameters(self) -> None:
        """Leave the parameters to :func:`initialize`."""


class Dropout(nn.Module):
    """Drop single numbers, or whole rows, while training.

    Parameters
    ----------
    p : float
        Share that is dropped, in [0, 1).
    random : RandomSource
        Where the draws come from.
    rows : bool, default=False
        Drop all numbers of a row (first axis) together.
    """

    def __init__(self, p: float, random: RandomSource, *, rows: bool = False) -> None:
        super().__init__()
        self.p = p
        self.rows = rows
        self.random = random

    def forward(self, x: Tensor) -> Tensor:
        """Drop and scale up what is left; the identity outside training."""
        if not self.training or self.p == 0.0:
            return x
        return x * self.mask(x)

    def mask(self, x: Tensor) -> Tensor:
        """Draw the factors: 0, or 1 / (1 - p); whole rows are not scaled up."""
        shape = (len(x),) + (1,) * (x.ndim - 1) if self.rows else x.shape
        keep = torch.rand(shape, generator=self.random.generator, device=x.device)
        scale = 1.0 if self.rows else 1.0 / (1.0 - self.p)
        return (keep >= self.p).to(x.dtype) * scale


def initialize(module: nn.Module, random: RandomSource) -> Any:
    """Draw all parameters of a module, in the order of its definition.

    Linear and recurrent layers get PyTorch's own uniform distributions;
    modules with `draw_parameters(generator)` draw their own.

    Parameters
    ----------
    module : torch.nn.Module
        Module on the device of `random`.
    random : RandomSource
        Where the draws come from.

    Returns
    -------
    torch.nn.Module
        The module itself.
    """
    generator = random.generator
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, Linear):
                bound = 1.0 / math.sqrt(max(part.in_features, 1))
                for parameter in part.parameters(recurse=False):
                    parameter.uniform_(-bound, bound, generator=generator)
            elif isinstance(part, LSTM):
                bound = 1.0 / math.sqrt(part.hidden_size)
                for parameter in part.parameters(recurse=False):
                    parameter.uniform_(-bound, bound, generator=generator)
            else:
                draw = getattr(part, "draw_parameters", None)
                if callable(draw):
                    draw(generator)
    return module
