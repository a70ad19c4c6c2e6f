"""Time a grid search in one process and in two, side by side.

A search of eight fits with `n_jobs=1` lets PyTorch use all cores; with
`n_jobs=2` joblib gives each worker its share of them. Run it on a machine with
nothing else to do:

    python -m benchmarks.threads
"""

import argparse
import os
import time

import torch
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe


def search_seconds(globe, n_jobs):
    """Time of a search of eight fits, workers already started."""
    Parallel(n_jobs=n_jobs)(delayed(torch.get_num_threads)() for _ in range(n_jobs))
    search = GridSearchCV(
        STCGRegressor(random_state=0, max_iter=10),
        {"d_token": [8, 16], "weight_decay": [0.05, 0.1]},
        cv=2,
        n_jobs=n_jobs,
        refit=False,
    )
    start = time.perf_counter()
    search.fit(globe.data, globe.target)
    return time.perf_counter() - start


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args(arguments)
    globe = make_heterogeneous_globe(options.rows, options.rows // 20, random_state=0)
    inner = Parallel(n_jobs=2)(delayed(torch.get_num_threads)() for _ in range(2))
    print(
        f"{os.cpu_count()} cores, {torch.get_num_threads()} threads here, "
        f"{inner} in two workers, {options.rows} rows"
    )
    for _ in range(options.repeats):
        one, two = (search_seconds(globe, n_jobs) for n_jobs in (1, 2))
        print(f"n_jobs=1 {one:6.1f} s   n_jobs=2 {two:6.1f} s   ratio {two / one:.2f}")


if __name__ == "__main__":
    main()
