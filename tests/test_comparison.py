"""The comparison: methods agree where they must, and say how long they took."""

import numpy as np
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection.comparison import compare_importances

from .conftest import make_table

SMALL = {"n_rows": 12, "n_background": 6, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    """A model of a target that heat alone decides."""
    X, _ = make_table(300)
    y = X.heat.to_numpy() + np.random.RandomState(0).normal(size=len(X))
    model = STCGRegressor(n_nodes=8, max_iter=10, random_state=0).fit(X, y)
    return model, X, y


@pytest.fixture(scope="module")
def comparison(fitted):
    return compare_importances(*fitted, **SMALL)


class TestImportances:
    def test_every_method_puts_the_only_cause_first(self, comparison):
        importances = comparison.importances
        assert list(importances) == ["native", "shap", "permutation"]
        assert (importances.idxmax() == "heat").all()
        assert (importances.loc["heat"] > 0.5).all()

    def test_are_shares_of_the_place_the_time_and_the_features(self, comparison):
        importances = comparison.importances
        np.testing.assert_allclose(importances.sum(), 1.0)
        assert (importances >= 0).all(axis=None)
        assert set(importances.index) == {"place", "time", "rain", "heat", "cover"}
        assert importances["native"].is_monotonic_decreasing

    def test_native_ones_are_those_of_explain(self, fitted):
        model, X, _ = fitted
        comparison = compare_importances(
            model, X, methods=["native"], n_rows=None, n_background=2
        )
        values = model.explain(X).values
        mean = np.abs(values).mean(axis=0)
        share = comparison.importances["native"]
        assert share["heat"] / share["rain"] == pytest.approx(mean[4] / mean[3])
        np.testing.assert_allclose(
            comparison.contributions["native"]["place"], values[:, 0] + values[:, 1]
        )

    def test_lightgbm_beside_them_finds_the_cause_but_gets_no_deletion(self, fitted):
        pytest.importorskip("lightgbm")
        comparison = compare_importances(
            *fitted, methods=("native", "lightgbm"), **SMALL
        )
        assert comparison.importances["lightgbm"].idxmax() == "heat"
        assert list(comparison.deletion.curves) == ["native", "random"]
        assert np.isnan(comparison.to_frame().loc["area under deletion", "lightgbm"])


class TestAgreement:
    def test_has_a_row_for_each_pair(self, comparison):
        agreement = comparison.agreement
        assert agreement.index.tolist() == [
            "native ~ shap",
            "native ~ permutation",
            "shap ~ permutation",
        ]
        ranks = agreement[["spearman", "kendall"]]
        assert ((ranks >= -1) & (ranks <= 1)).all(axis=None)
        rows = agreement[["over_rows", "within_row"]]
        assert rows.notna().all(axis=1).tolist() == [True, False, False]

    def test_of_contributions_is_their_correlation(self, comparison):
        native, shap = comparison.contributions.values()
        over_rows = comparison.feature_correlation["native ~ shap"]
        within_row = comparison.row_correlation["native ~ shap"]
        for unit in native:
            expected = np.corrcoef(native[unit], shap[unit])[0, 1]
            assert over_rows[unit] == pytest.approx(expected)
        for row in native.index:
            expected = np.corrcoef(native.loc[row], shap.loc[row])[0, 1]
            assert within_row[row] == pytest.approx(expected)
        found = comparison.agreement.loc["native ~ shap"]
        assert found["over_rows"] == pytest.approx(over_rows.mean())
        assert found["within_row"] == pytest.approx(within_row.mean())

    def test_is_exact_where_there_is_but_one_feature(self):
        # Its Shapley value is all of the prediction, as its contribution is.
        X, y = make_table(200)
        X = X[["heat"]]
        model = STCGRegressor(condition="none", max_iter=3, random_state=0).fit(X, y)
        comparison = compare_importances(
            model, X, methods=("native", "shap"), n_rows=8, n_background=200
        )
        native, shap = comparison.contributions.values()
        np.testing.assert_allclose(native, shap, atol=1e-9)
        assert comparison.agreement.loc["native ~ shap", "over_rows"] == pytest.approx(
            1
        )

    def test_of_one_method_is_an_empty_table(self, fitted):
        model, X, _ = fitted
        comparison = compare_importances(model, X, methods="native", **SMALL)
        assert comparison.agreement.shape == (0, 4)
        assert "native" in repr(comparison)

    def test_is_unknown_for_a_unit_that_says_the_same_of_all_rows(self, fitted):
        model, X, _ = fitted
        still = X.assign(lat=10.0, lon=20.0)
        comparison = compare_importances(
            model, still, methods=("native", "shap"), **SMALL
        )
        correlation = comparison.feature_correlation["native ~ shap"]
        assert np.isnan(correlation["place"])
        assert correlation.drop("place").notna().all()


class TestComparison:
    def test_the_order_by_contributions_beats_a_random_one(self, comparison):
        areas = comparison.deletion.areas
        assert list(areas.index) == ["native", "shap", "permutation", "random"]
        assert (areas.drop("random") < areas["random"]).all()

    def test_one_table_holds_importances_areas_and_seconds(self, comparison):
        table = comparison.to_frame()
        assert list(table.columns) == list(comparison.importances)
        assert table.index[-2:].tolist() == ["area under deletion", "seconds per row"]
        per_row = table.loc["seconds per row"]
        np.testing.assert_allclose(per_row * 12, comparison.seconds)
        assert per_row["native"] < per_row["shap"]

    def test_is_printed_with_what_was_found(self, comparison):
        text = repr(comparison)
        for part in ("12 rows", "heat", "permutation", "kendall", "smaller is more"):
            assert part in text

    def test_rows_are_known_by_their_position(self, fitted):
        model, X, y = fitted
        named = X.set_index(np.arange(len(X)) + 1000)
        comparison = compare_importances(model, named, y, ["native"], **SMALL)
        native = comparison.contributions["native"]
        assert len(native) == comparison.n_rows == 12
        np.testing.assert_allclose(
            native["heat"], model.explain(X.iloc[native.index]).values[:, 4]
        )

    def test_repeats_and_leaves_the_global_generator_alone(self, fitted, comparison):
        before = np.random.get_state()[1].copy()
        again = compare_importances(*fitted, **SMALL)
        assert (np.random.get_state()[1] == before).all()
        assert again.importances.equals(comparison.importances)
        assert again.deletion.curves.equals(comparison.deletion.curves)


class TestWrongInput:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"methods": ["lime"]}, r"methods=\['lime'\] must name one or more of"),
            ({"methods": []}, "must name one or more"),
            ({"methods": ["shap", "shap"]}, "each once"),
            ({"methods": ["lightgbm"]}, "Pass y, or leave it out"),
            ({"max_evals": 10}, "at least 11, one permutation of the 5 units"),
            ({"max_evals": "all"}, "max_evals='all' must be"),
            ({"n_rows": 1}, "n_rows"),
            ({"n_background": 0}, "n_background"),
            ({"n_repeats": 0}, "n_repeats"),
            ({"y": np.zeros(7)}, r"inconsistent numbers of samples: \[300, 7\]"),
            ({"y": np.full(300, np.nan)}, "y contains NaN"),
        ],
    )
    def test_is_named(self, fitted, options, message):
        model, X, _ = fitted
        with pytest.raises(ValueError, match=message):
            compare_importances(model, X, **options)

    def test_a_single_row_has_nothing_to_be_compared_with(self, fitted):
        model, X, _ = fitted
        with pytest.raises(ValueError, match="X has 1 row"):
            compare_importances(model, X[:1])

    def test_columns_that_the_model_does_not_know_are_refused(self, fitted):
        model, X, _ = fitted
        with pytest.raises(ValueError, match="rain"):
            compare_importances(model, X.drop(columns="rain"))
