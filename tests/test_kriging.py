"""Kriging of residuals: what neighbors tell, and what they must not."""

import threading

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg.kriging import N_NEIGHBORS, Locations, ResidualKriging


def make_places(n_rows, seed=0, *, time=False):
    random = np.random.RandomState(seed)
    when = random.uniform(2000, 2010, n_rows) if time else np.zeros(n_rows)
    return Locations(random.uniform(0, 1000, (n_rows, 2)), when)


def make_waves(where):
    """Smooth over some 100 km."""
    return np.sin(where.point[:, 0] / 100) + np.cos(where.point[:, 1] / 100)


@pytest.fixture(scope="module")
def waves():
    where = make_places(1_500)
    noise = np.random.RandomState(1).normal(0, 0.3, len(where))
    kriging = ResidualKriging(has_time=False, has_period=False)
    return kriging.fit(where, make_waves(where) + noise).plant()


def test_tells_new_places_from_their_neighbors(waves):
    new = make_places(300, seed=2)
    place, place_time = waves.predict(new)
    truth = make_waves(new)
    assert np.mean((truth - place) ** 2) < 0.1 * np.mean(truth**2)
    np.testing.assert_array_equal(place_time, 0)


def test_says_nothing_far_from_all_rows(waves):
    far = Locations(np.array([[1e6, 0.0], [0.0, -1e5]]), np.zeros(2))
    np.testing.assert_allclose(waves.predict(far)[0], 0, atol=1e-6)


def test_noise_without_pattern_is_not_believed():
    where = make_places(1_500)
    noise = np.random.RandomState(1).normal(0, 1, len(where))
    kriging = ResidualKriging(has_time=False, has_period=False).fit(where, noise)
    place, _ = kriging.plant().predict(make_places(300, seed=2))
    assert place.std() < 0.25


def test_one_bad_row_does_not_speak_for_its_surroundings():
    where = make_places(800)
    residual = make_waves(where)
    bad = residual.copy()
    bad[7] += 1e4
    beside = Locations(where.point[7:8] + 5.0, np.zeros(1))
    clean, spoiled = (
        ResidualKriging(has_time=False, has_period=False)
        .fit(where, part)
        .plant()
        .predict(beside)[0]
        for part in (residual, bad)
    )
    assert abs(spoiled - clean)[0] < 1.0


def test_what_stays_and_what_returns_are_told_apart():
    where = make_places(2_000, time=True)
    stays = make_waves(where)
    season = np.sin(2 * np.pi * where.time)
    noise = np.random.RandomState(1).normal(0, 0.2, len(where))
    kriging = ResidualKriging(has_time=True, has_period=True)
    kriging = kriging.fit(where, stays + season + noise).plant()
    new = make_places(400, seed=3, time=True)
    place, place_time = kriging.predict(new)
    season = np.sin(2 * np.pi * new.time)
    stays = make_waves(new)
    assert np.corrcoef(place, stays)[0, 1] > 0.9
    assert np.corrcoef(place_time, season)[0, 1] > 0.9
    assert abs(np.corrcoef(place, season)[0, 1]) < 0.2


def test_learns_to_speak_of_the_future():
    """What lasts for years is carried on, what passes in weeks is not."""
    random = np.random.RandomState(0)
    n_places, n_times = 60, 60
    place = np.repeat(np.arange(n_places), n_times)
    point = random.uniform(0, 5000, (n_places, 2))[place]
    when = np.tile(np.linspace(2000, 2005, n_times), n_places)
    lasting = random.normal(0, 1, n_places)[place]
    passing = random.normal(0, 1, len(place))
    known = when < 2003.5
    kriging = ResidualKriging(has_time=True, has_period=True)
    kriging.fit(Locations(point[known], when[known]), (lasting + passing)[known])
    found = np.add(*kriging.plant().predict(Locations(point[~known], when[~known])))
    left = np.mean((lasting[~known] - found) ** 2)
    assert left < 0.4 * np.mean(lasting[~known] ** 2)


def test_noise_is_that_of_a_row_of_weight_one():
    where, random = make_places(1_500), np.random.RandomState(1)
    weight = np.where(np.arange(len(where)) % 2, 1.98, 0.02)
    noise = random.normal(0, 1, len(where)) / np.sqrt(weight)
    kriging = ResidualKriging(has_time=False, has_period=False)
    kriging.fit(where, make_waves(where) + noise, weight)
    deviation = kriging.scale_ * np.exp(kriging.theta_[-1] / 2)
    assert 0.7 < deviation < 1.3


@settings(max_examples=25, deadline=None)
@given(st.integers(2, N_NEIGHBORS // 2), st.integers(0, 100), st.booleans())
def test_with_few_rows_it_is_simple_kriging(n_rows, seed, weighted):
    """All rows are neighbors: the formula of the textbooks, with all of them."""
    where, new = make_places(n_rows, seed), make_places(5, seed + 1)
    random = np.random.RandomState(seed)
    residual = random.normal(size=n_rows)
    weight = random.uniform(0.5, 2, n_rows) if weighted else None
    kriging = ResidualKriging(has_time=False, has_period=False)
    kriging = kriging.fit(where, residual, weight).plant()

    v0, v1, l0, l1 = np.exp(kriging.theta_[:4])
    noise = np.exp(kriging.theta_[-1]) / (np.ones(n_rows) if weight is None else weight)

    def covariance(one, other):
        d = np.linalg.norm(one[:, None] - other[None], axis=2)
        scaled = 3**0.5 * d / l1
        return v0 * np.exp(-d / l0) + v1 * (1 + scaled) * np.exp(-scaled)

    among = covariance(where.point, where.point) + np.diag(noise + 1e-6)
    expected = covariance(new.point, where.point) @ np.linalg.solve(
        among, kriging.residual_
    )
    place, _ = kriging.predict(new)
    np.testing.assert_allclose(place, expected * kriging.scale_, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_rows_that_coincide_are_no_trouble(seed):
    random = np.random.RandomState(seed)
    where = Locations(
        random.randint(3, size=(150, 2)).astype(float),
        random.randint(4, size=150).astype(float),
    )
    kriging = ResidualKriging(has_time=True, has_period=True)
    kriging = kriging.fit(where, random.normal(size=150)).plant()
    assert np.isfinite(np.add(*kriging.predict(where))).all()


def test_residuals_of_zero_are_no_trouble():
    where = make_places(150)
    kriging = ResidualKriging(has_time=False, has_period=False)
    kriging = kriging.fit(where, np.zeros(150)).plant()
    np.testing.assert_allclose(kriging.predict(where)[0], 0)


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
