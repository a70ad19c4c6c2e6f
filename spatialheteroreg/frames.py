"""Tables of any library as a pandas DataFrame or a plain NumPy array.

pandas, polars, Arrow and whatever else narwhals knows; arrays of any kind.
Values stay what they are: numbers numbers, dates dates, strings strings.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array


def read_table(X: Any) -> pd.DataFrame | NDArray[Any]:
    """Take what a user may pass as X.

    Parameters
    ----------
    X : DataFrame or array_like of shape (n, p)
        A pandas, polars or other eager frame, an Arrow table, an array, or a
        list of rows.

    Returns
    -------
    DataFrame or ndarray of shape (n, p)
        Frames of pandas as they are; other frames with columns of NumPy, nullable
        integer or object dtype; everything else as an array.

    Raises
    ------
    ValueError
        If X is empty, lazy, not two-dimensional, or has rows of different
        lengths.

    Examples
    --------
    >>> read_table([[52.5, "forest"], [48.1, "grass"]])
    array([[52.5, 'forest'],
           [48.1, 'grass']], dtype=object)
    """
    frame = X
    if not isinstance(X, (pd.DataFrame, np.ndarray, list, tuple)):
        frame = nw.from_native(X, pass_through=True)
    if is_dataset(X):
        raise ValueError(
            "X is a data set in files, which only fit reads. Pass its rows some at a "
            "time: pyarrow.Table.from_batches([batch]) for each of X.to_batches()."
        )
    if isinstance(frame, nw.LazyFrame):
        raise ValueError(
            "X is a lazy frame, whose rows are not there yet. Pass its rows: "
            "X.collect(), or X.compute() for dask."
        )
    if isinstance(frame, nw.DataFrame):
        frame = _to_pandas(frame)
    if not isinstance(frame, pd.DataFrame):
        frame = _read_array(frame)
    if 0 in frame.shape:
        what = "sample" if frame.shape[0] == 0 else "feature"
        raise ValueError(
            f"Found array with 0 {what}(s) (shape={frame.shape}) while a minimum "
            "of 1 is required: X is empty."
        )
    return frame


def is_dataset(X: Any) -> bool:
    """Tell a data set in files from a table, without importing pyarrow.

    Parameters
    ----------
    X : object
        What the user passed.

    Returns
    -------
    bool
        Whether it is a `pyarrow.dataset.Dataset`.
    """
    return any(
        (kind.__module__, kind.__name__) == ("pyarrow._dataset", "Dataset")
        for kind in type(X).__mro__
    )


def plain_column(column: pd.Series | NDArray[Any]) -> pd.Series:
    """Bring a column to the dtypes that the package computes with.

    Parameters
    ----------
    column : Series or ndarray of shape (n,)
        Column of a frame, or of an array.

    Returns
    -------
    Series
        Arrow, sparse and big-endian columns, extended floats and NumPy strings
        as plain ones; others as they are.
    """
    if isinstance(column, np.ndarray):
        # Objects stay objects: pandas would guess another dtype.
        objects = column.dtype.kind in "OT"
        return pd.Series(
            _plain_array(column), dtype=object if objects else None, copy=False
        )
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype):
        return plain_column(_from_narwhals(nw.from_native(column, series_only=True)))
    if isinstance(dtype, pd.SparseDtype):
        return column.sparse.to_dense()
    if not isinstance(dtype, np.dtype):
        return column
    values = column.to_numpy()
    plain = _plain_array(values)
    return column if plain is values else pd.Series(plain, copy=False)


def _to_pandas(frame: nw.DataFrame[Any]) -> pd.DataFrame:
    native = frame.to_native()
    if isinstance(native, pd.DataFrame):
        return native
    columns = [_from_narwhals(frame[:, j]) for j in range(frame.shape[1])]
    return pd.DataFrame(
        dict(enumerate(columns)), index=range(len(frame)), copy=False
    ).set_axis(frame.columns, axis=1)


def _from_narwhals(series: nw.Series[Any]) -> pd.Series:
    """Return the same values in NumPy, nullable integer or object dtype.

    Single precision stays as it is: double would be a copy of the whole table.
    """
    dtype = series.dtype
    if dtype.is_integer() and dtype not in (nw.Int128, nw.UInt128):
        missing = series.is_null().to_numpy().astype(bool)
        if missing.any():  # as integers: floats would merge large codes
            filled = series.fill_null(0).to_numpy()
            return pd.Series(pd.arrays.IntegerArray(filled, missing))
        return pd.Series(series.to_numpy(), copy=False)
    if dtype == nw.Float32:
        return pd.Series(series.to_numpy(), copy=False)
    if dtype.is_numeric():
        return pd.Series(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if dtype == nw.Date:
        series = series.cast(nw.Datetime("us"))
    if dtype in (nw.Date, nw.Datetime, nw.Duration):
        return pd.Series(series.to_numpy(), copy=False)  # zoned ones in UTC
    return pd.Series(series.to_list(), dtype=object)


# --- arrays ------------------------------------------------------------------


def _read_array(X: Any) -> NDArray[Any]:
    if isinstance(X, np.ndarray) and X.dtype.names:
        raise ValueError(
            "X is a structured array, whose fields are no columns. Pass "
            "pd.DataFrame(X)."
        )
    if isinstance(X, (list, tuple)):
        X = _list_to_array(X)
    if isinstance(X, np.ma.MaskedArray):
        X = _fill_masked(X)
    return check_array(
        X,
        dtype=None,
        ensure_all_finite=False,
        ensure_min_samples=0,
        ensure_min_features=0,
    )


def _list_to_array(rows: list[Any] | tuple[Any, ...]) -> NDArray[Any]:
    try:
        array = np.asarray(rows)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(
            "X is a list whose rows have different lengths. Pass one value for "
            "each column in every row, None or NaN where it is missing."
        ) from None
    if array.dtype.kind in "US":
        # NumPy would turn the numbers beside strings into strings.
        array = np.asarray(rows, dtype=object)
    return array


def _fill_masked(array: Any) -> NDArray[Any]:
    """Masked values as missing ones."""
    if array.dtype.kind in "fiu":
        dtype = np.float32 if array.dtype == np.float32 else np.float64
        with np.errstate(over="ignore"):
            return array.astype(dtype).filled(np.nan)
    if array.dtype.kind in "mM":
        return array.filled(np.array("NaT", dtype=array.dtype))
    filled = np.ma.getdata(array).astype(object)
    filled[np.ma.getmaskarray(array)] = None
    return filled


def _plain_array(values: NDArray[Any]) -> NDArray[Any]:
    kind = values.dtype.kind
    if kind == "f" and values.dtype.itemsize != 8:
        with np.errstate(over="ignore"):  # a number too large becomes infinite
            return values.astype(np.float64)
    if kind == "T":
        return values.astype(object)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
