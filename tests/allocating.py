"""What a process of its own does in a test: a module that imports little."""

import os

import numpy as np

from benchmarks.apart import peak_memory


def allocate(mebibytes):
    """Fill so much memory; return what was measured of it, and who did it."""
    before = peak_memory()
    filled = np.ones((mebibytes, 2**17))
    grown = peak_memory() - before
    assert filled.all()
    return grown, os.getpid()
