"""Predictions and explanations of long tables."""

import os
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import re
    import sys
    from pathlib import Path
    import numpy as np
    from spatialheteroreg import STCGRegressor, inputs

    def rows(n):
        place = random.uniform(-80, 80, n), random.uniform(-180, 180, n)
        return np.stack([*place, random.normal(size=n), random.normal(size=n)], axis=1)

    def peak():  # that of getrusage begins with the peak of the parent
        return int(re.search(r"VmHWM:\\s+(\\d+)", STATUS.read_text()).group(1)) / 1e3

    STATUS = Path("/proc/self/status")

    inputs.CHUNK_ROWS = int(sys.argv[2])
    random = np.random.RandomState(0)
    X = rows(200)
    model = STCGRegressor(random_state=0, lat=0, lon=1, max_iter=1, n_nodes=8)
    action = getattr(model.fit(X, X[:, 2]), sys.argv[1])
    action(rows(2_000))
    long = rows(150_000)
    before = peak()
    action(long)
    print(peak() - before)
"""


def growth(action, chunk_rows):
    """Megabytes by which the peak of a process's memory grows for 150,000 rows."""
    return float(
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), action, str(chunk_rows)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_memory_does_not_grow_with_the_table():
    """Of the process: tracemalloc does not see the tensors of torch."""
    assert growth("predict", 2_000) < 0.6 * growth("predict", 150_000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_an_explanation_takes_less_than_a_kilobyte_a_row():
    """Its result holds some thirty numbers of eight bytes for each of these rows."""
    assert growth("explain", 2_000) < 150
