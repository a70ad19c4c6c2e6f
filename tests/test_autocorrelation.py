"""Moran's I: the textbook's number, and what it finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg.graph import ConditionGraph
from spatialheteroreg.inspection.autocorrelation import moran_test


def ring(n):
    """Edges of a ring, in both directions."""
    here, there = np.arange(n), (np.arange(n) + 1) % n
    return np.array([np.r_[here, there], np.r_[there, here]])


def textbook(values, matrix):
    z = values - values.mean()
    return len(z) / matrix.sum() * (z @ matrix @ z) / (z @ z)


def test_a_hand_computed_case():
    # A row of four: 1, 2, 4, 5. Deviations -2, -1, 1, 2; three pairs of neighbors
    # give 2 - 1 + 2 = 3, and I = 4 / 3 * 3 / 10.
    edges = np.array([[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]])
    test = moran_test([1.0, 2.0, 4.0, 5.0], edges, np.ones(6))
    assert test.statistic == pytest.approx(0.4)
    assert test.expectation == pytest.approx(-1 / 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 20), st.integers(0, 999))
def test_is_the_formula_of_the_textbook(n, seed):
    random = np.random.RandomState(seed)
    matrix = np.triu(random.rand(n, n) * (random.rand(n, n) < 0.5), 1)
    matrix[0, 1] = 0.5
    matrix = matrix + matrix.T
    values = random.normal(size=n)
    edges = np.array(np.nonzero(matrix))
    test = moran_test(values, edges, matrix[tuple(edges)], n_permutations=9)
    assert test.statistic == pytest.approx(textbook(values, matrix))
    assert test.expectation == pytest.approx(-1 / (n - 1))
    # Neither the unit of the values nor that of the weights matters.
    weight = 7 * matrix[tuple(edges)]
    again = moran_test(5 - 3 * values, edges, weight, n_permutations=9)
    assert again.statistic == pytest.approx(test.statistic)


def test_the_mean_over_all_deals_is_the_expectation():
    random = np.random.RandomState(0)
    found = [
        moran_test(random.normal(size=12), ring(12), np.ones(24), n_permutations=1)
        for _ in range(2000)
    ]
    assert np.mean([t.statistic for t in found]) == pytest.approx(-1 / 11, abs=0.02)


def test_finds_a_planted_pattern_and_nothing_in_noise():
    random = np.random.RandomState(0)
    lat, lon = random.uniform(-60, 60, 400), random.uniform(-180, 180, 400)
    graph = ConditionGraph(150, random_state=0).fit(lat, lon)
    noise = random.normal(size=graph.n_nodes)
    smooth = np.sin(np.deg2rad(2 * graph.node_lon)) + 0.5 * noise
    planted = moran_test(smooth, graph.edge_index, graph.edge_weight)
    assert planted.p_value < 0.01
    assert planted.z_score > 5
    assert planted.statistic > 0.3
    nothing = moran_test(noise, graph.edge_index, graph.edge_weight)
    assert nothing.p_value > 0.05
    assert abs(nothing.z_score) < 2


def test_the_test_keeps_its_level():
    random = np.random.RandomState(1)
    p_values = [
        moran_test(
            random.normal(size=40), ring(40), np.ones(80), n_permutations=99
        ).p_value
        for _ in range(300)
    ]
    assert 0.02 < np.mean(np.array(p_values) <= 0.05) < 0.09


def test_opposite_neighbors_are_not_alike():
    test = moran_test(np.tile([1.0, -1.0], 10), ring(20), np.ones(40))
    assert test.statistic == pytest.approx(-1.0)
    assert test.p_value > 0.9


def test_nodes_without_a_value_are_left_out():
    values = np.array([1.0, 2.0, 4.0, 5.0, np.nan])
    edges = np.array([[0, 1, 2, 1, 2, 3, 3, 4], [1, 2, 3, 0, 1, 2, 4, 3]])
    assert moran_test(values, edges, np.ones(8)).statistic == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([1.0, 2.0, 3.0], ring(3)),
        ([1.0] * 6, ring(6)),
        ([1.0, np.nan, 2.0, np.nan, 3.0, np.nan, 4.0, np.nan], ring(8)),
    ],
)
def test_where_nothing_can_be_said_nothing_is(values, edges):
    assert moran_test(values, edges, np.ones(edges.shape[1])) is None


def test_repeats():
    values = np.random.RandomState(0).normal(size=30)
    first, second = (moran_test(values, ring(30), np.ones(60)) for _ in range(2))
    assert first == second
