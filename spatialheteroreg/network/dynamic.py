"""A graph whose edge weights change from step to step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import Linear


class Edges(NamedTuple):
    """Edges along which messages run, self loops included.

    Attributes
    ----------
    target, source : Tensor of shape (n_edges,)
        Nodes that hear and nodes that are heard. Targets ascend, and each is
        there.
    log_kernel : Tensor of shape (n_edges,)
        Logarithm of the kernel weight; 0 for a self loop.
    vector : Tensor of shape (n_edges, 3)
        How far the source lies to the east and to the north of the target, and how
        far it is, in kernel widths.
    """

    target: Tensor
    source: Tensor
    log_kernel: Tensor
    vector: Tensor


class DynamicGraph(nn.Module):
    r"""Tell each node at each step what its neighbors are.

    .. math::
        A_{mn}(s) &\propto k_{mn}\, e^{u(t_s)^T v_{mn}}, \qquad
        u(t) = U t + u_0, \qquad \sum_n A_{mn}(s) = 1 \\
        G_{s,m} &= \sum_n A_{mn}(s)\, V_g H_n

    with the kernel weight :math:`k` of an edge and its vector :math:`v`. A Gaussian
    kernel times an exponential is a Gaussian around another center, so that
    :math:`u` says from where a node hears at a step: from upwind, where something is
    carried. It starts at 0, where all steps have the frozen graph.

    Parameters
    ----------
    edges : Edges
        The edges of the frozen graph.
    n_encoded : int
        Width of the encoded times.
    d_condition, d_message : int
        Width C of a node's state, and R of a message.

    Examples
    --------
    >>> from spatialheteroreg.network.layers import RandomSource, initialize
    >>> loops = torch.arange(3)
    >>> edges = Edges(loops, loops, torch.zeros(3), torch.zeros(3, 3))
    >>> graph = initialize(DynamicGraph(edges, 5, 8, 2), RandomSource(0))
    >>> graph(torch.zeros(3, 8), torch.zeros(12, 5)).shape
    torch.Size([12, 3, 2])
    """

    target: Tensor
    source: Tensor
    log_kernel: Tensor
    vector: Tensor

    def __init__(
        self, edges: Edges, n_encoded: int, d_condition: int, d_message: int
    ) -> None:
        super().__init__()
        for name, values in edges._asdict().items():
            self.register_buffer(name, values)
        self.wind = nn.Parameter(torch.empty(n_encoded, edges.vector.shape[1]))
        self.wind_level = nn.Parameter(torch.empty(edges.vector.shape[1]))
        self.from_neighbor = Linear(d_condition, d_message, bias=False)

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Start calm."""
        self.wind.zero_()
        self.wind_level.zero_()

    def edge_weights(self, times: Tensor, n_nodes: int) -> Tensor:
        """Weight of each edge at each step.

        Parameters
        ----------
        times : Tensor of shape (S, n_encoded)
            Encoded times of the steps.
        n_nodes : int
            Number of nodes M.

        Returns
        -------
        Tensor of shape (S, n_edges)
            Weights; those of a target sum to 1 at each step.
        """
        wind = times @ self.wind + self.wind_level  # (S, 3)
        score = self.log_kernel + wind @ self.vector.T  # (S, n_edges)
        target = self.target.expand(len(times), -1)
        lowest = score.new_full((len(times), n_nodes), -torch.inf)
        top = lowest.scatter_reduce(1, target, score.detach(), "amax")
        weight = torch.exp(score - top.gather(1, target))
        total = torch.zeros_like(lowest).scatter_add(1, target, weight)
        return weight / total.gather(1, target)

    def forward(self, nodes: Tensor, times: Tensor) -> Tensor:
        """Send the messages.

        Parameters
        ----------
        nodes : Tensor of shape (M, C)
            States of the nodes.
        times : Tensor of shape (S, n_encoded)
            Encoded times of the steps.

        Returns
        -------
        Tensor of shape (S, M, R)
            What each node hears at each step.
        """
        S, M = len(times), len(nodes)
        weight = self.edge_weights(times, M)
        first = torch.searchsorted(self.target, torch.arange(M, device=nodes.device))
        lap = len(self.source) * torch.arange(S, device=nodes.device)
        # One bag for each step and target: no message is stored edge by edge.
        heard = F.embedding_bag(
            self.source.repeat(S),
            self.from_neighbor(nodes),
            (lap[:, None] + first).flatten(),
            mode="sum",
            per_sample_weights=weight.flatten(),
        )
        return heard.view(S, M, -1)
