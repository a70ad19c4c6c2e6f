"""The fitted parts of a model, as a table: what each of them holds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..columns import ColumnRoles
from ..features import FeatureEncoder
from ..graph import ConditionGraph
from ..inputs import InputBuilder
from ..inspection.applicability import TrainingReference
from ..inspection.explanation import EffectBaseline
from ..intercepts import TrainingMean
from ..kriging import ResidualKriging
from ..nearest_rows import Locations
from ..predictor import ModelMean
from ..time_axis import TimeAxis
from ..uncertainty import Spread, Uncertainty
from .kinds import KINDS
from .values import Kind, Values

PARTS: dict[str, tuple[type, tuple[str, ...]]] = {
    "roles": (ColumnRoles, ("lat", "lon", "time", "numeric", "categorical", "crs")),
    "inputs": (
        InputBuilder,
        (
            *("roles", "n_nodes", "graph_parameters", "period", "axis_parameters"),
            *("use_coordinates", "crs", "dtype", "n_graphs"),
            *("encoder_", "graphs_", "dates_", "axis_"),
        ),
    ),
    "encoder": (
        FeatureEncoder,
        ("dtype", "roles", "center_", "scale_", "bent_", "categories_"),
    ),
    "graph": (
        ConditionGraph,
        (
            *("requested_nodes", "n_neighbors", "n_attached", "bandwidth", "metric"),
            *("random_state", "node_points", "node_lat", "node_lon"),
            *("node_bandwidth", "bandwidth_", "n_components"),
            *("edge_index", "edge_weight"),
        ),
    ),
    "time_axis": (
        TimeAxis,
        (
            *("period", "kind", "n_steps", "start", "end", "kind_", "n_steps_"),
            "step_width",
        ),
    ),
    "training_mean": (TrainingMean, ("step_share", "encoding", "node_share")),
    "model_mean": (ModelMean, ("networks", "kriged")),
    "locations": (Locations, ("point", "time")),
    "kriging": (
        ResidualKriging,
        (
            *("has_time", "has_period", "where_", "weight_", "scale_", "residual_"),
            *("theta_", "spacing_", "span_"),
        ),
    ),
    "spread": (Spread, ("usual", "strength", "degrees")),
    "uncertainty": (
        Uncertainty,
        (
            *("inflation", "noise", "scores", "prediction", "slopes"),
            *("contributions", "local_prediction", "local_slopes"),
            *("local_contributions", "withheld", "baselines"),
        ),
    ),
    "reference": (
        TrainingReference,
        (
            *("numeric", "missing", "codes", "shares", "mean_distance", "threshold"),
            *("places", "place_threshold", "metric", "bandwidth"),
            *("node_rows", "far_share"),
        ),
    ),
    "baseline": (EffectBaseline, ("level", "place_time", "features")),
}
"""Fitted parts of the model, and what each of them holds: all of it is kept.

A change here asks for a new `FORMAT_VERSION`.
"""


def model_kinds() -> dict[str, Kind]:
    """List the kinds of values that a model may hold.

    Returns
    -------
    dict of str to Kind
        Plain values, fitted parts, and coordinate reference systems.
    """
    parts = {
        name: Kind((part,), _taker(part, fields), _maker(part, fields), shared=True)
        for name, (part, fields) in PARTS.items()
    }
    # Whoever passes a coordinate reference system has imported pyproj.
    pyproj = sys.modules.get("pyproj")
    types: tuple[type, ...] = () if pyproj is None else (pyproj.CRS,)
    return {**KINDS, **parts, "crs": Kind(types, lambda crs: crs.srs, _read_crs)}


def _read_crs(text: str) -> Any:
    from pyproj import CRS

    return CRS(text)


def _taker(part: type, fields: tuple[str, ...]) -> Callable[[Any], Values]:
    def take(whole: Any) -> Values:
        _check_names(part, vars(whole), fields)
        return {name: vars(whole)[name] for name in fields}

    return take


def _maker(part: type, fields: tuple[str, ...]) -> Callable[[Values], Any]:
    def make(values: Values) -> Any:
        _check_names(part, values, fields)
        whole: Any = object.__new__(part)
        whole.__dict__.update(values)
        return whole

    return make


def _check_names(part: type, found: Values, known: tuple[str, ...]) -> None:
    unknown, absent = found.keys() - set(known), set(known) - found.keys()
    if unknown or absent:
        raise RuntimeError(
            f"{part.__name__}: {sorted(unknown)} unknown, {sorted(absent)} absent; "
            f"see PARTS of {__name__}"
        )
