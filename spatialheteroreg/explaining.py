"""What a fitted STCGRegressor says of its predictions."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    cast,
    overload,
)

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import (
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from .calibration import member_baseline
from .chunks import Part, map_chunks
from .columns import Table
from .inputs import InputBuilder
from .inspection.explanation import (
    EffectBaseline,
    RowEffects,
    make_explanation,
    normalized_weights,
)
from .kriging import ResidualKriging
from .predictor import ModelMean, Predictor
from .ready import ReadyPredictor
from .row_inputs import Arrays
from .sphere import FloatArray
from .uncertainty import Uncertainty, significant
from .values import free_name

if TYPE_CHECKING:
    import shap

    from .inspection.diagnosis import Diagnosis
    from .regressor import STCGRegressor


T = TypeVar("T")

_LOCAL_EFFECTS = {
    "output": [StrOptions({"slope", "contribution"})],
    "return_std": ["boolean"],
    "alpha": [Interval(Real, 0, 1, closed="neither")],
}


class LocalEffects(NamedTuple):
    """Local effects with their uncertainty.

    Attributes
    ----------
    effect : DataFrame of shape (n, k)
        Slopes or contributions.
    std : DataFrame of shape (n, k)
        Their standard errors.
    significant : DataFrame of shape (n, k), bool
        Where the sign is known at the false-discovery rate that was asked for.
    """

    effect: pd.DataFrame
    std: pd.DataFrame
    significant: pd.DataFrame


class ExplainMixin:
    """Explanations of an estimator that has `_inputs`, `net_` and means."""

    _inputs: InputBuilder
    _baseline: EffectBaseline
    _training_mean: ModelMean
    _kriging: ResidualKriging | None
    _uncertainty: Uncertainty | None
    _target_mean: float
    _target_scale: float
    _ready: ReadyPredictor
    n_features_in_: int
    net_: Any

    def explain(self, X: Any) -> shap.Explanation:
        """Take predictions apart, one contribution for each column of X.

        The rows add up: `values.sum(axis=1) + base_values` is the prediction
        (with `head="dual"` the weighted combination, see `explanation_r2_`). The
        base value is the mean over the training rows.

        A feature contributes its weight times its value, measured from the mean of
        that product over the training rows. Latitude and longitude contribute half
        each of what the place adds over the training times. Time contributes what
        it adds over the training places, and what it does at this place beyond
        that; :meth:`decompose` keeps the two apart.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        shap.Explanation
            `values` (n, p); `base_values` (n,); `data` (n, p) as floats, with
            fractional years for dates and codes for categories;
            `display_data` as X was passed.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If columns are not those of fit, or hold what cannot be used.

        Examples
        --------
        >>> from spatialheteroreg import STCGRegressor
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
        >>> X, y = globe.data, globe.target
        >>> model = STCGRegressor(max_iter=2, random_state=0).fit(X, y)
        >>> explanation = model.explain(X)
        >>> total = explanation.values.sum(axis=1) + explanation.base_values
        >>> float(abs(total - model.predict(X)).max()) < 1e-9
        True
        """
        table, predictor = self._read_fitted(X), self._predictor()
        shape = (table.n_rows, table.n_columns)
        contributions, data = np.empty(shape), np.empty(shape)

        def explain(part: Part) -> None:
            effects = predictor.effects(part.inputs, self._training_mean)
            contributions[part.rows] = self._contributions(effects)
            codes = part.inputs["codes"]
            data[part.rows] = self._inputs.as_floats(part.table, codes)

        self._map_chunks(table, predictor, explain)
        return make_explanation(
            contributions,
            self._baseline.value,
            data,
            table.to_show(),
            self._column_names(),
        )

    def decompose(self, X: Any) -> pd.DataFrame:
        """Take predictions apart into baseline, place, time and features.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        DataFrame of shape (n, 4 + n_features)
            "baseline", the mean over the training rows; "place", what the place adds
            over the training times; "time", what the time adds over the training
            places; "place_time", what the time does at this place beyond that; then
            each feature. Where a feature has one of the four names, the columns of the
            coordinates stand behind it: "place (lat, lon)". All but the baseline
            average to 0 over the training rows, and each row adds up to the prediction
            (with `head="dual"` to the weighted combination). Indexed as X is.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If columns are not those of fit, or hold what cannot be used.

        Examples
        --------
        >>> from spatialheteroreg import STCGRegressor
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
        >>> X, y = globe.data, globe.target
        >>> model = STCGRegressor(max_iter=2, random_state=0).fit(X, y)
        >>> parts = model.decompose(X)
        >>> parts.columns[:5].tolist()
        ['baseline', 'place', 'time', 'place_time', 'temperature']
        >>> float(abs(parts.sum(axis=1) - model.predict(X)).max()) < 1e-9
        True
        """
        table, predictor = self._read_fitted(X), self._predictor()
        base = self._baseline

        def decompose(part: Part) -> FloatArray:
            effects = predictor.effects(part.inputs, self._training_mean)
            return np.column_stack(
                [
                    np.full(len(effects.place), base.value),
                    effects.place,
                    effects.time,
                    effects.place_time - base.place_time,
                    effects.features - base.features,
                ]
            )

        rows = self._map_chunks(table, predictor, decompose)
        return _frame(np.concatenate(rows), X, self._part_names())

    def feature_weights(self, X: Any) -> FloatArray:
        """Share of each column in each prediction.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        ndarray of shape (n, p)
            Absolute contributions of :meth:`explain`, divided by their sum over
            the row; uniform where all are zero.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If columns are not those of fit, or hold what cannot be used.

        Examples
        --------
        >>> from spatialheteroreg import STCGRegressor
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
        >>> X, y = globe.data, globe.target
        >>> model = STCGRegressor(max_iter=2, random_state=0).fit(X, y)
        >>> model.feature_weights(X).sum(axis=1).round(9).min().item()
        1.0
        """
        table, predictor = self._read_fitted(X), self._predictor()

        def weigh(part: Part) -> FloatArray:
            effects = predictor.effects(part.inputs, self._training_mean)
            return normalized_weights(self._contributions(effects))

        return np.concatenate(self._map_chunks(table, predictor, weigh))

    @overload
    def local_effects(
        self,
        X: Any,
        *,
        output: str = ...,
        return_std: Literal[False] = ...,
        alpha: float = ...,
    ) -> pd.DataFrame: ...

    @overload
    def local_effects(
        self,
        X: Any,
        *,
        output: str = ...,
        return_std: Literal[True],
        alpha: float = ...,
    ) -> LocalEffects: ...

    def local_effects(
        self,
        X: Any,
        *,
        output: str = "slope",
        return_std: bool = False,
        alpha: float = 0.1,
    ) -> pd.DataFrame | LocalEffects:
        """Effect of each feature at each row.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.
        output : {"slope", "contribution"}, default="slope"
            "slope": derivatives of the prediction by the numeric features, in target
            units per feature unit. "contribution": the contributions of
            :meth:`explain`, in target units, of all columns.
        return_std : bool, default=False
            Whether to return standard errors and significance too; for `n_members`
            of 2 and more.
        alpha : float, default=0.1
            False-discovery rate: the share of wrong signs that is expected among
            the significant effects of a column.

        Returns
        -------
        DataFrame of shape (n, k) or LocalEffects
            The effects, indexed as X is. A slope is NaN where the feature is
            missing, and 0 where its value is held: beyond 10 standard deviations
            from its mean, of heavy tails only far beyond. With `return_std` a named
            tuple of three such frames: `effect`, `std` and `significant`.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If columns are not those of fit or hold what cannot be used, `return_std` is
            asked of a model without uncertainty, or another parameter is not one of
            those above.

        Examples
        --------
        >>> from spatialheteroreg import STCGRegressor
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
        >>> X, y = globe.data, globe.target
        >>> model = STCGRegressor(max_iter=2, random_state=0).fit(X, y)
        >>> model.local_effects(X).shape  # a slope for each numeric feature
        (200, 6)
        """
        validate_parameter_constraints(
            _LOCAL_EFFECTS,
            {"output": output, "return_std": return_std, "alpha": alpha},
            caller_name=f"{type(self).__name__}.local_effects",
        )
        uncertainty, baseline = None, None
        if return_std:
            uncertainty = self._get_uncertainty()
            baseline = member_baseline(uncertainty.baselines)
        table, predictor = self._read_fitted(X), self._predictor()

        def find(part: Part) -> tuple[FloatArray, FloatArray | None]:
            found = self._local_effects(predictor, part.inputs, output, baseline)
            if uncertainty is None:
                return found, None
            spread, local = (
                (uncertainty.slopes, uncertainty.local_slopes)
                if output == "slope"
                else (uncertainty.contributions, uncertainty.local_contributions)
            )
            withheld = predictor.withheld(part.inputs)
            variance = uncertainty.variance(found, spread, local, withheld)
            return found.mean(axis=0), variance

        effects, variances = zip(*self._map_chunks(table, predictor, find), strict=True)
        names = self._column_names()
        if output == "slope":
            names = [names[j] for j in self._inputs.roles.numeric]
        effect = np.concatenate(effects)
        if uncertainty is None:
            return _frame(effect, X, names)
        std = np.sqrt(np.concatenate(variances))
        known = significant(effect, std, alpha)
        return LocalEffects(*(_frame(part, X, names) for part in (effect, std, known)))

    def applicability(self, X: Any) -> pd.DataFrame:
        """Tell how far rows lie from the training rows.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        DataFrame of shape (n, 4)
            As :func:`~spatialheteroreg.inspection.applicability.applicability` gives
            it.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If columns are not those of fit, or hold what cannot be used.

        Examples
        --------
        >>> from spatialheteroreg import STCGRegressor
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
        >>> X, y = globe.data, globe.target
        >>> model = STCGRegressor(max_iter=2, random_state=0).fit(X, y)
        >>> model.applicability(X.assign(lat=-X["lat"])).columns.tolist()
        ['distance', 'widths', 'dissimilarity', 'inside']
        """
        from .inspection.applicability import applicability

        return applicability(cast("STCGRegressor", self), X)

    def diagnose(self, X: Any = None, y: ArrayLike | None = None) -> Diagnosis:
        """Look for signs that something is wrong with this fit.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p), default=None
            Rows to look at errors of, best rows held out; None leaves these out.
        y : array_like of shape (n,), default=None
            Their target.

        Returns
        -------
        Diagnosis
            As :func:`~spatialheteroreg.inspection.diagnosis.diagnose` gives it.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If columns are not those of fit, hold what cannot be used, or only one of
            X and y is passed.

        Examples
        --------
        >>> from spatialheteroreg import STCGRegressor
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
        >>> X, y = globe.data, globe.target
        >>> model = STCGRegressor(max_iter=2, random_state=0).fit(X, y)
        >>> str(model.diagnose(X, y)).startswith("Diagnosis: ")
        True
        """
        from .inspection.diagnosis import diagnose

        return diagnose(cast("STCGRegressor", self), X, y)

    def _map_chunks(
        self, table: Table, predictor: Predictor, do: Callable[[Part], T]
    ) -> list[T]:
        """Do something for some rows after others.

        What the networks are told of rows is made on one core. A GPU would wait for it,
        so that several threads look after it; on a CPU they share out the networks.
        """
        return map_chunks(self._inputs, table, do, apart=predictor.on_gpu)

    def _local_effects(
        self,
        predictor: Predictor,
        arrays: Arrays,
        output: str,
        baseline: EffectBaseline | None,
    ) -> FloatArray:
        """Mean effects, or those of each member where it has a baseline of its own."""
        members = baseline is not None
        if output == "slope":
            scale = self._inputs.encoder_.local_scale(arrays["numeric"])
            return predictor.slopes(arrays, scale, members=members)
        effects = predictor.effects(arrays, self._training_mean, members=members)
        return self._contributions(effects, baseline)

    def _get_uncertainty(self) -> Uncertainty:
        check_is_fitted(self)
        if self._uncertainty is None:
            raise ValueError(
                "This model has no uncertainty: it needs members that differ and rows "
                "held out to calibrate them. Fit with n_members=2 or more (and "
                "n_folds=5 for accuracy), calibration_fraction above 0 and 200 rows or "
                "more."
            )
        return self._uncertainty

    def _read_fitted(self, X: Any) -> Table:
        check_is_fitted(self)
        table = Table(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        return table

    def _predictor(self) -> Predictor:
        return self._ready.get(self.net_.module_, self._make_predictor)

    def _make_predictor(self) -> Predictor:
        roles = self._inputs.roles
        return Predictor(
            self.net_.module_,
            self._target_mean,
            self._target_scale,
            self._kriging,
            has_place=roles.has_place,
            has_time=roles.time is not None,
        )

    def _contributions(
        self, effects: RowEffects, baseline: EffectBaseline | None = None
    ) -> FloatArray:
        roles, located = self._inputs.roles, self._inputs.use_coordinates
        return effects.contributions(
            self._baseline if baseline is None else baseline,
            self.n_features_in_,
            roles.features,
            *((roles.lat, roles.lon, roles.time) if located else (None, None, None)),
        )

    def _part_names(self) -> list[str]:
        """Names of the parts of a prediction, those of the features last."""
        names, roles = self._column_names(), self._inputs.roles
        features = [names[j] for j in roles.features]
        place, time = (
            [names[j] for j in found if j is not None]
            for found in ((roles.lat, roles.lon), (roles.time,))
        )
        columns = {"baseline": [], "place": place, "time": time}
        columns["place_time"] = place + time
        own = [free_name(part, of, features) for part, of in columns.items()]
        return [*own, *features]

    def _column_names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            return [f"x{j}" for j in range(self.n_features_in_)]
        return list(names)


def _frame(values: NDArray[Any], X: Any, columns: list[str]) -> pd.DataFrame:
    """Put values into a frame with the index of X."""
    index = X.index if isinstance(X, pd.DataFrame) else None
    return pd.DataFrame(values, index=index, columns=columns)
