"""AdamW for several networks, each of which goes its own way."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector


def adamw(
    groups: Iterable[dict[str, Any]], *, weight_decay: float, **kwargs: Any
) -> torch.optim.AdamW:
    """AdamW that decays matrices and leaves biases and norms alone.

    Parameters
    ----------
    groups : iterable of dict
        Parameters as skorch hands them over, under "params"; a group may bring
        its own "weight_decay".
    weight_decay : float
        Decay of those with two axes or more in the other groups.
    **kwargs : dict
        As for :class:`torch.optim.AdamW`.

    Returns
    -------
    torch.optim.AdamW
        The optimizer, with a group for each decay.
    """
    split = []
    for group in groups:
        own = group.get("weight_decay")
        for parameter in group["params"]:
            decay = weight_decay if parameter.ndim >= 2 else 0.0
            split.append((parameter, decay if own is None else own))
    return torch.optim.AdamW(
        [
            {"params": [p for p, own in split if own == decay], "weight_decay": decay}
            for decay in sorted({own for _, own in split}, reverse=True)
        ],
        **kwargs,
    )


def split_off(
    optimizer: torch.optim.Optimizer, network: torch.nn.Module
) -> torch.optim.Optimizer:
    """Make an optimizer of one network, whose moments remain those of the whole.

    Parameters
    ----------
    optimizer : Optimizer
        Of all networks.
    network : Module
        One of them.

    Returns
    -------
    Optimizer
        With the same groups, of the parameters of this network.
    """
    own = set(network.parameters())
    part = copy.copy(optimizer)
    part.param_groups = [
        {**group, "params": [p for p in group["params"] if p in own]}
        for group in optimizer.param_groups
    ]
    return part


def join(
    optimizer: torch.optim.Optimizer, network: torch.nn.Module
) -> tuple[torch.optim.Optimizer, Callable[[], None]]:
    """Make an optimizer of one network that moves few long parameters.

    A step over dozens of short ones takes twice as long as over their numbers in a row.
    In the meantime the parameters of the network, and their gradients, are views of the
    long ones: gradients must be set to zero, not to None. What has no gradient is moved
    as if it were zero, by its decay.

    Parameters
    ----------
    optimizer : Optimizer
        Of all networks.
    network : Module
        One of them.

    Returns
    -------
    joined : Optimizer
        With the same groups, of one parameter or none.
    take_apart : callable
        Gives the network parameters of their own again, and hands their moments back.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 1)
    >>> whole = adamw([{"params": list(layer.parameters())}], weight_decay=0.1, lr=0.1)
    >>> joined, take_apart = join(whole, layer)
    >>> layer(torch.ones(3, 2)).sum().backward()
    >>> joined.step()
    >>> take_apart()
    >>> whole.state[layer.weight]["exp_avg"].shape
    torch.Size([1, 2])
    """
    joined = split_off(optimizer, network)
    joined.state = defaultdict(dict)
    members: dict[torch.nn.Parameter, list[torch.nn.Parameter]] = {}
    for group in joined.param_groups:
        group["params"] = short = [p for p in group["params"] if p.requires_grad]
        if not short:
            continue
        long = torch.nn.Parameter(parameters_to_vector(short).detach())
        long.grad = torch.zeros_like(long)
        pieces = zip(
            short,
            pieces_of(long.detach(), short),
            pieces_of(long.grad, short),
            strict=True,
        )
        for parameter, values, slopes in pieces:
            parameter.data, parameter.grad = values, slopes
        group["params"], members[long] = [long], short
        states = [optimizer.state[p] for p in short if p in optimizer.state]
        for name, first in states[0].items() if states else ():
            if name == "step":
                joined.state[long][name] = first.clone()
                continue
            of_each = [optimizer.state[p].get(name, torch.zeros_like(p)) for p in short]
            joined.state[long][name] = parameters_to_vector(of_each)

    def take_apart() -> None:
        for parameter in chain.from_iterable(members.values()):
            parameter.data, parameter.grad = parameter.data.clone(), None
        for long, short in members.items():
            for name, values in joined.state[long].items():
                of_all = name == "step"
                of_each = [values] * len(short) if of_all else pieces_of(values, short)
                for parameter, own in zip(short, of_each, strict=True):
                    optimizer.state[parameter][name] = own.clone()

    return joined, take_apart


def pieces_of(long: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Cut a long tensor, as `torch.nn.utils.parameters_to_vector` makes it, into views.

    Parameters
    ----------
    long : Tensor of shape (n,)
        Numbers in a row.
    like : sequence of Tensor
        Whose shapes the pieces have, n numbers in all.

    Returns
    -------
    list of Tensor
        The pieces.

    Examples
    --------
    >>> like = [torch.zeros(2, 1), torch.zeros(3)]
    >>> [piece.tolist() for piece in pieces_of(torch.arange(5.0), like)]
    [[[0.0], [1.0]], [2.0, 3.0, 4.0]]
    """
    pieces = long.split([tensor.numel() for tensor in like])
    return [piece.view_as(one) for piece, one in zip(pieces, like, strict=True)]
