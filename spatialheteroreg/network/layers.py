"""Layers that draw their random numbers from a generator of their own.

PyTorch's layers draw from one global generator. Two fits in two threads would
disturb each other, and every fit would disturb its caller.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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

    def bytes(self, n: int, device: torch.device) -> Tensor:
        """Draw so many bytes, uint8."""
        if device.type == "mps":  # it does not draw from all numbers of 64 bits
            return torch.randint(
                256, (n,), dtype=torch.uint8, device=device, generator=self.generator
            )
        words = torch.empty(-(-n // 8), dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=self.generator)
        return words.view(torch.uint8)[:n]

    def __getstate__(self) -> dict[str, Any]:
        return {
            "seed": self.generator.initial_seed(),
            "state": self.generator.get_state(),
            "device": str(self.generator.device),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        device = torch.device(state["device"])
        n_reachable = {
            "cpu": 1,
            "cuda": torch.cuda.device_count(),
            "mps": int(torch.backends.mps.is_available()),
        }
        if (device.index or 0) < n_reachable.get(device.type, 0):
            self.generator = torch.Generator(device=device)
            self.generator.set_state(state["state"].cpu())
        else:
            self.generator = torch.Generator().manual_seed(state["seed"])

    def __deepcopy__(self, memo: dict[int, Any]) -> RandomSource:
        copied = RandomSource.__new__(RandomSource)
        copied.__setstate__(self.__getstate__())
        return copied


FULL_WIDTH = 16
"""Rows of a multiple of so many numbers are multiplied in the same way wherever they
stand; products of others depend on it in their last bit."""


def steady_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply as `torch.nn.functional.linear`, each row as if it were alone.

    Parameters
    ----------
    x : Tensor of shape (..., d_in)
        Rows, filled up with zeros where their width asks for it.
    weight : Tensor of shape (d_out, d_in)
        Matrix.
    bias : Tensor of shape (d_out,), default=None
        What is added.

    Returns
    -------
    Tensor of shape (..., d_out)
        The products.
    """
    missing = -x.shape[-1] % FULL_WIDTH
    if missing:
        x, weight = F.pad(x, (0, missing)), F.pad(weight, (0, missing))
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    """`torch.nn.Linear` that waits for :func:`initialize`.

    In evaluation it gives a row the same numbers alone and in company.

    Examples
    --------
    >>> layer = initialize(Linear(4, 2), RandomSource(0))
    >>> layer(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def reset_parameters(self) -> None:
        """Leave the parameters to :func:`initialize`."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (..., d_in) to (..., d_out)."""
        return self._multiply(input, self.weight, self.bias)

    def _multiply(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        product = F.linear if self.training else steady_linear
        return product(x, weight, bias)

    def parts(self, x: Tensor, n_parts: int) -> list[Tensor]:
        """Give the outputs in equal parts, each with its numbers side by side.

        Small batched products of slices of one output are several times slower.
        """
        biases = [None] * n_parts if self.bias is None else self.bias.chunk(n_parts)
        weights = self.weight.chunk(n_parts)
        pairs = zip(weights, biases, strict=True)
        return [self._multiply(x, weight, bias) for weight, bias in pairs]


class LayerNorm(nn.LayerNorm):
    """`torch.nn.LayerNorm` of rows that are narrow.

    PyTorch's own kernel has a GPU spend a block of threads on each row, which for a few
    numbers a row takes several times as long as plain operations on all rows.

    Examples
    --------
    >>> layer, x = LayerNorm(4), torch.arange(8.0).view(2, 4)
    >>> layer(x)[0].tolist() == layer(x)[1].tolist()
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        """Standardize each row (..., D)."""
        if input.is_cuda:
            return narrow_norm(input, self.weight, self.bias, self.eps)
        return super().forward(input)


def narrow_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Standardize rows, then scale and shift them, by plain operations.

    Parameters
    ----------
    x : Tensor of shape (..., D)
        Rows.
    weight, bias : Tensor of shape (D,)
        Scale and shift.
    eps : float
        Added to the variance.

    Returns
    -------
    Tensor of shape (..., D)
        As :func:`torch.nn.functional.layer_norm` makes them.
    """
    centered = x - x.mean(dim=-1, keepdim=True)
    variance = centered.square().mean(dim=-1, keepdim=True)
    return torch.addcmul(bias, centered * torch.rsqrt(variance + eps), weight)


class MemberLinear(nn.Module):
    r"""One linear layer seen by each member of an ensemble in its own way.

    .. math:: y_m = ((x \circ r_m) W) \circ s_m + b_m

    The matrix is shared; a member adds two vectors and a bias. The vectors
    :math:`r_m` start as random signs, so that members begin apart. With one
    member this is a plain linear layer.

    Parameters
    ----------
    d_in, d_out : int
        Width before and after.
    n_members : int
        Number of members E.

    References
    ----------
    Wen, Y., Tran, D., Ba, J. (2020). BatchEnsemble: an alternative approach to
    efficient ensemble and lifelong learning. ICLR.
    Gorishniy, Y., Kotelnikov, A., Babenko, A. (2025). TabM: advancing tabular
    deep learning with parameter-efficient ensembling. ICLR.

    Examples
    --------
    >>> layer = initialize(MemberLinear(4, 2, n_members=3), RandomSource(0))
    >>> layer(torch.zeros(5, 1, 4)).shape
    torch.Size([5, 3, 2])
    """

    def __init__(self, d_in: int, d_out: int, n_members: int) -> None:
        super().__init__()
        self.linear = Linear(d_in, d_out, bias=False)
        self.member_bias = nn.Parameter(torch.empty(n_members, d_out))
        self.member_before = self.member_after = None
        if n_members > 1:
            self.member_before = nn.Parameter(torch.empty(n_members, d_in))
            self.member_after = nn.Parameter(torch.empty(n_members, d_out))

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw signs and biases."""
        bound = 1.0 / math.sqrt(max(self.linear.in_features, 1))
        self.member_bias.uniform_(-bound, bound, generator=generator)
        if self.member_before is not None and self.member_after is not None:
            self.member_before.bernoulli_(0.5, generator=generator).mul_(2.0).sub_(1.0)
            self.member_after.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, 1 or E, d_in) to (B, E, d_out)."""
        if self.member_before is None or self.member_after is None:
            return self.linear(x) + self.member_bias
        return (
            self.linear(x * self.member_before) * self.member_after + self.member_bias
        )


class MemberHeads(nn.Module):
    """One linear layer of its own for each member: the last one.

    Parameters
    ----------
    d_in, d_out : int
        Width before and after.
    n_members : int
        Number of members E.

    Examples
    --------
    >>> layer = initialize(MemberHeads(4, 2, n_members=3), RandomSource(0))
    >>> layer(torch.zeros(5, 3, 4)).shape
    torch.Size([5, 3, 2])
    """

    def __init__(self, d_in: int, d_out: int, n_members: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, d_in, d_out))
        self.member_bias = nn.Parameter(torch.empty(n_members, d_out))

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw as a linear layer does."""
        bound = 1.0 / math.sqrt(max(self.weight.shape[1], 1))
        self.weight.uniform_(-bound, bound, generator=generator)
        self.member_bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, E, d_in) to (B, E, d_out)."""
        if self.training:
            return torch.einsum("bei,eio->beo", x, self.weight) + self.member_bias
        heads = self.weight.transpose(1, 2).contiguous()
        parts = zip(x.unbind(1), heads, self.member_bias, strict=True)
        return torch.stack([steady_linear(*part) for part in parts], dim=1)


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` that waits for :func:`initialize`."""

    def reset_parameters(self) -> None:
        """Leave the parameters to :func:`initialize`."""


class Dropout(nn.Module):
    """Drop single numbers, or whole rows, while training.

    Parameters
    ----------
    p : float
        Share that is dropped, in [0, 1); of single numbers a multiple of 1/256.
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
        if self.rows:
            shape = (len(x),) + (1,) * (x.ndim - 1)
            drawn = torch.rand(shape, generator=self.random.generator, device=x.device)
            return (drawn >= self.p).to(x.dtype)
        # A byte a number: eight come out of one draw.
        n_dropped = min(round(256 * self.p), 255)
        drawn = self.random.bytes(x.numel(), x.device).view(x.shape)
        # In place: comparing bytes takes several times as long where booleans come out.
        return drawn.ge_(n_dropped).to(x.dtype).mul_(256 / (256 - n_dropped))


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
