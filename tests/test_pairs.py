"""Each two neighbors of a row, once."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg.pairs import neighbor_pairs, pair_differences, pair_distances


@pytest.mark.parametrize("m", [*range(10), 24, 25, 48])
def test_each_two_are_named_once_and_below_the_diagonal(m):
    row, column = neighbor_pairs(m)
    named = sorted(zip(column.tolist(), row.tolist(), strict=True))
    assert named == list(combinations(range(m), 2))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), st.integers(1, 4), st.integers(0, 1000))
def test_differences_and_distances_are_those_of_the_pairs(m, n_axes, seed):
    points = torch.randn(3, m, n_axes, generator=torch.Generator().manual_seed(seed))
    row, column = neighbor_pairs(m)
    apart = points[:, row] - points[:, column]
    torch.testing.assert_close(
        pair_differences(points[:, :, 0]).abs(), apart[:, :, 0].abs()
    )
    torch.testing.assert_close(
        pair_distances(points), torch.linalg.vector_norm(apart, dim=2)
    )
