"""Memory that was freed, and that the allocator has not given back."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Have the C library give freed memory back to the system.

    It keeps what threads have freed, for them to use again: after training some hundred
    MB that nobody needs. Where the C library is not glibc nothing is done.

    Examples
    --------
    >>> give_back()
    """
    if sys.platform != "linux":
        return
    # Other C libraries have no such function.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
