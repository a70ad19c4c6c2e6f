"""Tables of every library become the same columns."""

import datetime as dt
import tracemalloc
from decimal import Decimal

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from spatialheteroreg import STCGRegressor, fitting
from spatialheteroreg.columns import Table
from spatialheteroreg.frames import read_table

DATE = dt.datetime(2003, 7, 2, 12)
VALUES = {
    "integer": [3, None, 2**60 + 1],
    "float": [0.1, None, -2.5],
    "decimal": [Decimal("1.25"), None, Decimal("-3.50")],
    "bool": [True, None, False],
    "string": ["10", None, "x"],
    "date": [dt.date(2003, 7, 2), None, dt.date(1999, 1, 1)],
    "datetime": [DATE, None, DATE],
    "zoned": [DATE.replace(tzinfo=dt.timezone(dt.timedelta(hours=2))), None, DATE],
    "nothing": [None, None, None],
}
VALUES["zoned"][2] = VALUES["zoned"][0]
EXPECTED = {
    "date": [dt.datetime(2003, 7, 2), None, dt.datetime(1999, 1, 1)],
    "decimal": [1.25, None, -3.5],
    "zoned": [dt.datetime(2003, 7, 2, 10), None, dt.datetime(2003, 7, 2, 10)],
}


def arrow():
    return pa.table({name: pa.array(values) for name, values in VALUES.items()})


FRAMES = {
    "polars": lambda: pl.from_arrow(arrow()),
    "arrow": arrow,
    "narwhals": lambda: nw.from_native(pl.from_arrow(arrow())),
    "pandas with Arrow dtypes": lambda: arrow().to_pandas(types_mapper=pd.ArrowDtype),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("name", VALUES)
def test_columns_hold_the_same_values(kind, name):
    table = Table(FRAMES[kind]())
    column = table.column(table.names.index(name))
    cells = [None if pd.isna(value) else value for value in column]
    assert cells == EXPECTED.get(name, VALUES[name])
    assert len(column.index) == table.n_rows == 3


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["a", "b"])])
def test_categories_of_polars_are_their_strings(dtype):
    frame = pl.DataFrame({"a": pl.Series(["b", None, "a"], dtype=dtype)})
    assert list(Table(frame).column(0)) == ["b", None, "a"]


def test_dictionaries_of_arrow_are_their_values():
    column = pd.Series(["b", None]).astype(
        pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    )
    assert [v if pd.notna(v) else None for v in Table(column.to_frame()).column(0)] == [
        "b",
        None,
    ]


def test_sparse_columns_are_filled():
    X = pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 1.0, np.nan])})
    np.testing.assert_array_equal(Table(X).column(0), [0.0, 1.0, np.nan])


def test_values_are_shown_as_they_are_and_columns_of_dates_as_text():
    X = pd.DataFrame({"a": [1.5], "b": ["x"], "c": [pd.Timestamp("2003")]})
    for same in (X, pl.from_pandas(X)):
        assert Table(same).to_show().tolist() == [[1.5, "x", "2003-01-01"]]
    objects = X.to_numpy(dtype=object)
    assert Table(objects).to_show().tolist() == [[1.5, "x", "2003-01-01 00:00:00"]]


def test_pandas_frames_are_not_copied():
    X = pd.DataFrame({"a": [1.0, 2.0]})
    assert read_table(X) is X
    assert np.shares_memory(Table(X).column(0), X["a"])


def as_arrow(X):
    return pa.table(dict(zip("abcdefgh", X.T, strict=True)))


def as_polars(X):
    return pl.from_arrow(as_arrow(X))


@pytest.mark.parametrize("form", [as_arrow, as_polars, np.ma.masked_invalid])
def test_tables_of_single_precision_are_read_as_such(form):
    X = np.arange(16, dtype=np.float32).reshape(2, 8)
    X[1, 3] = np.nan
    read = np.asarray(read_table(form(X)))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, X)


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame])
def test_single_precision_is_not_copied_to_double(form, monkeypatch):
    class MadeReady(Exception):
        pass

    def stop(*_):
        raise MadeReady

    monkeypatch.setattr(fitting, "train", stop)
    random = np.random.default_rng(0)
    X = random.normal(size=(30_000, 60)).astype(np.float32)
    X[:, :2] = random.integers(0, 40, size=(30_000, 2))
    model = STCGRegressor(lat=0, lon=1, n_nodes=12, n_folds=1)
    passed, y = form(X), X[:, 2]
    with pytest.raises(MadeReady):
        model.fit(passed, y)  # imports what it needs
    tracemalloc.start()
    try:
        with pytest.raises(MadeReady):
            model.fit(passed, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Encoded once in single precision, and marks of what is missing.
    encoded = X.nbytes + X.size
    assert encoded * 0.9 < peak < encoded + 0.5 * X.nbytes


class TestArrays:
    @pytest.mark.parametrize(
        "dtype", [">f8", "<f4", "float16", "longdouble", ">i4", "uint8", "int64"]
    )
    def test_numbers_of_any_kind(self, dtype):
        array = np.array([[1, 2], [3, 4]], dtype=dtype)
        column = Table(array).column(1)
        assert column.dtype.isnative
        assert column.tolist() == [2, 4]

    def test_numbers_beyond_float64_are_infinite(self):
        huge = np.array([[np.longdouble("1e4000")]])
        if np.isinf(huge[0, 0]):
            pytest.skip("no extended floats on this machine")
        assert Table(huge).column(0).tolist() == [np.inf]

    def test_lists_keep_the_type_of_each_cell(self):
        table = Table([[52.5, "10", True], [48, None, False]])
        assert table.column(0).tolist() == [52.5, 48]
        assert table.column(1).tolist() == ["10", None]

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ([1.5, 2.5], [None, 2.5]),
            ([1, 2], [None, 2]),
            (np.array(["a", "b"]), [None, "b"]),
            (
                np.array(["2003", "2004"], "datetime64[s]"),
                [None, pd.Timestamp("2004")],
            ),
        ],
    )
    def test_masked_cells_are_missing(self, data, expected):
        array = np.ma.array(np.asarray(data)[:, None], mask=[[True], [False]])
        column = Table(array).column(0)
        assert [None if pd.isna(v) else v for v in column] == expected

    def test_strings_of_numpy_may_be_of_variable_width(self):
        array = np.array([["a"], ["bcd"]], dtype=np.dtypes.StringDType())
        assert Table(array).column(0).tolist() == ["a", "bcd"]


class TestRefusal:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda: pl.LazyFrame({"a": [1]}),
                r"X is a lazy frame.*Pass its rows: X\.collect\(\)",
            ),
            (lambda: [[1, 2], [3]], "rows have different lengths"),
            (
                lambda: np.zeros(3, dtype=[("a", float)]),
                r"structured array.*Pass pd\.DataFrame\(X\)",
            ),
            (lambda: pl.DataFrame({"a": []}), "0 sample"),
            (lambda: pl.DataFrame(), "X is empty"),
            (lambda: np.empty((3, 0)), r"0 feature.*X is empty"),
            (lambda: np.empty((0, 3)), r"0 sample.*X is empty"),
            (lambda: pl.Series([1.0]), "Expected 2D array"),
            (lambda: np.zeros((2, 2), complex), "Complex data not supported"),
            (
                lambda: pd.DataFrame([[1, 2, 3, 4]], columns=["b", "a", "a", "b"]),
                "names of X must differ, but 'a', 'b' occur more than once",
            ),
        ],
    )
    def test_says_what_to_pass(self, make, message):
        with pytest.raises(ValueError, match=message):
            Table(make())

    @pytest.mark.parametrize(
        "frame",
        [
            pd.DataFrame({"a": [{"b": 1}]}),
            pd.DataFrame({"a": [np.zeros(2)]}),
            pl.DataFrame({"a": [[1, 2]]}),
            pl.DataFrame({"a": [{"b": 1}]}),
        ],
        ids=["dict", "array", "list", "struct"],
    )
    def test_cells_that_are_no_values_are_refused_as_scikit_learn_does(self, frame):
        with pytest.raises(TypeError, match="'a': argument must be a string or a num"):
            Table(frame).column(0)


class TestNames:
    def test_names_that_are_no_strings_show_in_messages(self):
        X = pd.DataFrame([[1.0, 2.0]], columns=pd.Index([2001, 2002], dtype=object))
        assert Table(X).names is None
        assert Table(X).label(1) == "1 (named 2002)"

    def test_names_that_are_no_strings_may_repeat(self):
        X = pd.DataFrame([[1.0, 2.0]], columns=[0, 0])
        assert Table(X).column(1).tolist() == [2.0]
