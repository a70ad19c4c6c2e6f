"""What can be taken out of a row as one: the place, the time, each feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..sphere import FloatArray, IntArray
from ..values import free_name
from .float_view import FloatView

if TYPE_CHECKING:
    from ..regressor import STCGRegressor


class UnitTable:
    """Rows whose units can be swapped with those of other rows.

    A unit is what is swapped as one. Latitude and longitude are one: half of a
    place and half of another make a third, often in the sea, of which nobody
    asked. A row is written as the numbers of the rows that its units come from,
    so that tools which mix and shuffle columns of floats never see half a place,
    a missing number or a category.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    *tables : DataFrame or array_like of shape (n, p)
        One table or more, columns as in fit; the rows of the second follow those
        of the first.

    Attributes
    ----------
    names : list of str of length n_units
        "place", "time" and the names of the features, in the order of the columns.
    columns : list of list of int
        Columns that make up each unit. Coordinates are in none where the
        model does not read them (`condition="none"`).
    categorical : tuple of int
        Columns that hold categories.
    date : int or None
        The column of the time, where it holds dates and the model reads it.
    floats : ndarray of shape (n, p)
        All rows, as :meth:`FloatView.encode` writes them.

    Raises
    ------
    TypeError
        If the model is no STCGRegressor.
    ValueError
        If the table cannot be read; says what and where.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(100, 20, random_state=0)
    >>> model = STCGRegressor(max_iter=1, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> table = UnitTable(model, globe.data)
    >>> table.names[:3], table.columns[:3]
    (['place', 'time', 'temperature'], [[0, 1], [2], [3]])

    Row 5 at the place of row 8:

    >>> cells = table.cells()[[5]]
    >>> cells[0, 0] = 8
    >>> moved = globe.data.iloc[[5]].assign(
    ...     lat=globe.data["lat"][8], lon=globe.data["lon"][8]
    ... )
    >>> bool(np.allclose(table.predict(cells), model.predict(moved)))
    True
    """

    def __init__(self, model: STCGRegressor, *tables: Any) -> None:
        from ..regressor import STCGRegressor

        if not isinstance(model, STCGRegressor):
            raise TypeError(
                f"model is a {type(model).__name__}, but must be a fitted "
                "STCGRegressor. Pass the best_estimator_ of a search, or the last step "
                "of a pipeline and the table that this step gets."
            )
        view = FloatView(model)
        self._view = view
        self.floats: FloatArray = np.concatenate([view.encode(X) for X in tables])
        roles, located = model._inputs.roles, model._inputs.use_coordinates
        names = view.feature_names
        units = [(j, names[j], [j]) for j in roles.features]
        taken = {name for _, name, _ in units}
        if located and roles.lat is not None and roles.lon is not None:
            pair = [roles.lat, roles.lon]
            label = free_name("place", [names[j] for j in pair], taken)
            units.append((min(pair), label, pair))
        if located and roles.time is not None:
            label = free_name("time", [names[roles.time]], taken)
            units.append((roles.time, label, [roles.time]))
        units.sort()
        self.categorical = tuple(roles.categorical)
        dated = located and model._inputs.dates_
        self.date = roles.time if dated else None
        self.names = [name for _, name, _ in units]
        self.columns = [columns for _, _, columns in units]

    @property
    def n_rows(self) -> int:
        """Rows of all tables."""
        return len(self.floats)

    @property
    def n_units(self) -> int:
        """Units of a row."""
        return len(self.names)

    def cells(self) -> IntArray:
        """Write the rows as they are, each with its own units.

        Returns
        -------
        ndarray of int of shape (n, n_units)
            Every entry is the number of its row.
        """
        rows = np.arange(self.n_rows, dtype=np.int64)
        return np.repeat(rows[:, None], self.n_units, axis=1)

    def predict(self, cells: NDArray[Any]) -> FloatArray:
        """Predict rows made of units of these rows.

        Parameters
        ----------
        cells : ndarray of shape (m, n_units)
            Which row each unit comes from; whole numbers of any dtype.

        Returns
        -------
        ndarray of shape (m,)
            Predictions in target units.
        """
        source = np.asarray(cells).astype(np.int64)
        floats = self.floats[source[:, 0]]
        for u, columns in enumerate(self.columns):
            floats[:, columns] = self.floats[source[:, [u]], columns]
        return self._view.predict(floats)

    def sum_columns(self, contributions: ArrayLike) -> FloatArray:
        """Add up contributions of columns to those of units.

        Parameters
        ----------
        contributions : array_like of shape (..., p)
            Signed contributions of the columns.

        Returns
        -------
        ndarray of shape (..., n_units)
            Contributions of the units.
        """
        array = np.asarray(contributions, dtype=np.float64)
        return np.stack([array[..., j].sum(axis=-1) for j in self.columns], axis=-1)
