"""States of the nodes that rows are attached to, without writing them all down."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from .layers import steady_linear
from .look_up import look_up, sum_of_rows


class AttachedStates(NamedTuple):
    r"""States of attached nodes at the times of rows, as the parts they are made of.

    The state of node :math:`m` for a row at time :math:`t` is

    .. math:: C_{t,m} = H_m + T_t + W_r R_{t,m}

    Whoever wants a mean of them, or their product with a matrix, applies it to the
    short tables of :math:`H` and to the narrow :math:`R`: the states themselves,
    (B, K, C), would be the largest tensor of a batch.

    Attributes
    ----------
    node : Tensor of shape (B, K), int
        Attached nodes.
    nodes : Tensor of shape (M, C)
        What a node is at all times.
    step : Tensor of shape (B, C)
        What the time of each row is at all nodes.
    memory : Tensor of shape (B, K, R) or None
        What is remembered at attached nodes.
    recall : Tensor of shape (C, R) or None
        Matrix that reads it.

    Examples
    --------
    >>> import torch
    >>> node = torch.tensor([[0, 2]])
    >>> attached = AttachedStates(node, torch.eye(3), torch.ones(1, 3), None, None)
    >>> attached.states().tolist()
    [[[2.0, 1.0, 1.0], [1.0, 1.0, 2.0]]]
    >>> attached.mean(torch.tensor([[0.75, 0.25]])).tolist()
    [[1.75, 1.0, 1.25]]
    """

    node: Tensor
    nodes: Tensor
    step: Tensor
    memory: Tensor | None
    recall: Tensor | None

    def states(self, matrix: Tensor | None = None) -> Tensor:
        """Write the states down, or their products with a matrix.

        Parameters
        ----------
        matrix : Tensor of shape (D, C), default=None
            What to multiply each state by; None leaves it as it is.

        Returns
        -------
        Tensor of shape (B, K, C) or (B, K, D)
            One for each attached node.
        """
        nodes, step, recall = self.nodes, self.step, self.recall
        if matrix is not None:
            nodes, step = (steady_linear(part, matrix) for part in (nodes, step))
            recall = None if recall is None else matrix @ recall
        states = look_up(nodes, self.node) + step[:, None]
        if self.memory is None or recall is None:
            return states
        return states + steady_linear(self.memory, recall)

    def mean(self, weight: Tensor) -> Tensor:
        """Average the states of the attached nodes.

        Parameters
        ----------
        weight : Tensor of shape (B, K)
            Their shares, which sum to 1.

        Returns
        -------
        Tensor of shape (B, C)
            The means.
        """
        mean = self.step + sum_of_rows(self.nodes, self.node, weight)
        if self.memory is None or self.recall is None:
            return mean
        remembered = (weight[:, :, None] * self.memory).sum(dim=1)
        return mean + steady_linear(remembered, self.recall)
