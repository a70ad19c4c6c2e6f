"""A report on a fitted model: what may be wrong with it, and what to do."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.cluster import KMeans
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from ..sphere import FloatArray, IntArray, SphericalKMeans
from .applicability import FAR_WIDTHS, applicability
from .autocorrelation import MoranTest, moran_test
from .error_checks import (
    check_autocorrelation,
    check_bias,
    check_error,
    check_inside,
    check_parts,
    error_by_part,
)
from .findings import SEVERITIES, Finding
from .fit_checks import (
    check_explained,
    check_graph,
    check_importances,
    check_nodes,
    check_reach,
    check_training,
    check_validation,
)

if TYPE_CHECKING:
    from ..columns import Table
    from ..graph import ConditionGraph
    from ..inputs import InputBuilder
    from ..regressor import STCGRegressor

N_REGIONS = 8
"""Regions that errors are told by."""

QUARTERS = (
    *("January to March", "April to June"),
    *("July to September", "October to December"),
)


@dataclass(frozen=True, repr=False, eq=False)
class Diagnosis:
    """What :func:`diagnose` found; printed, it is a report.

    Attributes
    ----------
    findings : tuple of Finding
        One for each thing that was looked at.
    moran : MoranTest or None
        Spatial autocorrelation of the errors; None without y or a graph.
    regions : DataFrame or None
        "part", "rows", "rmse" and "bias" (prediction minus target) by region,
        a cluster of nodes; None without y or places.
    seasons : DataFrame or None
        The same by quarter of the year or cycle, or of the time span where
        there is no cycle; None without y or times.
    """

    findings: tuple[Finding, ...]
    moran: MoranTest | None = None
    regions: pd.DataFrame | None = None
    seasons: pd.DataFrame | None = None

    @property
    def severity(self) -> str:
        """The worst severity of all findings."""
        return max((f.severity for f in self.findings), key=SEVERITIES.index)

    def to_frame(self) -> pd.DataFrame:
        """Lay the findings out as a table.

        Returns
        -------
        DataFrame of shape (n_findings, 4)
            "severity", "value", "sentence" and "advice", indexed by "name".
        """
        rows = [vars(finding) for finding in self.findings]
        return pd.DataFrame(rows).set_index("name")

    def __str__(self) -> str:
        worst_first = sorted(self.findings, key=lambda f: -SEVERITIES.index(f.severity))
        counts = ", ".join(
            f"{sum(f.severity == severity for f in self.findings)} {severity}"
            for severity in reversed(SEVERITIES)
        )
        lines = [f"Diagnosis: {counts}"]
        for finding in worst_first:
            text = f"{finding.name}: {finding.sentence} {finding.advice}".rstrip()
            lines += textwrap.wrap(
                text,
                width=88,
                initial_indent=f"[{finding.severity}]".ljust(10),
                subsequent_indent=" " * 10,
            )
        return "\n".join(lines)

    __repr__ = __str__


def diagnose(
    model: STCGRegressor, X: Any = None, y: ArrayLike | None = None
) -> Diagnosis:
    """Look for what may be wrong with a fitted model.

    Without rows the fit itself is looked at: the graph, the training rows of its
    nodes, the importances, the losses. With X also how many rows lie outside the
    area of applicability, and with y the errors: their size, bias, spatial
    autocorrelation (Moran's I over the graph, of the mean error at each node),
    and how they differ by region and season. Rows that were held out tell
    more than those of training. :doc:`/trust` explains each finding.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    X : DataFrame or array_like of shape (n, p), default=None
        Columns as in fit.
    y : array_like of shape (n,), default=None
        Target of these rows.

    Returns
    -------
    Diagnosis
        The report. Each finding has a severity, a value, a sentence, and what to
        do where there is something to do.

    Raises
    ------
    ValueError
        If y is passed without X, or one of them cannot be used.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> diagnosis = model.diagnose(globe.data, globe.target)
    >>> diagnosis.to_frame().loc["rows per node", "severity"]
    'ok'
    >>> list(diagnosis.regions)
    ['part', 'rows', 'rmse', 'bias']
    """
    check_is_fitted(model)
    if X is None:
        if y is not None:
            raise ValueError("diagnose needs the rows of y: pass X too.")
        return Diagnosis(tuple(_findings_of_fit(model)))
    findings = _findings_of_fit(model)
    inside = applicability(model, X)["inside"].to_numpy()
    findings.append(check_inside(inside))
    if y is None:
        return Diagnosis(tuple(findings))
    table = model._read_fitted(X)
    target = _read_target(X, y)
    residual = target - model.predict(X)
    findings += [check_error(target, residual), check_bias(target, residual)]
    moran = regions = None
    if model.graph_ is not None and model._inputs.roles.has_place:
        node = model.graph_.attach(*model._inputs.read_place(table)).index[:, 0]
        moran = _moran_of_nodes(model.graph_, node, residual)
        regions = error_by_part(residual, *_regions(model.graph_, node))
    seasons = None
    if model._inputs._time_position is not None:
        seasons = error_by_part(residual, *_seasons(model._inputs, table))
    if moran is not None:
        findings.append(check_autocorrelation(moran))
    for name, parts, advice in (
        ("error by region", regions, _REGION_ADVICE),
        ("error by season", seasons, _SEASON_ADVICE),
    ):
        found = None if parts is None else check_parts(name, parts, advice)
        if found is not None:
            findings.append(found)
    return Diagnosis(tuple(findings), moran, regions, seasons)


def _read_target(X: Any, y: ArrayLike) -> FloatArray:
    target: FloatArray = check_array(
        column_or_1d(y), ensure_2d=False, dtype=np.float64, input_name="y"
    )
    check_consistent_length(X, target)
    return target


_REGION_ADVICE = (
    "Map the errors there; a feature that tells what is special, more training rows, "
    "or a larger n_nodes may help."
)
_SEASON_ADVICE = (
    "Look at the rows of that time; a feature that tells what is special, a larger "
    "n_steps or another time_axis may help."
)


def _findings_of_fit(model: STCGRegressor) -> list[Finding]:
    findings = []
    if model.graph_ is not None and model._inputs.roles.has_place:
        reference = model._reference
        findings += [
            check_graph(model.graph_.n_components),
            check_nodes(reference.node_rows),
            check_reach(reference.far_share, FAR_WIDTHS),
        ]
    importances = check_importances(model.feature_importances_)
    if importances is not None:
        findings.append(importances)
    # The loss of the dual head is the sum of two.
    unit = 1.0 + model.importance_loss_weight * (model.head == "dual")
    stopping = [epoch for epoch in model.history_ if "valid_loss" in epoch]
    epochs = stopping or model.history_
    training = np.array([epoch["train_loss"] for epoch in epochs])
    if stopping:
        validation = np.array([epoch["valid_loss"] for epoch in epochs])
        findings.append(check_training(validation, 1.0, "validation"))
        findings.append(check_validation(training, validation, unit))
    else:
        findings.append(check_training(training, unit))
    if model.head == "dual":
        findings.append(check_explained(model.explanation_r2_))
    return findings


def _moran_of_nodes(
    graph: ConditionGraph, node: IntArray, residual: FloatArray
) -> MoranTest | None:
    """Test the mean residuals of the nodes that have rows."""
    rows = np.bincount(node, minlength=graph.n_nodes)
    total = np.bincount(node, residual, minlength=graph.n_nodes)
    mean = np.divide(total, rows, out=np.full(graph.n_nodes, np.nan), where=rows > 0)
    return moran_test(mean, graph.edge_index, graph.edge_weight)


def _regions(graph: ConditionGraph, node: IntArray) -> tuple[IntArray, list[str]]:
    """Region of each row, a cluster of nodes, and the regions' names."""
    points = graph.node_points
    n_regions = min(N_REGIONS, len(np.unique(points, axis=0)))
    kmeans: SphericalKMeans | KMeans
    if graph.metric == "haversine":
        kmeans = SphericalKMeans(n_regions, random_state=0)
    else:
        kmeans = KMeans(n_regions, n_init=1, random_state=0)
    kmeans.fit(points)
    lat, lon = graph._coordinates(kmeans.cluster_centers_)
    if graph.metric == "haversine":
        names = [
            f"around {abs(a):.0f} {'N' if a >= 0 else 'S'}, "
            f"{abs(b):.0f} {'E' if b >= 0 else 'W'}"
            for a, b in zip(lat, lon, strict=True)
        ]
    else:
        names = [f"around ({a:.6g}, {b:.6g})" for a, b in zip(lat, lon, strict=True)]
    return np.asarray(kmeans.labels_, dtype=np.int64)[node], names


def _seasons(inputs: InputBuilder, table: Table) -> tuple[IntArray, list[str]]:
    """Quarter of each row, of the cycle or of the rows' time span."""
    time, period = inputs.read_time(table), inputs.axis_.period
    if period is not None:
        share = np.mod(time, period) / period
        names = [f"quarter {k} of the cycle" for k in range(1, 5)]
        if inputs.dates_ and period == 1.0:
            names = list(QUARTERS)
    else:
        start, span = time.min(), float(np.ptp(time)) or 1.0
        share = (time - start) / span
        edges = start + span * np.arange(5) / 4
        names = [f"{edges[k]:.6g} to {edges[k + 1]:.6g}" for k in range(4)]
    return np.minimum((share * 4).astype(np.int64), 3), names
