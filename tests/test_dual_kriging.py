"""Kriging of rows: what neighbors tell, and what is solved for only once."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg.dual_kriging import DualKriging
from spatialheteroreg.kriging import ResidualKriging
from spatialheteroreg.nearest_rows import EACH, Locations

from .test_kriging import make_places, make_waves


@pytest.fixture(scope="module")
def fitted():
    where = make_places(1_500)
    noise = np.random.RandomState(1).normal(0, 0.3, len(where))
    kriging = ResidualKriging(has_time=False, has_period=False)
    return kriging.fit(where, make_waves(where) + noise)


@pytest.fixture(scope="module")
def waves(fitted):
    return DualKriging(fitted)


@pytest.fixture(scope="module")
def in_time():
    where = make_places(600, time=True)
    noise = np.random.RandomState(1).normal(0, 0.3, len(where))
    kriging = ResidualKriging(has_time=True, has_period=True)
    return kriging.fit(where, make_waves(where) + noise)


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
    fitted = ResidualKriging(has_time=False, has_period=False).fit(where, noise)
    place, _ = DualKriging(fitted).predict(make_places(300, seed=2))
    assert place.std() < 0.25


def test_one_bad_row_does_not_speak_for_its_surroundings():
    where = make_places(800)
    residual = make_waves(where)
    bad = residual.copy()
    bad[7] += 1e4
    beside = Locations(where.point[7:8] + 5.0, np.zeros(1))
    clean, spoiled = (
        DualKriging(
            ResidualKriging(has_time=False, has_period=False).fit(where, part)
        ).predict(beside)[0]
        for part in (residual, bad)
    )
    assert abs(spoiled - clean)[0] < 1.0


def test_what_stays_and_what_returns_are_told_apart():
    where = make_places(2_000, time=True)
    stays = make_waves(where)
    season = np.sin(2 * np.pi * where.time)
    noise = np.random.RandomState(1).normal(0, 0.2, len(where))
    kriging = ResidualKriging(has_time=True, has_period=True)
    kriging = DualKriging(kriging.fit(where, stays + season + noise))
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
    later = Locations(point[~known], when[~known])
    found = np.add(*DualKriging(kriging).predict(later))
    left = np.mean((lasting[~known] - found) ** 2)
    assert left < 0.4 * np.mean(lasting[~known] ** 2)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 2 * EACH), st.integers(0, 100), st.booleans())
def test_with_few_rows_it_is_simple_kriging(n_rows, seed, weighted):
    """All rows are neighbors: the formula of the textbooks, with all of them."""
    where, new = make_places(n_rows, seed), make_places(5, seed + 1)
    random = np.random.RandomState(seed)
    residual = random.normal(size=n_rows)
    weight = random.uniform(0.5, 2, n_rows) if weighted else None
    kriging = ResidualKriging(has_time=False, has_period=False)
    kriging.fit(where, residual, weight)

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
    place, _ = DualKriging(kriging).predict(new)
    np.testing.assert_allclose(place, expected * kriging.scale_, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, EACH), st.integers(0, 100), st.booleans())
def test_with_few_rows_and_times_it_is_as_well(n_rows, seed, weighted):
    """However often a row is found, it speaks once."""
    where, new = (make_places(n, seed + n, time=True) for n in (n_rows, 5))
    random = np.random.RandomState(seed)
    weight = random.uniform(0.5, 2, n_rows) if weighted else None
    kriging = ResidualKriging(has_time=True, has_period=True)
    kriging.fit(where, random.normal(size=n_rows), weight)
    everyone = np.tile(np.arange(n_rows), (len(new), 1))
    mean, _ = kriging.law().moments(kriging.neighborhood(new, everyone))
    found = np.add(*DualKriging(kriging).predict(new))
    np.testing.assert_allclose(found, mean.numpy() * kriging.scale_, atol=1e-8)


def test_between_stations_of_long_series_several_are_heard():
    """The nearest rows are all of one station; the others are what tells the way."""
    random = np.random.RandomState(0)
    place, n_times = random.uniform(0, 1000, (110, 2)), 60
    where = Locations(
        np.repeat(place, n_times, axis=0), random.uniform(0, 10, 110 * n_times)
    )
    known = np.arange(len(where)) < 80 * n_times
    truth = make_waves(where)
    residual = truth[known] + random.normal(0, 0.3, known.sum())
    kriging = ResidualKriging(has_time=True, has_period=True)
    kriging.fit(where[known], residual)
    found = np.add(*DualKriging(kriging).predict(where[~known]))
    left = np.mean((found - truth[~known]) ** 2)
    assert left < 0.1 * np.mean(truth[~known] ** 2)


def test_a_row_is_told_by_the_nearer_of_two_in_the_eyes_of_the_law(in_time):
    new = make_places(300, seed=4, time=True)
    kriging, where = DualKriging(in_time), in_time.where_
    pair = in_time.nearest_rows().closest(new)
    assert (pair[:, 0] != pair[:, 1]).sum() > 30
    apart = np.linalg.norm(where.point[pair] - new.point[:, None], axis=2)
    lag = np.abs(where.time[pair] - new.time[:, None])
    law = in_time.law()
    parts = law.covariance(law.theta[:-1], *map(torch.as_tensor, (apart, lag)))
    best = sum(parts).numpy().argmax(axis=1)
    assert 0 < best.mean() < 1
    chosen = pair[np.arange(300), best]
    np.testing.assert_array_equal(kriging._closest(new), chosen)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_rows_that_coincide_are_no_trouble(seed):
    random = np.random.RandomState(seed)
    where = Locations(
        random.randint(3, size=(150, 2)).astype(float),
        random.randint(4, size=150).astype(float),
    )
    kriging = ResidualKriging(has_time=True, has_period=True)
    kriging = DualKriging(kriging.fit(where, random.normal(size=150)))
    assert np.isfinite(np.add(*kriging.predict(where))).all()


def test_residuals_of_zero_are_no_trouble():
    where = make_places(150)
    kriging = ResidualKriging(has_time=False, has_period=False)
    kriging = DualKriging(kriging.fit(where, np.zeros(150)))
    np.testing.assert_allclose(kriging.predict(where)[0], 0)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_row_is_told_the_same_alone_and_in_company(in_time, keeps):
    new = make_places(300, seed=4, time=True)
    kriging = DualKriging(in_time, keeps=keeps)
    whole = np.add(*kriging.predict(new))
    others = DualKriging(in_time, keeps=not keeps)
    alone = [np.add(*others.predict(new[row : row + 1]))[0] for row in range(300)]
    np.testing.assert_allclose(whole, alone, rtol=0, atol=1e-12)


def test_what_was_solved_for_is_kept(in_time, monkeypatch):
    new = make_places(300, seed=4, time=True)
    kriging, forgetful = DualKriging(in_time), DualKriging(in_time, keeps=False)
    first = kriging.predict(new), forgetful.predict(new)
    solved = []
    look_up = in_time.neighborhood

    def neighborhood(where, *arguments, **settings):
        solved.append(len(where))
        return look_up(where, *arguments, **settings)

    monkeypatch.setattr(in_time, "neighborhood", neighborhood)
    np.testing.assert_array_equal(kriging.predict(new), first[0])
    assert not solved
    np.testing.assert_array_equal(forgetful.predict(new), first[1])
    n_solved = sum(solved)
    assert 0 < n_solved < len(new)  # rows share what they are told by
    more = make_places(300, seed=5, time=True)
    solved.clear()
    kriging.predict(more)
    assert 0 < sum(solved) < 300


def test_threads_that_ask_together_are_told_the_same(in_time):
    new = make_places(2_000, seed=4, time=True)
    expected = DualKriging(in_time).predict(new)
    kriging, found = DualKriging(in_time), []
    workers = [
        threading.Thread(target=lambda: found.append(kriging.predict(new)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    for one in found:
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-12)


def test_it_is_near_to_kriging_from_all_rows(in_time):
    """Of a neighborhood at the closest row little is missing."""
    where, new = in_time.where_, make_places(40, seed=4, time=True)
    everyone = np.tile(np.arange(len(where)), (len(new), 1))
    law = in_time.law()
    mean, _ = law.moments(in_time.neighborhood(new, everyone))
    found = np.add(*DualKriging(in_time).predict(new)) / in_time.scale_
    left = np.mean((found - mean.numpy()) ** 2)
    assert left < 0.02 * np.mean(mean.numpy() ** 2)


def test_no_rows_are_told_nothing(waves):
    none = Locations(np.zeros((0, 2)), np.zeros(0))
    assert [len(part) for part in waves.predict(none)] == [0, 0]
