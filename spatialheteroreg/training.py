"""Training: a net is put together, trained, and left."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.helper import predefined_split
from torch.optim.lr_scheduler import OneCycleLR

from .batches import Rows
from .checkpoint import Checkpoint
from .loss import CombinedLoss
from .net import STCGNet
from .network import CrossFitted
from .network.layers import RandomSource
from .optimizer import adamw
from .processes import ProcessGroup
from .progress import EpochProgress
from .recorded import record_on_gpu
from .side_by_side import side_by_side
from .sizing import auto_warm_up

logger = logging.getLogger(__name__)

NO_MATRICES = [("*.read_out.*.member_*", {"weight_decay": 0.0})]
"""Vectors of members, which lie in one matrix."""

HIDDEN_MATRICES = [
    (f"*.{part}.*.weight", {"orthogonal": True})
    for part in ("encoder", "cross_attention", "film", "condition")
]
"""Linear layers before the read-out; the LSTM and what is narrow is left to AdamW."""


def make_net(
    network: CrossFitted,
    random: RandomSource,
    *,
    n_rows: int,
    device: str,
    max_iter: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    importance_loss_weight: float,
    mixed: bool = False,
    spares_memory: bool = False,
    cuda_graphs: bool = False,
    validation: Rows | None,
    n_iter_no_change: int,
    verbose: int,
    callbacks: Sequence[Callback] = (),
) -> STCGNet:
    """Put network, loss, optimizer and schedule together.

    Parameters
    ----------
    network : CrossFitted
        Initialized networks on their device.
    random : RandomSource
        Shuffles the training rows.
    n_rows : int
        Training rows; with `batch_size` and `max_iter` the length of the
        one-cycle schedule.
    device : str
        Where the network lies.
    max_iter : int
        Epochs.
    batch_size : int
        Rows a step.
    learning_rate : float
        Peak of the one-cycle schedule.
    weight_decay : float
        Decay of matrices.
    importance_loss_weight : float
        Weight of the second term of the loss.
    mixed : bool, default=False
        Whether products of a batch are computed in bfloat16.
    spares_memory : bool, default=False
        Whether a CPU is to take little memory, not little time.
    cuda_graphs : bool, default=False
        Whether a GPU of CUDA records steps and replays them.
    validation : Rows or None
        Rows to stop by; None runs the schedule to its end.
    n_iter_no_change : int
        Epochs without improvement before stopping.
    verbose : int
        What to show.
    callbacks : sequence of Callback, default=()
        What else follows the training. They hear of the end of an epoch before
        early stopping may end the training, a :class:`Checkpoint` after it.

    Returns
    -------
    STCGNet
        Ready to be fitted.
    """
    steps = -(-n_rows // batch_size) * max_iter
    followers: list[tuple[str, Callback]] = [
        (
            "schedule",
            LRScheduler(
                OneCycleLR,
                max_lr=learning_rate,
                total_steps=steps,
                pct_start=auto_warm_up(n_rows),
                step_every="batch",
            ),
        ),
        ("progress", EpochProgress(max_iter, verbose)),
    ]
    others = [(type(callback).__name__, callback) for callback in callbacks]
    followers += [named for named in others if not isinstance(named[1], Checkpoint)]
    if validation is not None:
        stop = EarlyStopping(
            patience=n_iter_no_change, threshold=1e-4, load_best=True, sink=logger.info
        )
        followers.append(("stop", stop))
    followers += [named for named in others if isinstance(named[1], Checkpoint)]
    return STCGNet(
        network,
        random=random,
        mixed=mixed,
        spares_memory=spares_memory,
        record=record_on_gpu(random.generator)
        if cuda_graphs and torch.device(device).type == "cuda"
        else None,
        criterion=CombinedLoss(importance_loss_weight),
        optimizer=adamw,
        optimizer__lr=learning_rate,
        optimizer__weight_decay=weight_decay,
        optimizer__param_groups=[*NO_MATRICES, *HIDDEN_MATRICES],
        optimizer__fused=torch.device(device).type in {"cpu", "cuda"},
        max_epochs=max_iter,
        batch_size=batch_size,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=followers,
        callbacks__print_log=None,
        device=device,
        verbose=0,
    )


def train(net: STCGNet, rows: Rows, max_iter: int) -> bool:
    """Train, and see that what is left is usable.

    Parameters
    ----------
    net : STCGNet
        The net.
    rows : Rows
        Training rows.
    max_iter : int
        Epochs that were asked for.

    Returns
    -------
    bool
        Whether training ended by itself: after its last epoch, or because it was
        told to stop.

    Raises
    ------
    KeyboardInterrupt
        If interrupted before the first epoch ended.
    FloatingPointError
        If the loss is no longer finite.
    """
    net.initialize()
    n_done = sum(getattr(follower, "n_done_", 0) for _, follower in net.callbacks_)
    group = ProcessGroup.current()
    try:
        with side_by_side(net.module_, net.random, group) as net.side_by_side_:
            net.partial_fit(rows, None, epochs=max_iter - n_done)
    finally:
        net.recorded_ = []
    told_to_stop = any(_stopped(follower) for _, follower in net.callbacks_)
    leave_fit(net)
    epochs = net.epochs()
    done = len(epochs)
    ended = told_to_stop or done == max_iter
    if not ended:
        # skorch swallows Ctrl-C and keeps what was learned.
        if done == 0:
            raise KeyboardInterrupt
        warnings.warn(
            f"Interrupted after epoch {done} of {max_iter}: the model is usable, but "
            "its schedule did not run to the end.",
            stacklevel=7,
        )
    if not np.isfinite(epochs[-1]["train_loss"]):
        raise FloatingPointError(
            "The training loss is not finite. Lower learning_rate, or look for huge "
            "values in y."
        )
    return ended


def leave_fit(net: STCGNet) -> None:
    """Let go of what only a running fit needs.

    What is left can be pickled: the trained module once, no rows, no callbacks of
    the call, no tensors that would ask for a device again.

    Parameters
    ----------
    net : STCGNet
        The net. Callbacks that it shares with others are copied.
    """
    if hasattr(net, "side_by_side_"):
        del net.side_by_side_
    net.record = None
    net.module_.zero_grad()
    net.train_split = None
    net.module = type(net.module_)
    net.callbacks = _lasting(net.callbacks)
    net.callbacks_ = _lasting(net.callbacks_)


def _lasting(followers: list[tuple[str, Callback]]) -> list[tuple[str, Callback]]:
    """Copies of the callbacks that outlast a fit, without what they hold in it."""
    lasting = []
    for name, follower in followers:
        if getattr(follower, "of_one_fit", False):
            continue
        follower = copy.copy(follower)
        for held in ("lr_scheduler_", "best_model_weights_", "bar_"):
            vars(follower).pop(held, None)
        lasting.append((name, follower))
    return lasting


def _stopped(follower: Callback) -> bool:
    """Whether a callback ended the training."""
    if isinstance(follower, EarlyStopping):
        return bool(follower.misses_ >= follower.patience)
    return bool(getattr(follower, "stopped_", False))


def resolve_device(device: str) -> str:
    """Name the device to use.

    Parameters
    ----------
    device : str
        "auto" takes a GPU where there is one.

    Returns
    -------
    str
        A torch device that is there.

    Raises
    ------
    ValueError
        If torch does not know the device or cannot reach it.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={device!r} cannot be used ({str(error).splitlines()[0]}). Pass "
            "'auto', 'cpu', 'cuda' or 'mps'."
        ) from error
    return device
