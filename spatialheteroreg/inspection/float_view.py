"""A fitted model as a function of plain floats, for tools that take no dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ..coordinates import LAST_YEAR, read_time
from ..features import FeatureEncoder
from ..sphere import FloatArray
from ..values import rows_text

if TYPE_CHECKING:
    from ..regressor import STCGRegressor


class FloatView:
    """A fitted model seen through arrays of floats.

    Many tools hand bare float arrays to a model and fail on dates and strings:
    the explainers of shap, optimizers, samplers. The view gives them floats,
    and the model the table that it knows: fractional years stand for dates,
    codes for categories, NaN for missing numbers, as in the `data` of
    :meth:`~spatialheteroreg.STCGRegressor.explain`.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model. The view keeps the model, not a copy.

    Attributes
    ----------
    feature_names : list of str
        Names of the columns; "x0", "x1" and so on where the model has none.

    Raises
    ------
    ValueError
        If the place is a column of points, which no float can stand for.

    Notes
    -----
    ``view.predict(view.encode(X))`` is ``model.predict(X)``. A fractional year
    is a float: until 2048 it tells apart instants some 7 microseconds apart, from
    then on 14. Dates that are whole milliseconds come back as they were, others
    to within that.

    A category code is 0 for a category that was not seen in training, 1 for a
    missing one, and 2 and on for those of training, in the order of
    :meth:`categories`.

    With shap::

        view = FloatView(model)
        explainer = shap.Explainer(
            view.predict, view.encode(background), feature_names=view.feature_names
        )
        explanation = explainer(view.encode(X))

    Examples
    --------
    >>> import pandas as pd
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.inspection import FloatView
    >>> X = pd.DataFrame({"date": ["2003-01-01", "2003-07-02 12:00"] * 20})
    >>> X = X.assign(cover=["crop", "forest", "crop", "grass"] * 10, rain=range(40))
    >>> model = STCGRegressor(max_iter=1, random_state=0).fit(X, X["rain"])
    >>> view = FloatView(model)
    >>> view.encode(X[:3]).tolist()
    [[2003.0, 2.0, 0.0], [2003.5, 3.0, 1.0], [2003.0, 2.0, 2.0]]
    >>> view.decode([[2003.5, 4, 7.0]])
                     date  cover  rain
    0 2003-07-02 12:00:00  grass   7.0
    >>> bool((view.predict(view.encode(X)) == model.predict(X)).all())
    True
    """

    def __init__(self, model: STCGRegressor) -> None:
        check_is_fitted(model)
        self.model = model
        self._inputs = model._inputs
        roles = self._inputs.roles
        points = roles.lat is not None and roles.lat == roles.lon
        if points and self._inputs.use_coordinates:
            raise ValueError(
                "The place is a column of points, which no float can stand for. Fit "
                "with two columns, lon=X.geometry.x and lat=X.geometry.y, in its place."
            )
        names = getattr(model, "feature_names_in_", None)
        self._names = None if names is None else list(names)
        self.feature_names = model._column_names()

    def encode(self, X: Any) -> FloatArray:
        """Turn a table into floats.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        ndarray of shape (n, p)
            Dates as fractional years (UTC), categories as codes, numbers as they
            are, NaN where a number is missing.

        Raises
        ------
        ValueError
            If the table cannot be read; says what and where.
        """
        table = self.model._read_fitted(X)
        codes = self._inputs.encoder_.transform(table).codes
        return self._inputs.as_floats(table, codes)

    def decode(self, Z: ArrayLike) -> pd.DataFrame:
        """Turn floats back into a table that the model takes.

        Parameters
        ----------
        Z : array_like of shape (n, p)
            Floats in the form of :meth:`encode`.

        Returns
        -------
        DataFrame of shape (n, p)
            Dates as datetime64 (UTC, without a zone) where the model reads dates,
            categories as in training (None where missing, a text that is no known
            category where unseen), all else as floats.

        Raises
        ------
        ValueError
            If the shape is not that of the training table, a code is none of the
            model's, or a year cannot be a date; says where.
        """
        floats = np.array(Z, dtype=np.float64)  # the table may be written to
        n_columns = self.model.n_features_in_
        if floats.ndim != 2 or floats.shape[1] != n_columns:
            raise ValueError(
                f"Z must have the shape (n, {n_columns}), one float for each column "
                f"of the training table, but has the shape {floats.shape}."
            )
        roles = self._inputs.roles
        columns: list[Any] = list(floats.T)
        for k, j in enumerate(roles.categorical):
            columns[j] = self._decode_categories(floats[:, j], k, j)
        if roles.time is not None and self._inputs.dates_:
            columns[roles.time] = _to_dates(
                floats[:, roles.time], self._label(roles.time)
            )
        table = pd.DataFrame(dict(enumerate(columns)), copy=False)
        if self._names is not None:
            table.columns = pd.Index(self._names)
        return table

    def predict(self, Z: ArrayLike) -> FloatArray:
        """Predict from floats.

        Parameters
        ----------
        Z : array_like of shape (n, p)
            Floats in the form of :meth:`encode`.

        Returns
        -------
        ndarray of shape (n,)
            What the model predicts for the table that these floats stand for.

        Raises
        ------
        ValueError
            As :meth:`decode` and the model's `predict` do.
        """
        prediction: FloatArray = self.model.predict(self.decode(Z))
        return prediction

    def categories(self, column: str | int) -> list[Any]:
        """Categories of a column in the order of their codes, which start at 2.

        Parameters
        ----------
        column : str or int
            Name or position of a categorical column.

        Returns
        -------
        list
            The category of code 2, of code 3, and so on.

        Raises
        ------
        ValueError
            If the column is no categorical one.
        """
        categorical = self._inputs.roles.categorical
        known: dict[str | int, int] = {
            self.feature_names[j]: k for k, j in enumerate(categorical)
        }
        known |= {j: k for k, j in enumerate(categorical)}
        if column not in known:
            names = ", ".join(repr(self.feature_names[j]) for j in categorical)
            raise ValueError(
                f"{column!r} is no categorical column of the model. Categorical "
                f"columns: {names or 'none'}."
            )
        return list(self._inputs.encoder_.categories_[known[column]])

    def _decode_categories(
        self, codes: FloatArray, k: int, position: int
    ) -> NDArray[np.object_]:
        known = list(self._inputs.encoder_.categories_[k])
        last = len(known) + FeatureEncoder.FIRST - 1
        # NaN fails every comparison, and so is refused as well.
        wrong = ~((codes >= 0) & (codes <= last) & (codes == np.floor(codes)))
        if wrong.any():
            raise ValueError(
                f"Column {self._label(position)}: {codes[wrong][0]:g} in "
                f"{rows_text(wrong)} is no code of a category. Codes are "
                f"{FeatureEncoder.UNSEEN} (not seen in training), "
                f"{FeatureEncoder.MISSING} (missing) and whole numbers up to {last}; "
                "an average of codes means nothing."
            )
        unseen = "unseen"
        while unseen in known:
            unseen += "_"
        values = np.empty(len(known) + FeatureEncoder.FIRST, dtype=object)
        values[FeatureEncoder.UNSEEN] = unseen
        values[FeatureEncoder.MISSING] = None
        values[FeatureEncoder.FIRST :] = known
        return values[codes.astype(np.intp)]

    def _label(self, position: int) -> str:
        return repr(self._names[position]) if self._names else str(position)


def _to_dates(years: FloatArray, label: str) -> NDArray[np.datetime64]:
    """Read fractional years as dates whose fractional years they are."""
    wrong = ~(np.abs(years) < LAST_YEAR)
    if wrong.any():
        raise ValueError(
            f"Column {label}: {years[wrong][0]:g} in {rows_text(wrong)} is no "
            "fractional year that can be a date."
        )
    whole = np.floor(years)
    year = (whole.astype(np.int64) - 1970).astype("datetime64[Y]")
    start = year.astype("datetime64[us]")
    end = (year + np.timedelta64(1, "Y")).astype("datetime64[us]")
    length = (end - start).astype(np.int64)
    passed = np.round((years - whole) * length).astype("timedelta64[us]")
    exact = start + passed
    # Of the dates that one float stands for, a whole millisecond is the likely one.
    neat = (exact + np.timedelta64(500, "us")).astype("datetime64[ms]")
    neat = neat.astype("datetime64[us]")
    same = read_time(pd.Series(neat), label) == years
    return np.where(same, neat, exact)
