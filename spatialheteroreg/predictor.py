"""What a fitted model says of rows: its networks, and what kriging adds to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
import torch

from .allocator import give_back
from .dual_kriging import DualKriging
from .inference import FEWEST_ON_A_CORE, Evaluator
from .inspection.explanation import RowEffects
from .intercepts import TrainingMean
from .kriging import ResidualKriging
from .nearest_rows import Locations
from .network import CrossFitted, inputs_of
from .row_inputs import (
    INSTANT,
    POINT,
    Arrays,
    RowInputs,
    UnreadRows,
    network_inputs,
    slices,
)
from .samples import KnownRows
from .sphere import FloatArray, IntArray
from .threads import Mapping, mapping

Kriged = tuple[FloatArray, FloatArray]

EFFECT_ROWS = 4_096
"""Training rows that are looked at together once the networks are trained."""


@dataclass(frozen=True)
class ModelMean:
    """Where the training rows lie, to measure effects from their means.

    Attributes
    ----------
    networks : list of TrainingMean
        As each network sees them.
    kriged : float
        Mean over the training rows of what kriging adds to their places.
    """

    networks: list[TrainingMean]
    kriged: float

    def towards(self, other: ModelMean, share: float) -> ModelMean:
        """Return the mean with other rows, which are such a share of all."""
        networks = [
            TrainingMean(
                *(
                    (1.0 - share) * getattr(one, name) + share * getattr(two, name)
                    for name in TrainingMean.__dataclass_fields__
                )
            )
            for one, two in zip(self.networks, other.networks, strict=True)
        ]
        kriged = (1.0 - share) * self.kriged + share * other.kriged
        return ModelMean(networks, kriged)


class Predictor:
    """The networks of a model in evaluation mode, with kriging of what they leave.

    Members are those of all networks, one network after the other.

    Parameters
    ----------
    networks : CrossFitted
        Fitted networks; they are copied.
    target_mean, target_scale : float
        Units of the target.
    kriging : ResidualKriging, default=None
        Fitted kriging; None adds nothing.
    has_place, has_time : bool, default=True
        What the rows have. What is said of a place or time that they lack goes to the
        other: rounding, and what kriging has to say.
    """

    def __init__(
        self,
        networks: CrossFitted,
        target_mean: float,
        target_scale: float,
        kriging: ResidualKriging | None = None,
        *,
        has_place: bool = True,
        has_time: bool = True,
    ) -> None:
        self.has_place, self.has_time = has_place, has_time
        self.parts = [Evaluator(part, target_mean, target_scale) for part in networks]
        self.krige(kriging)

    def krige(self, kriging: ResidualKriging | None, *, keeps: bool = True) -> None:
        """Add what a fitted kriging foretells, or nothing.

        Parameters
        ----------
        kriging : ResidualKriging or None
            The fitted kriging.
        keeps : bool, default=True
            As for :class:`~spatialheteroreg.dual_kriging.DualKriging`.
        """
        self.kriging = None
        if kriging is not None:
            self.kriging = DualKriging(kriging, self.device, keeps=keeps)

    @property
    def device(self) -> torch.device:
        """Where the networks compute."""
        return self.parts[0].device

    @property
    def on_gpu(self) -> bool:
        """Whether that is a GPU."""
        return self.device.type != "cpu"

    def predict(self, inputs: Arrays) -> FloatArray:
        """Predict rows (n,), in target units."""
        return self.member_predictions(inputs).mean(axis=0)

    def member_predictions(self, inputs: Arrays) -> FloatArray:
        """Predict rows by each member (n_members, n), in target units."""
        with rows_apart(len(inputs["numeric"])) as run:
            members = _join(
                [
                    part.member_predictions(own, run)
                    for part, own in self._with_inputs(inputs)
                ]
            )
            place, place_time = self._kriged(inputs, run)
        return members + (place + place_time)

    def blind_predictions(self, inputs: Arrays, fold: IntArray) -> FloatArray:
        """Predict each row by the network that has not seen it, without kriging.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of training rows.
        fold : ndarray of shape (n,)
            Number of that network.

        Returns
        -------
        ndarray of shape (n,)
            Predictions in target units.
        """
        prediction = np.empty(len(fold))
        with rows_apart(len(inputs["numeric"])) as run:
            for k, (part, own) in enumerate(self._with_inputs(inputs)):
                rows = np.flatnonzero(fold == k)
                if not len(rows):
                    continue
                own = {name: own[name][rows] for name in own}
                prediction[rows] = part.predict(own, run)
        return prediction

    def training_mean(
        self,
        inputs: RowInputs | UnreadRows,
        n_steps: int,
        weight: FloatArray | None,
    ) -> tuple[ModelMean, Kriged]:
        """Average places and times over training rows, and krige these.

        Parameters
        ----------
        inputs : RowInputs or UnreadRows
            Inputs of the training rows.
        n_steps : int
            Steps that the training times reach.
        weight : ndarray of shape (n,) or None
            Sample weights.

        Returns
        -------
        mean : ModelMean
            The averages.
        kriged : tuple of ndarray of shape (n,)
            What kriging adds to each row: what stays at the place, and what passes or
            returns there.
        """
        shares = np.ones(len(inputs)) if weight is None else weight
        place, place_time = np.empty((2, len(inputs)))
        mean, seen = None, 0.0
        with rows_apart(len(inputs)) as run:
            for rows in slices(len(inputs), EFFECT_ROWS):
                chunk, own = inputs[rows], shares[rows]
                place[rows], place_time[rows] = self._kriged(chunk, run)
                networks = [
                    part.training_mean(one, n_steps, own)
                    for part, one in self._with_inputs(chunk)
                ]
                part = ModelMean(networks, float(np.average(place[rows], weights=own)))
                seen += float(own.sum())
                mean = part if mean is None else mean.towards(part, own.sum() / seen)
        assert mean is not None
        return mean, (place, place_time)

    def withheld(self, inputs: Arrays) -> FloatArray:
        """Share of the local law (n,) that distance takes back from each row."""
        return _average([part.withheld(own) for part, own in self._with_inputs(inputs)])

    def effects(
        self,
        inputs: Arrays,
        mean: ModelMean,
        *,
        members: bool = False,
        kriged: Kriged | None = None,
    ) -> RowEffects:
        """Take predictions apart.

        What kriging adds goes to the place, and to what the time does there.

        Parameters
        ----------
        inputs : dict of str to ndarray
            Inputs of the network.
        mean : ModelMean
            Where the training rows lie.
        members : bool, default=False
            Whether to keep the members apart, on a first axis of the parts.
        kriged : tuple of ndarray of shape (n,), default=None
            What :meth:`training_mean` gave for these rows; None kriges them.

        Returns
        -------
        RowEffects
            Parts of each prediction in target units.
        """
        pairs = zip(self._with_inputs(inputs), mean.networks, strict=True)
        with rows_apart(len(inputs["numeric"])) as run:
            found = [
                part.effects(own, one, members=members, run=run)
                for (part, own), one in pairs
            ]
            place, place_time = self._kriged(inputs, run) if kriged is None else kriged
        whole = _join_effects(found, _join if members else _average)
        whole = replace(
            whole,
            prediction=whole.prediction + place + place_time,
            combination=whole.combination + place + place_time,
            level=whole.level + mean.kriged,
            place=whole.place + place - mean.kriged,
            place_time=whole.place_time + place_time,
        )
        if self.has_place and self.has_time:
            return whole
        nothing = np.zeros_like(whole.place)
        if not self.has_place:
            return replace(whole, place=nothing, time=whole.time + whole.place)
        place = whole.place + whole.time + whole.place_time
        return replace(whole, place=place, time=nothing, place_time=nothing)

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
            As :meth:`Evaluator.slopes` gives them.
        """
        with rows_apart(len(inputs["numeric"])) as run:
            found = [
                part.slopes(own, feature_scale, members=members, run=run)
                for part, own in self._with_inputs(inputs)
            ]
        return _join(found) if members else _average(found)

    def _with_inputs(self, inputs: Arrays) -> Iterator[tuple[Evaluator, Arrays]]:
        """Each network with the inputs that it reads."""
        inputs = network_inputs(inputs)
        for k, part in enumerate(self.parts):
            yield part, inputs_of(inputs, k)

    def _kriged(self, inputs: Arrays, run: Mapping) -> Kriged:
        if self.kriging is None:
            nothing = np.zeros(len(inputs["numeric"]))
            return nothing, nothing
        return self.kriging.predict(locations(inputs), run)


def rows_apart(n_rows: int) -> AbstractContextManager[Mapping]:
    """Give a `map` that is worth its threads for so many rows."""
    return mapping(-(-n_rows // FEWEST_ON_A_CORE))


def locations(inputs: Arrays) -> Locations:
    """Say where and when rows are."""
    return Locations(inputs[POINT], inputs[INSTANT])


def krige_residuals(
    predictor: Predictor,
    known: KnownRows,
    target_mean: float,
    target_scale: float,
    *,
    has_time: bool,
    has_period: bool,
) -> ResidualKriging:
    """Krige what the networks leave over of rows that they have not seen.

    Parameters
    ----------
    predictor : Predictor
        The trained networks.
    known : KnownRows
        Training rows.
    target_mean, target_scale : float
        Units of the target.
    has_time, has_period : bool
        What the rows have.

    Returns
    -------
    ResidualKriging
        Fitted.
    """
    residual = target_mean + target_scale * known.target
    parts = []
    for rows in slices(len(known), EFFECT_ROWS):
        inputs = known.inputs[rows]
        residual[rows] -= predictor.blind_predictions(inputs, known.fold[rows])
        parts.append(locations(inputs))
    give_back()
    kriging = ResidualKriging(has_time=has_time, has_period=has_period)
    where = Locations(
        np.concatenate([part.point for part in parts]),
        np.concatenate([part.time for part in parts]),
    )
    return kriging.fit(where, residual, known.weight, device=predictor.device)


def _join(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _average(parts: Sequence[FloatArray]) -> FloatArray:
    return np.mean(parts, axis=0) if len(parts) > 1 else parts[0]


def _join_effects(
    found: Sequence[RowEffects], join: Callable[[Sequence[FloatArray]], FloatArray]
) -> RowEffects:
    names = RowEffects.__dataclass_fields__
    return RowEffects(
        **{name: join([getattr(part, name) for part in found]) for name in names}
    )
