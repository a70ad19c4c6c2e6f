"""Feature selection that leaves the coordinates where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    RegressorMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import Tags, _safe_indexing
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from .columns import ColumnRoles, Table
from .fitting import model_roles
from .frames import read_table
from .regressor import STCGRegressor
from .sphere import FloatArray, IntArray


class KeepCoordinates(MetaEstimatorMixin, TransformerMixin, BaseEstimator):
    """Let a selector choose among the features, and keep the coordinates.

    scikit-learn's selectors fit their estimator on arrays with some columns
    taken out. Names are lost, positions name other columns than before, and the
    coordinates themselves may be taken out. This wraps a selector so that its
    estimator always sees them, by whatever name or position it was given.

    Parameters
    ----------
    selector : selector
        `RFE`, `RFECV`, `SequentialFeatureSelector`, `SelectFromModel` or
        another selector with an `estimator`, which has to be an
        :class:`STCGRegressor` itself, not a pipeline that ends in one.

    Attributes
    ----------
    selector_ : selector
        The fitted selector. Its columns are the features, without coordinates.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (p,)
        Names of the columns, where X had names.

    Examples
    --------
    >>> from sklearn.feature_selection import RFE
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
    >>> model = STCGRegressor(max_iter=1, random_state=0)
    >>> select = KeepCoordinates(RFE(model, n_features_to_select=1))
    >>> chosen = select.fit_transform(globe.data, globe.target)
    >>> chosen.columns[:3].tolist(), chosen.shape
    (['lat', 'lon', 'time'], (200, 4))
    """

    def __init__(self, selector: Any) -> None:
        self.selector = selector

    def fit(self, X: Any, y: ArrayLike, **fit_params: Any) -> KeepCoordinates:
        """Choose features.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Coordinates and features, as :class:`STCGRegressor` takes them.
        y : array_like of shape (n,)
            Target.
        **fit_params : dict
            Handed to the selector.

        Returns
        -------
        KeepCoordinates
            Itself.

        Raises
        ------
        ValueError
            If the selector has no estimator, or there is no feature to choose.
        """
        estimator: Any = getattr(self.selector, "estimator", None)
        if getattr(self.selector, "prefit", False):
            raise ValueError(
                "selector=SelectFromModel(prefit=True) saw its coordinates elsewhere. "
                "Pass prefit=False."
            )
        if not isinstance(estimator, STCGRegressor):
            raise ValueError(
                f"selector={type(self.selector).__name__} must hold an STCGRegressor "
                "as its estimator. Pass RFE, SequentialFeatureSelector, "
                "SelectFromModel or a like selector around one."
            )
        table = Table(X)
        validate_data(self, X, y, skip_check_array=True)
        roles = model_roles(estimator, table)
        features = sorted(roles.features)
        if not features:
            raise ValueError("X holds coordinates only: there is no feature to choose.")
        cells = _Cells(X, table.names, roles, np.array(features))
        self.selector_ = clone(self.selector).set_params(
            estimator=_Located(estimator, cells)
        )
        try:
            self.selector_.fit(cells.numbers(table.n_rows), y, **fit_params)
        finally:
            cells.X = None  # the rows are not part of what was learned
        self._coordinates = cells.coordinates
        self._features = cells.features
        return self

    def transform(self, X: Any) -> Any:
        """Leave out the features that were not chosen.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        DataFrame or ndarray
            Coordinates and chosen features, in their old order and in the
            container that X is.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        X = X if hasattr(X, "columns") else read_table(X)
        return _safe_indexing(X, self.get_support(indices=True), axis=1)

    def get_support(self, indices: bool = False) -> NDArray[Any]:
        """Tell which columns are kept.

        Parameters
        ----------
        indices : bool, default=False
            Return positions instead of a mask.

        Returns
        -------
        ndarray
            Mask of shape (p,), or positions. Coordinates are always kept.
        """
        check_is_fitted(self)
        mask = np.zeros(self.n_features_in_, dtype=bool)
        mask[self._coordinates] = True
        mask[self._features[self.selector_.get_support()]] = True
        return np.flatnonzero(mask) if indices else mask

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns that are kept.

        Parameters
        ----------
        input_features : array_like of str, default=None
            Names to use where X had none.

        Returns
        -------
        ndarray of str
            The names; x0, x1, ... where there are none.
        """
        names = _check_feature_names_in(self, input_features)
        return names[self.get_support()]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "selector_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


class _Cells:
    """A table that rows and columns of numbers stand for.

    A selector may take rows and columns out of the matrix of :meth:`numbers`,
    and every cell of what is left still tells where it came from.
    """

    def __init__(
        self, X: Any, names: list[str] | None, roles: ColumnRoles, features: IntArray
    ) -> None:
        self.X: Any = X if hasattr(X, "columns") else read_table(X)
        self.names = names
        self.roles = roles
        self.features = features
        places = (roles.lat, roles.lon, roles.time)
        # A geometry column is both latitude and longitude.
        self.coordinates = list(
            dict.fromkeys(position for position in places if position is not None)
        )

    def __deepcopy__(self, memo: Any) -> _Cells:
        return self  # the data of one fit, shared by all clones

    def numbers(self, n_rows: int) -> FloatArray:
        """One number for each row and feature."""
        size = len(self.features)
        return np.arange(n_rows * size, dtype=np.float64).reshape(n_rows, size)

    def table(self, numbers: FloatArray) -> tuple[Any, IntArray]:
        """Rows that numbers stand for: coordinates, then features; and which."""
        cell = np.asarray(numbers).astype(np.int64)
        row, chosen = cell[:, 0] // len(self.features), cell[0] % len(self.features)
        columns = [*self.coordinates, *self.features[chosen].tolist()]
        part = _safe_indexing(_safe_indexing(self.X, columns, axis=1), row, axis=0)
        return part, self.features[chosen]

    def parameters(self, columns: IntArray) -> dict[str, Any]:
        """Parameters that say which columns of such a part are what."""
        found: dict[str, Any] = dict.fromkeys(("lat", "lon", "time"))
        for role in found:
            position = getattr(self.roles, role)
            if position is not None:
                # A name says that it is meant, whatever other columns are called.
                found[role] = (
                    self.names[position]
                    if self.names
                    else self.coordinates.index(position)
                )
        first = len(self.coordinates)
        categorical = [
            first + k
            for k, column in enumerate(columns)
            if column in self.roles.categorical
        ]
        return {**found, "categorical_features": categorical}


class _Located(RegressorMixin, BaseEstimator):
    """The estimator inside a selector: it sees cells and fits rows with places."""

    def __init__(self, estimator: Any, cells: _Cells) -> None:
        self.estimator = estimator
        self.cells = cells

    def fit(self, X: FloatArray, y: ArrayLike, **fit_params: Any) -> _Located:
        part, columns = self.cells.table(X)
        parameters = self.cells.parameters(columns)
        self.estimator_ = clone(self.estimator).set_params(**parameters)
        self.estimator_.fit(part, y, **fit_params)
        self.n_features_in_ = X.shape[1]
        self.feature_importances_ = self.estimator_.feature_importances_[
            -self.n_features_in_ :
        ]
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        part, _ = self.cells.table(X)
        return self.estimator_.predict(part)
