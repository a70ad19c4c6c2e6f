"""The area of applicability: what lies near the training rows, and what does not."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection.applicability import (
    MAX_PLACES,
    MAX_ROWS,
    TrainingReference,
    applicability,
)
from spatialheteroreg.inspection.dissimilarity import feature_distances, whisker
from spatialheteroreg.sphere import great_circle_distance

from .conftest import make_table

COLUMNS = ["distance", "widths", "dissimilarity", "inside"]


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(200)
    return STCGRegressor(max_iter=2, random_state=0).fit(X, y), X


def arrays_of(z, node, missing=None, codes=None):
    z = np.asarray(z, dtype=float)
    n = len(z)
    return {
        "numeric": z,
        "missing": np.zeros(z.shape, bool) if missing is None else missing,
        "codes": np.empty((n, 0), dtype=np.int64) if codes is None else codes,
        "node_index": np.asarray(node)[:, None, None],
        "node_distance": np.zeros((n, 1, 1)),
    }


def refer(arrays, shares, place=None, metric="euclidean", bandwidth=1.0):
    return TrainingReference.of(
        arrays,
        shares,
        place,
        n_nodes=int(arrays["node_index"].max()) + 1,
        metric=metric,
        bandwidth=bandwidth,
    )


class TestApplicability:
    def test_has_a_row_for_each_row(self, fitted):
        model, X = fitted
        shuffled = X.sample(frac=0.5, random_state=0)
        table = applicability(model, shuffled)
        assert list(table) == COLUMNS
        assert table.index.equals(shuffled.index)
        assert table["inside"].dtype == bool
        pd.testing.assert_frame_equal(
            table.iloc[[7]], applicability(model, shuffled.iloc[[7]])
        )

    def test_the_method_is_the_function(self, fitted):
        model, X = fitted
        pd.testing.assert_frame_equal(model.applicability(X), applicability(model, X))

    def test_a_training_row_lies_at_no_distance(self, fitted):
        model, X = fitted
        table = applicability(model, X)
        assert (table["distance"] == 0).all()
        assert (table["dissimilarity"] == 0).all()
        assert table["inside"].all()

    def test_distance_is_that_to_the_nearest_training_place(self, fitted):
        model, X = fitted
        new, _ = make_table(30, random_state=1)
        true = great_circle_distance(
            new["lat"].to_numpy()[:, None], new["lon"].to_numpy()[:, None],
            X["lat"].to_numpy(), X["lon"].to_numpy(),
        ).min(axis=1)  # fmt: skip
        table = applicability(model, new)
        np.testing.assert_allclose(table["distance"], true, rtol=1e-6)
        np.testing.assert_allclose(
            table["widths"], true / model.graph_.bandwidth_, rtol=1e-6
        )

    def test_new_rows_of_the_same_kind_are_mostly_inside(self, fitted):
        model, _ = fitted
        assert applicability(model, make_table(300, random_state=1)[0])[
            "inside"
        ].mean() > 0.85  # fmt: skip

    def test_a_feature_far_from_training_puts_a_row_outside(self, fitted):
        model, X = fitted
        for value in (8.0, -8.0):
            far = X.assign(heat=X["heat"].mean() + value * X["heat"].std())
            table = applicability(model, far)
            assert not table["inside"].any()
            assert (table["distance"] == 0).all()

    def test_dissimilarity_grows_with_the_distance_of_a_feature(self, fitted):
        model, X = fitted
        values = X["heat"].max() + np.arange(0.0, 60.0, 5.0)
        row = pd.concat([X.iloc[[0]]] * len(values)).assign(heat=values)
        assert (np.diff(applicability(model, row)["dissimilarity"]) > 0).all()

    def test_a_far_place_puts_a_row_outside(self):
        globe = make_heterogeneous_globe(200, 100, random_state=0)
        X, east = globe.data, globe.data["lon"] > 0
        model = STCGRegressor(max_iter=2, random_state=0)
        model.fit(X[east], globe.target[east])
        far = X.loc[east].assign(lat=0.0, lon=-90.0)
        table = applicability(model, far)
        assert not table["inside"].any()
        assert (table["dissimilarity"] == 0).all()

    def test_gaps_and_new_categories_count_as_a_difference(self, fitted):
        model, X = fitted
        row = X.iloc[[0]]
        gap = applicability(model, row.assign(heat=np.nan))  # there was none
        new = applicability(model, row.assign(cover="desert"))
        assert gap["dissimilarity"].iloc[0] > 0
        assert new["dissimilarity"].iloc[0] > 0

    @pytest.mark.parametrize(
        ("columns", "parameters"),
        [
            (["rain", "heat"], {"condition": "none"}),
            (["time", "rain"], {}),
            (["lat", "lon", "rain", "heat"], {"condition": "none"}),
        ],
    )
    def test_without_place_the_features_alone_decide(self, columns, parameters):
        X, y = make_table(60)
        X = X[columns]
        model = STCGRegressor(max_iter=1, random_state=0, **parameters).fit(X, y)
        table = applicability(model, X)
        assert table[["distance", "widths"]].isna().all(axis=None)
        assert table["inside"].all()
        assert not applicability(model, X.assign(rain=1e6))["inside"].any()

    def test_without_features_the_place_alone_decides(self):
        X, y = make_table(60)
        X = X[["lat", "lon"]]
        model = STCGRegressor(max_iter=1, random_state=0).fit(X, y)
        table = applicability(model, X)
        assert (table["dissimilarity"] == 0).all()
        assert table["inside"].all()

    def test_projected_coordinates_keep_their_unit(self):
        X, y = make_table(60)
        X = X[["lat", "lon", "heat"]] * 1000
        model = STCGRegressor(metric="euclidean", max_iter=1, random_state=0).fit(X, y)
        top = X.loc[[X["lat"].idxmax()]]
        far = top.assign(lat=top["lat"] + 5e6)
        assert applicability(model, far)["distance"].iloc[0] == pytest.approx(5e6)


class TestTrainingReference:
    def test_dissimilarity_is_that_of_meyer_and_pebesma(self):
        random = np.random.RandomState(0)
        z, shares = random.normal(size=(30, 2)), np.array([0.75, 0.25])
        node = np.arange(30) % 5
        reference = refer(arrays_of(z, node), shares)
        w = z * shares
        mean = pdist(w).mean()
        assert reference.mean_distance == pytest.approx(mean)
        nearest = [
            np.linalg.norm(w[node != node[i]] - w[i], axis=1).min() for i in range(30)
        ]
        assert reference.threshold == pytest.approx(whisker(np.array(nearest)) / mean)
        new = np.array([[3.0, -1.0]])
        found = reference.compare(arrays_of(new, [0]), (np.zeros(1), np.zeros(1)))
        true = np.linalg.norm(w - new * shares, axis=1).min() / mean
        assert found.dissimilarity[0] == pytest.approx(true)

    def test_what_has_no_importance_does_not_count(self):
        z = np.random.RandomState(0).normal(size=(30, 2))
        reference = refer(arrays_of(z, np.arange(30)), [1.0, 0.0])
        shifted = arrays_of(z + [0.0, 100.0], np.arange(30))
        found = reference.compare(shifted, (np.zeros(30), np.zeros(30)))
        assert (found.dissimilarity == 0).all()

    def test_a_gap_is_as_far_as_a_number_in_the_mean(self):
        z = np.random.RandomState(0).normal(size=(2000, 1))
        none, gap = np.zeros((1, 1)), np.ones((1, 1), bool)
        no_codes = np.empty((1, 0), dtype=np.int64)
        rows = [z, np.zeros(z.shape, bool), np.empty((2000, 0), dtype=np.int64)]
        shares = np.ones(1)
        to_gap = feature_distances(rows, [none, gap, no_codes], shares) ** 2
        among = feature_distances(rows, rows, shares) ** 2
        assert to_gap.mean() == pytest.approx(among.mean(), rel=0.05)

    def test_many_rows_and_places_are_drawn_the_same_each_time(self):
        random = np.random.RandomState(0)
        n = MAX_PLACES + 1000
        arrays = arrays_of(random.normal(size=(n, 1)), random.randint(9, size=n))
        place = (random.uniform(size=n), random.uniform(size=n))
        first, second = (refer(arrays, [1.0], place) for _ in range(2))
        assert len(first.numeric) == MAX_ROWS
        assert len(first.places) == MAX_PLACES
        assert first.node_rows.sum() == n
        for name, value in vars(first).items():
            np.testing.assert_array_equal(value, vars(second)[name])

    @settings(max_examples=25, deadline=None)
    @given(st.integers(1, 12), st.integers(0, 3), st.integers(0, 2), st.integers(0, 99))
    def test_any_training_rows_are_inside(self, n, n_numeric, n_codes, seed):
        random = np.random.RandomState(seed)
        arrays = arrays_of(
            random.randint(-2, 3, size=(n, n_numeric)),
            random.randint(3, size=n),
            random.rand(n, n_numeric) < 0.3,
            random.randint(0, 3, size=(n, n_codes)),
        )
        place = (random.randint(3, size=n) * 1.0, random.randint(3, size=n) * 1.0)
        shares = random.randint(3, size=n_numeric + n_codes)
        found = refer(arrays, shares, place).compare(arrays, place)
        assert found.inside.all()
        assert (found.dissimilarity == 0).all()
        assert (found.distance == 0).all()


@pytest.fixture(scope="module")
def far_and_near():
    """Predictions of rows near and far, less those of the law without a condition."""
    globe = make_heterogeneous_globe(6000, 1000, random_state=0)
    X, y = globe.data, globe.target
    known = X["lon"].between(-30, 60) & X["lat"].between(-20, 50)
    model = STCGRegressor(max_iter=8, batch_size=64, n_folds=1, random_state=0)
    model.fit(X[known], y[known])
    prediction = model.predict(X)
    with torch.no_grad():
        model.net_.module_.first.gate[0] = -torch.inf
    return pd.DataFrame(
        {
            "known": known,
            "widths": applicability(model, X)["widths"],
            "difference": np.abs(prediction - model.predict(X)),
        }
    )


class TestFarFromAllPlaces:
    """What is local is taken back, and the law that is the same everywhere is left."""

    def test_the_difference_to_the_global_law_shrinks_with_distance(self, far_and_near):
        ring = pd.cut(far_and_near["widths"], [1, 2, 4, 6, 8, 100])
        mean = far_and_near.groupby(ring, observed=True)["difference"].mean()
        assert len(mean) == 5
        assert (np.diff(mean) < 0).all()

    def test_far_away_hardly_anything_local_is_left(self, far_and_near):
        local = far_and_near.loc[far_and_near["known"], "difference"].mean()
        far = far_and_near.loc[far_and_near["widths"] > 8, "difference"]
        assert local > 0.1
        assert far.mean() < 0.2 * local
