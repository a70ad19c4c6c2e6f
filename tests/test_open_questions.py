"""The benchmark of the open questions judges what it says, where it says."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from benchmarks import open_questions
from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_spurious_regions


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(open_questions, "ROWS", 300)
    monkeypatch.setattr(open_questions, "PLACES", 60)
    quick = partial(STCGRegressor, n_nodes=12, max_iter=1)
    monkeypatch.setattr(open_questions, "STCGRegressor", quick)


def test_rows_are_trained_on_or_judged_by_once():
    globe = make_spurious_regions(300, 60, random_state=0)
    train, known, unseen = open_questions.hold_out(globe, 0)
    np.testing.assert_array_equal(train.astype(int) + known + unseen, 1)
    assert set(globe.location[known]) <= set(globe.location[train])
    assert not set(globe.location[unseen]) & set(globe.location[train])
    assert globe.location[unseen].nunique() == 6


def test_errors_are_those_of_the_rows_named():
    truth, guess = pd.Series([0.0, 0.0, 0.0]), pd.Series([3.0, 4.0, 9.0])
    first = np.array([True, True, False])
    found = open_questions.errors(truth, guess, first=first, last=~first)
    assert found == {"first": pytest.approx(12.5**0.5), "last": pytest.approx(9.0)}


@pytest.mark.parametrize("question", list(open_questions.QUESTIONS))
def test_each_question_has_a_table(question, capsys):
    pytest.importorskip("lightgbm")
    tables = open_questions.main(["--seeds", "0", "1", "--questions", question])
    assert list(tables) == [question]
    table = tables[question]
    assert np.isfinite(table.to_numpy()).all()
    assert len(table) >= 5
    assert question in capsys.readouterr().out


def test_the_new_region_is_not_trained_on(monkeypatch):
    pytest.importorskip("lightgbm")
    seen = []

    class Spy(STCGRegressor):
        def fit(self, X, y):
            seen.append(X)
            return super().fit(X, y)

    monkeypatch.setattr(
        open_questions, "STCGRegressor", partial(Spy, n_nodes=12, max_iter=1)
    )
    rows = list(open_questions.invariance(0))
    for X in seen:
        assert not ((X["lat"] < 0) & (X["lon"] >= 90)).any()
    shares = {row["model"]: row["share"] for row in rows}
    assert shares["without the column"] == 0.0
    assert 0.0 < shares["LightGBM"] < 1.0
