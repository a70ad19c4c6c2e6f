"""The skorch net: how networks learn from batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import skorch
import torch
from torch import Tensor

from .batches import SPARE_ROWS, Batch, Batches, Rows
from .network import (
    ConditionTable,
    CrossFitted,
    NetworkOutput,
    STCGNetwork,
    inputs_of,
    seen_first,
    seen_rows,
)
from .network.layers import RandomSource
from .optimizer import join, split_off
from .processes import ProcessGroup
from .recorded import Record, RecordedStep
from .row_inputs import slices

LARGEST_GRADIENT = 1.0
"""Norm at which the gradient of a network is cut."""

FEW_ROWS = 1_024
"""Rows whose tensors are kept until all gradients are computed. To let go of one that
Python has named, a thread has to wait for Python, a hundred times in a step; those of
many rows take memory instead. Where memory is spared, rows of a whole step."""

PART_TOKENS, FEW_TOKENS = 16_384, 6_554
"""Feature tokens that a CPU goes through at once, about: rows times features. A step of
more is worked through in equal parts, whose tensors take less memory and are nearer to
fitting the cache of a core. Smaller parts take longer, as each has its Python, and are
for what is to take little memory."""

AHEAD = 2
"""Batches that are handed out before the loss of an earlier one is waited for."""

SCHEDULED = ("lr", "betas")
"""What the one-cycle schedule changes from step to step."""


class Learner(NamedTuple):
    """A network, and what moves its parameters.

    Attributes
    ----------
    network : STCGNetwork
        The network.
    optimizer : Optimizer
        Of its parameters, or of long ones that they were joined to.
    take_apart : callable or None
        Takes these apart again; None where there is nothing to take apart.
    """

    network: STCGNetwork
    optimizer: torch.optim.Optimizer
    take_apart: Callable[[], None] | None = None

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """What the optimizer moves."""
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def clear(self) -> None:
        """Forget the gradients of the step before."""
        self.optimizer.zero_grad(set_to_none=self.take_apart is None)

    def move(self, rates: Sequence[dict[str, Any]]) -> None:
        """Move the parameters along their gradients, cut, at these rates."""
        torch.nn.utils.clip_grad_norm_(self.parameters, LARGEST_GRADIENT)
        for values, now in zip(self.optimizer.param_groups, rates, strict=True):
            values.update(now)
        self.optimizer.step()


def count_only(target: Tensor, counts: Tensor) -> Tensor:
    """Have some rows of a batch count for nothing, and the mean be that of the others.

    Parameters
    ----------
    target : Tensor of shape (B,) or (B, 2)
        Target, and sample weight where there is one.
    counts : Tensor of shape (B,), bool
        Rows that count.

    Returns
    -------
    Tensor of shape (B, 2)
        Target, and weight.

    Examples
    --------
    >>> count_only(torch.tensor([3.0, 5.0]), torch.tensor([True, False])).tolist()
    [[3.0, 2.0], [5.0, 0.0]]
    """
    weight = counts.to(target.dtype)
    weight = weight * (len(weight) / weight.sum().clamp(min=1.0))
    if target.ndim == 1:
        return torch.stack([target, weight], dim=1)
    return torch.stack([target[:, 0], target[:, 1] * weight], dim=1)


class STCGNet(skorch.NeuralNet):
    """A skorch net whose batches are slices and whose shuffling is its own.

    Parameters
    ----------
    module : CrossFitted
        Initialized networks.
    random : RandomSource
        Shuffles the training rows.
    mixed : bool, default=False
        Whether products of a batch are computed in bfloat16.
    spares_memory : bool, default=False
        Whether a CPU is to take little memory, not little time: steps are worked
        through in smaller parts, and long memories of nodes are computed twice.
    record : callable, default=None
        Records steps, as :func:`~spatialheteroreg.recorded.record_on_gpu` does; None
        makes each anew.
    **kwargs : dict
        As for :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        module: CrossFitted,
        *,
        random: RandomSource,
        mixed: bool = False,
        spares_memory: bool = False,
        record: Record | None = None,
        **kwargs: Any,
    ):
        self.random = random
        self.mixed = mixed
        self.spares_memory = spares_memory
        self.record = record
        self.recorded_: list[RecordedStep] = []
        super().__init__(module, **kwargs)

    def get_iterator(self, dataset: Rows, training: bool = False) -> Batches:
        """Slice batches.

        Parameters
        ----------
        dataset : Rows
            Rows on the device.
        training : bool, default=False
            Whether to shuffle.

        Returns
        -------
        Batches
            The iterator.
        """
        return dataset.batches(self.batch_size, self.random if training else None)

    def get_loss(
        self,
        y_pred: NetworkOutput,
        y_true: Tensor,
        X: Any = None,
        training: bool = False,
    ) -> Tensor:
        """Train each member by the combined loss, validate their mean by squares.

        Parameters
        ----------
        y_pred : NetworkOutput
            What the network said.
        y_true : Tensor
            Target, with weights where there are any.
        X : dict, default=None
            Not used.
        training : bool, default=False
            Whether this is a training step.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        if not training:
            mean = y_pred.prediction.mean(dim=1, keepdim=True)
            y_pred = y_pred._replace(prediction=mean, combination=mean)
        loss = self.criterion_(y_pred, y_true)
        if not training or y_pred.withheld is None:
            return loss
        # What is compared with a prediction must itself be as good as it can be.
        without, risks = y_pred.withheld.output, y_pred.withheld.risks
        loss = (loss + self.criterion_(without, y_true)) / 2
        return loss + risks.penalty(y_pred, y_true.view(len(y_true), -1))

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **kwargs: Any
    ) -> None:
        """Go through the rows once.

        In training each network goes from batch to batch by itself, at most `AHEAD` + 1
        batches before the slowest. `step_fn` is not called then, and callbacks get no
        loss at the end of a batch.

        Parameters
        ----------
        iterator : Batches or None
            The batches.
        training : bool
            Whether to train, or to validate as skorch does.
        prefix : str
            Begins the names in the history.
        step_fn : callable
            Validates on a batch.
        **kwargs : dict
            For `step_fn`.
        """
        if not training:
            super().run_single_epoch(iterator, training, prefix, step_fn, **kwargs)
            return
        self._set_training(True)
        # Without gradients it does nothing but tell the schedule that steps are made.
        self.optimizer_.zero_grad()
        self.optimizer_.step()
        learners: list[Learner] = []
        losses: list[Tensor] = []
        waiting: deque[Callable[[], Tensor]] = deque()
        most_seen = None
        if self._records(iterator):
            iterator.spreads = True
            most_seen = iterator.most_seen(len(self.module_))
        try:
            learners.extend(map(self._learner_of, self.module_))
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=True)
                if most_seen is None or len(batch[1]) < self.batch_size:
                    waiting.append(self.learn_batch(batch, learners))
                else:
                    waiting.append(self.replay_batch(batch, learners, most_seen))
                self.history.record_batch(f"{prefix}_batch_size", len(batch[1]))
                self.notify("on_batch_end", batch=batch, training=True)
                if len(waiting) > AHEAD:
                    losses.append(waiting.popleft()())
            losses += [loss() for loss in waiting]
        except BaseException:
            # Nothing may train on while callbacks end the training.
            self.side_by_side_.stop()
            raise
        finally:
            for learner in learners:
                if learner.take_apart is not None:
                    learner.take_apart()
        batches = self.history[-1]["batches"]
        for record, loss in zip(batches, torch.stack(losses).tolist(), strict=True):
            record[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))

    def learn_batch(
        self, batch: tuple[Batch, Tensor], learners: Sequence[Learner]
    ) -> Callable[[], Tensor]:
        """Have each network make a step on the rows of a batch that it may see.

        A network that may see none of them makes no step.

        Parameters
        ----------
        batch : tuple
            Inputs with the fold of each row, and target.
        learners : sequence of Learner
            The networks.

        Returns
        -------
        callable
            Waits, and returns the mean loss of the networks that made a step.
        """
        inputs, target = batch
        inputs = dict(inputs)
        fold, side_by_side = inputs.pop("fold"), self.side_by_side_
        rows = list(seen_rows(fold, len(learners)))
        # As they are now: when its turn comes the schedule may have gone on.
        rates, group = self._rates(), ProcessGroup.current()

        @torch.enable_grad()  # whatever the caller has set
        def learn(k: int) -> Tensor:
            if len(rows[k]) == 0:
                return target.new_zeros(())
            learner = learners[k]
            own, share = group.share(rows[k])
            seen, wanted = inputs_of(inputs, k), target
            if len(own) < len(target):
                seen = {name: tensor[own] for name, tensor in seen.items()}
                wanted = target[own]
            with side_by_side.turn:
                learner.clear()
                loss = self._add_gradients(learner.network, seen, wanted, share)
                if group.size > 1:
                    group.add_gradients(learner.parameters)
                    loss = group.add(loss)
                learner.move(rates)
            return loss

        losses = side_by_side.start(learn)

        def mean() -> Tensor:
            made = zip(losses(), rows, strict=True)
            return torch.stack([loss for loss, own in made if len(own)]).mean()

        return mean

    @torch.enable_grad()
    def replay_batch(
        self,
        batch: tuple[Batch, Tensor],
        learners: Sequence[Learner],
        most_seen: Sequence[int],
    ) -> Callable[[], Tensor]:
        """Have each network make a step that is recorded, without waiting for a GPU.

        All steps of a network are made of as many rows. Those that it may not see
        count for nothing.

        Parameters
        ----------
        batch : tuple
            Inputs with the fold of each row, and target; of `batch_size` rows.
        learners : sequence of Learner
            The networks.
        most_seen : sequence of int
            Rows of a batch that each may see at most.

        Returns
        -------
        callable
            Returns the mean loss of the networks.
        """
        inputs, target = batch
        inputs = dict(inputs)
        fold, rates = inputs.pop("fold"), self._rates()
        if not self.recorded_:
            self.recorded_ = [self._record_step(learner) for learner in learners]
        losses = []
        for k, (learner, step) in enumerate(zip(learners, self.recorded_, strict=True)):
            own = seen_first(fold, k, most_seen[k])
            seen = {name: part[own] for name, part in inputs_of(inputs, k).items()}
            losses.append(step(seen, count_only(target[own], fold[own] != k)))
            learner.move(rates)
        return torch.stack(losses).mean

    def _records(self, iterator: Any) -> bool:
        """Whether steps can be recorded: all of one form, and of this process."""
        return (
            self.record is not None
            and isinstance(iterator, Batches)
            # Each network sees some rows of each batch.
            and self.batch_size >= 4 * SPARE_ROWS
            and ProcessGroup.current().size == 1
            and all(part.invariance is None for part in self.module_)
        )

    def _learner_of(self, part: STCGNetwork) -> Learner:
        if self.record is None and part.level.device.type == "cpu":
            return Learner(part, *join(self.optimizer_, part))
        # A GPU has the weights of an LSTM in a row of its own, and what is recorded
        # keeps its gradients where they are.
        return Learner(part, split_off(self.optimizer_, part))

    def _record_step(self, learner: Learner) -> RecordedStep:
        assert self.record is not None

        def gradients(inputs: Batch, target: Tensor) -> Tensor:
            loss = self._loss_of(learner.network, inputs, target)
            loss.backward()
            return loss.detach()

        return RecordedStep(gradients, learner.parameters, self.record)

    def _add_gradients(
        self, network: STCGNetwork, inputs: Batch, target: Tensor, share: float
    ) -> Tensor:
        """Add the gradients of a share of the loss of a step, and return that share."""
        n_rows, n_parts = len(target), 1
        spares_memory = self.spares_memory and target.device.type == "cpu"
        if target.device.type == "cpu" and network.invariance is None:
            n_tokens = n_rows * network.n_features
            most = FEW_TOKENS if spares_memory else PART_TOKENS
            n_parts = max(round(n_tokens / most), 1)
        whole = None
        if n_parts > 1 or spares_memory:
            # Of all nodes and steps, so that parts share it.
            whole = network.condition_table(anew=spares_memory)
        table = None if whole is None else whole.cut_off()
        total, size = target.new_zeros(()), -(-n_rows // n_parts)
        keeps_all = (n_rows if spares_memory else size) <= FEW_ROWS
        for rows in slices(n_rows, size):
            own = {name: tensor[rows] for name, tensor in inputs.items()}
            wanted = target[rows]
            loss = self._loss_of(network, own, wanted, table)
            loss = (share * len(wanted) / n_rows) * loss
            with self.side_by_side_.others_turn():
                loss.backward(retain_graph=keeps_all)
            total += loss.detach()
            del loss  # and what it was made of
        if whole is not None and table is not None:
            with self.side_by_side_.others_turn():
                whole.backward(table)
        return total

    def _loss_of(
        self,
        network: STCGNetwork,
        inputs: Batch,
        target: Tensor,
        table: ConditionTable | None = None,
    ) -> Tensor:
        """Loss of one network in training."""
        # What is recorded must not read weights that were cast before.
        with torch.autocast(
            target.device.type,
            torch.bfloat16,
            self.mixed,
            cache_enabled=self.record is None,
        ):
            output = network(**inputs, table=table)
        return self.get_loss(output, target, training=True)

    def _rates(self) -> list[dict[str, Any]]:
        """What the schedule asks for now, of each group of parameters."""
        return [
            {name: values[name] for name in SCHEDULED}
            for values in self.optimizer_.param_groups
        ]

    def epochs(self) -> list[dict[str, float]]:
        """List what was measured in each epoch that ran to its end.

        Returns
        -------
        list of dict
            "epoch", "train_loss", with early stopping "valid_loss" (both in
            units of the target's variance), and "dur", seconds.
        """
        wanted = ("epoch", "train_loss", "valid_loss", "dur")
        return [
            {name: epoch[name] for name in wanted if name in epoch}
            for epoch in self.history
            if "dur" in epoch
        ]
