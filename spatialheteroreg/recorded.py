"""Steps of training that a GPU records once and then replays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .batches import Batch

Work = Callable[[], list[Tensor]]
Record = Callable[[Work], tuple[list[Tensor], Callable[[], None]]]

RECORDING = threading.Lock()
"""Held while a step is recorded: a process does one such thing at a time."""

WARM_UPS = 3
"""Times that work is done before it is recorded: libraries first choose how."""


class RecordedStep:
    """Gradients of a network for batches of one shape, recorded with the first of them.

    A GPU is told to do hundreds of small things in a step, and with small batches waits
    for most of them. Recorded, they are one thing to tell. What is replayed reads and
    writes the same memory each time, so that batches are copied there.

    Parameters
    ----------
    gradients : callable
        Takes inputs and target, computes the gradients of the parameters, and returns
        the loss. It must not wait for the device.
    parameters : sequence of Parameter
        Parameters of the network.
    record : callable
        Does work and returns its results, and what does it again to write the new
        results in their place: :func:`record_on_gpu`.

    Examples
    --------
    With a record that is none, as there is no GPU:

    >>> def again(work):
    ...     results = work()
    ...     return results, lambda: [
    ...         old.copy_(new) for old, new in zip(results, work(), strict=True)
    ...     ]
    >>> layer = nn.Linear(1, 1, bias=False)
    >>> def gradients(inputs, target):
    ...     loss = ((layer(inputs["x"]) - target) ** 2).mean()
    ...     loss.backward()
    ...     return loss.detach()
    >>> step = RecordedStep(gradients, list(layer.parameters()), again)
    >>> for x in (1.0, 2.0):
    ...     _ = step({"x": torch.full((4, 1), x)}, torch.zeros(4, 1))
    ...     print(bool(layer.weight.grad == 2.0 * x**2 * layer.weight))
    True
    True
    """

    def __init__(
        self,
        gradients: Callable[[Batch, Tensor], Tensor],
        parameters: Sequence[nn.Parameter],
        record: Record,
    ) -> None:
        self.gradients = gradients
        self.parameters = parameters
        self.record = record
        self._given: list[Tensor] | None = None

    def __call__(self, inputs: Batch, target: Tensor) -> Tensor:
        """Leave the gradients of a batch with the parameters.

        Parameters
        ----------
        inputs : dict of str to Tensor
            Inputs of the network.
        target : Tensor
            As the loss takes it.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        if self._given is None:
            self._begin(inputs, target)
        assert self._given is not None
        for held, new in zip(self._given, [*inputs.values(), target], strict=True):
            held.copy_(new)
        self._replay()
        loss, *gradients = self._results
        for parameter, gradient in zip(self._moved, gradients, strict=True):
            parameter.grad = gradient
        return loss.clone()

    def _begin(self, inputs: Batch, target: Tensor) -> None:
        """Record the step, in memory of its own."""
        held = {name: tensor.clone() for name, tensor in inputs.items()}
        wanted = target.clone()
        self._results, self._replay = self.record(lambda: self._work(held, wanted))
        self._moved = [p for p in self.parameters if p.grad is not None]
        self._given = [*held.values(), wanted]

    def _work(self, inputs: Batch, target: Tensor) -> list[Tensor]:
        """Compute the loss, and the gradients anew."""
        for parameter in self.parameters:
            parameter.grad = None
        loss = self.gradients(inputs, target)
        return [loss, *(p.grad for p in self.parameters if p.grad is not None)]


def record_on_gpu(generator: torch.Generator) -> Record:
    """Make what records work as a CUDA graph.

    Parameters
    ----------
    generator : Generator
        What the work draws from: each replay draws on.

    Returns
    -------
    callable
        For :class:`RecordedStep`.
    """
    device = generator.device
    # Networks take turns, in one order: they can share what is not a result.
    pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)

    def record(work: Work) -> tuple[list[Tensor], Callable[[], None]]:
        with RECORDING, torch.cuda.device(device):
            current, state = torch.cuda.current_stream(), generator.get_state()
            stream.wait_stream(current)
            with torch.cuda.stream(stream):
                for _ in range(WARM_UPS):
                    work()
            current.wait_stream(stream)
            # A fit that goes on from a checkpoint warms up once more.
            generator.set_state(state)
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(generator)
            with torch.cuda.graph(
                graph, pool=pool, stream=stream, capture_error_mode="thread_local"
            ):
                results = work()
        return results, graph.replay

    return record
