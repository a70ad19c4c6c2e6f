"""Intercepts of a network, averaged over the places or the times of training rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .network import STCGNetwork
from .network.condition import ConditionTable
from .network.stcg import mean_state
from .sphere import FloatArray


@dataclass(frozen=True)
class TrainingMean:
    """Where the training rows lie, to average the intercept over them.

    Attributes
    ----------
    step_share : ndarray of shape (n_steps,)
        Share of the training rows at each step; sums to 1.
    encoding : ndarray of shape (n_encoded,)
        Mean time encoding.
    node_share : ndarray of shape (n_nodes,)
        Share of each node in the training rows, times their gate.
    """

    step_share: FloatArray
    encoding: FloatArray
    node_share: FloatArray


class Intercepts:
    """Intercepts of the mean place and of the mean time, (B, E) each, in float64.

    The intercept is linear in the condition, so that the mean over training rows
    is the intercept of the mean condition.

    Parameters
    ----------
    network : STCGNetwork
        Network in evaluation mode.
    table : ConditionTable
        Its states.
    step_share : Tensor of shape (S',)
        Share of the training rows at each of the first steps.
    node_share : Tensor of shape (M,)
        Share of each node, times its gate.
    encoding : Tensor of shape (n_encoded,)
        Mean time encoding.
    """

    def __init__(
        self,
        network: STCGNetwork,
        table: ConditionTable,
        step_share: Tensor,
        node_share: Tensor,
        encoding: Tensor,
    ) -> None:
        assert network.condition is not None
        self.network = network
        self.over_steps = network.condition.over_steps(table, step_share)  # (M, C)
        self.over_nodes = network.condition.over_nodes(table, node_share)  # (S, E, C)
        self.encoding = network.time_of_row(encoding)
        middle = torch.tensordot(
            step_share, self.over_nodes[: len(step_share)], dims=1
        )  # (E, C)
        self.level = network.intercept_of((middle + self.encoding)[None]).double()

    def at_place(self, chunk: dict[str, Tensor]) -> Tensor:
        """Intercept of each row's place, over the training times."""
        network, node = self.network, chunk["node_index"].long()
        log_weight, gate = network.weigh_nodes(
            chunk["node_log_kernel"], chunk["node_distance"]
        )
        states = self.over_steps[node] * gate[:, None, None]
        condition = mean_state(log_weight, states) + self.encoding
        return network.intercept_of(
            network.member_conditions(condition, log_weight, gate, node)
        ).double()

    def at_time(self, chunk: dict[str, Tensor]) -> Tensor:
        """Intercept of each row's time, over the training places."""
        condition = torch.lerp(
            self.over_nodes[chunk["step_lower"]],
            self.over_nodes[chunk["step_upper"]],
            chunk["step_fraction"][:, None, None],
        )
        encoded = self.network.time_of_row(chunk["time_encoding"])
        return self.network.intercept_of(condition + encoded[:, None]).double()
