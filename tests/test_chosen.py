"""What "auto" was taken for can be read from a fitted model."""

import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.sizing import (
    auto_batch_size,
    auto_learning_rate,
    auto_max_iter,
)
from spatialheteroreg.time_axis import TimeAxis

from .conftest import make_table
from .sameness import there_and_back
from .test_ecosystem import small

CHOSEN = (
    *(
        "max_iter_",
        "n_folds_",
        "batch_size_",
        "learning_rate_",
        "weight_decay_",
        "dropout_",
    ),
    "time_axis_",
)


@pytest.mark.parametrize("name", CHOSEN)
def test_nothing_is_chosen_before_a_fit(name):
    assert not hasattr(STCGRegressor(), name)


def test_what_auto_was_taken_for(table, tmp_path):
    X, y = table
    model = small().fit(X, y)
    n_rows = len(y)
    assert model.n_folds_ == len(list(model.net_.module_))
    assert model.batch_size_ == auto_batch_size(n_rows)
    assert model.learning_rate_ == auto_learning_rate(n_rows, model.batch_size_)
    assert (model.weight_decay_, model.dropout_) == (0.1, 0.15)
    assert isinstance(model.time_axis_, TimeAxis)
    loaded = there_and_back(model, tmp_path)
    for name in CHOSEN[:-1]:
        assert getattr(loaded, name) == getattr(model, name)
    assert loaded.time_axis_.n_steps_ == model.time_axis_.n_steps_


@pytest.mark.parametrize("n_rows", [60, 10_050])
def test_the_epochs_of_a_fit_follow_its_rows(n_rows, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "spatialheteroreg.fitting.train",
        lambda net, rows, max_iter: asked.append(max_iter) or 1 / 0,
    )
    X, y = make_table(n_rows)
    with pytest.raises(ZeroDivisionError):
        STCGRegressor(n_nodes=12, n_folds=1).fit(X, y)
    assert asked == [auto_max_iter(n_rows)] == [20 if n_rows < 5_000 else 16]


def test_a_warm_start_goes_on_for_as_many_epochs_as_auto_means(table):
    X, y = table
    size = {"n_nodes": 8, "d_token": 4, "d_condition": 8, "d_hidden": 16, "n_folds": 1}
    model = STCGRegressor(**size, random_state=0, warm_start=True).fit(X, y)
    assert model.n_iter_ == model.max_iter_ == 20
    assert model.fit(X, y).n_iter_ == 40
    assert model.max_iter_ == 20


def test_what_was_given_is_kept(table):
    X, y = table
    given = {"max_iter": 3, "n_folds": 2, "batch_size": 50, "learning_rate": 0.01}
    model = small(**given, weight_decay=0.0, dropout=0.0).fit(X, y)
    for name, value in given.items():
        assert getattr(model, f"{name}_") == value
    assert (model.weight_decay_, model.dropout_) == (0.0, 0.0)
    model.set_params(batch_size=10)
    assert model.batch_size_ == 50


def test_rows_without_a_time_have_no_time_axis(table):
    X, y = table
    assert small().fit(X.drop(columns="time"), y).time_axis_ is None
