"""Run a fitted network over rows: effects and slopes, in float64.

Float32 products differ in their last bits between batch sizes. In float64 a
row's prediction is the same alone and in company to far below 1e-7.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .inspection.explanation import RowEffects
from .network import STCGNetwork
from .network.condition import ConditionTable
from .network.stcg import mean_state
from .row_inputs import Arrays
from .sphere import FloatArray

CHUNK_SIZE, CHUNK_NUMBERS = 2_048, 2**20
"""Rows that go through the network at once on a CPU, and at most so many numbers in the
tokens of all members, 8 MB: more would leave the cache of a core."""

GPU_CHUNK_SIZE, GPU_CHUNK_NUMBERS = 65_536, 2**24
"""The same on a GPU, which few rows do not keep busy: 128 MB."""


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


class Evaluator:
    """A network in evaluation mode, in float64, with its target's units.

    Parameters
    ----------
    network : STCGNetwork
        A fitted network; it is copied.
    target_mean, target_scale : float
        Units of the target.
    """

    def __init__(
        self, network: STCGNetwork, target_mean: float, target_scale: float
    ) -> None:
        device = next(network.parameters()).device
        # Apple's GPU has no float64.
        self.device = torch.device("cpu") if device.type == "mps" else device
        self.network = copy.deepcopy(network).to(self.device).double().eval()
        self.network.requires_grad_(False)
        self.target_mean = target_mean
        self.target_scale = target_scale
        self._tables: dict[int, ConditionTable] = {}

    def predict(self, inputs: Arrays) -> FloatArray:
        """Predict rows.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.

        Returns
        -------
        ndarray of shape (n,)
            Predictions in target units.
        """
        return self.member_predictions(inputs).mean(axis=0)

    def member_predictions(self, inputs: Arrays) -> FloatArray:
        """Predict rows by each member.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.

        Returns
        -------
        ndarray of shape (n_members, n)
            Predictions in target units.
        """
        table = self._table(inputs)
        parts = [
            self.network(**chunk, table=table).prediction.T.cpu().numpy()
            for chunk in self._chunks(inputs)
        ]
        return self.target_mean + self.target_scale * np.concatenate(parts, axis=1)

    def training_mean(
        self, inputs: Arrays, n_steps: int, weight: FloatArray | None
    ) -> TrainingMean:
        """Average places and times over training rows.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the training rows.
        n_steps : int
            Steps within the training times.
        weight : ndarray of shape (n,) or None
            Sample weights.

        Returns
        -------
        TrainingMean
            The averages.
        """
        n_rows = len(inputs["step_lower"])
        share = np.full(n_rows, 1.0 / n_rows) if weight is None else weight
        share = share / share.sum()
        later = share * inputs["step_fraction"]
        step_share = np.zeros(max(n_steps, int(inputs["step_upper"].max()) + 1))
        np.add.at(step_share, inputs["step_lower"], share - later)
        np.add.at(step_share, inputs["step_upper"], later)
        condition = self.network.condition
        node_share = np.zeros(0 if condition is None else len(condition.positions))
        if condition is not None:
            log_weight, gate = self.network.weigh_nodes(
                torch.as_tensor(inputs["node_log_kernel"]).to(self.device).double(),
                torch.as_tensor(inputs["node_distance"]).to(self.device).double(),
            )
            part = (log_weight.exp() * gate[:, None]).cpu().numpy() * share[:, None]
            np.add.at(node_share, inputs["node_index"], part)
        return TrainingMean(step_share, share @ inputs["time_encoding"], node_share)

    def withheld(self, inputs: Arrays) -> FloatArray:
        """Share of the local law that distance takes back from each row.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.

        Returns
        -------
        ndarray of shape (n,)
            0 at a node, 1 far from all; 0 without a condition.
        """
        if self.network.condition is None:
            return np.zeros(len(inputs["node_distance"]))
        kernel, distance = (
            torch.as_tensor(inputs[name]).to(self.device).double()
            for name in ("node_log_kernel", "node_distance")
        )
        _, gate = self.network.weigh_nodes(kernel, distance)
        here = torch.zeros_like(distance)
        _, full = self.network.weigh_nodes(here, here)
        return (1.0 - gate / full).clamp(0.0, 1.0).cpu().numpy()

    def effects(
        self, inputs: Arrays, mean: TrainingMean, *, members: bool = False
    ) -> RowEffects:
        """Take predictions apart.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.
        mean : TrainingMean
            Where the training rows lie.
        members : bool, default=False
            Whether to keep the members apart, on a first axis of the parts, or to
            average over them.

        Returns
        -------
        RowEffects
            Parts of each prediction in target units.
        """
        table = self._table(inputs, len(mean.step_share))
        coordinates = None if table is None else self._coordinates(table, mean)
        rows: list[list[Tensor]] = []
        for chunk in self._chunks(inputs):
            output = self.network(**chunk, table=table)
            intercept = output.intercept
            parts = [torch.zeros_like(intercept)] * 3
            level = intercept[:1] if coordinates is None else coordinates.level
            if coordinates is not None:
                at_place = coordinates.at_place(chunk) - level
                at_time = coordinates.at_time(chunk) - level
                parts = [at_place, at_time, intercept - level - at_place - at_time]
            terms = output.weights * output.values[:, None]  # (B, E, P)
            rows.append(
                [
                    part.movedim(1, 0) if members else part.mean(dim=1)
                    for part in (output.prediction, output.combination, *parts, terms)
                ]
            )
        axis = 1 if members else 0
        prediction, combination, place, time, place_time, features = (
            torch.cat(part, dim=axis).cpu().numpy() * self.target_scale
            for part in zip(*rows, strict=True)
        )
        level = (level.T if members else level.mean(dim=1)) * self.target_scale
        offset = self.target_mean
        return RowEffects(
            prediction + offset,
            combination + offset,
            level.cpu().numpy() + offset,
            place,
            time,
            place_time,
            features,
        )

    def slopes(
        self, inputs: Arrays, feature_scale: FloatArray, *, members: bool = False
    ) -> FloatArray:
        """Differentiate the prediction by each numeric feature.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.
        feature_scale : ndarray of shape (n, n_numeric)
            Feature units in one unit of the network's inputs, row by row.
        members : bool, default=False
            Whether to differentiate the prediction of each member, on a first axis,
            or their mean.

        Returns
        -------
        ndarray of shape (n, n_numeric) or (n_members, n, n_numeric)
            Target units per feature unit; NaN where the feature is missing, 0
            where it is held and its units are infinite.
        """
        table = self._table(inputs)
        shape = inputs["numeric"].shape
        n_members = self.network.n_members if members else 1
        if shape[1] == 0:
            return np.empty((n_members, *shape) if members else shape)
        parts = []
        for chunk in self._chunks(inputs):
            with torch.enable_grad():  # whatever the caller has set
                numeric = chunk["numeric"].requires_grad_()
                prediction = self.network(**chunk, table=table).prediction
                wanted = prediction.T if members else prediction.mean(dim=1)[None]
                gradients = [
                    torch.autograd.grad(
                        one.sum(),
                        numeric,
                        allow_unused=True,
                        materialize_grads=True,
                        retain_graph=m + 1 < len(wanted),
                    )[0]
                    for m, one in enumerate(wanted)
                ]
            parts.append(torch.stack(gradients).cpu().numpy())
        slopes: NDArray[np.float64] = np.concatenate(parts, axis=1)
        with np.errstate(over="ignore"):  # beyond float64 a slope is infinite
            slopes = slopes * self.target_scale / feature_scale
        slopes[:, inputs["missing"]] = np.nan
        return slopes if members else slopes[0]

    def _table(self, inputs: Arrays, n_steps: int = 1) -> ConditionTable | None:
        if self.network.condition is None:
            return None
        last = int(max(inputs["step_upper"].max(), inputs["step_lower"].max()))
        # A cycle looks back from its first step, so it is always computed whole.
        n_steps = max(n_steps, last + 1, self.network.condition.n_steps)
        table = self._tables.get(n_steps)
        if table is None:
            table = self.network.condition_table(n_steps)
            assert table is not None
            # Another thread may keep another: this one is returned in any case.
            self._tables = {n_steps: table}
        return table

    def _coordinates(self, table: ConditionTable, mean: TrainingMean) -> _Intercepts:
        shares = (mean.step_share, mean.node_share, mean.encoding)
        return _Intercepts(
            self.network,
            table,
            *(torch.as_tensor(share, device=self.device) for share in shares),
        )

    def _chunks(self, inputs: Arrays) -> Iterator[dict[str, Tensor]]:
        n_rows, network = len(inputs["numeric"]), self.network
        width = network.n_members * max(network.n_features, 1) * network.tokens.d_token
        most, numbers = CHUNK_SIZE, CHUNK_NUMBERS
        if self.device.type != "cpu":
            most, numbers = GPU_CHUNK_SIZE, GPU_CHUNK_NUMBERS
        size = min(most, max(numbers // width, 1))
        for start in range(0, n_rows, size):
            chunk = {}
            for name, array in inputs.items():
                tensor = torch.as_tensor(array[start : start + size])
                tensor = tensor.to(self.device)
                chunk[name] = tensor.double() if tensor.is_floating_point() else tensor
            yield chunk


class _Intercepts:
    """Intercepts of the mean place and of the mean time, (B, E) each.

    The intercept is linear in the condition, so that the mean over training rows
    is the intercept of the mean condition.
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
        self.level = network.intercept_of((middle + self.encoding)[None])

    def at_place(self, chunk: dict[str, Tensor]) -> Tensor:
        """Intercept of each row's place, over the training times."""
        network, node = self.network, chunk["node_index"]
        log_weight, gate = network.weigh_nodes(
            chunk["node_log_kernel"], chunk["node_distance"]
        )
        states = self.over_steps[node] * gate[:, None, None]
        condition = mean_state(log_weight, states) + self.encoding
        return network.intercept_of(
            network.member_conditions(condition, log_weight, gate, node)
        )

    def at_time(self, chunk: dict[str, Tensor]) -> Tensor:
        """Intercept of each row's time, over the training places."""
        condition = torch.lerp(
            self.over_nodes[chunk["step_lower"]],
            self.over_nodes[chunk["step_upper"]],
            chunk["step_fraction"][:, None, None],
        )
        encoded = self.network.time_of_row(chunk["time_encoding"])
        return self.network.intercept_of(condition + encoded[:, None])
