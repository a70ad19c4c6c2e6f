"""STCGRegressor: parameters, the steps of fit, prediction, explanation."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import Tags, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data
from skorch.callbacks import Callback

from ._callbacks import CallbackSupportMixin, FitTask, TellCallbacks, with_callbacks
from .allocator import give_back
from .calibration import calibrate, thin
from .checkpoint import Checkpoint, generator_state
from .chosen import ChosenMixin
from .chunks import Part
from .data import open_data
from .explaining import ExplainMixin
from .features import mean_and_deviation
from .fitting import (
    check_unchanged,
    copy_networks,
    identify_fit,
    make_inputs,
    make_reference,
    new_networks,
    resolve_n_folds,
    shaping_parameters,
    split_rows,
    start_random,
    train_networks,
)
from .inspection.explanation import EffectBaseline, RowEffects, normalized_weights
from .kriging import FEWEST_ROWS
from .net import STCGNet
from .predictor import EFFECT_ROWS, Kriged, Predictor, krige_residuals
from .ready import ReadyPredictor
from .row_inputs import slices
from .samples import KnownRows, Samples, take_weight
from .sphere import FloatArray
from .training import leave_fit
from .uncertainty import LARGEST, check_square


class STCGRegressor(
    CallbackSupportMixin, ChosenMixin, ExplainMixin, RegressorMixin, BaseEstimator
):
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
        Columns that hold categories. "from_dtype" takes string, category and
        bool columns, and object columns unless all they hold is numbers.
    crs : object, default=None
        Coordinate reference system of the columns `lat` (northing) and `lon`
        (easting), as pyproj takes it: an EPSG code, a string. They are converted
        to degrees. None means that they are degrees. A GeoDataFrame brings its own.
    condition : {"graph", "none"}, default="graph"
        "none" leaves place and time out: they are not read and have no
        importance.
    n_nodes : int or "auto", default="auto"
        Nodes of the condition graph. "auto": one for about 10 rows up to 200
        nodes, then one for about 30, 12 to 1,000, and no more than there are
        places. With several networks (`n_folds`) each has nodes of its own: the first
        two so many, and the next each half as many as the last, 12 at least; the sixth
        begins again.
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
        if rows fill at least half of all pairs of a place and a step, and
        there are 60 rows a step or more, as in gridded data.
    n_steps : int or "auto", default="auto"
        Number of steps around the cycle, or along the whole span. "auto": 12 a
        cycle, at most 240 along the span; without a cycle one for 60 rows.
    gcn_layers, lstm_layers : int, default=1
        Graph convolutions, and layers of the recurrent network; 0 leaves the
        part out.
    dynamic_graph : bool, default=False
        Whether neighboring nodes also send each other messages whose edge weights
        change with the time step: for what is carried from place to place, by wind or
        water. Needs a time column. :doc:`/open_questions` has figures.
    attention : {"linear", "softmax"}, default="linear"
        Attention among the features.
    cross_attention : bool, default=True
        Whether each feature asks the attached nodes by cross-attention. False
        leaves it out: the condition then scales and shifts the features only.
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
    step_dropout : float, default=0.3
        Share of the steps that are hidden in a training step where they run along
        the whole span, as if their time had not been seen: their season and trend
        stand in. It teaches the network the future. Nothing is hidden where there
        is no cycle.
    condition_dropout : float, default=0.1
        Share of the training rows that forget all nodes in a step. It teaches
        the law that is left far from all training places.
    head : {"additive", "dual"}, default="additive"
        "additive": the prediction is the intercept plus the weighted features.
        "dual": one head predicts and another weighs, as in the paper;
        explanations then are of the weighted combination.
    importance_loss_weight : float, default=1.0
        Weight of the weighted combination in the loss of the dual head.
    invariance_penalty : float, default=0.0
        Weight of a penalty on features whose use makes the errors of eight regions
        (clusters of nodes) differ, as that of an effect of the target does, which is
        not a cause [2]_, [3]_. Noise is assumed to be the same in all regions. Needs
        places. Try 3. :doc:`/open_questions` has figures.
    n_members : int, default=1
        Members of an ensemble inside the network. They share the trunk, and each
        adds its own node vectors, read-out and intercept. Their mean predicts a
        little better than one, and their spread tells how sure it is: with two or
        more there are standard errors and intervals. `n_folds="auto"` then is 1, and
        errors are larger than those of several networks with kriging:
        `n_members=2, n_folds=5` has both, at some twice the seconds of `n_members=8`
        alone. :doc:`/uncertainty` has figures.
    n_folds : int or "auto", default="auto"
        Networks that are trained side by side, each without one of so many folds of
        the rows; their mean predicts. 1 is one network that sees all rows. "auto":
        5 from 500 rows on, 3 above 50,000; 1 below, and with `n_members` of 2 and more.
    krige_residuals : bool, default=True
        Whether to krige what the networks leave over, between rows near in place and
        time: each row's residual is that of the network that has not seen it, so
        `n_folds` of 2 and more is needed. What kriging adds counts as an effect of
        the place and of its time.
    calibration_fraction : float, default=0.1
        Share of the rows, 4,000 at most, that an ensemble does not train on, but
        calibrates its uncertainty by: half of them whole places. 0, or fewer than
        20 such rows, gives an ensemble without uncertainty.
    max_iter : int or "auto", default="auto"
        Epochs. "auto": 20 for up to 5,000 rows, 16 for more.
    batch_size : int or "auto", default="auto"
        Rows a step. "auto": 64 of fewer than 1,000 rows, about a sixth of up to
        10,000, 1,024 at most; 512 of more; 2,048 of more than 50,000 rows, 4,096 from
        120,000 on; with CUDA more from 4 million on, up to 65,536 of 33 million.
    learning_rate : float or "auto", default="auto"
        Peak of the one-cycle schedule. "auto": 0.012 for up to 10,000 rows, 0.006
        with batches of half the size that suits these, or less; 0.006 for more rows,
        and with batches of more than 512 it grows with the root of their size, up to
        that of 4,096. Linear layers before the read-out, of 8 x 8 numbers and more,
        are moved by Muon at this rate, all else by AdamW.
    weight_decay : float or "auto", default="auto"
        Decay of the matrices. "auto": 0.1 for up to 8,000 rows, falling to 0.05
        at 30,000.
    early_stopping : bool or {"rows", "places"}, default=False
        Hold out rows, or all rows of some places, and stop when they are no
        longer predicted better; the best weights are kept. False runs the
        schedule to its end. True means "rows". Where `groups` are passed to fit
        they take the role of places.
    validation_fraction : float, default=0.1
        Share of the rows or places to hold out.
    n_iter_no_change : int, default=5
        Epochs without improvement before stopping.
    precision : {"float32", "mixed", "float64"}, default="float32"
        Numbers that the networks compute with. "float64" is slower and makes
        results repeat to more digits. "mixed" keeps float32 and multiplies in
        bfloat16 in training, which is made for GPUs. Outputs are added up in float64
        in any case, and what is said of a row does not depend on the other rows.
    device : str, default="auto"
        "cpu", "cuda", "mps"; "auto" takes a GPU where there is one.
    cuda_graphs : bool, default=True
        Record the steps of training on a GPU of CUDA, and replay them, so that it does
        not wait for Python. Elsewhere, for streams, for batches below 64 rows, in
        several processes and with `invariance_penalty` it changes nothing.
    random_state : int, RandomState instance or None, default=None
        Decides nodes, initial weights, shuffling and dropout. Torch's global
        generator is neither used nor changed.
    verbose : int, default=0
        1 shows a progress bar; 2 logs each epoch to the logger
        "spatialheteroreg.training", at level INFO.
    warm_start : bool, default=False
        Go on training the fitted networks, with their nodes, steps and scales,
        when fit is called again. Pass the same rows in the same order: with
        others, each network has been trained on part of the fold that it is to be
        blind to now, and residuals, and the kriging of them, come out too small.
    checkpoint : str, path-like or None, default=None
        File that keeps the state of training after each epoch. Where it exists,
        the same fit goes on from it to the result that it would have had without
        the interruption. It is deleted when the fit has ended.

    Attributes
    ----------
    feature_importances_ : ndarray of shape (p,)
        Mean of :meth:`feature_weights` over the training rows; sums to 1.
    graph_ : ConditionGraph or None
        Nodes and edges; None without a condition.
    n_folds_ : int
        Networks trained.
    max_iter_, batch_size_, learning_rate_, weight_decay_, dropout_ : int or float
        What these parameters were taken for.
    time_axis_ : TimeAxis or None
        Steps of the recurrent network; None where rows have no time.
    net_ : skorch.NeuralNet
        The trained net; `net_.module_` is the torch module.
    history_ : list of dict
        For each epoch "epoch", "train_loss", with early stopping "valid_loss" (both in
        units of the target's variance), and "dur", seconds.
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
    .. [2] Peters, J., Bühlmann, P., Meinshausen, N. (2016). Causal inference by using
       invariant prediction: identification and confidence intervals. Journal of the
       Royal Statistical Society B 78(5), 947-1012.
    .. [3] Krueger, D. et al. (2021). Out-of-distribution generalization via risk
       extrapolation (REx). ICML.

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

    _shape: dict[str, Any]
    _doc_link_module = "spatialheteroreg"
    _doc_link_template = (
        "https://spatialheteroreg.readthedocs.io/en/latest/generated/"
        "spatialheteroreg.{estimator_name}.html"
    )
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "lat": [str, Integral, None],
        "lon": [str, Integral, None],
        "time": [str, Integral, None],
        "period": [Interval(Real, 0, None, closed="neither"), None],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "crs": "no_validation",
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
        "dynamic_graph": ["boolean"],
        "attention": [StrOptions({"linear", "softmax"})],
        "cross_attention": ["boolean"],
        "d_token": [Interval(Integral, 1, None, closed="left")],
        "d_condition": [Interval(Integral, 1, None, closed="left")],
        "d_hidden": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "n_layers": [Interval(Integral, 0, None, closed="left")],
        "dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "place_dropout": [Interval(Real, 0, 1, closed="left")],
        "step_dropout": [Interval(Real, 0, 1, closed="left")],
        "condition_dropout": [Interval(Real, 0, 1, closed="left")],
        "head": [StrOptions({"additive", "dual"})],
        "importance_loss_weight": [Interval(Real, 0, None, closed="left")],
        "invariance_penalty": [Interval(Real, 0, None, closed="left")],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "n_folds": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "krige_residuals": ["boolean"],
        "calibration_fraction": [Interval(Real, 0, 1, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "weight_decay": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "early_stopping": [StrOptions({"rows", "places"}), "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "precision": [StrOptions({"float32", "float64", "mixed"})],
        "device": [str],
        "cuda_graphs": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
    }

    def __init__(
        self,
        *,
        lat: str | int | None = "auto",
        lon: str | int | None = "auto",
        time: str | int | None = "auto",
        period: float | None = None,
        categorical_features: str | Sequence[str | int] | None = "from_dtype",
        crs: Any = None,
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
        dynamic_graph: bool = False,
        attention: str = "linear",
        cross_attention: bool = True,
        d_token: int = 16,
        d_condition: int = 64,
        d_hidden: int = 128,
        n_heads: int = 2,
        n_layers: int = 1,
        dropout: float | str = "auto",
        place_dropout: float = 0.3,
        step_dropout: float = 0.3,
        condition_dropout: float = 0.1,
        head: str = "additive",
        importance_loss_weight: float = 1.0,
        invariance_penalty: float = 0.0,
        n_members: int = 1,
        n_folds: int | str = "auto",
        krige_residuals: bool = True,
        calibration_fraction: float = 0.1,
        max_iter: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        weight_decay: float | str = "auto",
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        precision: str = "float32",
        device: str = "auto",
        cuda_graphs: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        self.lat = lat
        self.lon = lon
        self.time = time
        self.period = period
        self.categorical_features = categorical_features
        self.crs = crs
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
        self.dynamic_graph = dynamic_graph
        self.attention = attention
        self.cross_attention = cross_attention
        self.d_token = d_token
        self.d_condition = d_condition
        self.d_hidden = d_hidden
        self.n_heads = n_heads
        self.n_layers = n_layers
        self.dropout = dropout
        self.place_dropout = place_dropout
        self.step_dropout = step_dropout
        self.condition_dropout = condition_dropout
        self.head = head
        self.importance_loss_weight = importance_loss_weight
        self.invariance_penalty = invariance_penalty
        self.n_members = n_members
        self.n_folds = n_folds
        self.krige_residuals = krige_residuals
        self.calibration_fraction = calibration_fraction
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.device = device
        self.cuda_graphs = cuda_graphs
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start
        self.checkpoint = checkpoint

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: ArrayLike | str,
        sample_weight: ArrayLike | str | None = None,
        groups: ArrayLike | str | None = None,
    ) -> STCGRegressor:
        """Fit to rows of features with their places and times.

        Parameters
        ----------
        X : DataFrame, array_like of shape (n, p) or pyarrow.dataset.Dataset
            Coordinates and features: a frame of pandas, geopandas or polars, an
            Arrow table, an array. Numbers may be missing, coordinates and times
            may not. A data set in files is read some rows at a time, and so are more
            than 1,000,000 rows in memory or in a memory map; see :doc:`/streaming`.
        y : array_like of shape (n,) or str
            Target; finite, not constant. Of a data set in files the name of a column,
            and so are `sample_weight` and `groups`.
        sample_weight : array_like of shape (n,) or str, default=None
            Weight of each row in the loss, in the scales of features and target
            and in the pull of its place on the nodes; None means 1 for all. Rows
            of weight 0 are left out.
        groups : array_like of shape (n,) or str, default=None
            Label of the station, catchment or plot of each row. With
            `early_stopping="places"` all rows of a label are held out together;
            None takes rows at the same coordinates for a place.

        Returns
        -------
        STCGRegressor
            Itself. After an error it is as it was before the call.

        Raises
        ------
        ValueError, TypeError
            If input or parameters cannot be used; says what, where, and what to do.
        ImportError
            If an extra is needed, for a data set in files or for `crs`.
        FloatingPointError
            If the loss is no longer finite.
        KeyboardInterrupt
            If interrupted before the first epoch ended; after it, what was learned is
            kept, with a warning.
        """
        before = vars(self).copy()
        try:
            return self._fit(X, y, sample_weight, groups)
        except BaseException:
            self.__dict__ = before
            raise

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> FloatArray: ...

    @overload
    def predict(
        self, X: Any, return_std: Literal[True]
    ) -> tuple[FloatArray, FloatArray]: ...

    def predict(
        self, X: Any, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Predict at any place and time.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.
        return_std : bool, default=False
            Whether to return standard deviations too; for `n_members` of 2 and
            more.

        Returns
        -------
        mean : ndarray of shape (n,)
            Predictions in target units. A row's prediction does not depend on
            the other rows.
        std : ndarray of shape (n,)
            Standard deviation of a new observation about the prediction, that of
            the model's error and of the noise. Only with `return_std`.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ValueError
            If columns are not those of fit or hold what cannot be used, or `return_std`
            is asked of a model without uncertainty.

        Warns
        -----
        UserWarning
            If times lie where the steps do not reach.

        Examples
        --------
        >>> from spatialheteroreg import STCGRegressor
        >>> from spatialheteroreg.datasets import make_heterogeneous_globe
        >>> globe = make_heterogeneous_globe(500, 50, random_state=0)
        >>> model = STCGRegressor(n_members=2, max_iter=2, random_state=0)
        >>> mean, std = model.fit(globe.data, globe.target).predict(
        ...     globe.data, return_std=True
        ... )
        >>> mean.shape, std.shape, bool((std > 0).all())
        ((500,), (500,), True)
        """
        uncertainty = self._get_uncertainty() if return_std else None
        table, predictor = self._read_fitted(X), self._predictor()

        def say(part: Part) -> tuple[FloatArray, FloatArray | None]:
            members = predictor.member_predictions(part.inputs)
            if uncertainty is None:
                return members.mean(axis=0), None
            error = uncertainty.variance(
                members,
                uncertainty.prediction,
                uncertainty.local_prediction,
                predictor.withheld(part.inputs),
            )
            return members.mean(axis=0), error + uncertainty.noise

        means, variances = zip(*self._map_chunks(table, predictor, say), strict=True)
        mean = np.concatenate(means)
        return (mean, np.sqrt(np.concatenate(variances))) if return_std else mean

    def predict_interval(self, X: Any, coverage: float = 0.9) -> FloatArray:
        """Predict intervals that hold a share of new observations.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, p)
            Columns as in fit.
        coverage : float, default=0.9
            Share of new observations that the intervals shall hold, over rows like
            those held out to calibrate: half at places seen, half at others.

        Returns
        -------
        ndarray of shape (n, 2)
            Lower and upper ends, in target units.

        Raises
        ------
        ValueError
            If the model has no uncertainty, or `coverage` is not between 0 and 1
            or more than the rows held out can tell.
        """
        check_scalar(
            coverage,
            "coverage",
            Real,
            min_val=0.0,
            max_val=1.0,
            include_boundaries="neither",
        )
        factor = self._get_uncertainty().interval_factor(coverage)
        mean, std = self.predict(X, return_std=True)
        ends: FloatArray = np.stack([mean - factor * std, mean + factor * std], axis=1)
        return ends

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Save the fitted model in one file that is loaded without running code.

        Parameters
        ----------
        path : path-like
            The file; see :func:`spatialheteroreg.persistence.save_model`.
        """
        from .persistence import save_model

        save_model(self, path)

    @classmethod
    def load_model(cls, path: str | os.PathLike[str]) -> STCGRegressor:
        """Load a model that :meth:`save_model` saved.

        Parameters
        ----------
        path : path-like
            The file; see :func:`spatialheteroreg.persistence.load_model`.

        Returns
        -------
        STCGRegressor
            The model as it was saved.
        """
        from .persistence import load_model

        return load_model(path)

    # --- the steps of fit ----------------------------------------------------

    @with_callbacks
    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> STCGRegressor:
        task = FitTask(self, X, y, sample_weight)
        warm = self.warm_start and self.__sklearn_is_fitted__()
        data = open_data(X, y, sample_weight, groups)
        validate_data(self, data.frame, y, reset=not warm, skip_check_array=True)
        data.check()
        random = start_random(self)
        start = {} if self.checkpoint is None else generator_state(random)
        if warm:
            check_unchanged(self, self._shape)
        else:
            self._inputs = make_inputs(self, data.head)
            self._shape = shaping_parameters(self)
        holds_out = self.early_stopping or self.n_members > 1
        holds_out = holds_out or self.n_folds != 1
        if holds_out and not (warm and hasattr(self, "_split_seed")):
            # A warm start holds out the same rows again: it has seen the others.
            self._split_seed = int(random.randint(np.iinfo(np.int32).max))
        seed = getattr(self, "_split_seed", 0)
        data.load(self._inputs)
        split = split_rows(
            self, self._inputs, data.table, data.weight, data.label, seed
        )
        n_training = data.hold_out(self._inputs, split)
        n_folds = len(self.net_.module_) if warm else resolve_n_folds(self, n_training)
        if not warm:
            self._inputs.n_graphs = n_folds
            rows = split.training
            self._inputs.fit(data.table, rows, random, data.weight, data.extent)
            self._set_target_scale(data.target[rows], take_weight(data.weight, rows))
        samples = data.samples(
            self._inputs, split, n_folds, seed, self._target_mean, self._target_scale
        )
        del data  # and the sample of an array, which training does not need
        networks, source = (
            copy_networks(self, samples, self.net_.module_)
            if warm
            else new_networks(self, self._inputs, samples, random)
        )
        followers: list[Callback] = [
            TellCallbacks(task, lambda net: self._fitted_so_far(net, samples, warm))
        ]
        checkpoint = None
        if self.checkpoint is not None:
            identity = identify_fit(self, samples, networks)
            checkpoint = Checkpoint(self.checkpoint, identity, source, start)
            followers.append(checkpoint)
        if isinstance(self.random_state, np.random.RandomState):
            # All is drawn. A checkpoint of another fit has not changed the user's.
            self.random_state.set_state(random.get_state(legacy=False))
        net, ended = train_networks(self, networks, source, samples, followers)
        self._finish(net, samples, warm)
        task.end()
        if ended and checkpoint is not None:
            checkpoint.remove()
        return self

    def _set_target_scale(self, target: FloatArray, weight: FloatArray | None) -> None:
        self._target_mean, self._target_scale = mean_and_deviation(target, weight)
        if np.isfinite(self._target_scale):
            if self.n_members > 1:
                check_square(self._target_scale)
            return
        if (target != target[0]).any():
            raise ValueError(
                "Nearly all of the sample_weight lies on rows with the same y: there "
                "is nothing to learn. Check the weights."
            )
        raise ValueError(
            f"y is constant ({target[0]:g} in all {len(target)} training rows): "
            "there is nothing to learn. Check the target column."
        )

    def _finish(self, net: STCGNet, samples: Samples, warm: bool) -> None:
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
        known = samples.known()
        self._kriging = None
        self._ready = ReadyPredictor()
        predictor = self._predictor()
        if self._krigs(samples):
            self._kriging = krige_residuals(
                predictor,
                known,
                self._target_mean,
                self._target_scale,
                has_time=self._inputs.roles.time is not None,
                has_period=self._inputs.axis_.period is not None,
            )
            give_back()
            predictor.krige(self._kriging, keeps=not net.spares_memory)
        n_steps = max(self._inputs.axis_.n_steps_, samples.n_steps)
        self._training_mean, kriged = predictor.training_mean(
            known.inputs, n_steps, known.weight
        )
        if net.spares_memory:  # of the trees, which these rows no longer need
            predictor.krige(None)
        give_back()
        self._average_effects(predictor, known, kriged)
        give_back()
        if net.spares_memory:
            predictor.krige(self._kriging)
        self._uncertainty = None
        calibrating = samples.split.calibrating
        if len(calibrating):
            self._uncertainty = calibrate(
                self,
                predictor,
                self._training_mean,
                thin(known.inputs, LARGEST),
                samples.inputs[calibrating],
                self._target_mean + self._target_scale * samples.target[calibrating],
            )
        self._reference = make_reference(self, known, samples.n_training)

    def _average_effects(
        self, predictor: Predictor, known: KnownRows, kriged: Kriged
    ) -> None:
        """Average what the model says of the training rows, some rows at a time."""
        parts = slices(len(known), EFFECT_ROWS)
        effects = RowEffects.joined(
            (
                predictor.effects(
                    known.inputs[rows],
                    self._training_mean,
                    kriged=(kriged[0][rows], kriged[1][rows]),
                )
                for rows in parts
            ),
            len(known),
        )
        weight = np.ones(len(known)) if known.weight is None else known.weight
        self._baseline = EffectBaseline.of(effects, weight)
        shares = [
            weight[rows] @ normalized_weights(self._contributions(effects[rows]))
            for rows in parts
        ]
        self.feature_importances_ = np.sum(shares, axis=0) / weight.sum()
        self.explanation_r2_ = 1.0
        if self.head != "additive":
            # In units whose squares do not overflow.
            mean, scale = self._target_mean, self._target_scale
            self.explanation_r2_ = float(
                r2_score(
                    (effects.prediction - mean) / scale,
                    (effects.combination - mean) / scale,
                )
            )

    def _krigs(self, samples: Samples) -> bool:
        """Whether there are places or times to krige between, and blind networks."""
        return (
            self.krige_residuals
            and self._inputs.use_coordinates
            and len(self.net_.module_) > 1
            and samples.n_training >= FEWEST_ROWS
        )

    def _fitted_so_far(
        self, net: STCGNet, samples: Samples, warm: bool
    ) -> dict[str, Any]:
        """Attributes of an estimator whose training ended now."""
        estimator, net_so_far = copy.copy(self), copy.copy(net)
        net_so_far.history_ = copy.copy(net.history)
        leave_fit(net_so_far)
        estimator._finish(net_so_far, samples, warm)
        return dict(vars(estimator))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "feature_importances_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags
