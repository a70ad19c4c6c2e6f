"""What the machine can do at most, and what the network asks of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.accuracy import limited_to
from benchmarks.made_rows import MadeLaw
from spatialheteroreg import STCGRegressor

COPIED_NUMBERS = 2**26
"""Numbers that are copied to measure memory: far more than any cache holds."""

SQUARE = 2048
"""Side of the matrices that are multiplied to measure arithmetic."""


@dataclass(frozen=True)
class Limit:
    """One limit of the machine.

    Attributes
    ----------
    name : str
        What is limited.
    value : float
        Bytes or operations a second.
    unit : str
        "GB/s" or "GFLOP/s", of 10^9.
    """

    name: str
    value: float
    unit: str

    @property
    def text(self) -> str:
        """Value in its unit."""
        return f"{self.value / 1e9:,.1f} {self.unit}"


def measure_limits(
    device: str,
    shape: tuple[int, int, int],
    *,
    numbers: int = COPIED_NUMBERS,
    side: int = SQUARE,
    seconds: float = 0.5,
) -> dict[str, Limit]:
    """Measure memory bandwidth and arithmetic, with the threads that torch has.

    Parameters
    ----------
    device : str
        A torch device.
    shape : tuple of int
        Rows, width before and width after of the network's widest product.
    numbers : int, default=COPIED_NUMBERS
        Numbers to copy.
    side : int, default=SQUARE
        Side of the large matrices.
    seconds : float, default=0.5
        How long each is repeated.

    Returns
    -------
    dict of str to Limit
        "memory", "float32", "float64", and "shape" at the network's own shape, in
        float32.
    """
    pace = _copies(numbers, device, seconds)
    found = {"memory": Limit("memory, read and write", 8 * numbers * pace, "GB/s")}
    for dtype in ("float32", "float64"):
        if dtype == "float64" and device == "mps":
            continue
        value = _products((side, side, side), dtype, device, seconds)
        name = f"products of {dtype}, {side} x {side}"
        found[dtype] = Limit(name, value, "GFLOP/s")
    rows, before, after = shape
    value = _products(shape, "float32", device, seconds)
    name = f"products of float32, {rows} x {before} by {before} x {after}"
    return found | {"shape": Limit(name, value, "GFLOP/s")}


def widest_product(model: STCGRegressor, n_features: int) -> tuple[int, int, int]:
    """Shape of the product of the read-out: batch, all tokens of a row, hidden layer.

    Parameters
    ----------
    model : STCGRegressor
        With a number for its `batch_size`.
    n_features : int
        Features of a row.

    Returns
    -------
    tuple of int
        Rows, width before, width after.

    Examples
    --------
    >>> widest_product(STCGRegressor(batch_size=256), n_features=8)
    (256, 128, 128)
    """
    return int(model.batch_size), n_features * model.d_token, model.d_hidden


def training_operations(model: STCGRegressor, n_features: int) -> float:
    """Count the operations of one epoch for each row: those of matrix products.

    The operations of a fit of two epochs, less those of a fit of one.

    Parameters
    ----------
    model : STCGRegressor
        With numbers for `n_nodes`, `n_folds` and `batch_size`; not changed.
    n_features : int
        Features of a row.

    Returns
    -------
    float
        Operations a row and epoch, forward and backward, all networks together; the
        table of nodes and steps is shared by the rows of a batch.
    """
    n_rows = max(4 * int(model.batch_size), 2 * int(model.n_nodes))
    rows = MadeLaw(n_features, n_rows).draw(n_rows, seed=0)
    X, y = rows.frame(), rows.target()
    # Kriging comes after training.
    one, two = (_with(model, max_iter=n, krige_residuals=False) for n in (1, 2))
    counts = [count_operations(partial(each.fit, X, y)) for each in (one, two)]
    return (counts[1] - counts[0]) / n_rows


def answer_operations(
    answer: Callable[[Any], Any], X: Any, n_rows: int = 2_000
) -> float:
    """Count the operations of an answer for each row: those of matrix products.

    Parameters
    ----------
    answer : callable
        Takes rows.
    X : DataFrame
        At least ``2 * n_rows`` rows.
    n_rows : int, default=2_000
        What so many more rows cost; the table of nodes and steps does not count.

    Returns
    -------
    float
        Operations a row.
    """
    few = count_operations(partial(answer, X[:n_rows]))
    many = count_operations(partial(answer, X[: 2 * n_rows]))
    return (many - few) / n_rows


def count_operations(call: Callable[[], Any]) -> int:
    """Count operations of the matrix products in a call, two for each multiplication.

    Parameters
    ----------
    call : callable
        What to count in.

    Returns
    -------
    int
        Operations.

    Examples
    --------
    >>> count_operations(lambda: torch.ones(2, 3) @ torch.ones(3, 4))
    48
    """
    counter = FlopCounterMode(display=False)
    with warnings.catch_warnings():
        # oneDNN tells of GPUs that nobody asked for.
        warnings.filterwarnings("ignore", "TF32 acceleration", UserWarning)
        # The recurrent network is one opaque operation unless oneDNN is left out, and
        # what other threads do is not counted.
        with torch.backends.mkldnn.flags(enabled=False), limited_to(1), counter:
            call()
    return int(counter.get_total_flops())


def _with(model: STCGRegressor, **parameters: Any) -> STCGRegressor:
    return STCGRegressor(**{**model.get_params(deep=False), **parameters})


def _products(
    shape: tuple[int, int, int], dtype: str, device: str, seconds: float
) -> float:
    rows, before, after = shape
    kind = {"dtype": getattr(torch, dtype), "device": device}
    left, right = torch.ones(rows, before, **kind), torch.ones(before, after, **kind)
    out = torch.empty(rows, after, **kind)
    pace = _repeat(lambda: torch.mm(left, right, out=out), device, seconds)
    return 2.0 * rows * before * after * pace


def _copies(numbers: int, device: str, seconds: float) -> float:
    source = torch.ones(numbers, device=device)
    target = torch.empty_like(source)
    return _repeat(lambda: target.copy_(source), device, seconds)


def _repeat(call: Callable[[], Tensor], device: str, seconds: float) -> float:
    """Times a second that a call can be made."""
    call()
    _wait(device)
    n, start = 0, time.perf_counter()
    while True:
        for _ in range(8):
            call()
        _wait(device)
        n, passed = n + 8, time.perf_counter() - start
        if passed >= seconds:
            return n / passed


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
