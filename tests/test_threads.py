"""Threads and processes: the estimator takes what it is given."""

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV

from spatialheteroreg import STCGRegressor

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2}


def threads_around_a_fit():
    """Number of threads before and after a fit, and the prediction."""
    X, y = make_table(60)
    before = torch.get_num_threads()
    prediction = STCGRegressor(**QUICK).fit(X, y).predict(X)
    return before, torch.get_num_threads(), prediction


def test_workers_keep_to_their_share_of_threads():
    with parallel_config("loky", inner_max_num_threads=1):
        results = Parallel(n_jobs=2)(delayed(threads_around_a_fit)() for _ in range(2))
    assert [(before, after) for before, after, _ in results] == [(1, 1), (1, 1)]
    np.testing.assert_array_equal(results[0][2], results[1][2])


def test_a_search_in_two_processes_finds_what_one_finds():
    X, y = make_table(60)
    grid = {"d_token": [8, 16]}
    with parallel_config("loky", inner_max_num_threads=1):
        one, two = (
            GridSearchCV(STCGRegressor(**QUICK), grid, cv=2, n_jobs=n_jobs).fit(X, y)
            for n_jobs in (1, 2)
        )
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            one.cv_results_[name], two.cv_results_[name], rtol=1e-5
        )
