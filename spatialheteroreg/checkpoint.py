"""Checkpoints: a fit that was killed goes on where it was.

The file holds tensors and plain values only, and is read without running code.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.history import History

from .network.layers import RandomSource
from .processes import ProcessGroup
from .saving.file import write_atomically

FORMAT = 2


class Checkpoint(Callback):
    """Write the state of training after each epoch; go on from one that is there.

    Parameters
    ----------
    path : path-like
        The file.
    identity : str
        Digest of data and parameters; a file of another fit is refused.
    random : RandomSource
        Shuffles rows and drops numbers; its state is part of the file.
    start : dict
        State of NumPy's generator when the fit began.

    Attributes
    ----------
    n_done_ : int
        Epochs that the file had when the training began.
    """

    of_one_fit = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: str,
        random: RandomSource,
        start: dict[str, Any],
    ) -> None:
        self.path = Path(path)
        self.identity = identity
        self.random = random
        self.start = start
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise ValueError(
                f"checkpoint={str(path)!r} must name a file in a folder that exists."
            )
        self.device = random.generator.device.type
        found = read_checkpoint(path)
        if found is not None and found["device"] != self.device:
            raise ValueError(
                f"checkpoint={str(path)!r} was written on {found['device']}, and this "
                f"fit runs on {self.device}, which draws other numbers. Pass device="
                f"{found['device']!r}, or delete the file to begin anew."
            )
        if found is not None and found["identity"] != identity:
            raise ValueError(
                f"checkpoint={str(path)!r} belongs to a fit of other data or "
                "parameters, or to an earlier warm start. Give each fit its own file, "
                "or delete this one."
            )
        self.found_ = found
        self.n_done_ = 0 if found is None else len(json.loads(found["history"]))

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Bring the net to where the file was written.

        This has to be the last callback: others make their state anew here.
        """
        if self.found_ is None:
            return
        found, self.found_ = self.found_, None
        net.history_ = History(json.loads(found["history"]))
        net.module_.load_state_dict(found["module"])
        schedule, stop = _state_holders(net)
        if schedule is not None:
            schedule.batch_idx_ = found["n_batches"]
            schedule.lr_scheduler_.load_state_dict(found["schedule"])
        if stop is not None:
            vars(stop).update(found["stop"])
        # After the schedule, whose construction sets rates.
        net.optimizer_.load_state_dict(found["optimizer"])
        self.random.generator.set_state(found["generator"])

    def remove(self) -> None:
        """Delete the file."""
        if not ProcessGroup.current().is_first:
            return
        self.path.unlink(missing_ok=True)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the file; a fit that has diverged must not be gone on with."""
        if not np.isfinite(net.history[-1, "train_loss"]):
            self.remove()
            return
        if not ProcessGroup.current().is_first:
            return
        schedule, stop = _state_holders(net)
        history = [{**epoch, "batches": []} for epoch in net.history]
        state = {
            "format": FORMAT,
            "identity": self.identity,
            "device": self.device,
            "start": self.start,
            "history": json.dumps(history),
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "schedule": _plain(schedule.lr_scheduler_.state_dict()) if schedule else {},
            "n_batches": schedule.batch_idx_ if schedule else 0,
            "stop": _plain(_without_parameters(stop)) if stop else {},
            "generator": self.random.generator.get_state(),
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_atomically(self.path, content.getvalue())


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read a checkpoint.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict or None
        What was written; None where there is no file.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of another format.
    """
    path = Path(path)
    if not path.is_file():
        return None
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        if state["format"] == FORMAT:
            return dict(state)
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError):
        pass
    raise ValueError(
        f"checkpoint={str(path)!r} is no checkpoint that this version can read. "
        "Delete the file to begin anew, or name another."
    )


def generator_state(random: np.random.RandomState) -> dict[str, Any]:
    """Take down the state of NumPy's generator as plain values.

    Parameters
    ----------
    random : RandomState
        A generator.

    Returns
    -------
    dict
        As :func:`set_generator_state` takes it.

    Raises
    ------
    ValueError
        If its numbers do not come from the Mersenne Twister.
    """
    state: Any = random.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise ValueError(
            "checkpoint cannot take down the state of a random_state over "
            f"{state['bit_generator']}. Pass a number, or RandomState(seed)."
        )
    key = state["state"]["key"].tolist()
    return {**state, "state": {"key": key, "pos": int(state["state"]["pos"])}}


def set_generator_state(random: np.random.RandomState, state: dict[str, Any]) -> None:
    """Bring NumPy's generator to a state.

    Parameters
    ----------
    random : RandomState
        The generator, which is changed.
    state : dict
        From :func:`generator_state`.
    """
    key = np.array(state["state"]["key"], dtype=np.uint32)
    random.set_state({**state, "state": {**state["state"], "key": key}})


def fingerprint(arrays: Iterable[NDArray[Any] | None], values: dict[str, Any]) -> str:
    """Digest of what decides a fit.

    Parameters
    ----------
    arrays : iterable of ndarray or None
        The data.
    values : dict
        The parameters.

    Returns
    -------
    str
        Hexadecimal SHA-256.

    Examples
    --------
    >>> fingerprint([np.zeros(3)], {"lr": 0.1}) == fingerprint(
    ...     [np.ones(3)], {"lr": 0.1}
    ... )
    False
    """
    digest = hashlib.sha256(repr(sorted(values.items())).encode())
    for array in arrays:
        if array is None:
            digest.update(b"None")
            continue
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def _state_holders(net: Any) -> tuple[LRScheduler | None, EarlyStopping | None]:
    """Find the callbacks that remember something between epochs."""
    kinds = {type(callback): callback for _, callback in net.callbacks_}
    return kinds.get(LRScheduler), kinds.get(EarlyStopping)


def _without_parameters(stop: EarlyStopping) -> dict[str, Any]:
    """What early stopping has learned; skorch ends such names with an underscore."""
    return {name: value for name, value in vars(stop).items() if name.endswith("_")}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is no plain value; NumPy's numbers become Python's."""
    kinds = (bool, int, float, str, list, dict, torch.Tensor, type(None))
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in values.items()
    }
    return {name: value for name, value in plain.items() if isinstance(value, kinds)}
