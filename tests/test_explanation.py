"""Explanations: they add up, lie over the columns, and can be drawn."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg import STCGRegressor

from .conftest import make_table

mpl.use("Agg")


@pytest.fixture(scope="module", params=["additive", "dual"])
def fitted(request):
    X, y = make_table(300)
    model = STCGRegressor(head=request.param, n_nodes=20, max_iter=10, random_state=0)
    return model.fit(X, y), X, y


@pytest.fixture(scope="module")
def additive():
    X, y = make_table(300)
    return STCGRegressor(n_nodes=20, max_iter=10, random_state=0).fit(X, y), X, y


class TestExplain:
    def test_rows_add_up_to_the_prediction(self, additive):
        model, X, y = additive
        explanation = model.explain(X)
        total = explanation.values.sum(axis=1) + explanation.base_values
        prediction = model.predict(X)
        assert (
            np.abs(total - prediction) <= 1e-5 * (np.abs(prediction) + y.std())
        ).all()

    def test_the_dual_head_explains_the_combination_and_says_how_well(self):
        X, y = make_table(300)
        model = STCGRegressor(head="dual", n_nodes=20, random_state=0).fit(X, y)
        explanation = model.explain(X)
        total = explanation.values.sum(axis=1) + explanation.base_values
        prediction = model.predict(X)
        assert not np.allclose(total, prediction, atol=1e-3)
        r2 = 1 - np.mean((prediction - total) ** 2) / prediction.var()
        assert model.explanation_r2_ == pytest.approx(r2)
        assert model.explanation_r2_ > 0.5

    def test_has_the_form_that_shap_wants(self, fitted):
        model, X, _ = fitted
        explanation = model.explain(X)
        assert explanation.values.shape == explanation.data.shape == X.shape
        assert explanation.base_values.shape == (len(X),)
        assert explanation.data.dtype == np.float64
        assert explanation.feature_names == list(X.columns)
        assert len(set(explanation.base_values)) == 1

    def test_data_are_numbers_and_display_data_the_originals_with_dates_as_text(
        self, fitted
    ):
        model, X, _ = fitted
        explanation = model.explain(X)
        years = explanation.data[:, 2]
        assert years.astype(int).tolist() == X.time.dt.year.tolist()
        assert explanation.data[0, 3] == X.rain[0]
        assert np.isnan(explanation.data[3, 3])
        shown = explanation.display_data
        assert shown[0].tolist() == X.assign(time=X.time.astype(str)).iloc[0].tolist()

    def test_contributions_average_to_zero_over_the_training_rows(self, fitted):
        model, X, _ = fitted
        values = model.explain(X).values
        np.testing.assert_allclose(
            values[:, [0, 1, 3, 4, 5]].mean(axis=0), 0, atol=1e-6
        )

    def test_with_sample_weights_the_weighted_average_is_zero(self):
        X, y = make_table(200)
        weight = np.random.RandomState(0).exponential(size=200)
        model = STCGRegressor(n_nodes=10, max_iter=2, random_state=0)
        parts = model.fit(X, y, sample_weight=weight).decompose(X)
        means = np.average(parts.iloc[:, 1:], axis=0, weights=weight)
        np.testing.assert_allclose(means, 0, atol=1e-6)
        assert np.abs(parts.iloc[:, 1:].mean()).max() > 1e-3

    def test_place_is_shared_by_its_two_columns(self, fitted):
        model, X, _ = fitted
        values = model.explain(X).values
        np.testing.assert_array_equal(values[:, 0], values[:, 1])

    def test_place_depends_on_place_and_time_on_both_but_on_no_feature(self, fitted):
        model, X, _ = fitted
        before = model.explain(X).values
        later = model.explain(X.assign(time=X.time + pd.Timedelta(days=90))).values
        np.testing.assert_allclose(before[:, 0], later[:, 0], atol=1e-12)
        assert not np.allclose(before[:, 2], later[:, 2])
        wetter = model.explain(X.assign(rain=X.rain + 1)).values
        np.testing.assert_allclose(before[:, :3], wetter[:, :3], atol=1e-12)

    @pytest.mark.parametrize("absent", [["time"], ["lat", "lon"], ["cover"]])
    def test_adds_up_without_some_columns(self, absent):
        X, y = make_table()
        X = X.drop(columns=absent)
        model = STCGRegressor(max_iter=2, n_nodes=5, random_state=0).fit(X, y)
        explanation = model.explain(X)
        total = explanation.values.sum(axis=1) + explanation.base_values
        np.testing.assert_allclose(total, model.predict(X), atol=1e-9)

    def test_kriging_in_time_alone_is_told_and_averages_to_zero(self):
        X, y = make_table(700)
        y = y + 5.0 * np.sin(X["time"].dt.day_of_year.to_numpy() / 58)
        model = STCGRegressor(lat=None, lon=None, max_iter=3, random_state=0)
        model.fit(X[["time"]], y)
        assert model._kriging is not None
        explanation, prediction = model.explain(X[["time"]]), model.predict(X[["time"]])
        total = explanation.values.sum(axis=1) + explanation.base_values
        np.testing.assert_allclose(total, prediction, atol=1e-6)
        assert explanation.base_values[0] == pytest.approx(prediction.mean(), abs=1e-5)
        np.testing.assert_allclose(explanation.values.mean(axis=0), 0, atol=1e-5)

    def test_a_single_row(self, fitted):
        model, X, _ = fitted
        np.testing.assert_allclose(
            model.explain(X.iloc[[5]]).values[0], model.explain(X).values[5], atol=1e-9
        )

    def test_without_names_columns_are_numbered(self):
        X, y = make_table()
        X = X[["lat", "lon", "rain"]].to_numpy()
        model = STCGRegressor(lat=0, lon=1, max_iter=1, random_state=0).fit(X, y)
        assert model.explain(X).feature_names == ["x0", "x1", "x2"]

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize(
        "plot", ["beeswarm", "bar", "scatter", "waterfall", "heatmap"]
    )
    def test_shap_draws_it(self, additive, plot):
        import matplotlib.pyplot as plt
        import shap

        model, X, _ = additive
        explanation = model.explain(X)
        argument = {"scatter": explanation[:, "heat"], "waterfall": explanation[0]}
        getattr(shap.plots, plot)(argument.get(plot, explanation), show=False)
        assert plt.gcf().axes
        plt.close("all")


COORDINATES = st.sampled_from(
    [[], ["time"], ["lat", "lon"], ["lat", "lon", "time"], ["rain", "heat"], ["cover"]]
)
CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "condition": st.sampled_from(["graph", "none"]),
        "metric": st.sampled_from(["haversine", "euclidean"]),
        "time_axis": st.sampled_from(["cycle", "sequence"]),
        "n_members": st.integers(1, 3),
        "n_folds": st.integers(1, 3),
        "gcn_layers": st.integers(0, 2),
        "lstm_layers": st.integers(0, 2),
        "n_layers": st.integers(0, 2),
        "n_heads": st.sampled_from([1, 2]),
        "attention": st.sampled_from(["linear", "softmax"]),
        "cross_attention": st.booleans(),
        "n_nodes": st.integers(1, 30),
        "n_attached": st.integers(1, 12),
        "early_stopping": st.sampled_from([False, "rows", "places"]),
        "precision": st.sampled_from(["float32", "float64"]),
        "place_dropout": st.sampled_from([0.0, 0.5]),
    },
)


@pytest.mark.filterwarnings("ignore:No coordinates found:UserWarning")
@pytest.mark.filterwarnings("ignore:The condition graph fell:UserWarning")
@settings(max_examples=60, deadline=None)
@given(CONFIGURATIONS, COORDINATES, st.floats(1e-3, 1e6), st.integers(0, 5))
def test_rows_add_up_in_every_configuration(parameters, absent, scale, seed):
    X, y = make_table(90, seed)
    X, y = X.drop(columns=absent), 1e3 + scale * y
    if "time" in absent:
        parameters = {k: v for k, v in parameters.items() if k != "time_axis"}
    if "lat" in absent and parameters.get("early_stopping") == "places":
        parameters = {**parameters, "early_stopping": "rows"}
    small = {"max_iter": 1, "d_condition": 8, "d_hidden": 8, "d_token": 4}
    model = STCGRegressor(random_state=seed, **small, **parameters).fit(X, y)
    prediction, explanation = model.predict(X), model.explain(X)
    tolerance = 1e-5 * (np.abs(prediction) + y.std())
    total = explanation.values.sum(axis=1) + explanation.base_values
    assert (np.abs(total - prediction) <= tolerance).all()
    parts = model.decompose(X).sum(axis=1)
    assert (np.abs(parts - prediction) <= tolerance).all()


class TestDecompose:
    def test_rows_add_up_to_the_prediction(self, additive):
        model, X, _ = additive
        parts = model.decompose(X)
        np.testing.assert_allclose(parts.sum(axis=1), model.predict(X), atol=1e-9)
        assert list(parts) == [
            *("baseline", "place", "time", "place_time"),
            *("rain", "heat", "cover"),
        ]

    def test_all_but_the_baseline_average_to_zero_over_the_training_rows(self, fitted):
        model, X, _ = fitted
        parts = model.decompose(X)
        assert parts["baseline"].nunique() == 1
        np.testing.assert_allclose(parts.iloc[:, 1:].mean(), 0, atol=1e-6)

    def test_are_the_contributions_with_place_and_time_told_apart(self, fitted):
        model, X, _ = fitted
        parts, values = model.decompose(X), model.explain(X).values
        np.testing.assert_allclose(values[:, 0] + values[:, 1], parts["place"])
        np.testing.assert_allclose(values[:, 2], parts["time"] + parts["place_time"])
        np.testing.assert_allclose(values[:, 3:], parts.iloc[:, 4:])

    def test_place_is_the_same_at_all_times_and_time_at_all_places(self, additive):
        model, X, _ = additive
        at_one_place = model.decompose(X.assign(lat=10.0, lon=20.0))
        assert np.ptp(at_one_place["place"]) < 1e-9
        assert np.ptp(at_one_place["time"]) > 0.01
        at_one_time = model.decompose(X.assign(time=X.time[0]))
        assert np.ptp(at_one_time["time"]) < 1e-9
        assert np.ptp(at_one_time["place"]) > 0.01

    def test_place_time_averages_to_the_same_over_the_training_times_at_any_place(
        self, additive
    ):
        model, X, _ = additive
        means = [
            model.decompose(X.assign(lat=lat, lon=lon))["place_time"].mean()
            for lat, lon in [(10.0, 20.0), (-50.0, 170.0)]
        ]
        assert means[0] == pytest.approx(means[1], abs=1e-6)

    def test_without_time_only_the_place_is_left(self):
        X, y = make_table()
        X = X.drop(columns="time")
        parts = STCGRegressor(max_iter=1, n_nodes=8).fit(X, y).decompose(X)
        assert (parts[["time", "place_time"]].abs() < 1e-9).all(axis=None)
        assert np.ptp(parts["place"]) > 0


class TestWeights:
    def test_are_the_shares_of_the_contributions(self, fitted):
        model, X, _ = fitted
        weights, values = model.feature_weights(X), np.abs(model.explain(X).values)
        assert weights.shape == X.shape
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)
        np.testing.assert_allclose(weights, values / values.sum(axis=1, keepdims=True))

    def test_importances_are_their_mean_over_the_training_rows(self, fitted):
        model, X, _ = fitted
        assert model.feature_importances_.shape == (X.shape[1],)
        assert model.feature_importances_.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(
            model.feature_importances_, model.feature_weights(X).mean(axis=0)
        )


class TestLocalEffects:
    @pytest.mark.parametrize("feature", ["rain", "heat"])
    def test_are_the_derivatives_of_the_prediction(self, fitted, feature):
        model, X, _ = fitted
        X = X.dropna()
        step = 1e-4 * X[feature].std()
        up, down = (
            model.predict(X.assign(**{feature: X[feature] + s})) for s in (step, -step)
        )
        slopes = model.local_effects(X)
        expected = (up - down) / (2 * step)
        # Predictions round features to float32.
        np.testing.assert_allclose(slopes[feature], expected, rtol=0.05, atol=0.01)

    def test_have_a_column_a_numeric_feature_and_the_index_of_X(self, fitted):
        model, X, _ = fitted
        X = X.set_index(X.index + 1000)
        slopes = model.local_effects(X)
        assert list(slopes.columns) == ["rain", "heat"]
        assert slopes.index.equals(X.index)

    def test_are_missing_where_the_feature_is(self, fitted):
        model, X, _ = fitted
        missing = model.local_effects(X).isna()
        assert missing.to_numpy().sum() == 1
        assert missing.loc[3, "rain"]

    def test_find_a_sign_that_flips_across_the_equator(self):
        X, y = make_table(1500)
        model = STCGRegressor(n_folds=1, random_state=0).fit(X, y)
        effect = model.local_effects(X).rain
        assert effect[X.lat > 20].median() == pytest.approx(1.0, abs=0.3)
        assert effect[X.lat < -20].median() == pytest.approx(-1.0, abs=0.3)


@pytest.mark.parametrize("name", ["baseline", "place", "time", "place_time"])
def test_a_feature_may_have_the_name_of_a_part(name):
    X, y = make_table()
    X = X.rename(columns={"time": "date", "heat": name})
    model = STCGRegressor(time="date", max_iter=1, n_nodes=8, random_state=0)
    parts = model.fit(X, y).decompose(X)
    assert parts.columns.is_unique
    assert len(parts.columns) == 7
    np.testing.assert_allclose(parts.sum(axis=1), model.predict(X))
    # The column of that name is the feature's.
    contribution = model.local_effects(X, output="contribution")
    np.testing.assert_allclose(parts[name], contribution[name], atol=1e-12)
