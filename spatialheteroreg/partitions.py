"""Predict the rows of a dask data frame, partition by partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .outputs import RowOutputs, check_names
from .values import names_text

if TYPE_CHECKING:
    from .regressor import STCGRegressor


def predict_partitions(
    model: STCGRegressor,
    frame: Any,
    *,
    return_std: bool = False,
    effects: bool = False,
    slopes: bool = False,
) -> Any:
    """Predict each row of a dask data frame; nothing is computed yet.

    Parameters
    ----------
    model : STCGRegressor
        Fitted on a table with names.
    frame : dask DataFrame
        Has the columns of fit, in any order; others are left out.
    return_std : bool, default=False
        Whether to add standard deviations of a new observation, and standard errors
        of the slopes; for `n_members` of 2 and more.
    effects : bool, default=False
        Whether to add the parts of each prediction, as
        :meth:`~spatialheteroreg.STCGRegressor.decompose` gives them.
    slopes : bool, default=False
        Whether to add the slopes of the numeric features, as
        :meth:`~spatialheteroreg.STCGRegressor.local_effects` gives them.

    Returns
    -------
    dask DataFrame
        In the partitions of `frame`, with its index: "prediction"; with `return_std`
        "prediction_std"; with `effects` one column for each part, its name behind
        ``effect_``; with `slopes` one for each numeric feature behind ``slope_``, and
        with `return_std` one behind ``slope_std_``.

    Raises
    ------
    ValueError
        If a column is missing, the model was fitted without names or, with
        `return_std`, has no uncertainty.
    ImportError
        If dask is not installed.

    See Also
    --------
    predict_dataset : The same for cubes of xarray.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> from spatialheteroreg import STCGRegressor, predict_partitions
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(300, 30, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> lazy = predict_partitions(model, dd.from_pandas(globe.data, npartitions=3))
    >>> lazy.npartitions, list(lazy.columns)
    (3, ['prediction'])
    >>> len(lazy.compute())
    300
    """
    dask, dd = _import_dask()
    if not isinstance(frame, dd.DataFrame):
        raise TypeError(
            f"frame must be a dask DataFrame, not {type(frame).__name__}. For a table "
            "in memory use model.predict, for an xarray Dataset predict_dataset."
        )
    outputs = RowOutputs(model, return_std=return_std, effects=effects, slopes=slopes)
    check_names(outputs.names, list(map(str, frame.columns)), "frame")
    _check_distinct([name for name, _, _ in _columns(outputs)])
    return frame[outputs.names].map_partitions(
        _predict_partition,
        dask.delayed(outputs, traverse=False),
        meta=_table(outputs, frame._meta.index[:0]),
    )


def _predict_partition(rows: pd.DataFrame, outputs: RowOutputs) -> pd.DataFrame:
    if len(rows) == 0:
        return _table(outputs, rows.index)
    return _table(outputs, rows.index, **outputs(rows))


def _table(outputs: RowOutputs, index: pd.Index, **found: Any) -> pd.DataFrame:
    """Lay outputs side by side; without them, an empty table."""
    columns = {
        column: found[name].reshape(len(index), -1)[:, k] if name in found else []
        for column, name, k in _columns(outputs)
    }
    return pd.DataFrame(columns, index=index, dtype=np.float64)


def _columns(outputs: RowOutputs) -> list[tuple[str, str, int]]:
    """List columns, each with its output and where it stands in it."""
    return [
        (f"{name}_{label}" if labels else name, name, k)
        for name, labels in outputs.labels.items()
        for k, label in enumerate(labels or [None])
    ]


def _check_distinct(columns: list[str]) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise ValueError(
            f"Two columns of the result would be called {names_text(twice)}. Rename "
            "the feature whose name begins with 'std_', and fit again."
        )


def _import_dask() -> tuple[Any, Any]:
    try:
        import dask
        import dask.dataframe as dd
    except ImportError as error:
        raise ImportError(
            "predict_partitions needs dask, which is not installed. Install it with "
            '`pip install "spatialheteroreg[cubes]"`.'
        ) from error
    return dask, dd
