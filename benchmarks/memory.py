"""Peak memory of a piece of code, on the host and on the GPU."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from benchmarks.apart import MIB, peak_memory

STATUS = Path("/proc/self/status")
FORGET = Path("/proc/self/clear_refs")


class PeakMemory:
    """How much memory grows inside a ``with`` block, at its highest.

    Linux forgets the earlier peak on request, so that what a process held before and
    gave back does not hide anything. Elsewhere growth is told from the earlier peak
    on: measure in a new process (:func:`benchmarks.apart.run_apart`).

    Attributes
    ----------
    host_mib : float
        Growth of the process; NaN where the system does not tell.
    device_mib : float
        Growth of what PyTorch holds on the GPU; NaN without one.

    Examples
    --------
    >>> with PeakMemory() as peak:
    ...     _ = torch.zeros(2**20)
    >>> peak.host_mib != 0.0
    True
    """

    host_mib = float("nan")
    device_mib = float("nan")

    def __enter__(self) -> Self:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self._device = torch.cuda.memory_allocated()
        self._host = _forget_peak()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.host_mib = max(peak_memory() - self._host, 0.0)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
            grown = torch.cuda.max_memory_allocated() - self._device
            self.device_mib = grown / MIB


def _forget_peak() -> float:
    """Begin anew; return what is held now, in MiB."""
    try:
        FORGET.write_text("5", encoding="ascii")
    except OSError:
        return peak_memory()
    return _resident()


def _resident() -> float:
    """Memory in MiB that the process holds now."""
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MIB
    return peak_memory()
