"""What is asked of a fitted model for rows that come in parts."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from .values import names_text

if TYPE_CHECKING:
    from .regressor import STCGRegressor


class RowOutputs:
    """Predictions, standard errors, effects and slopes of rows.

    Parameters
    ----------
    model : STCGRegressor
        Fitted on a table with names.
    return_std : bool, default=False
        Whether standard errors are asked for.
    effects : bool, default=False
        Whether the parts of each prediction are.
    slopes : bool, default=False
        Whether the slopes of the numeric features are.
    warn : bool, default=True
        Whether each call warns of times that the model does not reach.

    Attributes
    ----------
    names : list of str
        Columns of the table that the model was fitted on.
    labels : dict of str to list of str or None
        Each output; the names along its second axis, None where it has one axis.
    """

    def __init__(
        self,
        model: STCGRegressor,
        *,
        return_std: bool = False,
        effects: bool = False,
        slopes: bool = False,
        warn: bool = True,
    ) -> None:
        self.names = column_names(model)
        if return_std:
            model._get_uncertainty()
        self.model = model
        self.return_std = return_std
        self.warn = warn
        roles = model._inputs.roles
        self.labels: dict[str, list[str] | None] = {"prediction": None}
        if return_std:
            self.labels["prediction_std"] = None
        if effects:
            self.labels["effect"] = model._part_names()
        if slopes:
            numeric = [self.names[j] for j in roles.numeric]
            self.labels["slope"] = numeric
            if return_std:
                self.labels["slope_std"] = numeric

    def __call__(self, rows: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
        """Compute what is asked for.

        Parameters
        ----------
        rows : DataFrame of shape (n, p)
            At least one row; columns as in fit.

        Returns
        -------
        dict of str to ndarray
            One array for each of `labels`, (n,) or (n, k).
        """
        model = self.model if self.warn else _without_warning(self.model)
        found = {}
        if "effect" in self.labels:
            found["effect"] = model.decompose(rows).to_numpy()
        if self.return_std:
            mean, std = model.predict(rows, return_std=True)
            found |= {"prediction": mean, "prediction_std": std}
        elif "effect" in found and model.head == "additive":
            found["prediction"] = found["effect"].sum(axis=1)
        else:
            found["prediction"] = model.predict(rows)
        if "slope_std" in self.labels:
            slopes = model.local_effects(rows, return_std=True)
            found |= {
                "slope": slopes.effect.to_numpy(),
                "slope_std": slopes.std.to_numpy(),
            }
        elif "slope" in self.labels:
            found["slope"] = model.local_effects(rows).to_numpy()
        return {name: found[name] for name in self.labels}


def column_names(model: STCGRegressor) -> list[str]:
    """Give the names of the columns that a model was fitted on.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.

    Returns
    -------
    list of str
        Names in the order of the table.

    Raises
    ------
    TypeError
        If the model is none of this package.
    ValueError
        If it was fitted without names, or is not fitted (`NotFittedError`).
    """
    from .regressor import STCGRegressor

    if not isinstance(model, STCGRegressor):
        raise TypeError(
            f"model must be a fitted STCGRegressor, not {type(model).__name__}. Of a "
            "search pass its best_estimator_, of a pipeline its last step."
        )
    check_is_fitted(model)
    if not hasattr(model, "feature_names_in_"):
        raise ValueError(
            "The model was fitted on columns without names, and variables are found by "
            "name. Fit it on a DataFrame."
        )
    return list(model.feature_names_in_)


def check_names(names: list[str], there: list[str], what: str) -> None:
    """Refuse data that lack a column of the model.

    Parameters
    ----------
    names : list of str
        What the model needs.
    there : list of str
        What the data have.
    what : str
        How the message calls the data.

    Raises
    ------
    ValueError
        If a name is missing; lists both.
    """
    absent = [name for name in names if name not in there]
    if absent:
        raise ValueError(
            f"{what} lacks {names_text(absent)}, which the model was fitted with. It "
            f"has {names_text(there)}. Add what is missing, or rename it."
        )


def _without_warning(model: STCGRegressor) -> STCGRegressor:
    """Copy a model that says nothing of times that it does not reach."""
    silent = copy.copy(model)
    silent._inputs = copy.copy(model._inputs)
    silent._inputs.axis_ = copy.copy(model._inputs.axis_)
    silent._inputs.axis_.__dict__["warn_outside"] = lambda *_, **__: None
    return silent
