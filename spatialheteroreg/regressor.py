"""STCGRegressor: parameters, the steps of fit, prediction, explanation."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import Tags, check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from .batches import make_rows, split_validation
from .columns import Table, find_roles
from .features import mean_and_deviation
from .inference import Evaluator, TimeMean
from .inputs import Arrays, InputBuilder
from .inspection.explanation import (
    EffectBaseline,
    RowEffects,
    make_explanation,
    normalized_weights,
)
from .network import ConditionEncoder, FeatureTokens, STCGNetwork
from .network.layers import RandomSource, initialize
from .sizing import auto_batch_size, auto_regularization
from .sphere import FloatArray, IntArray
from .training import STCGNet, make_net, resolve_device, train

if TYPE_CHECKING:
    import shap


SHAPING = (
    *("lat", "lon", "time", "period", "categorical_features", "condition"),
    *("n_nodes", "n_neighbors", "n_attached", "bandwidth", "metric"),
    *("time_axis", "n_steps", "gcn_layers", "lstm_layers", "attention", "head"),
    *("d_token", "d_condition", "d_hidden", "n_heads", "n_layers"),
    *("dropout", "place_dropout", "condition_dropout"),
)
"""Parameters that shape inputs and network, which a warm start goes on with."""


class STCGRegressor(RegressorMixin, BaseEstimator):
    """Regression whose law changes over space and time.

    One network learns two things at once: a law that is the same everywhere
    (self-attention over the features) and a condition that stands for what
    nobody measured (a graph over the places of the data, a recurrent network
    over time). A decoder reads the condition into the features and gives each a
    weight. The method follows [1]_; :doc:`/method` tells where it goes beyond.

    Coordinates are columns of X, found by their usual names or named here.
    Nothing needs to be scaled. Numbers may be missing; categories need no
    encoding.

    Parameters
    ----------
    lat, lon : str, int or None, default="auto"
        Columns of latitude and longitude in degrees, by name or position.
        Longitudes may run -180..180 or 0..360. "auto" looks for lat, latitude,
        lon, long, lng and longitude in any case; None means that there are
        none.
    time : str, int or None, default="auto"
        Column of the time: dates of any kind, ISO 8601 strings, or numbers.
        "auto" looks for time, date and datetime in any case.
    period : float or None, default=None
        Length of the cycle in the unit of the time column, in years for dates.
        None means one year for dates and no cycle for numbers.
    categorical_features : "from_dtype", list of str or int, or None, \
            default="from_dtype"
        Columns that hold categories. "from_dtype" takes string, object,
        category and bool columns.
    condition : {"graph", "none"}, default="graph"
        "none" leaves place and time out: they are not read and have no
        importance.
    n_nodes : int or "auto", default="auto"
        Nodes of the condition graph. "auto": one for about 30 rows, 12 to
        1,000, and no more than there are places.
    n_neighbors : int, default=8
        Nearest nodes that each node is tied to.
    n_attached : int, default=8
        Nearest nodes that each row is attached to.
    bandwidth : float or "auto", default="auto"
        Width of the Gaussian kernel in km (with `metric="euclidean"` in the
        units of the coordinates). "auto": the mean distance of each node to
        its two nearest.
    metric : {"haversine", "euclidean"}, default="haversine"
        Distance along the sphere, or straight distance on bare coordinates,
        which may then be projected ones.
    time_axis : {"auto", "cycle", "sequence"}, default="auto"
        Whether the steps of the recurrent network go around one cycle or run
        along the whole span of the training times. "auto" takes the sequence
        where rows fill at least half of the cells that places and its steps
        make, with 60 rows a step or more, as gridded data do.
    n_steps : int or "auto", default="auto"
        Number of steps around the cycle, or along the whole span. "auto": 12 a
        cycle, at most 240 along the span; without a cycle one for 60 rows.
    gcn_layers, lstm_layers : int, default=1
        Graph convolutions, and layers of the recurrent network; 0 leaves the
        part out.
    attention : {"linear", "softmax"}, default="linear"
        Attention among the features.
    d_token, d_condition, d_hidden : int, default=16, 64, 128
        Widths of a feature token, of the condition and of the read-out's hidden
        layer.
    n_heads : int, default=2
        Attention heads; divides `d_token`.
    n_layers : int, default=1
        Blocks of self-attention.
    dropout : float or "auto", default="auto"
        Share of the network's numbers dropped in training. "auto": 0.15 for up
        to 8,000 rows, falling to 0.07 at 30,000.
    place_dropout : float, default=0.3
        Share of the training rows that forget their nearest node in a step, as
        if their place had not been seen. It teaches the network unseen places.
    condition_dropout : float, default=0.1
        Share of the training rows that forget all nodes in a step. It teaches
        the law that is left far from all training places.
    head : {"additive", "dual"}, default="additive"
        "additive": the prediction is the intercept plus the weighted features.
        "dual": one head predicts and another weighs, as in the paper;
        explanations then are of the weighted combination.
    importance_loss_weight : float, default=1.0
        Weight of the weighted combination in the loss of the dual head.
    max_iter : int, default=30
        Epochs.
    batch_size : int or "auto", default="auto"
        Rows a step. "auto": about a 30th of the rows, 32 to 512.
    learning_rate : float, default=0.003
        Peak of the one-cycle schedule.
    weight_decay : float or "auto", default="auto"
        Decay of the matrices. "auto": 0.1 for up to 8,000 rows, falling to 0.05
        at 30,000.
    early_stopping : {False, "rows", "places"}, default=False
        Hold out rows, or all rows of some places, and stop when they are no
        longer predicted better; the best weights are kept. False runs the
        schedule to its end. True means "rows".
    validation_fraction : float, default=0.1
        Share of the rows or places to hold out.
    n_iter_no_change : int, default=5
        Epochs without improvement before stopping.
    device : str, default="auto"
        "cpu", "cuda", "mps"; "auto" takes a GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        Decides nodes, initial weights, shuffling and dropout. Torch's global
        generator is neither used nor changed.
    verbose : int, default=0
        1 shows a progress bar; 2 logs each epoch to the logger
        "spatialheteroreg.training", at level INFO.
    warm_start : bool, default=False
        Go on training the fitted network, with its nodes, steps and scales,
        when fit is called again.

    Attributes
    ----------
    feature_importances_ : ndarray of shape (p,)
        Mean of :meth:`feature_weights` over the training rows; sums to 1.
    graph_ : ConditionGraph or None
        Nodes and edges; None without a condition.
    net_ : skorch.NeuralNet
        The trained net; `net_.module_` is the torch module.
    history_ : list of dict
        Epoch, losses (in units of the target's variance) and seconds.
    n_iter_ : int
        Epochs trained.
    explanation_r2_ : float
        Share of the prediction's variance over the training rows that the
        weighted combination carries; 1 for the additive head.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (p,)
        Names of the columns, where X had names.

    References
    ----------
    .. [1] Du, S., Huang, H., Shen, K., Liu, Z., Tang, S. (2025). An
       interpretable implicit-based approach for modeling local spatial effects:
       a case study of global gross primary productivity. arXiv:2502.06170.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(500, 50, random_state=0)
    >>> model = STCGRegressor(max_iter=5, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> model.predict(globe.data).shape
    (500,)
    >>> explanation = model.explain(globe.data)
    >>> total = explanation.values.sum(axis=1) + explanation.base_values
    >>> bool(np.allclose(total, model.predict(globe.data)))
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "lat": [str, Integral, None],
        "lon": [str, Integral, None],
        "time": [str, Integral, None],
        "period": [Interval(Real, 0, None, closed="neither"), None],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "condition": [StrOptions({"graph", "none"})],
        "n_nodes": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "n_attached": [Interval(Integral, 1, None, closed="left")],
        "bandwidth": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "metric": [StrOptions({"haversine", "euclidean"})],
        "time_axis": [StrOptions({"auto", "cycle", "sequence"})],
        "n_steps": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "gcn_layers": [Interval(Integral, 0, None, closed="left")],
        "lstm_layers": [Interval(Integral, 0, None, closed="left")],
        "attention": [StrOptions({"linear", "softmax"})],
        "d_token": [Interval(Integral, 1, None, closed="left")],
        "d_condition": [Interval(Integral, 1, None, closed="left")],
        "d_hidden": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 0, None, closed="left")],
        "dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "place_dropout": [Interval(Real, 0, 1, closed="left")],
        "condition_dropout": [Interval(Real, 0, 1, closed="left")],
        "head": [StrOptions({"additive", "dual"})],
        "importance_loss_weight": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "early_stopping": [StrOptions({"rows", "places"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        *,
        lat: str | int | None = "auto",
        lon: str | int | None = "auto",
        time: str | int | None = "auto",
        period: float | None = None,
        categorical_features: str | Sequence[str | int] | None = "from_dtype",
        condition: str = "graph",
        n_nodes: int | str = "auto",
        n_neighbors: int = 8,
        n_attached: int = 8,
        bandwidth: float | str = "auto",
        metric: str = "haversine",
        time_axis: str = "auto",
        n_steps: int | str = "auto",
        gcn_layers: int = 1,
        lstm_layers: int = 1,
        attention: str = "linear",
        d_token: int = 16,
        d_condition: int = 64,
        d_hidden: int = 128,
        n_heads: int = 2,
        n_layers: int = 1,
        dropout: float | str = "auto",
        place_dropout: float = 0.3,
        condition_dropout: float = 0.1,
        head: str = "additive",
        importance_loss_weight: float = 1.0,
        max_iter: int = 30,
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        weight_decay: float | str = "auto",
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        self.lat = lat
        self.lon = lon
        self.time = time
        self.period = period
        self.categorical_features = categorical_features
        self.condition = condition
        self.n_nodes = n_nodes
        self.n_neighbors = n_neighbors
        self.n_attached = n_attached
        self.bandwidth = bandwidth
        self.metric = metric
        self.time_axis = time_axis
        self.n_steps = n_steps
        self.gcn_layers = gcn_layers
        self.lstm_layers = lstm_layers
        self.attention = attention
        self.d_token = d_token
        self.d_condition = d_condition
        self.d_hidden = d_hidden
        self.n_heads = n_heads
        self.n_layers = n_layers
        self.dropout = dropout
        self.place_dropout = place_dropout
        self.condition_dropout = condition_dropout
        self.head = head
        self.importance_loss_weight = importance_loss_weight
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> STCGRegressor:
        """Fit to rows of features with their places and times.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Coordinates and features. Numbers may be missing, coordinates and
            times may not.
        y : array_like of shape (n,)
            Target; finite, not constant.
        sample_weight : array_like of shape (n,), default=None
            Weight of each row in the loss; None means 1 for all. Rows of weight 0
            are left out.

        Returns
        -------
        STCGRegressor
            Itself. After an error it is as it was before the call.

        Raises
        ------
        ValueError
            If the input cannot be used; says what, where, and what to do.
        """
        before = vars(self).copy()
        try:
            return self._fit(X, y, sample_weight)
        except BaseException:
            self.__dict__ = before
            raise

    def predict(self, X: Any) -> FloatArray:
        """Predict at any place and time.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        ndarray of shape (n,)
            Predictions in target units. A row's prediction does not depend on
            the other rows.
        """
        table = self._read_fitted(X)
        return self._evaluator().predict(self._inputs.transform(table))

    def explain(self, X: Any) -> shap.Explanation:
        """Take predictions apart, one contribution for each column of X.

        The rows add up: `values.sum(axis=1) + base_values` is the prediction
        (with `head="dual"` the weighted combination, see `explanation_r2_`).

        A feature contributes its weight times its value, measured from the
        mean of that product over the training rows. Time contributes the
        intercept minus its mean over the training times; latitude and
        longitude contribute half each of what is left of the intercept.

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
        """
        table = self._read_fitted(X)
        arrays = self._inputs.transform(table)
        effects = self._effects(arrays)
        return make_explanation(
            self._contributions(effects),
            self._baseline.value,
            self._inputs.as_floats(table, arrays["codes"]),
            np.asarray(X, dtype=object),
            self._column_names(),
        )

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
        """
        table = self._read_fitted(X)
        arrays = self._inputs.transform(table)
        effects = self._effects(arrays)
        return normalized_weights(self._contributions(effects))

    def local_effects(self, X: Any) -> pd.DataFrame:
        """Slope of the prediction by each numeric feature, at each row.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.

        Returns
        -------
        DataFrame of shape (n, n_numeric)
            Derivatives, in target units per feature unit; NaN where the
            feature is missing, 0 beyond 10 standard deviations from its mean,
            where its value is held. Indexed as X is.
        """
        table = self._read_fitted(X)
        slopes = self._evaluator().slopes(
            self._inputs.transform(table), self._inputs.encoder_.scale_
        )
        names = self._column_names()
        return pd.DataFrame(
            slopes,
            index=X.index if isinstance(X, pd.DataFrame) else None,
            columns=[names[j] for j in self._inputs.roles.numeric],
        )

    # --- the steps of fit ----------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> STCGRegressor:
        warm = self.warm_start and self.__sklearn_is_fitted__()
        table = self._read(X, y, reset=not warm)
        target, weight = _read_target(X, y, sample_weight, table.n_rows)
        random = check_random_state(self.random_state)
        if warm:
            self._check_unchanged()
        else:
            self._inputs = self._make_inputs(table)
            self._shape = self._shaping_parameters()
        training, held_out = self._split(table, weight, random)
        if not warm:
            self._inputs.fit(table, training, random)
            self._set_target_scale(target[training])
        arrays = self._inputs.transform(table, warn=False)
        net = self._train(arrays, target, weight, training, held_out, random, warm)
        self._finish(net, _take(arrays, training), _take_weight(weight, training), warm)
        return self

    def _read(self, X: Any, y: Any = "no_validation", *, reset: bool) -> Table:
        table = Table(X)
        validate_data(self, X, y, reset=reset, skip_check_array=True)
        return table

    def _read_fitted(self, X: Any) -> Table:
        check_is_fitted(self)
        return self._read(X, reset=False)

    def _make_inputs(self, table: Table) -> InputBuilder:
        roles = find_roles(
            table,
            lat=self.lat,
            lon=self.lon,
            time=self.time,
            categorical_features=self.categorical_features,
        )
        located = roles.has_place or roles.time is not None
        looked_for = "auto" in (self.lat, self.lon, self.time)
        if self.condition == "graph" and looked_for and not located:
            warnings.warn(
                "No coordinates found: fitting without a condition graph. Pass "
                "lat=, lon= and time= with column names or positions, or "
                "condition='none' if there are none.",
                stacklevel=5,
            )
        return InputBuilder(
            roles,
            n_nodes=self.n_nodes,
            n_neighbors=self.n_neighbors,
            n_attached=self.n_attached,
            bandwidth=self.bandwidth,
            metric=self.metric,
            period=self.period,
            time_axis=self.time_axis,
            n_steps=self.n_steps,
            use_coordinates=self.condition == "graph" and located,
        )

    def _check_unchanged(self) -> None:
        """Refuse to go on training a network of another shape."""
        now = self._shaping_parameters()
        changed = [name for name in SHAPING if now[name] != self._shape[name]]
        if changed:
            raise ValueError(
                f"warm_start=True goes on with the fitted network, but "
                f"{', '.join(changed)} changed since. Set warm_start=False to fit "
                "anew, or set them back."
            )

    def _shaping_parameters(self) -> dict[str, Any]:
        """Copy the shaping parameters, arrays as lists."""
        values = {name: getattr(self, name) for name in SHAPING}
        chosen = values["categorical_features"]
        if chosen is not None and not isinstance(chosen, str):
            values["categorical_features"] = list(chosen)
        return values

    def _split(
        self, table: Table, weight: FloatArray | None, random: np.random.RandomState
    ) -> tuple[IntArray, IntArray]:
        """Choose training and held-out rows; rows without weight are neither."""
        counted = np.arange(table.n_rows)
        if weight is not None:
            counted = np.flatnonzero(weight)
        place = np.zeros(len(counted), dtype=np.int64)
        if self.early_stopping == "places":
            places = np.stack(self._inputs.read_place(table, always=True))
            _, place = np.unique(places[:, counted], axis=1, return_inverse=True)
        training, held_out = split_validation(
            self.early_stopping, self.validation_fraction, place.ravel(), random
        )
        return counted[training], counted[held_out]

    def _set_target_scale(self, target: FloatArray) -> None:
        self._target_mean, self._target_scale = mean_and_deviation(target)
        if not np.isfinite(self._target_scale):
            raise ValueError(
                f"y is constant ({target[0]:g} in all {len(target)} training rows): "
                "there is nothing to learn. Check the target column."
            )

    def _train(
        self,
        arrays: Arrays,
        target: FloatArray,
        weight: FloatArray | None,
        training: IntArray,
        held_out: IntArray,
        random: np.random.RandomState,
        warm: bool,
    ) -> STCGNet:
        device = resolve_device(self.device)
        n_rows = len(training)
        if warm:
            # A copy: after an error the fitted network must be as it was.
            network = copy.deepcopy(self.net_.module_).to(device)
            source = network.move_random(device)
        else:
            source = RandomSource(int(random.randint(np.iinfo(np.int32).max)), device)
            network = self._make_network(n_rows, source).to(device)
            initialize(network, source)
        network.n_steps = max(network.n_steps, int(arrays["step_upper"].max()) + 1)
        z = (target - self._target_mean) / self._target_scale
        rows = make_rows(arrays, z, weight, device)
        batch_size = (
            auto_batch_size(n_rows) if self.batch_size == "auto" else self.batch_size
        )
        net = make_net(
            network,
            source,
            n_rows=n_rows,
            device=device,
            max_iter=self.max_iter,
            batch_size=int(batch_size),
            learning_rate=self.learning_rate,
            weight_decay=self._resolve("weight_decay", n_rows, 0.1, 0.05),
            importance_loss_weight=self.importance_loss_weight,
            validation=rows.subset(torch.from_numpy(held_out))
            if len(held_out)
            else None,
            n_iter_no_change=self.n_iter_no_change,
            verbose=int(self.verbose),
        )
        train(
            net,
            rows.subset(torch.from_numpy(training)) if n_rows < len(rows) else rows,
            self.max_iter,
        )
        return net

    def _make_network(self, n_rows: int, source: RandomSource) -> STCGNetwork:
        if self.d_token % self.n_heads:
            raise ValueError(
                f"n_heads={self.n_heads} must divide d_token={self.d_token}."
            )
        roles, encoder = self._inputs.roles, self._inputs.encoder_
        condition = None
        if self._inputs.use_coordinates:
            condition = ConditionEncoder(
                **self._inputs.condition_tensors(),
                d_condition=self.d_condition,
                gcn_layers=self.gcn_layers,
                lstm_layers=self.lstm_layers if roles.time is not None else 0,
            )
        return STCGNetwork(
            FeatureTokens(len(roles.numeric), encoder.n_codes, self.d_token),
            condition,
            n_features=len(roles.features),
            d_token=self.d_token,
            n_heads=self.n_heads,
            n_layers=self.n_layers,
            d_condition=self.d_condition,
            d_hidden=self.d_hidden,
            n_encoded=self._inputs.axis_.n_encoded,
            attention=self.attention,
            head=self.head,
            dropout=self._resolve("dropout", n_rows, 0.15, 0.07),
            place_dropout=self.place_dropout,
            condition_dropout=self.condition_dropout,
            random=source,
        )

    def _resolve(self, name: str, n_rows: int, few: float, many: float) -> float:
        value = getattr(self, name)
        return auto_regularization(n_rows, few, many) if value == "auto" else value

    def _finish(
        self, net: STCGNet, arrays: Arrays, weight: FloatArray | None, warm: bool
    ) -> None:
        """Keep the net, and the means that contributions are measured from."""
        self.net_ = net
        self.graph_ = self._inputs.graph_ if self._inputs.use_coordinates else None
        if not warm:
            self.history_: list[dict[str, float]] = []
        done = len(self.history_)
        self.history_ = self.history_ + [
            {**epoch, "epoch": done + epoch["epoch"]} for epoch in net.epochs()
        ]
        self.n_iter_ = len(self.history_)
        self._time_mean = TimeMean.of(arrays, self._inputs.axis_.n_steps_, weight)
        effects = self._effects(arrays)
        self._baseline = EffectBaseline.of(effects, weight)
        shares = normalized_weights(self._contributions(effects))
        self.feature_importances_ = np.average(shares, axis=0, weights=weight)
        self.explanation_r2_ = (
            1.0
            if self.head == "additive"
            else float(r2_score(effects.prediction, effects.combination))
        )

    # --- after fit -------------------------------------------------------------

    def _evaluator(self) -> Evaluator:
        return Evaluator(self.net_.module_, self._target_mean, self._target_scale)

    def _effects(self, arrays: Arrays) -> RowEffects:
        return self._evaluator().effects(arrays, self._time_mean)

    def _contributions(self, effects: RowEffects) -> FloatArray:
        roles, located = self._inputs.roles, self._inputs.use_coordinates
        return effects.contributions(
            self._baseline,
            self.n_features_in_,
            roles.features,
            *((roles.lat, roles.lon, roles.time) if located else (None, None, None)),
        )

    def _column_names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            return [f"x{j}" for j in range(self.n_features_in_)]
        return list(names)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "feature_importances_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _read_target(
    X: Any, y: Any, sample_weight: Any, n_rows: int
) -> tuple[FloatArray, FloatArray | None]:
    """Read target and weights; those that count are scaled to mean 1."""
    y = column_or_1d(y, warn=True)
    target = check_array(
        y, ensure_2d=False, dtype=np.float64, input_name="y", ensure_min_samples=0
    )
    check_consistent_length(X, target)
    if n_rows < 2:
        raise ValueError("Fitting needs at least 2 rows, but X has n_samples=1.")
    if sample_weight is None:
        return target, None
    weight = _check_sample_weight(sample_weight, target, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight is zero in all rows.")
    return target, weight / weight[weight > 0].mean()


def _take(arrays: Arrays, rows: IntArray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


def _take_weight(weight: FloatArray | None, rows: IntArray) -> FloatArray | None:
    return None if weight is None else weight[rows]
