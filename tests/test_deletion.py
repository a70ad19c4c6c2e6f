"""Deletion curves: exact on a known sum, and a judge of explanations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection.deletion import (
    deletion_curves,
    draw_rows,
    remove_in_order,
)

from .conftest import make_table


class Sum:
    """A model that adds up a number of each unit: what is left is known."""

    def __init__(self, numbers):
        self.numbers = numbers
        self.n_units = numbers.shape[1]

    def cells(self):
        return np.repeat(np.arange(len(self.numbers))[:, None], self.n_units, axis=1)

    def predict(self, cells):
        return self.numbers[cells, np.arange(self.n_units)].sum(axis=1)


def remove(numbers, sizes, background=(0,)):
    """Curves of all rows of a sum but those of the background."""
    rows = np.setdiff1d(np.arange(len(numbers)), background)
    random = np.random.RandomState(0)
    return remove_in_order(Sum(numbers), rows, np.array(background), sizes, random)


class TestRemoveInOrder:
    def test_what_is_left_is_the_rest_of_the_sum(self):
        numbers = np.array([[0.0, 0.0, 0.0], [6.0, 3.0, 1.0], [1.0, -6.0, 3.0]])
        deletion = remove(numbers, {"truth": np.abs(numbers[1:])})
        # |10|, |4|, |1|, 0 and |-2|, |4|, |1|, 0, over their mean of 6 at the start.
        np.testing.assert_allclose(deletion.curves["truth"], [1, 4 / 6, 1 / 6, 0])
        assert deletion.curves.index.tolist() == [0, 1, 2, 3]
        np.testing.assert_allclose(
            deletion.row_areas["truth"], [(5 + 4 + 1) / 3 / 6, (1 + 4 + 1) / 3 / 6]
        )
        assert deletion.areas["truth"] == pytest.approx(16 / 36)

    def test_removed_units_are_averaged_over_the_background(self):
        numbers = np.array([[-1.0, 0.0], [3.0, 2.0], [5.0, 2.0]])
        deletion = remove(numbers, {"truth": np.array([[2.0, 1.0]])}, background=(0, 1))
        # The base value is 2; without the first unit 1 + 2 is left of 7.
        np.testing.assert_allclose(deletion.curves["truth"], [1, 1 / 5, 0])

    @settings(max_examples=25, deadline=None)
    @given(
        numbers=arrays(np.float64, (6, 4), elements=st.floats(0.1, 10)),
        sizes=arrays(np.float64, (5, 4), elements=st.floats(0, 10)),
    )
    def test_no_order_beats_the_truth_where_nothing_cancels(self, numbers, sizes):
        numbers[0] = 0.0
        deletion = remove(numbers, {"truth": numbers[1:], "other": sizes})
        np.testing.assert_allclose(deletion.curves.iloc[0], 1.0)
        assert (deletion.curves.iloc[-1] == 0).all()
        for other in ("other", "random"):
            lead = deletion.row_areas[other] - deletion.row_areas["truth"]
            assert (lead >= -1e-9).all()

    def test_ties_are_removed_in_no_order_of_columns(self):
        numbers = np.vstack([np.zeros(2), np.tile([1.0, 0.0], (400, 1))])
        left = remove(numbers, {"tie": np.ones((400, 2))}).curves["tie"][1]
        assert left == pytest.approx(0.5, abs=0.1)

    def test_a_model_that_says_the_same_of_all_rows_has_nothing_to_lose(self):
        deletion = remove(np.ones((5, 3)), {"any": np.ones((4, 3))})
        assert (deletion.curves == 0).all(axis=None)

    def test_many_rows_are_predicted_in_parts(self, monkeypatch):
        numbers = np.random.RandomState(0).normal(size=(30, 3))
        sizes = {"truth": np.abs(numbers[5:])}
        whole = remove(numbers, sizes, background=range(5))
        monkeypatch.setattr("spatialheteroreg.inspection.deletion.CHUNK_ROWS", 12)
        parts = remove(numbers, sizes, background=range(5))
        np.testing.assert_allclose(whole.curves, parts.curves)

    def test_standard_errors_are_those_of_the_lead_over_the_random_order(self):
        numbers = np.random.RandomState(0).normal(size=(50, 4))
        deletion = remove(numbers, {"truth": np.abs(numbers[1:])})
        lead = deletion.row_areas["truth"] - deletion.row_areas["random"]
        assert deletion.standard_errors["truth"] == pytest.approx(
            lead.std(ddof=1) / np.sqrt(49)
        )
        assert deletion.standard_errors["random"] == 0


def test_rows_are_drawn_once_and_in_order():
    random = np.random.RandomState(0)
    assert draw_rows(4, None, random).tolist() == [0, 1, 2, 3]
    assert draw_rows(4, 9, random).tolist() == [0, 1, 2, 3]
    drawn = draw_rows(100, 30, random)
    assert len(drawn) == 30
    assert (np.diff(drawn) > 0).all()


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(200)
    y = y + 0.5 * X.heat.to_numpy()
    model = STCGRegressor(n_nodes=8, max_iter=8, random_state=0).fit(X, y)
    return model, X[:40]


class TestDeletionCurves:
    def test_tell_an_explanation_from_its_reverse(self, fitted):
        model, X = fitted
        explanation = model.explain(X)
        size = np.abs(explanation.values)
        deletion = deletion_curves(
            model,
            X,
            # Nothing but the order counts. Place, of two columns, comes first as well.
            {"native": explanation, "reverse": 1 / (1e-9 + size)},
            n_background=10,
            random_state=0,
        )
        areas = deletion.areas
        assert areas["native"] < areas["random"] < areas["reverse"]
        assert list(deletion.curves) == ["native", "reverse", "random"]
        assert deletion.row_areas.shape == (40, 3)

    def test_one_row_of_contributions_stands_for_all(self, fitted):
        model, X = fitted
        one = np.array([1.0, 2.0, 5.0, 4.0, 6.0, 7.0])
        deletion = deletion_curves(
            model,
            X[:10],
            {"one": one, "all": np.tile(one, (10, 1))},
            n_background=5,
            random_state=0,
        )
        np.testing.assert_allclose(deletion.curves["one"], deletion.curves["all"])

    def test_opposite_contributions_of_latitude_and_longitude_cancel(self, fitted):
        model, X = fitted
        deletion = deletion_curves(
            model,
            X[:10],
            {"cancel": [9.0, -9.0, 1, 2, 3, 4], "last": [0.0, 0.0, 1, 2, 3, 4]},
            n_background=5,
            random_state=0,
        )
        np.testing.assert_allclose(deletion.curves["cancel"], deletion.curves["last"])

    def test_a_background_may_be_given(self, fitted):
        model, X = fitted
        deletion = deletion_curves(
            model, X[:5], {"native": model.explain(X[:5])}, background=X[20:21]
        )
        start = np.abs(model.predict(X[:5]) - model.predict(X[20:21]))
        # With one row in the background the whole distance to it is removed.
        area = deletion.row_areas["native"].to_numpy() * start.mean()
        assert (area >= 0.5 * start / 5 - 1e-9).all()
        assert deletion.curves["native"].iloc[-1] == 0

    def test_repeats_with_the_same_random_state(self, fitted):
        model, X = fitted
        first, second = (
            deletion_curves(
                model, X[:8], {"any": np.ones(6)}, n_background=3, random_state=4
            )
            for _ in range(2)
        )
        assert first.curves.equals(second.curves)

    @pytest.mark.parametrize(
        ("contributions", "message"),
        [
            ({"a": np.ones((3, 6))}, r"'a'\] has the shape \(3, 6\), but X has"),
            ({"a": np.ones(5)}, r"has the shape \(5,\)"),
            ({"a": [np.nan] * 6}, "6 numbers that are not finite"),
            ({"random": np.ones(6)}, "'random' is the name of the random order"),
        ],
    )
    def test_wrong_contributions_are_named(self, fitted, contributions, message):
        model, X = fitted
        with pytest.raises(ValueError, match=message):
            deletion_curves(model, X[:4], contributions, n_background=2)

    def test_a_table_that_the_model_does_not_know_is_refused(self, fitted):
        model, X = fitted
        with pytest.raises(ValueError, match="rain"):
            deletion_curves(model, X.drop(columns="rain"), {})
        with pytest.raises(ValueError, match="n_background"):
            deletion_curves(model, X, {}, n_background=0)
