"""scikit-learn around the estimator: searches, curves, cross-validation."""

import numpy as np
import pytest
from scipy.stats import randint
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import make_pipeline

from .conftest import make_table
from .test_ecosystem import small


def search_by_hand(model, X, y, folds, candidates):
    """Score candidates one after the other, each in a fresh copy."""
    return [
        np.mean(
            [
                clone(model)
                .set_params(**candidate)
                .fit(X.iloc[training], y[training])
                .score(X.iloc[held_out], y[held_out])
                for training, held_out in folds.split(X)
            ]
        )
        for candidate in candidates
    ]


class TestSearch:
    def test_grid_search_in_two_processes_finds_what_one_finds(self, table):
        X, y = table
        folds = KFold(2)
        candidates = [{"n_nodes": 4, "max_iter": 1}, {"n_nodes": 8, "max_iter": 3}]
        search = GridSearchCV(
            small(),
            [{k: [v] for k, v in c.items()} for c in candidates],
            cv=folds,
            n_jobs=2,
        ).fit(X, y)
        by_hand = search_by_hand(small(), X, y, folds, candidates)
        np.testing.assert_allclose(search.cv_results_["mean_test_score"], by_hand)
        assert search.best_params_ == candidates[int(np.argmax(by_hand))]
        again = small(**search.best_params_).fit(X, y)
        np.testing.assert_allclose(search.predict(X), again.predict(X), rtol=1e-6)
        assert list(search.best_estimator_.feature_names_in_) == list(X.columns)

    def test_randomized_search_in_two_processes(self, table):
        X, y = table
        search = RandomizedSearchCV(
            small(),
            {"n_nodes": randint(2, 20), "head": ["additive", "dual"]},
            n_iter=4,
            cv=KFold(2),
            n_jobs=2,
            random_state=0,
        ).fit(X, y)
        results = search.cv_results_
        by_hand = search_by_hand(small(), X, y, KFold(2), results["params"])
        assert len(by_hand) == 4
        np.testing.assert_allclose(results["mean_test_score"], by_hand)

    def test_search_inside_a_pipeline_reaches_steps_and_estimator(self, table):
        X, y = table
        columns = make_column_transformer(
            (SimpleImputer(), ["rain"]),
            remainder="passthrough",
            verbose_feature_names_out=False,
        ).set_output(transform="pandas")
        search = GridSearchCV(
            make_pipeline(columns, small()),
            {
                "columntransformer__simpleimputer__strategy": ["mean", "median"],
                "stcgregressor__n_nodes": [4, 8],
            },
            cv=2,
        ).fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
        assert len(search.cv_results_["params"]) == 4
        best = search.best_params_["stcgregressor__n_nodes"]
        assert search.best_estimator_[-1].graph_.n_nodes == best

    @pytest.mark.parametrize(
        ("resource", "resources"), [("n_samples", [60, 120]), ("max_iter", [2, 4])]
    )
    def test_halving_gives_more_to_fewer(self, table, resource, resources):
        X, y = table
        search = HalvingGridSearchCV(
            small(),
            {"n_nodes": [2, 4, 6, 8]},
            cv=KFold(2),
            factor=2,
            resource=resource,
            min_resources=resources[0],
            max_resources=resources[-1],
            random_state=0,
        ).fit(X, y)
        assert search.n_resources_ == resources
        assert search.n_candidates_ == [4, 2]
        scores = search.cv_results_["mean_test_score"]
        assert np.isfinite(scores).all()
        if resource == "max_iter":
            assert search.best_estimator_.n_iter_ == resources[-1]


class TestCrossValidation:
    def test_groups_stay_together(self, table):
        X, y = table
        X = X.assign(lat=X.lat // 40 * 40, lon=X.lon // 60 * 60)
        place = X.groupby(["lat", "lon"]).ngroup().to_numpy()
        result = cross_validate(
            small(),
            X,
            y,
            groups=place,
            cv=GroupKFold(4),
            return_estimator=True,
            return_indices=True,
        )
        assert len(result["test_score"]) == 4
        for k, model in enumerate(result["estimator"]):
            training = result["indices"]["train"][k]
            held_out = result["indices"]["test"][k]
            assert not set(place[training]) & set(place[held_out])
            score = model.score(X.iloc[held_out], y[held_out])
            assert result["test_score"][k] == pytest.approx(score)

    def test_several_scores_and_training_scores(self, table):
        X, y = table
        result = cross_validate(
            small(),
            X,
            y,
            cv=2,
            return_train_score=True,
            scoring=("r2", "neg_root_mean_squared_error"),
        )
        for name in ("r2", "neg_root_mean_squared_error"):
            assert np.isfinite(result[f"test_{name}"]).all()
            assert np.isfinite(result[f"train_{name}"]).all()

    def test_two_processes_score_as_one(self, table):
        X, y = table
        one, two = (
            cross_validate(small(), X, y, cv=KFold(2), n_jobs=n)["test_score"]
            for n in (1, 2)
        )
        np.testing.assert_allclose(one, two)


class TestCurves:
    def test_learning_curve_scores_fits_on_so_many_rows(self, table):
        X, y = table
        folds = KFold(3)
        sizes, train, test = learning_curve(
            small(), X, y, train_sizes=[20, 80], cv=folds, shuffle=True, random_state=0
        )
        assert sizes.tolist() == [20, 80]
        random = np.random.RandomState(0)
        for k, (training, held_out) in enumerate(folds.split(X)):
            order = random.permutation(training)
            for size, seen, unseen in zip(sizes, train[:, k], test[:, k], strict=True):
                rows = order[:size]
                model = small().fit(X.iloc[rows], y[rows])
                assert seen == pytest.approx(model.score(X.iloc[rows], y[rows]))
                assert unseen == pytest.approx(
                    model.score(X.iloc[held_out], y[held_out])
                )

    def test_validation_curve_scores_each_value(self):
        X, y = make_table(200)
        train, test = validation_curve(
            small(dropout=0.0), X, y, param_name="max_iter", param_range=[1, 25], cv=2
        )
        assert train.shape == test.shape == (2, 2)
        # More epochs fit the training rows better: the values reached the fits.
        assert (train[1] > train[0]).all()
