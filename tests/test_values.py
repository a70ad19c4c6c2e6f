"""What a column holds, and its numbers."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from spatialheteroreg.values import kind_of, read_numbers

KINDS = {
    "numbers": [
        pd.Series([1, None], dtype="Int64"),
        pd.Series([1.5, None], dtype=object),
        pd.Series([Decimal("1.5"), 2], dtype=object),
        pd.Series(np.zeros(2, np.float16)),
    ],
    "categories": [
        pd.Series(["a", None], dtype=object),
        pd.Series(["1", "2"], dtype="string"),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([True, None], dtype=object),
        pd.Series(pd.Categorical(pd.to_datetime(["2003", "2004"]))),
        pd.cut(pd.Series([1.0, 5.0]), 2),
        pd.Series([1, "a"], dtype=object),
        pd.Series([None, None], dtype=object),
        pd.Series([b"a", b"b"], dtype=object),
    ],
    "dates": [
        pd.Series(pd.to_datetime(["2003"])),
        pd.Series(pd.to_datetime(["2003"], utc=True)),
        pd.Series(pd.period_range("2003", periods=1, freq="M")),
        pd.Series([dt.date(2003, 1, 1), None], dtype=object),
        pd.Series([np.datetime64("2003")], dtype=object),
    ],
    "durations": [
        pd.Series(pd.to_timedelta([1], unit="D")),
        pd.Series([dt.timedelta(1), None], dtype=object),
    ],
    "times of day": [pd.Series([dt.time(1)], dtype=object)],
    "others": [pd.Series(pd.interval_range(0, 1))],
}


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        pytest.param(kind, column, id=f"{kind} {k}")
        for kind, columns in KINDS.items()
        for k, column in enumerate(columns)
    ],
)
def test_kinds(kind, column):
    assert kind_of(column) == kind


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean", "int8", "float16"])
def test_numbers_of_any_dtype(dtype):
    column = pd.Series([1, 0, 1]).astype(dtype)
    assert read_numbers(column, "'a'").tolist() == [1.0, 0.0, 1.0]


def test_missing_numbers_are_nan():
    for column in (
        pd.Series([1, None], dtype="Int64"),
        pd.Series([1, None], dtype=object),
        pd.Series([1.0, pd.NA], dtype=object),
        pd.Series(pd.Categorical([1, None])),
    ):
        np.testing.assert_array_equal(read_numbers(column, "'a'"), [1.0, np.nan])


def test_integers_beyond_float64_are_infinite():
    column = pd.Series([10**400, -(10**400), None], dtype=object)
    np.testing.assert_array_equal(
        read_numbers(column, "'a'"), [np.inf, -np.inf, np.nan]
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.to_datetime(["2003"]), "'a' holds dates but serves as feature.*time="),
        ([dt.date(2003, 1, 1)], "'a' holds dates but serves as feature"),
        (pd.to_timedelta([1]), r"'a' holds durations.*dt\.total_seconds"),
        ([dt.time(1)], "'a' holds times of day"),
        (["7", "much"], "'a': feature must be numeric, but row 1 hold .*'much'"),
        (pd.Series([1j, None], dtype=object), "Complex data not supported"),
        ([1j], "Complex data not supported"),
    ],
)
def test_says_what_is_no_number(values, message):
    with pytest.raises(ValueError, match=message):
        read_numbers(pd.Series(values), "'a'")


def test_fractions_are_numbers():
    column = pd.Series([Fraction(1, 4), None, 2, 0.5], dtype=object)
    found = read_numbers(column, "'share'")
    np.testing.assert_array_equal(found, [0.25, np.nan, 2.0, 0.5])
