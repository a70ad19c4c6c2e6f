"""scikit-learn around the estimator: pipelines, ensembles, inspection, routing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_transformer,
)
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.impute import SimpleImputer
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, TargetEncoder
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

from spatialheteroreg import STCGRegressor

from .conftest import make_table


def small(**parameters):
    """Make an estimator that fits in a tenth of a second."""
    size = {"n_nodes": 8, "d_token": 4, "d_condition": 8, "d_hidden": 16}
    return STCGRegressor(**{**size, "max_iter": 2, "random_state": 0, **parameters})


def numbers_only(X):
    """Give the table as floats: time in years, no category."""
    time = X.time.dt.year + X.time.dt.day_of_year / 366
    return X.assign(time=time).drop(columns="cover").to_numpy()


@pytest.fixture
def by_position(table):
    X, y = table
    return numbers_only(X), y, {"lat": 0, "lon": 1, "time": 2, "period": 1.0}


# --- pipelines -------------------------------------------------------------------


def target_encoder():
    """Make one whose folds do not change from call to call."""
    if parse_version(sklearn.__version__) < parse_version("1.9"):
        return TargetEncoder(cv=3, random_state=0)
    return TargetEncoder(cv=KFold(3))


STEPS = {
    "imputer": lambda: (SimpleImputer(), ["rain"]),
    "ordinal": lambda: (OrdinalEncoder(), ["cover"]),
    "target": lambda: (target_encoder(), ["cover"]),
}


class TestPipeline:
    @pytest.mark.parametrize("step", STEPS)
    def test_keeps_names_behind_a_column_transformer(self, table, step):
        X, y = table
        columns = make_column_transformer(
            STEPS[step](), remainder="passthrough", verbose_feature_names_out=False
        ).set_output(transform="pandas")
        pipe = make_pipeline(columns, small()).fit(X, y)
        model = pipe[-1]
        assert set(model.feature_names_in_) == set(X.columns)
        assert list(model.feature_names_in_) == list(pipe[:-1].get_feature_names_out())
        # Its coordinates and dates were found, wherever they went.
        assert model.graph_ is not None
        assert model._inputs.dates_
        by_hand = small().fit(clone(columns).fit_transform(X, y), y)
        np.testing.assert_array_equal(
            pipe.predict(X), by_hand.predict(columns.transform(X))
        )

    def test_prefixed_names_are_passed_as_they_come_out(self, table):
        X, y = table
        columns = make_column_transformer(
            (SimpleImputer(), ["rain"]), remainder="passthrough"
        ).set_output(transform="pandas")
        names = {role: f"remainder__{role}" for role in ("lat", "lon", "time")}
        pipe = make_pipeline(columns, small(**names)).fit(X, y)
        roles = pipe[-1]._inputs.roles
        assert (roles.lat, roles.lon, roles.time) == (1, 2, 3)
        assert np.isfinite(pipe.predict(X)).all()

    @pytest.mark.parametrize("step", STEPS)
    def test_positions_are_those_behind_a_column_transformer(self, table, step):
        X, y = table
        transformer, (column,) = STEPS[step]()
        position = X.columns.get_loc(column)
        columns = ColumnTransformer(
            [("step", transformer, [position])], remainder="passthrough"
        )
        # What was transformed comes first, so all that stood before it shifts.
        positions = {"lat": 1, "lon": 2, "time": 3}
        X = X.to_numpy()
        pipe = make_pipeline(columns, small(**positions)).fit(X, y)
        roles = pipe[-1]._inputs.roles
        assert (roles.lat, roles.lon, roles.time) == (1, 2, 3)
        assert pipe[-1]._inputs.dates_
        seen = clone(columns).fit_transform(X, y)
        np.testing.assert_array_equal(seen[:, 1:4], X[:, :3])
        by_hand = small(**positions).fit(seen, y)
        np.testing.assert_array_equal(
            pipe.predict(X), by_hand.predict(columns.transform(X))
        )

    def test_all_steps_at_once(self, table):
        X, y = table
        X = X.assign(soil=np.resize(["clay", "sand"], len(X)))
        columns = make_column_transformer(
            (SimpleImputer(), ["rain", "heat"]),
            (OrdinalEncoder(), ["soil"]),
            (target_encoder(), ["cover"]),
            remainder="passthrough",
            verbose_feature_names_out=False,
        ).set_output(transform="pandas")
        pipe = make_pipeline(columns, small()).fit(X, y)
        assert not pipe[-1]._inputs.roles.categorical  # all were encoded
        alone = pipe.predict(X.iloc[[7]])
        assert alone[0] == pytest.approx(pipe.predict(X)[7], abs=1e-6)
        assert np.isfinite(cross_validate(pipe, X, y, cv=3)["test_score"]).all()

    def test_set_params_reaches_the_estimator_and_clone_keeps_it(self, table):
        X, y = table
        pipe = make_pipeline(FunctionTransformer(), small())
        pipe.set_params(stcgregressor__n_nodes=5, stcgregressor__max_iter=1)
        copied = clone(pipe)
        assert copied[-1].get_params() == pipe[-1].get_params()
        assert copied.get_params()["stcgregressor__n_nodes"] == 5
        pipe.fit(X, y)
        assert not hasattr(copied[-1], "graph_")
        assert pipe[-1].graph_.n_nodes == 5
        assert pipe[-1].n_iter_ == 1
        with pytest.raises(ValueError, match="Invalid parameter 'nodes'"):
            pipe.set_params(stcgregressor__nodes=5)

    def test_a_target_transformed_comes_back_in_its_unit(self, table):
        X, y = table
        y = np.exp(y / 5)
        model = TransformedTargetRegressor(small(), func=np.log, inverse_func=np.exp)
        by_hand = np.exp(small().fit(X, np.log(y)).predict(X))
        np.testing.assert_allclose(model.fit(X, y).predict(X), by_hand, rtol=1e-6)


# --- ensembles -------------------------------------------------------------------


def linear():
    """Make a second opinion that takes the same table."""
    numeric = make_column_transformer((SimpleImputer(), ["rain", "heat"]))
    return make_pipeline(numeric, LinearRegression())


class TestEnsembles:
    def test_voting_averages(self, table):
        X, y = table
        votes = VotingRegressor([("stcg", small()), ("linear", linear())]).fit(X, y)
        members = [small().fit(X, y).predict(X), linear().fit(X, y).predict(X)]
        np.testing.assert_allclose(votes.predict(X), np.mean(members, axis=0))
        assert list(votes.get_feature_names_out()) == [
            "votingregressor_stcg",
            "votingregressor_linear",
        ]

    def test_stacking_weighs_predictions_of_rows_held_out(self, table):
        X, y = table
        folds = KFold(3)
        members = [("stcg", small()), ("linear", linear())]
        stack = StackingRegressor(members, LinearRegression(), cv=folds).fit(X, y)
        assert list(stack.get_feature_names_out()) == [
            "stackingregressor_stcg",
            "stackingregressor_linear",
        ]
        held_out = [cross_val_predict(model, X, y, cv=folds) for _, model in members]
        by_hand = LinearRegression().fit(np.transpose(held_out), y)
        np.testing.assert_allclose(stack.final_estimator_.coef_, by_hand.coef_)
        refitted = np.transpose([model.fit(X, y).predict(X) for _, model in members])
        np.testing.assert_allclose(stack.predict(X), by_hand.predict(refitted))

    def test_bagging_by_position_keeps_all_columns_in_place(self, by_position):
        X, y, positions = by_position
        bag = BaggingRegressor(small(**positions), n_estimators=3, random_state=0)
        bag.fit(X, y)
        for member, columns in zip(
            bag.estimators_, bag.estimators_features_, strict=True
        ):
            np.testing.assert_array_equal(columns, np.arange(X.shape[1]))
            roles = member._inputs.roles
            assert (roles.lat, roles.lon, roles.time) == (0, 1, 2)
        members = [member.predict(X) for member in bag.estimators_]
        np.testing.assert_allclose(bag.predict(X), np.mean(members, axis=0))
        assert np.ptp(members, axis=0).min() > 0  # each saw other rows


# --- inspection ------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    X, _ = make_table(200)
    X = X.dropna().assign(constant=1.0)
    model = small(max_iter=15, dropout=0.0).fit(X, X.rain)
    return model, X, X.rain.to_numpy()


class TestInspection:
    def test_permutation_importance_finds_the_feature_that_matters(self, fitted):
        model, X, y = fitted
        result = permutation_importance(model, X, y, n_repeats=3, random_state=0)
        assert result.importances.shape == (X.shape[1], 3)
        importance = pd.Series(result.importances_mean, X.columns)
        assert importance.idxmax() == "rain"
        assert importance["constant"] == 0

    @pytest.mark.parametrize("feature", ["rain", "lat", "cover"])
    def test_partial_dependence_is_the_mean_of_predictions(self, fitted, feature):
        import matplotlib.pyplot as plt

        model, X, _ = fitted
        display = PartialDependenceDisplay.from_estimator(
            model, X, [feature], categorical_features=["cover"], grid_resolution=4
        )
        plt.close(display.figure_)
        result = display.pd_results[0]
        grid, average = result["grid_values"][0], result["average"][0]
        by_hand = [model.predict(X.assign(**{feature: v})).mean() for v in grid]
        assert len(grid) == (3 if feature == "cover" else 4)
        np.testing.assert_allclose(average, by_hand, rtol=1e-6)
        if feature == "rain":
            assert (np.diff(average) > 0).all()

    def test_html_names_the_estimator_and_the_changed_parameters(self, fitted):
        model, _, _ = fitted
        html = estimator_html_repr(make_pipeline(FunctionTransformer(), model))
        assert "STCGRegressor" in html
        assert "n_nodes" in html
        assert "max_iter=15" in repr(model)

    def test_html_links_the_documentation_of_the_project(self, fitted):
        model, _, _ = fitted
        html = estimator_html_repr(model)
        page = "generated/spatialheteroreg.STCGRegressor.html"
        assert f"https://spatialheteroreg.readthedocs.io/en/latest/{page}" in html
        api = Path(__file__).parents[1].joinpath("docs", "api.rst").read_text("utf-8")
        module, summary = api.split(".. currentmodule:: ")[1].split("\n", 1)
        assert module == "spatialheteroreg"  # of which the page's name is made
        assert "\n   STCGRegressor\n" in summary
        assert "scikit-learn.org" not in html.split("STCGRegressor", 1)[1][:3000]


# --- metadata --------------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
class TestRouting:
    def test_weights_reach_fit_and_score_through_pipeline_and_folds(self, table):
        X, y = table
        weight = np.where(X.heat > 15, 5.0, 0.2)
        model = small().set_fit_request(sample_weight=True)
        found = cross_validate(
            make_pipeline(FunctionTransformer(), model),
            X,
            y,
            cv=KFold(3),
            scoring=get_scorer("r2").set_score_request(sample_weight=True),
            params={"sample_weight": weight},
        )["test_score"]
        for (training, held_out), score in zip(KFold(3).split(X), found, strict=True):
            by_hand = small().fit(
                X.iloc[training], y[training], sample_weight=weight[training]
            )
            assert score == pytest.approx(
                by_hand.score(X.iloc[held_out], y[held_out], weight[held_out])
            )
        plain = cross_validate(small(), X, y, cv=KFold(3), params={})["test_score"]
        assert not np.allclose(found, plain)

    def test_weights_go_only_where_they_are_asked_for(self, table):
        X, y = table
        weight = np.where(X.heat > 15, 5.0, 0.2)
        model = small().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=False)
        found = cross_validate(
            model, X, y, cv=KFold(2), params={"sample_weight": weight}
        )["test_score"]
        for (training, held_out), score in zip(KFold(2).split(X), found, strict=True):
            by_hand = small().fit(X.iloc[training], y[training], weight[training])
            assert score == pytest.approx(by_hand.score(X.iloc[held_out], y[held_out]))

    @pytest.mark.parametrize("cv", [KFold(2), GroupKFold(2)], ids=["rows", "groups"])
    def test_groups_reach_fit_and_splitter_through_pipeline_and_folds(self, table, cv):
        X, y = table
        station = np.arange(len(X)) // 6
        model = small(early_stopping="places", max_iter=3).set_fit_request(groups=True)
        pipe = make_pipeline(FunctionTransformer(), model)
        found = cross_validate(pipe, X, y, cv=cv, params={"groups": station})
        splits = cv.split(X, y, station if isinstance(cv, GroupKFold) else None)
        for (training, held_out), score in zip(
            splits, found["test_score"], strict=True
        ):
            by_hand = clone(model).fit(
                X.iloc[training], y[training], groups=station[training]
            )
            assert score == pytest.approx(by_hand.score(X.iloc[held_out], y[held_out]))
            # Each row is a place of its own, and groups make another split of them.
            alone = clone(model).fit(X.iloc[training], y[training])
            assert not np.allclose(alone.predict(X), by_hand.predict(X))

    def test_weights_that_nobody_asked_for_are_refused(self, table):
        X, y = table
        with pytest.raises(ValueError, match="sample_weight"):
            cross_validate(small(), X, y, params={"sample_weight": np.ones(len(X))})
