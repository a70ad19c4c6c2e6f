"""Splitters check their parameters and work wherever scikit-learn's do."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    check_cv,
    cross_validate,
)

from spatialheteroreg import STCGRegressor
from spatialheteroreg.model_selection import (
    BufferedKFold,
    ForwardChaining,
    LeaveRegionOut,
    SpatialBlockKFold,
    TimeHoldout,
)

from .conftest import make_table
from .pages import run_page
from .splitting import clone_with


class TestParameters:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: SpatialBlockKFold(1, block_size=9), "n_splits == 1"),
            (lambda: SpatialBlockKFold(block_size=0), "block_size == 0"),
            (lambda: SpatialBlockKFold(block_size=np.inf), "must be finite"),
            (lambda: SpatialBlockKFold(block_size=np.nan), "must be finite"),
            (lambda: SpatialBlockKFold(block_size=1e-320), "must be >= 1e-07 km"),
            (lambda: BufferedKFold(radius=1, block_size=1e-9), "are one place"),
            (
                lambda: SpatialBlockKFold(block_size=9, random_state=0),
                "no effect without shuffle=True",
            ),
            (lambda: SpatialBlockKFold(block_size=9, metric="km"), "metric='km'"),
            (lambda: LeaveRegionOut(1), "n_regions == 1"),
            (lambda: BufferedKFold(radius=-1), "radius == -1"),
            (lambda: BufferedKFold(radius=1, block_size=-1), "block_size == -1"),
            (lambda: TimeHoldout(0.0), "test_size == 0"),
            (lambda: TimeHoldout(1.5), r"test_size == 1\.5"),
            (lambda: TimeHoldout(0.2, start="2003"), "either test_size or start"),
            (lambda: TimeHoldout(gap=-1), "gap == -1"),
            (lambda: ForwardChaining(1), "n_splits == 1"),
            (lambda: ForwardChaining(2, starts=[1]), "either n_splits or starts"),
            (lambda: ForwardChaining(starts="2003"), "must be a list of moments"),
            (lambda: ForwardChaining(starts=[]), "must be a list of moments"),
            (lambda: ForwardChaining(gap=2, max_train_span=1), "longer than gap=2"),
        ],
    )
    def test_wrong_values_are_refused_when_given(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: SpatialBlockKFold(2.0, block_size=9),
            lambda: SpatialBlockKFold(block_size="9"),
            lambda: SpatialBlockKFold(block_size=9, shuffle="yes"),
            lambda: TimeHoldout("2003"),
        ],
    )
    def test_wrong_types_are_refused_when_given(self, make):
        with pytest.raises(TypeError, match="must be an instance of"):
            make()

    def test_block_size_and_radius_must_be_chosen(self):
        with pytest.raises(TypeError, match="block_size"):
            SpatialBlockKFold()
        with pytest.raises(TypeError, match="radius"):
            BufferedKFold()


BY_NAME = [
    SpatialBlockKFold(2, block_size=2000, shuffle=True, random_state=0),
    LeaveRegionOut(2, random_state=0),
    BufferedKFold(2, radius=300),
    TimeHoldout(),
    ForwardChaining(2),
]


QUICK = {"n_nodes": 8, "max_iter": 2, "d_token": 4, "random_state": 0}


def same_splits(one, other):
    return all(
        (a == b).all()
        for pair in zip(one, other, strict=True)
        for a, b in zip(*pair, strict=True)
    )


@pytest.mark.parametrize("cv", BY_NAME, ids=lambda cv: type(cv).__name__)
class TestScikitLearn:
    def test_writes_itself_so_that_it_can_be_read(self, cv):
        assert repr(eval(repr(cv))) == repr(cv)

    def test_pickles_and_copies(self, cv):
        X, _ = make_table()
        for copy in (pickle.loads(pickle.dumps(cv)), clone(cv, safe=False)):
            assert same_splits(cv.split(X), copy.split(X))
        search = clone(GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=cv))
        assert repr(search.cv) == repr(cv)

    def test_is_a_splitter(self, cv):
        assert check_cv(cv) is cv
        X, y = make_table()
        assert len(list(cv.split(X, y))) == cv.get_n_splits(X, y)

    def test_ignores_groups_with_a_warning(self, cv):
        X, y = make_table()
        with pytest.warns(UserWarning, match="groups given are ignored"):
            next(cv.split(X, y, y))

    def test_refuses_a_target_of_another_length(self, cv):
        X, y = make_table()
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            next(cv.split(X, y[1:]))

    def test_cross_validates_the_estimator(self, cv):
        X, y = make_table()
        scores = cross_validate(
            STCGRegressor(**QUICK), X, y, cv=cv, error_score="raise"
        )
        assert len(scores["test_score"]) == cv.get_n_splits()
        assert np.isfinite(scores["test_score"]).all()

    def test_cross_validates_any_estimator_on_arrays(self, cv):
        X, y = make_table()
        time = (X["time"] - X["time"].min()) / pd.Timedelta(days=365.25)
        array = np.column_stack([X["heat"], X["lat"], X["lon"], time])
        positions = {"lat": 1, "lon": 2, "time": 3}
        by_position = clone_with(
            cv, **{role: j for role, j in positions.items() if hasattr(cv, role)}
        )
        kwargs = {"cv": by_position, "error_score": "raise"}
        scores = cross_validate(Ridge(), array, y, **kwargs)
        search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, **kwargs).fit(array, y)
        assert search.n_splits_ == len(scores["test_score"]) == cv.get_n_splits()
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_works_with_metadata_routing(self, cv):
        X, y = make_table()
        with config_context(enable_metadata_routing=True):
            scores = cross_validate(
                Ridge(),
                X[["lat", "lon"]].assign(time=X["time"].dt.year),
                y,
                cv=clone_with(cv),
                params={},  # scikit-learn 1.6.0 cannot do without
                error_score="raise",
            )
        assert np.isfinite(scores["test_score"]).all()

    def test_halving_search_takes_it(self, cv):
        X, y = make_table(240)
        X = X[["lat", "lon"]].assign(time=X["time"].dt.day_of_year)
        search = HalvingGridSearchCV(
            Ridge(),
            {"alpha": [0.1, 1.0]},
            cv=cv,
            min_resources=80,
            random_state=0,
            error_score="raise",
        ).fit(X, y)
        assert search.n_splits_ == cv.get_n_splits()


def test_grid_search_tunes_the_estimator_on_blocks():
    X, y = make_table(80)
    search = GridSearchCV(
        STCGRegressor(**QUICK),
        {"n_nodes": [4, 8]},
        cv=SpatialBlockKFold(2, block_size=2000),
        error_score="raise",
    ).fit(X, y)
    assert search.n_splits_ == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == (80,)


def test_code_of_the_validation_page_runs():
    run_page("docs/validation.rst")
