"""Run one measurement in a process of its own, and tell how much memory it took."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MIB = 2**20


def run_apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a new process, so that what was before leaves no trace.

    Parameters
    ----------
    function : callable
        A function of a module; it, its arguments and its answer are pickled.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    object
        Its answer.
    """
    # What a fork server started could not initialize CUDA.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args, **kwargs).result()


def peak_memory() -> float:
    """Most memory in MiB that this process had so far; NaN where none can tell.

    Linux hands the `ru_maxrss` of a process on to what it starts, and `VmHWM` not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / MIB
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / MIB
