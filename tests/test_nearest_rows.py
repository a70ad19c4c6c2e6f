"""Which training rows are near to a row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg.nearest_rows import (
    EACH,
    MOST,
    Locations,
    NearestRows,
    Surroundings,
)


def make_rows(n_rows, seed, *, grid=False):
    random = np.random.RandomState(seed)
    point, time = random.uniform(0, 100, (n_rows, 3)), random.uniform(0, 5, n_rows)
    if grid:  # some coincide
        point, time = point.round(-2), time.round()
    return Locations(point, time)


def search(where, *, has_time=True):
    return NearestRows(where, spacing=5.0, span=5.0, has_time=has_time)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(0, 100), st.booleans())
def test_in_place_alone_they_are_the_nearest(n_rows, seed, grid):
    where, new = make_rows(n_rows, seed, grid=grid), make_rows(20, seed + 1)
    nearest = search(where, has_time=False)
    found = nearest.neighbors(new, 8)
    apart = np.linalg.norm(new.point[:, None] - where.point, axis=2)
    wanted = np.sort(apart, axis=1)[:, :8]
    np.testing.assert_allclose(np.take_along_axis(apart, found, axis=1), wanted)
    assert found.shape[1] == min(8, n_rows)
    closest = np.take_along_axis(apart, nearest.closest(new), axis=1)
    np.testing.assert_allclose(closest[:, 0], wanted[:, 0])


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(0, 100), st.booleans())
def test_none_is_named_twice_or_is_its_own(n_rows, seed, grid):
    where = make_rows(n_rows, seed, grid=grid)
    own = np.arange(n_rows)
    for found in (
        search(where).neighbors(where, 8),
        search(where).neighbors(where, 8, own),
    ):
        for row in found:
            named = row[row >= 0]
            assert len(set(named)) == len(named)
    assert not (found == own[:, None]).any()


def test_one_kind_looks_at_place_and_one_at_both():
    there, now = np.array([[0.0], [100.0]]), np.array([0.0, 5.0])
    nearest = NearestRows(Locations(there, now), spacing=20.0, span=5.0, has_time=True)
    new = Locations(np.array([[40.0]]), np.array([5.0]))
    assert nearest.closest(new).tolist() == [[0, 1]]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 150), st.integers(0, 100), st.booleans(), st.booleans())
def test_near_rows_and_near_places_are_around(n_rows, seed, grid, has_time):
    where, new = make_rows(n_rows, seed, grid=grid), make_rows(20, seed + 1)
    nearest = search(where, has_time=has_time)
    around = Surroundings(nearest)
    found = around.rows(new)
    assert found.shape == (20, around.n_rows)
    assert around.n_rows <= MOST
    n_near = 2 * EACH
    near = nearest.neighbors(new, n_near)
    places = np.unique(where.point, axis=0)
    apart = np.linalg.norm(new.point[:, None] - places, axis=2)
    for row in range(20):
        here = found[row][found[row] >= 0]
        assert len(set(here)) == len(here)
        assert (found[row][len(here) :] == -1).all()
        assert set(near[row]) - {-1} <= set(here)
        heard = np.unique(where.point[here], axis=0)
        wanted = places[np.argsort(apart[row])][: min(EACH, len(places))]
        if len(here) < MOST:  # nobody had to go
            assert {tuple(p) for p in wanted} <= {tuple(p) for p in heard}


def test_of_a_place_the_row_nearest_in_time_is_around():
    n_times, n_places = 200, 10
    point = np.repeat(np.arange(n_places) * 100.0, n_times)[:, None]
    time = np.tile(np.linspace(0, 10, n_times), n_places)
    random = np.random.RandomState(0).permutation(len(time))
    where = Locations(point[random], time[random])
    nearest = NearestRows(where, spacing=100.0, span=10.0, has_time=True)
    new = Locations(np.zeros((4, 1)), np.array([-3.0, 2.02, 7.77, 12.0]))
    for when, found in zip(new.time, Surroundings(nearest).rows(new), strict=True):
        for place in range(n_places):
            there = where.time[found[where.point[found, 0] == 100.0 * place]]
            least = np.abs(time - when).min()
            assert np.abs(there - when).min() == pytest.approx(least)


@pytest.mark.parametrize("has_time", [True, False])
def test_no_rows_have_no_neighbors(has_time):
    nearest = search(make_rows(10, 0), has_time=has_time)
    none = make_rows(0, 0)
    assert nearest.closest(none).shape == (0, 1 + has_time)
    assert nearest.neighbors(none, 8).shape == (0, 8)
    around = Surroundings(nearest)
    assert around.rows(none).shape == (0, around.n_rows)
