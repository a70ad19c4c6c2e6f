"""scikit-learn's callbacks on the estimator, alone and inside a search."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from spatialheteroreg import STCGRegressor
from spatialheteroreg._callbacks import NoContext

from .conftest import make_table

callback = pytest.importorskip(
    "sklearn.callback", reason="callbacks came with scikit-learn 1.9"
)

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 3}


@pytest.fixture(scope="module")
def table():
    return make_table(60)


class Listener:
    """Takes down what it is told, and asks to stop after some epochs."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.told = []
        self.predictions = []
        self.explanations = []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.told.append(f"end {context.task_name}")
        self.predictions.append(fitted_estimator.predict(X))
        self.explanations.append(fitted_estimator.explain(X))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_after


def test_each_epoch_is_a_task(table):
    listener = Listener()
    STCGRegressor(**QUICK).set_callbacks(listener).fit(*table)
    epoch = ["begin epoch", "end epoch"]
    assert listener.told == ["setup", "begin fit", *epoch * 3, "end fit", "teardown"]


def test_the_estimator_so_far_predicts_and_explains(table):
    listener = Listener()
    model = STCGRegressor(**QUICK).set_callbacks(listener).fit(*table)
    for prediction, explanation in zip(
        listener.predictions, listener.explanations, strict=True
    ):
        total = explanation.values.sum(axis=1) + explanation.base_values
        np.testing.assert_allclose(total, prediction)
    assert not np.allclose(listener.predictions[0], listener.predictions[1])
    np.testing.assert_array_equal(listener.predictions[-1], model.predict(table[0]))


def test_early_stopping_ends_the_last_epoch_too(table):
    listener = Listener()
    model = STCGRegressor(
        random_state=0,
        n_nodes=8,
        max_iter=40,
        learning_rate=0.3,
        early_stopping="rows",
        n_iter_no_change=1,
    ).set_callbacks(listener)
    model.fit(*table)
    assert model.n_iter_ < 40
    assert listener.told.count("begin epoch") == model.n_iter_
    assert listener.told.count("end epoch") == model.n_iter_


class Keeper(Listener):
    """Pickles the estimator so far, after each epoch."""

    def __getstate__(self):
        return {}

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        if context.task_name == "epoch":
            self.told.append(pickle.dumps(fitted_estimator))
            self.predictions.append(fitted_estimator.predict(X))


def test_the_estimator_so_far_can_be_kept_and_pickled(table):
    keeper = Keeper()
    model = STCGRegressor(**QUICK, early_stopping="rows").set_callbacks(keeper)
    model.fit(*table)
    kept = [pickle.loads(one) for one in keeper.told if isinstance(one, bytes)]
    assert [one.n_iter_ for one in kept] == [1, 2, 3]
    for one, prediction in zip(kept, keeper.predictions, strict=True):
        np.testing.assert_array_equal(one.predict(table[0]), prediction)


def test_listening_changes_nothing(table):
    alone = STCGRegressor(**QUICK).fit(*table)
    watched = STCGRegressor(**QUICK).set_callbacks(Listener()).fit(*table)
    np.testing.assert_array_equal(alone.predict(table[0]), watched.predict(table[0]))


def test_a_callback_may_stop_the_training(table):
    model = STCGRegressor(**QUICK).set_callbacks(Listener(stop_after=2)).fit(*table)
    assert model.n_iter_ == 2


def test_nothing_of_the_fit_is_pickled_with_the_model(table):
    alone = STCGRegressor(**QUICK).fit(*table)
    watched = STCGRegressor(**QUICK).set_callbacks(Listener()).fit(*table)
    watched.set_callbacks()
    assert len(pickle.dumps(watched)) == pytest.approx(
        len(pickle.dumps(alone)), rel=0.05
    )


def test_callbacks_are_torn_down_after_an_error(table):
    X, y = table
    listener = Listener()
    model = STCGRegressor(**QUICK).set_callbacks(listener)
    with pytest.raises(ValueError, match="latitude"):
        model.fit(X.assign(lat=99.0), y)
    assert listener.told == ["setup", "begin fit", "teardown"]
    assert not any(name.startswith("_callback") for name in vars(model))


def test_progress_bar_counts_epochs(table, capsys):
    pytest.importorskip("rich", reason="scikit-learn's bar is drawn by rich")
    STCGRegressor(**QUICK).set_callbacks(callback.ProgressBar()).fit(*table)
    assert "STCGRegressor" in capsys.readouterr().out


def test_scoring_monitor_sees_the_score_rise(table):
    monitor = callback.ScoringMonitor(scoring="r2")
    model = STCGRegressor(random_state=0).set_callbacks(monitor)
    model.fit(*table)
    log = monitor.get_logs().data_as_pandas
    scores = log.loc[log.task_name == "epoch", "r2"].to_numpy()
    assert len(scores) == 20
    assert scores[-1] > scores[0]
    assert scores[-1] == model.score(*table)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scoring_monitor_inside_a_grid_search(table, n_jobs):
    monitor = callback.ScoringMonitor(scoring="neg_root_mean_squared_error")
    model = STCGRegressor(**QUICK).set_callbacks(monitor)
    search = GridSearchCV(model, {"d_token": [8, 16]}, cv=2, n_jobs=n_jobs)
    search.fit(*table)
    log = monitor.get_logs().data_as_pandas
    # Two settings in two folds, and the best once more.
    assert (log.task_name == "epoch").sum() == 5 * 3
    assert np.isfinite(log["neg_root_mean_squared_error"]).all()


def test_progress_bar_on_a_grid_search(table, capsys):
    pytest.importorskip("rich", reason="scikit-learn's bar is drawn by rich")
    search = GridSearchCV(STCGRegressor(**QUICK), {"d_token": [8, 16]}, cv=2)
    search.set_callbacks(callback.ProgressBar()).fit(*table)
    assert "GridSearchCV" in capsys.readouterr().out


def test_clones_keep_their_callbacks(table):
    listener = Listener()
    clone(STCGRegressor(**QUICK).set_callbacks(listener)).fit(*table)
    assert "end fit" in listener.told


def test_where_scikit_learn_has_no_callbacks_nobody_is_told(table, monkeypatch):
    monkeypatch.setattr(
        STCGRegressor, "_init_callback_context", lambda self, **kwargs: NoContext()
    )
    alone = STCGRegressor(**QUICK).fit(*table)
    assert alone.n_iter_ == 3
