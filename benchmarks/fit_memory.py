"""Peak memory of a fit on top of X, beside the size of X.

    python -m benchmarks.fit_memory --rows 1_050_000 --places 2_000
    python -m benchmarks.fit_memory --rows 5_250_000 --places 525_000 --defaults

The rows have 12 features, a place and a month. The networks are small ones, unless
``--defaults`` asks for those that a fit has by default, and train for one epoch.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from spatialheteroreg import STCGRegressor

from .apart import MIB, peak_memory, run_apart

N_FEATURES = 12
COLUMNS = {"lat": 0, "lon": 1, "time": 2, "period": 1.0}
DEFAULTS = {**COLUMNS, "max_iter": 1, "random_state": 0}
SMALL = {
    **DEFAULTS,
    "n_folds": 3,
    "batch_size": 2_048,
    "d_token": 2,
    "n_heads": 1,
    "n_layers": 0,
    "d_hidden": 8,
    "d_condition": 8,
    "lstm_layers": 0,
    "cross_attention": False,
}


def make_rows(n_rows: int, n_places: int) -> tuple[np.ndarray, np.ndarray]:
    """Make float32 rows at so many places, without larger arrays on the way."""
    random = np.random.default_rng(0)
    X = np.empty((n_rows, 3 + N_FEATURES), dtype=np.float32)
    place = random.uniform((-60, -180), (60, 180), (n_places, 2)).astype(np.float32)
    for start in range(0, n_rows, 50_000):
        part = X[start : start + 50_000]
        rows = np.arange(start, start + len(part))
        own = random.integers(n_places, size=len(part)) if n_places < n_rows else rows
        part[:, :2] = place[own]
        part[:, 2] = 2000 + random.integers(240, size=len(part)) / 12
        part[:, 3:] = random.standard_normal((len(part), N_FEATURES))
    return X, X[:, 3] * np.sign(X[:, 0]) + X[:, 4]


def fit_peak(
    n_rows: int, n_places: int, settings: dict[str, Any]
) -> tuple[float, float]:
    """Return MiB of X, and the peak of a fit on top of it and of what is imported."""
    warnings.simplefilter("ignore")
    few = make_rows(2_000, min(n_places, 2_000))
    STCGRegressor(**{**settings, "batch_size": 512}).fit(*few)
    X, y = make_rows(n_rows, n_places)
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak
    before = peak_memory()
    STCGRegressor(**settings).fit(X, y)
    return X.nbytes / MIB, peak_memory() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_050_000)
    parser.add_argument("--places", type=int, default=2_000)
    parser.add_argument(
        "--defaults", action="store_true", help="networks as a fit has them by default"
    )
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("peaks are read from /proc, which Linux alone has")
    matrix, peak = run_apart(
        fit_peak,
        options.rows,
        options.places,
        DEFAULTS if options.defaults else SMALL,
    )
    print(
        f"{options.rows:,} rows at {options.places:,} places: X {matrix:.0f} MiB, fit "
        f"{peak:.0f} MiB on top, {peak / matrix:.2f} times"
    )


if __name__ == "__main__":
    main()
