"""Run a fitted network over rows: predictions, effects and slopes.

A row is to be told the same alone and in company. Products in float32 differ in their
last bits between some numbers of rows, and between one core and several: so each chunk
is filled up to a multiple of `FULL_ROWS`, and computed on one core. They also differ
between rows where these are no multiples of `FULL_HEAD` numbers: heads of other widths
are computed in float64, where such differences are far below 1e-7. So are the states
of the nodes, as the number of steps may differ, and the sums that make a prediction, so
that its parts add up.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .inspection.explanation import RowEffects
from .intercepts import Intercepts, TrainingMean
from .network import NetworkOutput, STCGNetwork
from .network.condition import ConditionTable
from .row_inputs import Arrays, slices
from .sphere import FloatArray
from .threads import Mapping, n_cores

Chunk = dict[str, Tensor]

FULL_ROWS = 64
"""Every chunk has a multiple of so many rows: so no vector of the processor ends within
a row, and all rows are multiplied in the same way."""

FULL_HEAD = 4
"""Width of a head, or a divisor of it, at which float32 will do."""

CHUNK_SIZE, CHUNK_NUMBERS = 1_536, 2**20
"""Rows that go through the network at once on a core, and at most so many numbers in
the tokens of all members, 4 MB in float32: more would leave the cache, and with fewer
the cores wait more often for each other's Python."""

FEWEST_ON_A_CORE = 512
"""Rows that are worth a core of their own."""

GPU_CHUNK_SIZE, GPU_CHUNK_NUMBERS = 65_536, 2**24
"""The same on a GPU, which few rows do not keep busy: 64 MB in float32."""


class Sums(NamedTuple):
    """What a network said of a chunk, in float64.

    Attributes
    ----------
    prediction, combination, intercept : Tensor of shape (B, E)
        Prediction of each member, the one that its terms make, and its intercept.
    terms : Tensor of shape (B, E, P)
        What each feature adds to the combination.
    """

    prediction: Tensor
    combination: Tensor
    intercept: Tensor
    terms: Tensor

    @classmethod
    def of(cls, output: NetworkOutput) -> Sums:
        """Add up anew what the network has weighed."""
        intercept = output.intercept.double()
        terms = output.weights.double() * output.values.double()[:, None]
        combination = intercept + terms.sum(dim=-1)
        additive = output.prediction is output.combination
        prediction = combination if additive else output.prediction.double()
        return cls(prediction, combination, intercept, terms)


class Evaluator:
    """A network in evaluation mode, with its target's units.

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
        even = network.d_head % FULL_HEAD == 0
        self.dtype = network.level.dtype if even else torch.float64
        # Apple's GPU has no float64.
        on_cpu = network.level.device.type in {"cpu", "mps"}
        self.device = torch.device("cpu") if on_cpu else network.level.device
        self.network = copy.deepcopy(network).to(self.device, self.dtype).eval()
        self.network.requires_grad_(False)
        self._condition = copy.deepcopy(self.network.condition)
        if self._condition is not None:
            self._condition.double()
        self.target_mean = target_mean
        self.target_scale = target_scale
        self._tables: dict[int, ConditionTable] = {}

    def predict(self, inputs: Arrays, run: Mapping = map) -> FloatArray:
        """Predict rows.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.
        run : callable, default=map
            Does this for some rows after others, on a core each.

        Returns
        -------
        ndarray of shape (n,)
            Predictions in target units.
        """
        return self.member_predictions(inputs, run).mean(axis=0)

    def member_predictions(self, inputs: Arrays, run: Mapping = map) -> FloatArray:
        """Predict rows by each member.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.
        run : callable, default=map
            Does this for some rows after others, on a core each.

        Returns
        -------
        ndarray of shape (n_members, n)
            Predictions in target units.
        """
        table = self._table(inputs)

        def predict(chunk: Chunk) -> list[Tensor]:
            return [Sums.of(self.network(**chunk, table=table)).prediction]

        (prediction,) = self._look(inputs, predict, run)
        return self.target_mean + self.target_scale * prediction.T

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
                *self._tensors(inputs, "node_log_kernel", "node_distance")
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
        kernel, distance = self._tensors(inputs, "node_log_kernel", "node_distance")
        _, gate = self.network.weigh_nodes(kernel, distance)
        here = torch.zeros_like(distance)
        _, full = self.network.weigh_nodes(here, here)
        return (1.0 - gate / full).clamp(0.0, 1.0).cpu().numpy()

    def effects(
        self,
        inputs: Arrays,
        mean: TrainingMean,
        *,
        members: bool = False,
        run: Mapping = map,
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
        run : callable, default=map
            Does this for some rows after others, on a core each.

        Returns
        -------
        RowEffects
            Parts of each prediction in target units.
        """
        table = self._table(inputs, len(mean.step_share))
        coordinates = None if table is None else self._coordinates(table, mean)

        def part(chunk: Chunk) -> list[Tensor]:
            said = Sums.of(self.network(**chunk, table=table))
            parts = [torch.zeros_like(said.intercept)] * 3
            if coordinates is not None:
                at_place = coordinates.at_place(chunk) - coordinates.level
                at_time = coordinates.at_time(chunk) - coordinates.level
                rest = said.intercept - coordinates.level - at_place - at_time
                parts = [at_place, at_time, rest]
            return [said.prediction, said.combination, *parts, said.terms]

        prediction, combination, place, time, place_time, features = (
            found.swapaxes(0, 1) if members else found.mean(axis=1)
            for found in self._look(inputs, part, run)
        )
        of_members = self.network.level if coordinates is None else coordinates.level[0]
        level: FloatArray = of_members.double().cpu().numpy()[:, None]  # (E, 1)
        unit, offset = self.target_scale, self.target_mean
        return RowEffects(
            prediction * unit + offset,
            combination * unit + offset,
            (level if members else level.mean(axis=0)) * unit + offset,
            place * unit,
            time * unit,
            place_time * unit,
            features * unit,
        )

    def slopes(
        self,
        inputs: Arrays,
        feature_scale: FloatArray,
        *,
        members: bool = False,
        run: Mapping = map,
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
        run : callable, default=map
            Does this for some rows after others, on a core each.

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

        def differentiate(chunk: Chunk) -> list[Tensor]:
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
            return [torch.stack(gradients, dim=1).double()]

        (gradients,) = self._look(inputs, differentiate, run)
        slopes: FloatArray = gradients.swapaxes(0, 1)
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
            assert self._condition is not None
            with self._own_precision():
                nodes, steps, memory = self._condition(n_steps)
            table = ConditionTable(
                nodes.to(self.dtype),
                steps.to(self.dtype),
                None if memory is None else memory.to(self.dtype),
            )
            # Another thread may keep another: this one is returned in any case.
            self._tables = {n_steps: table}
        return table

    def _coordinates(self, table: ConditionTable, mean: TrainingMean) -> Intercepts:
        shares = (mean.step_share, mean.node_share, mean.encoding)
        sums = (torch.as_tensor(share).to(self.device, self.dtype) for share in shares)
        with self._own_precision():
            return Intercepts(self.network, table, *sums)

    def _own_precision(self) -> torch.autocast:
        """Keep out what the caller has PyTorch multiply in."""
        return torch.autocast(self.device.type, enabled=False)

    def _look(
        self, inputs: Arrays, task: Callable[[Chunk], list[Tensor]], run: Mapping
    ) -> list[FloatArray]:
        """Do something for all rows; its results have a row's entries first."""
        network, n_rows = self.network, len(inputs["numeric"])
        most, numbers = CHUNK_SIZE, CHUNK_NUMBERS
        if self.device.type != "cpu":
            most, numbers = GPU_CHUNK_SIZE, GPU_CHUNK_NUMBERS
        width = network.n_members * max(network.n_features, 1) * network.tokens.d_token
        most = max(FULL_ROWS, min(most, numbers // width) // FULL_ROWS * FULL_ROWS)
        run = run if self.device.type == "cpu" else map
        size = chunk_size(n_rows, most, 1 if run is map else n_cores())

        def look(rows: slice) -> list[FloatArray]:
            with self._own_precision():
                found = task(self._chunk(inputs, rows))
            n = min(rows.stop, n_rows) - rows.start
            return [part[:n].cpu().numpy() for part in found]

        found = list(run(look, slices(n_rows, size)))
        return [np.concatenate(column) for column in zip(*found, strict=True)]

    def _chunk(self, inputs: Arrays, rows: slice) -> Chunk:
        """Make tensors of rows; the last stands in for those that are not there."""
        found = {name: array[rows] for name, array in inputs.items()}
        n = len(found["numeric"])
        index = torch.arange(n + -n % FULL_ROWS).clamp(max=n - 1)
        return {
            name: (tensor if len(index) == n else tensor[index])
            for name, tensor in zip(found, self._tensors(found, *found), strict=True)
        }

    def _tensors(self, arrays: Arrays, *names: str) -> list[Tensor]:
        tensors = (torch.as_tensor(arrays[name]) for name in names)
        return [
            tensor.to(self.device, self.dtype if tensor.is_floating_point() else None)
            for tensor in tensors
        ]


def chunk_size(n_rows: int, most: int, cores: int) -> int:
    """Cut rows evenly, so that no core waits for another at the end.

    Parameters
    ----------
    n_rows : int
        How many there are.
    most : int
        Rows of a chunk at most, a multiple of `FULL_ROWS`.
    cores : int
        How many work on them.

    Returns
    -------
    int
        Rows of a chunk, a multiple of `FULL_ROWS`.

    Examples
    --------
    >>> chunk_size(5_000, most=2_048, cores=2), chunk_size(600, 2_048, 2)
    (1280, 512)
    """
    rounds = max(1, math.ceil(n_rows / (cores * most)))
    share = math.ceil(n_rows / (cores * rounds))
    return min(most, max(FEWEST_ON_A_CORE, share + -share % FULL_ROWS))
