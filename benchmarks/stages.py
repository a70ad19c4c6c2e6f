"""Where the seconds of a fit go: each to the innermost of a few named stages."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from benchmarks.speed_answers import wait_for_device

REST = "rest"
PACKAGE = "spatialheteroreg"

STAGES: dict[str, list[str]] = {
    "reading and encoding": [
        f"{PACKAGE}.regressor:open_data",
        f"{PACKAGE}.data:TableData.check",
        f"{PACKAGE}.data:TableData.samples",
        f"{PACKAGE}.explaining:ExplainMixin._read_fitted",
        f"{PACKAGE}.inputs:InputBuilder.fit",
        f"{PACKAGE}.inputs:InputBuilder.transform",
        f"{PACKAGE}.inputs:InputBuilder.as_floats",
    ],
    "graph": [
        f"{PACKAGE}.graph:ConditionGraph.fit",
        f"{PACKAGE}.graph:ConditionGraph.normalized_adjacency",
    ],
    "attaching": [f"{PACKAGE}.graph:ConditionGraph.attach"],
    "training: forward": [f"{PACKAGE}.network:STCGNetwork.forward"],
    "training: backward": ["torch:Tensor.backward"],
    "training: optimizer": [
        f"{PACKAGE}.optimizer:AdamWMuon.step",
        "torch.nn.utils:clip_grad_norm_",
    ],
    "training: batches": [f"{PACKAGE}.batches:Rows.__getitem__"],
    "training: rest": [f"{PACKAGE}.regressor:train_networks"],
    "kriging": [
        f"{PACKAGE}.kriging:ResidualKriging.fit",
        f"{PACKAGE}.dual_kriging:DualKriging.__init__",
        f"{PACKAGE}.dual_kriging:DualKriging.predict",
    ],
    "predictions by the networks": [
        f"{PACKAGE}.inference:Evaluator.__init__",
        f"{PACKAGE}.inference:Evaluator.member_predictions",
    ],
    "effects by the networks": [
        f"{PACKAGE}.inference:Evaluator.effects",
        f"{PACKAGE}.inference:Evaluator.training_mean",
        f"{PACKAGE}.inference:Evaluator.slopes",
    ],
    "baselines": [f"{PACKAGE}.regressor:STCGRegressor._finish"],
}
"""Functions of each stage, as module and name in it.

A function that others call in between counts for itself: what `fit` of the inputs
spends in the graph is "graph".
"""

WITHIN = {
    f"training: {step}": "training: rest"
    for step in ("forward", "backward", "optimizer")
}
"""Stages that count inside of another alone: networks predict too, and kriging climbs
along gradients."""


class StageTimer:
    """Time stages inside a ``with`` block.

    Functions are replaced inside of it, and put back at its end. What other threads
    do meanwhile counts by its mean over these threads, and is taken from the stage that
    it is within, or that waits for them: the seconds add up to those that pass.

    Parameters
    ----------
    stages : dict of str to list of str, default=STAGES
        Functions of each stage.

    Attributes
    ----------
    seconds : dict of str to float
        Seconds of each stage, and of the rest.

    Examples
    --------
    >>> with StageTimer({"sleeping": ["time:sleep"]}) as timer:
    ...     time.sleep(0.01)
    >>> sorted(timer.seconds), timer.seconds["sleeping"] > 0.009
    (['rest', 'sleeping'], True)
    """

    def __init__(self, stages: dict[str, list[str]] | None = None) -> None:
        self.stages = STAGES if stages is None else stages

    def __enter__(self) -> Self:
        self.seconds: dict[str, float] = defaultdict(float)
        self._aside: dict[tuple[int, str, str], float] = defaultdict(float)
        self._thread, self._lock = threading.get_ident(), threading.Lock()
        self._open = [REST]
        self._undo = ExitStack()
        try:
            for stage, names in self.stages.items():
                for name in names:
                    self._replace(stage, name)
        except BaseException:
            self._undo.close()
            raise
        self._since = self._now()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._book()
        self._undo.close()
        threads = {thread for thread, _, _ in self._aside}
        for (_, waiting, stage), seconds in self._aside.items():
            self.seconds[stage] += seconds / len(threads)
            self.seconds[waiting] -= seconds / len(threads)
        self.seconds = dict(self.seconds)

    def _replace(self, stage: str, name: str) -> None:
        owner, attribute, function = find(name)

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if WITHIN.get(stage, REST) not in self._open:
                return function(*args, **kwargs)
            is_main = threading.get_ident() == self._thread
            begin = self._begin if is_main else self._begin_aside
            end = self._end if is_main else self._end_aside
            begun = begin(stage)
            try:
                return function(*args, **kwargs)
            finally:
                end(stage, begun)

        inherited = isinstance(owner, type) and attribute not in vars(owner)
        setattr(owner, attribute, timed)
        if inherited:
            self._undo.callback(delattr, owner, attribute)
        else:
            self._undo.callback(setattr, owner, attribute, function)

    def _begin(self, stage: str) -> Any:
        self._book()
        self._open.append(stage)

    def _end(self, stage: str, begun: Any) -> None:
        self._book()
        self._open.pop()

    def _begin_aside(self, stage: str) -> Any:
        return WITHIN.get(stage, self._open[-1]), time.perf_counter()

    def _end_aside(self, stage: str, begun: Any) -> None:
        waiting, start = begun
        seconds = time.perf_counter() - start
        with self._lock:
            self._aside[threading.get_ident(), waiting, stage] += seconds

    def _book(self) -> None:
        """Give the seconds since the last call to the innermost stage."""
        now = self._now()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @staticmethod
    def _now() -> float:
        wait_for_device()
        return time.perf_counter()


def find(name: str) -> tuple[Any, str, Callable[..., Any]]:
    """Find a function by its module and its name in it.

    Parameters
    ----------
    name : str
        As "module:Class.function".

    Returns
    -------
    owner : object
        What has the function: a module or a class.
    attribute : str
        Its name there.
    function : callable
        The function.

    Raises
    ------
    LookupError
        If there is none.

    Examples
    --------
    >>> find("time:sleep")[1]
    'sleep'
    """
    module, _, path = name.partition(":")
    *owners, attribute = path.split(".")
    try:
        owner: Any = importlib.import_module(module)
        for part in owners:
            owner = getattr(owner, part)
        return owner, attribute, getattr(owner, attribute)
    except (ImportError, AttributeError) as error:
        raise LookupError(
            f"There is no {name}. Name in STAGES of benchmarks/stages.py what does its "
            "work now."
        ) from error
