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

from .features import Z_LIMIT
from .inputs import Arrays
from .inspection.explanation import RowEffects
from .network import STCGNetwork
from .network.condition import ConditionTable
from .network.stcg import mean_state
from .sphere import FloatArray

CHUNK_SIZE = 8192
"""Rows that go through the network at once."""


@dataclass(frozen=True)
class TimeMean:
    """Where the training times lie, to average the intercept over them.

    Attributes
    ----------
    step_share : ndarray of shape (n_steps,)
        Share of the training rows at each step; sums to 1.
    encoding : ndarray of shape (n_encoded,)
        Mean time encoding.
    """

    step_share: FloatArray
    encoding: FloatArray

    @classmethod
    def of(cls, inputs: Arrays, n_steps: int, weight: FloatArray | None) -> TimeMean:
        """Average over training rows.

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
        TimeMean
            The averages.
        """
        n_rows = len(inputs["step_lower"])
        share = np.full(n_rows, 1.0 / n_rows) if weight is None else weight
        share = share / share.sum()
        later = share * inputs["step_fraction"]
        step_share = np.zeros(max(n_steps, int(inputs["step_upper"].max()) + 1))
        np.add.at(step_share, inputs["step_lower"], share - later)
        np.add.at(step_share, inputs["step_upper"], later)
        return cls(step_share, share @ inputs["time_encoding"])


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
        table = self._table(inputs)
        parts = [
            self.network(**chunk, table=table).prediction.cpu().numpy()
            for chunk in self._chunks(inputs)
        ]
        return self.target_mean + self.target_scale * np.concatenate(parts)

    def effects(self, inputs: Arrays, time_mean: TimeMean) -> RowEffects:
        """Take predictions apart.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.
        time_mean : TimeMean
            Where the training times lie.

        Returns
        -------
        RowEffects
            Parts of each prediction in target units.
        """
        table = self._table(inputs, len(time_mean.step_share))
        place_states = self._mean_over_time(table, time_mean)
        rows: list[list[Tensor]] = []
        for chunk in self._chunks(inputs):
            output = self.network(**chunk, table=table)
            place = output.intercept
            if place_states is not None:
                place = self._place_intercept(place_states, chunk, time_mean)
            rows.append(
                [
                    output.prediction,
                    output.combination,
                    output.intercept,
                    place,
                    output.weights * output.values,
                ]
            )
        prediction, combination, intercept, place, features = (
            torch.cat(part).cpu().numpy() * self.target_scale
            for part in zip(*rows, strict=True)
        )
        mean = self.target_mean
        return RowEffects(
            prediction + mean,
            combination + mean,
            intercept + mean,
            place + mean,
            features,
        )

    def slopes(self, inputs: Arrays, feature_scale: FloatArray) -> FloatArray:
        """Differentiate the prediction by each numeric feature.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.
        feature_scale : ndarray of shape (n_numeric,)
            Units of the numeric features.

        Returns
        -------
        ndarray of shape (n, n_numeric)
            Target units per feature unit; NaN where the feature is missing, 0
            where it is held.
        """
        table = self._table(inputs)
        if inputs["numeric"].shape[1] == 0:
            return np.empty(inputs["numeric"].shape)
        parts = []
        for chunk in self._chunks(inputs):
            numeric = chunk["numeric"].requires_grad_()
            prediction = self.network(**chunk, table=table).prediction
            (slope,) = torch.autograd.grad(
                prediction.sum(), numeric, allow_unused=True, materialize_grads=True
            )
            parts.append(slope.cpu().numpy())
        slopes: NDArray[np.float64] = np.concatenate(parts)
        with np.errstate(over="ignore"):  # beyond float64 a slope is infinite
            slopes = slopes * self.target_scale / feature_scale
        slopes[np.abs(inputs["numeric"]) >= Z_LIMIT] = 0.0  # held there
        slopes[inputs["missing"]] = np.nan
        return slopes

    def _table(self, inputs: Arrays, n_steps: int = 1) -> ConditionTable | None:
        if self.network.condition is None:
            return None
        last = int(max(inputs["step_upper"].max(), inputs["step_lower"].max()))
        # A cycle looks back from its first step, so it is always computed whole.
        n_steps = max(n_steps, last + 1, self.network.condition.n_steps)
        if n_steps not in self._tables:
            table = self.network.condition_table(n_steps)
            assert table is not None
            self._tables = {n_steps: table}
        return self._tables[n_steps]

    def _mean_over_time(
        self, table: ConditionTable | None, mean: TimeMean
    ) -> Tensor | None:
        """Mean state of each node over the training times, (M, C)."""
        if table is None or self.network.condition is None:
            return None
        share = torch.as_tensor(mean.step_share, device=self.device)
        return self.network.condition.mean_states(table, share)

    def _place_intercept(
        self, place_states: Tensor, chunk: dict[str, Tensor], mean: TimeMean
    ) -> Tensor:
        """Intercept of each row's place, averaged over the training times."""
        network = self.network
        log_weight, gate = network.weigh_nodes(
            chunk["node_log_kernel"], chunk["node_distance"]
        )
        states = place_states[chunk["node_index"]] * gate[:, None, None]
        encoding = torch.as_tensor(mean.encoding, device=self.device)
        condition = mean_state(log_weight, states) + network.time_of_row(encoding)
        return network.level + network.intercept(condition).squeeze(-1)

    def _chunks(self, inputs: Arrays) -> Iterator[dict[str, Tensor]]:
        n_rows = len(inputs["numeric"])
        for start in range(0, n_rows, CHUNK_SIZE):
            chunk = {}
            for name, array in inputs.items():
                tensor = torch.as_tensor(array[start : start + CHUNK_SIZE])
                tensor = tensor.to(self.device)
                chunk[name] = tensor.double() if tensor.is_floating_point() else tensor
            yield chunk
