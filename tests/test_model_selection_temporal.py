"""Splits by time keep what they promise, for every table."""

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from spatialheteroreg.model_selection import ForwardChaining, TimeHoldout

from .conftest import make_table
from .splitting import globe, may_refuse

times = st.lists(st.integers(0, 12), min_size=2, max_size=60)
# Enough distinct ones that most splits leave rows to train on.
many_times = st.lists(st.integers(0, 30), min_size=40, max_size=80)


class TestTimeHoldout:
    @given(times, st.floats(0.05, 0.95))
    def test_tests_the_last_moments_closest_to_the_share(self, time, share):
        moments = np.unique(time)
        assume(len(moments) > 1)
        X = np.array(time, float)[:, None]
        ((train, test),) = TimeHoldout(share, time=0).split(X)
        assert sorted([*train, *test]) == list(range(len(X)))
        assert X[train].max() < X[test].min()
        off = [abs((moment <= X).sum() - share * len(X)) for moment in moments[1:]]
        assert abs(len(test) - share * len(X)) == pytest.approx(min(off))

    def test_a_fifth_by_default(self):
        X = np.arange(50.0)[::-1, None]
        ((train, test),) = TimeHoldout(time=0).split(X)
        assert test.tolist() == list(range(10))
        assert train.tolist() == list(range(10, 50))

    def test_a_number_of_rows(self):
        ((_, test),) = TimeHoldout(3, time=0).split(np.arange(50.0)[:, None])
        assert test.tolist() == [47, 48, 49]

    @pytest.mark.parametrize(
        "start",
        [
            "2003",
            "2003-01-01",
            2003,
            2003.0,
            pd.Timestamp("2003-01-01"),
            pd.Timestamp("2003-01-01", tz="UTC"),
            np.datetime64("2003-01-01"),
            pd.Period("2003", "Y"),
            dt.date(2003, 1, 1),
        ],
    )
    def test_starts_at_a_date(self, start):
        X, _ = make_table()
        ((train, test),) = TimeHoldout(start=start).split(X)
        later = X["time"] >= "2003-01-01"
        assert test.tolist() == np.flatnonzero(later).tolist()
        assert train.tolist() == np.flatnonzero(~later).tolist()

    @pytest.mark.parametrize(
        "read",
        [
            lambda dates: dates.astype(str),
            lambda dates: dates.dt.tz_localize("UTC"),
            lambda dates: dates.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
            lambda dates: dates.dt.to_period("D"),
            lambda dates: dates.astype("datetime64[s]"),
            lambda dates: dates.astype(object),
        ],
    )
    def test_dates_of_any_kind(self, read):
        X, _ = make_table()
        ((train, test),) = TimeHoldout(start="2003", gap=0.5).split(X)
        ((same_train, same_test),) = TimeHoldout(start="2003", gap=0.5).split(
            X.assign(time=read(X["time"]))
        )
        assert (train == same_train).all()
        assert (test == same_test).all()

    def test_the_gap_is_in_years_for_dates(self):
        X, _ = make_table()
        ((train, _),) = TimeHoldout(start="2003", gap=1).split(X)
        expected = X["time"] < "2002-01-01"
        assert train.tolist() == np.flatnonzero(expected).tolist()

    @pytest.mark.parametrize(
        ("start", "message"),
        [
            ("2030", r"No row lies in the test that starts at 2030.*runs from 2001"),
            ("1990", "leaves no rows to train on"),
            ("sometime", "cannot be read as a time: sometime"),
        ],
    )
    def test_a_start_that_makes_no_split(self, start, message):
        with pytest.raises(ValueError, match=message):
            next(TimeHoldout(start=start).split(make_table()[0]))

    def test_a_date_does_not_start_numbers(self):
        with pytest.raises(ValueError, match=r"Column 0 holds numbers.*2003"):
            next(TimeHoldout(start="2003", time=0).split([[1.0], [2.0]]))

    def test_more_rows_than_there_are(self):
        with pytest.raises(ValueError, match="leaves none of 2 rows to train on"):
            next(TimeHoldout(2, time=0).split([[1.0], [2.0]]))

    def test_a_single_moment(self):
        message = "1 distinct times, but 1 split over time take at least 2"
        with pytest.raises(ValueError, match=message):
            next(TimeHoldout(time=0).split([[1.0], [1.0]]))

    def test_a_gap_that_takes_all(self):
        with pytest.raises(ValueError, match=r"no rows to train on.*smaller gap"):
            next(TimeHoldout(time=0, gap=9).split([[1.0], [2.0]]))


class TestForwardChaining:
    @given(
        many_times, st.integers(2, 4), st.integers(0, 3), st.none() | st.integers(5, 12)
    )
    def test_trains_on_the_past_and_tests_each_later_moment_once(
        self, time, n_splits, gap, span
    ):
        X = np.array(time, float)[:, None]
        cv = ForwardChaining(n_splits, gap=gap, max_train_span=span, time=0)
        with may_refuse("distinct times|no rows to train"):
            splits = list(cv.split(X))
        assert len(splits) == n_splits
        tested = np.concatenate([test for _, test in splits])
        assert len(set(tested)) == len(tested)
        first = X[tested].min()
        assert sorted(tested) == np.flatnonzero(X[:, 0] >= first).tolist()
        for (_, test), (_, later) in pairwise(splits):
            assert X[test].max() < X[later].min()
        for train, test in splits:
            before = X[test].min() - X[:, 0]
            expected = (before > gap) & (before <= (np.inf if span is None else span))
            assert train.tolist() == np.flatnonzero(expected).tolist()

    @given(st.integers(2, 6), st.integers(1, 9), st.integers(0, 99))
    def test_agrees_with_time_series_split_on_one_series(self, n_splits, rows, seed):
        time = np.arange(rows * (n_splits + 1), dtype=float)
        order = np.random.RandomState(seed).permutation(len(time))
        ours = ForwardChaining(n_splits, time=0).split(time[order][:, None])
        theirs = TimeSeriesSplit(n_splits).split(time)
        for (train, test), (their_train, their_test) in zip(ours, theirs, strict=True):
            assert sorted(order[train]) == their_train.tolist()
            assert sorted(order[test]) == their_test.tolist()

    def test_year_by_year(self):
        X, _ = make_table()
        year = X["time"].dt.year
        cv = ForwardChaining(starts=["2002", "2003", "2004"])
        assert cv.get_n_splits() == 3
        for first, (train, test) in zip((2002, 2003, 2004), cv.split(X), strict=True):
            assert test.tolist() == np.flatnonzero(year == first).tolist()
            assert train.tolist() == np.flatnonzero(year < first).tolist()

    def test_five_splits_by_default(self):
        X = np.arange(60.0)[:, None]
        assert ForwardChaining().get_n_splits() == 5
        assert len(list(ForwardChaining(time=0).split(X))) == 5

    def test_too_few_moments(self):
        message = "3 distinct times, but 5 splits over time take at least 6"
        with pytest.raises(ValueError, match=message):
            next(ForwardChaining(time=0).split([[1], [2], [3]]))

    def test_starts_out_of_order(self):
        cv = ForwardChaining(starts=["2003", "2002"])
        with pytest.raises(ValueError, match="starts must ascend"):
            next(cv.split(make_table()[0]))

    def test_a_test_without_rows(self):
        cv = ForwardChaining(starts=[3, 3.5], time=0)
        with pytest.raises(ValueError, match="No row lies in the test that starts at"):
            next(cv.split([[1.0], [2.0], [4.0]]))


@pytest.mark.parametrize(
    "cv", [TimeHoldout(gap=0.1), ForwardChaining(2)], ids=lambda cv: type(cv).__name__
)
class TestEveryTemporalSplitter:
    def test_time_is_needed(self, cv):
        message = r"needs the time of each row.*Pass time= with its name or position"
        with pytest.raises(ValueError, match=message):
            next(cv.split(globe(10)))

    def test_time_must_be_there_in_every_row(self, cv):
        X, _ = make_table()
        X.loc[3, "time"] = pd.NaT
        with pytest.raises(ValueError, match="time is missing or infinite in row 3"):
            next(cv.split(X))
