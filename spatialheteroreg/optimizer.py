"""AdamW for several networks, each of which goes its own way."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch


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
