"""What a fitted model keeps ready between its calls."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from torch import Tensor, nn

from .predictor import Predictor


class ReadyPredictor:
    """Holds a predictor of networks once one was asked for.

    To copy the networks and run their graphs over time takes longer than to predict
    a row. A pickle or a deep copy holds none, and makes its own when it is asked.

    Examples
    --------
    >>> import copy
    >>> import torch
    >>> ready, network, made = ReadyPredictor(), torch.nn.Linear(2, 1), []
    >>> def make():
    ...     made.append("a predictor")
    ...     return made[-1]
    >>> ready.get(network, make), ready.get(network, make), len(made)
    ('a predictor', 'a predictor', 1)
    >>> copy.deepcopy(ready).get(network, make), len(made)
    ('a predictor', 2)
    >>> _ = torch.nn.init.zeros_(network.weight)
    >>> ready.get(network, make), len(made)
    ('a predictor', 3)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._predictor: Predictor | None = None
        self._weights: list[tuple[Tensor, int]] = []

    def get(self, networks: nn.Module, make: Callable[[], Predictor]) -> Predictor:
        """Return the predictor that is held.

        Parameters
        ----------
        networks : Module
            What it predicts with. Where a weight was changed since, or is another, the
            predictor is made anew.
        make : callable
            Makes it; of several threads one does.

        Returns
        -------
        Predictor
            The predictor.
        """
        weights = [
            (weight, weight._version)
            for weight in (*networks.parameters(), *networks.buffers())
        ]
        with self._lock:
            if self._predictor is None or not _same(weights, self._weights):
                self._predictor, self._weights = make(), weights
            return self._predictor

    def __reduce__(self) -> tuple[type[ReadyPredictor], tuple[()]]:
        return type(self), ()


def _same(one: list[tuple[Tensor, int]], other: list[tuple[Tensor, int]]) -> bool:
    """Whether they are the same tensors, and none was written to in between."""
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(
        left is right and version == before
        for (left, version), (right, before) in pairs
    )
