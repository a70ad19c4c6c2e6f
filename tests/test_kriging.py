"""The law of residuals: what is learned of it, and by whom."""

import threading

import numpy as np
import threadpoolctl

from spatialheteroreg.kriging import ResidualKriging
from spatialheteroreg.nearest_rows import Locations


def make_places(n_rows, seed=0, *, time=False):
    random = np.random.RandomState(seed)
    when = random.uniform(2000, 2010, n_rows) if time else np.zeros(n_rows)
    return Locations(random.uniform(0, 1000, (n_rows, 2)), when)


def make_waves(where):
    """Smooth over some 100 km."""
    return np.sin(where.point[:, 0] / 100) + np.cos(where.point[:, 1] / 100)


def test_noise_is_that_of_a_row_of_weight_one():
    where, random = make_places(1_500), np.random.RandomState(1)
    weight = np.where(np.arange(len(where)) % 2, 1.98, 0.02)
    noise = random.normal(0, 1, len(where)) / np.sqrt(weight)
    kriging = ResidualKriging(has_time=False, has_period=False)
    kriging.fit(where, make_waves(where) + noise, weight)
    deviation = kriging.scale_ * np.exp(kriging.theta_[-1] / 2)
    assert 0.7 < deviation < 1.3


def test_searches_in_two_threads_give_the_threads_of_blas_back():
    random = np.random.RandomState(0)
    where = Locations(random.uniform(0, 100, (200, 2)), np.zeros(200))
    residual = np.sin(where.point[:, 0] / 10) + random.normal(0, 0.1, 200)
    before = blas_threads()
    found = []

    def fit():
        kriging = ResidualKriging(has_time=False, has_period=False)
        found.append(kriging.fit(where, residual).theta_)

    workers = [threading.Thread(target=fit) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    np.testing.assert_allclose(found[0], found[1])
    assert blas_threads() == before


def blas_threads():
    """Number of threads of each BLAS that is loaded."""
    libraries = threadpoolctl.threadpool_info()
    return [one["num_threads"] for one in libraries if one["user_api"] == "blas"]
