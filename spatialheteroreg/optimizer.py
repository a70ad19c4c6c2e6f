"""How the parameters of several networks are moved, each of which goes its own way."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

LEAST_WIDTH = 8
"""Rows and columns that a matrix has at least for Muon to move it."""

UPDATE_RMS = 0.6
"""Root mean square of what Muon adds to the numbers of a matrix of full rank in a step
at a rate of 1. AdamW adds about 1 where gradients keep their sign, less elsewhere."""

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of a step of the Newton-Schulz iteration that Muon has."""

N_ITERATIONS = 5
"""Steps of it. They bring singular values from a three hundredth of the norm of a
matrix on to between 0.68 and 1.2."""

LEAST_NORM = 1e-7
"""Added to the norm of a matrix that it is divided by, which may be zero."""


class AdamWMuon(torch.optim.AdamW):
    """AdamW [1]_, and Muon [2]_ for groups that hold "orthogonal".

    Muon orthogonalizes the mean gradient of a matrix, with Nesterov's momentum, and
    moves the matrix along it: all directions that a layer reads or writes are learned
    at one pace, where AdamW learns the few that stand out. It takes rate, first beta
    and decay of a group; all else is for AdamW. A joined group has one parameter, a row
    of the matrices under "joined".

    `torch.optim.Muon` takes matrices alone, one after the other, and computes them in
    bfloat16, which few CPUs do well.

    References
    ----------
    .. [1] Loshchilov, I., Hutter, F. (2019). Decoupled weight decay regularization.
       ICLR.
    .. [2] Jordan, K., Jin, Y., Boza, V., You, J., Cesista, F., Newhouse, L., Bernstein,
       J. (2024). Muon: an optimizer for hidden layers in neural networks.
       https://kellerjordan.github.io/posts/muon/

    Examples
    --------
    >>> matrix = torch.nn.Parameter(torch.zeros(8, 8))
    >>> matrix.grad = torch.diag(torch.arange(1.0, 9.0))
    >>> AdamWMuon([{"params": [matrix], "orthogonal": True}], lr=0.1).step()
    >>> bool((matrix.diag() < -0.1).all())
    True
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move all parameters that have gradients.

        Parameters
        ----------
        closure : callable, default=None
            As for :class:`torch.optim.AdamW`.

        Returns
        -------
        float or None
            What it returned.
        """
        with torch.enable_grad():
            loss = None if closure is None else closure()
        groups = self.param_groups
        by_muon = [group for group in groups if group.get("orthogonal")]
        self.param_groups = [group for group in groups if not group.get("orthogonal")]
        try:
            super().step()
        finally:
            self.param_groups = groups
        for group in by_muon:
            self._move_matrices(group)
        return loss

    def _move_matrices(self, group: dict[str, Any]) -> None:
        """Move the matrices of a group."""
        moved = [p for p in group["params"] if p.grad is not None]
        rate, momentum = group["lr"], group["betas"][0]
        updates = []
        for parameter in moved:
            state = self.state[parameter]
            if not state:
                # By the names that AdamW has, which looks for a step when it is loaded.
                state["step"] = torch.zeros(())
                state["exp_avg"] = torch.zeros_like(parameter)
            state["step"] += 1
            mean = state["exp_avg"].lerp_(parameter.grad, 1.0 - momentum)
            updates.append(parameter.grad.lerp(mean, momentum))
        joined = group.get("joined")
        matrices = updates if joined is None else pieces_of(updates[0], joined)
        for matrix, found in zip(matrices, orthogonalize(matrices), strict=True):
            torch.mul(found, UPDATE_RMS * math.sqrt(max(found.shape)), out=matrix)
        for parameter, update in zip(moved, updates, strict=True):
            parameter.mul_(1.0 - rate * group["weight_decay"]).sub_(update, alpha=rate)


def orthogonalize(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Bring the singular values of matrices near 1, by a Newton-Schulz iteration.

    Parameters
    ----------
    matrices : sequence of Tensor
        Matrices. Those of one shape are computed together.

    Returns
    -------
    list of Tensor
        One for each. Singular values that are small beside the largest stay below 1.

    Examples
    --------
    >>> (found,) = orthogonalize([torch.diag(torch.tensor([1.0, 2.0, 3.0]))])
    >>> bool((found.diag() - 1.0).abs().max() < 0.35)
    True
    """
    wide = [m.mT if m.shape[0] > m.shape[1] else m for m in matrices]
    by_shape: dict[torch.Size, list[int]] = defaultdict(list)
    for i, matrix in enumerate(wide):
        by_shape[matrix.shape].append(i)
    a, b, c = QUINTIC
    for indices in by_shape.values():
        X = torch.stack([wide[i] for i in indices])
        X = X / (torch.linalg.matrix_norm(X, keepdim=True) + LEAST_NORM)
        for _ in range(N_ITERATIONS):
            square = X @ X.mT
            powers = torch.baddbmm(square, square, square, beta=b, alpha=c)
            X = torch.baddbmm(X, powers, X, beta=a)
        for i, found in zip(indices, X, strict=True):
            wide[i] = found
    pairs = zip(wide, matrices, strict=True)
    return [found if found.shape == m.shape else found.mT for found, m in pairs]


def adamw(
    groups: Iterable[dict[str, Any]], *, weight_decay: float, **kwargs: Any
) -> AdamWMuon:
    """AdamW, or Muon, that decays matrices and leaves biases and norms alone.

    Parameters
    ----------
    groups : iterable of dict
        Parameters as skorch hands them over, under "params"; a group may bring
        its own "weight_decay", and "orthogonal" for its matrices to be moved by Muon.
    weight_decay : float
        Decay of those with two axes or more in the other groups.
    **kwargs : dict
        As for :class:`torch.optim.AdamW`.

    Returns
    -------
    AdamWMuon
        The optimizer, with a group for each decay and way.
    """
    split: dict[tuple[bool, float], list[Tensor]] = defaultdict(list)
    for group in groups:
        own = group.get("weight_decay")
        for parameter in group["params"]:
            decay = weight_decay if parameter.ndim >= 2 else 0.0
            is_matrix = parameter.ndim == 2 and min(parameter.shape) >= LEAST_WIDTH
            by_muon = is_matrix and group.get("orthogonal", False)
            split[by_muon, decay if own is None else own].append(parameter)
    return AdamWMuon(
        [
            {"params": split[key], "weight_decay": key[1], "orthogonal": key[0]}
            for key in sorted(split, key=lambda key: (key[0], -key[1]))
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
        group["params"], group["joined"], members[long] = [long], short, short
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
