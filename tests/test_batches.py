"""Rows, batches and the validation split."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spatialheteroreg import batches
from spatialheteroreg.batches import Batches, Rows, split_validation
from spatialheteroreg.network.layers import RandomSource


@pytest.fixture
def rows() -> Rows:
    inputs = {"x": torch.arange(10.0), "fold": torch.full((10,), -1)}
    return Rows(inputs, torch.arange(10.0))


class TestBatches:
    def test_every_row_comes_once_in_a_new_order(self, rows):
        batches = Batches(rows, 3, RandomSource(0))
        first, second = (torch.cat([y for _, y in batches]) for _ in range(2))
        assert len(batches) == 4
        for order in (first, second):
            assert sorted(order.tolist()) == list(range(10))
        assert not torch.equal(first, second)

    @given(
        fold=st.lists(st.integers(-1, 4), min_size=1, max_size=60),
        batch_size=st.integers(1, 25),
        seed=st.integers(0, 99),
    )
    def test_each_batch_of_few_rows_has_its_share_of_each_fold(
        self, fold, batch_size, seed
    ):
        number = torch.arange(len(fold))
        rows = Rows({"x": number, "fold": torch.tensor(fold)}, number)
        seen = []
        for inputs, y in Batches(rows, batch_size, RandomSource(seed)):
            seen += y.tolist()
            for k in set(fold):
                part = fold.count(k) / len(fold)
                # Along the order each fold is off by less than one row, of which the
                # end of a batch moves with those of all others.
                most = 1 + part * (len(set(fold)) - 2)
                off = int((inputs["fold"] == k).sum()) - len(y) * part
                assert abs(off) <= most + 1e-9
        assert sorted(seen) == number.tolist()

    @pytest.mark.parametrize(("n_rows", "spread"), [(10_000, True), (10_001, False)])
    def test_folds_are_spread_where_rows_are_few(self, n_rows, spread):
        number = torch.arange(n_rows)
        rows = Rows({"x": number, "fold": number % 2}, number)
        counts = [
            int(inputs["fold"].sum())
            for inputs, _ in Batches(rows, 100, RandomSource(0))
        ][:100]
        assert all(49 <= count <= 51 for count in counts) == spread

    def test_no_rows_have_no_order(self):
        nothing = torch.arange(0)
        assert len(batches.spread_folds(nothing, nothing)) == 0

    def test_folds_leave_the_order_to_chance(self):
        number = torch.arange(600)
        rows = Rows({"x": number, "fold": number % 3}, number)
        first, second = (
            torch.cat([y for _, y in Batches(rows, 100, RandomSource(seed))])
            for seed in (0, 1)
        )
        assert abs(np.corrcoef(first, number)[0, 1]) < 0.2
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.2

    def test_without_a_source_the_order_stays(self, rows):
        y = torch.cat([y for _, y in Batches(rows, 4)])
        assert y.tolist() == list(range(10))

    def test_weights_travel_beside_the_target(self):
        rows = Rows({"x": torch.zeros(3)}, torch.arange(3.0), torch.ones(3) * 2)
        (_, y), *_ = Batches(rows, 3)
        assert y.tolist() == [[0.0, 2.0], [1.0, 2.0], [2.0, 2.0]]


class TestSplit:
    places = np.repeat(np.arange(10), 5)

    def split(self, kind, fraction=0.2):
        return split_validation(kind, fraction, self.places, np.random.RandomState(0))

    def test_no_early_stopping_holds_nothing_out(self):
        training, held_out = self.split(False)
        assert (len(training), len(held_out)) == (50, 0)

    def test_rows_are_split(self):
        training, held_out = self.split("rows")
        assert len(held_out) == 10
        assert sorted([*training, *held_out]) == list(range(50))

    def test_whole_places_are_split(self):
        training, held_out = self.split("places")
        assert len(set(self.places[held_out])) == 2
        assert not set(self.places[training]) & set(self.places[held_out])

    def test_too_few_places_are_refused(self):
        with pytest.raises(ValueError, match="would hold out 0 of 10 places"):
            self.split("places", 0.01)
