"""From a table to the inputs of the network, frozen at fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .attaching import Places
from .columns import ColumnRoles, Table
from .coordinates import holds_dates, read_place, read_time, show_coordinate
from .features import FeatureEncoder
from .graph import ConditionGraph
from .row_inputs import INSTANT, Arrays, RowInputs, distinct_places, distinct_times
from .sizing import auto_n_nodes, nodes_of_graphs
from .sphere import FloatArray, IntArray
from .time_axis import TimeAxis
from .values import read_numbers


@dataclass(frozen=True)
class Extent:
    """How much there is of all rows to train on.

    Attributes
    ----------
    n_rows : int
        Rows to train on.
    n_places, n_times : int
        Distinct places and times.
    start, end : float
        First and last time.
    categories : list of list or None
        Values of each categorical feature; None for those of the table at hand.
    """

    n_rows: int
    n_places: int
    n_times: int
    start: float
    end: float
    categories: list[list[Any]] | None = None

    @classmethod
    def of(cls, n_rows: int, n_places: int, time: FloatArray) -> Extent:
        """Measure rows that are all at hand."""
        n_times = len(np.unique(time))
        return cls(n_rows, n_places, n_times, float(time.min()), float(time.max()))


class InputBuilder:
    """Features, graph and time axis of the training rows, applied to any rows.

    Parameters
    ----------
    roles : ColumnRoles
        Which column is what.
    n_nodes : int or "auto"
        Nodes of the graph.
    n_neighbors, n_attached : int
        As for :class:`ConditionGraph`.
    bandwidth : float or "auto"
        As for :class:`ConditionGraph`.
    metric : {"haversine", "euclidean"}
        As for :class:`ConditionGraph`.
    period : float or None
        As for :class:`TimeAxis`; None means one year for dates.
    time_axis : {"auto", "cycle", "sequence"}
        As `kind` of :class:`TimeAxis`.
    n_steps : int or "auto"
        As for :class:`TimeAxis`.
    use_coordinates : bool
        False leaves place and time unread.
    crs : object, default=None
        Coordinate system of the coordinate columns; None means degrees.
    dtype : {"float32", "float64"}, default="float32"
        Precision of what the network gets.
    n_graphs : int, default=1
        Graphs to lay, one for each network, each with nodes of its own.

    Attributes
    ----------
    encoder_ : FeatureEncoder
        Scales and categories.
    graphs_ : list of ConditionGraph
        Nodes and edges, the finest first; one node where rows have no place.
    axis_ : TimeAxis
        Steps; one step where rows have no time.
    """

    def __init__(
        self,
        roles: ColumnRoles,
        *,
        n_nodes: int | str,
        n_neighbors: int,
        n_attached: int,
        bandwidth: float | str,
        metric: str,
        period: float | None,
        time_axis: str,
        n_steps: int | str,
        use_coordinates: bool,
        crs: Any = None,
        dtype: str = "float32",
        n_graphs: int = 1,
    ) -> None:
        self.roles = roles
        self.n_nodes = n_nodes
        self.graph_parameters: dict[str, Any] = {
            "n_neighbors": n_neighbors,
            "n_attached": n_attached,
            "bandwidth": bandwidth,
            "metric": metric,
        }
        self.period = period
        self.axis_parameters: dict[str, Any] = {"kind": time_axis, "n_steps": n_steps}
        self.use_coordinates = use_coordinates
        self.crs = crs
        self.dtype = dtype
        self.n_graphs = n_graphs

    @property
    def graph_(self) -> ConditionGraph:
        """The finest graph."""
        return self.graphs_[0]

    def fit(
        self,
        table: Table,
        rows: NDArray[np.int64],
        random: np.random.RandomState,
        weight: FloatArray | None = None,
        extent: Extent | None = None,
    ) -> InputBuilder:
        """Learn scales, place nodes and lay steps.

        Parameters
        ----------
        table : Table
            The training table.
        rows : ndarray of int
            Rows to lay nodes and steps over; the others are held out.
        random : RandomState
            Draws the starting centers of k-means.
        weight : ndarray of shape (n,), default=None
            Sample weights of the rows of the table; None means 1 for all.
        extent : Extent, default=None
            Of all rows, where the table is a sample of them; None takes that of
            `rows`.

        Returns
        -------
        InputBuilder
            Itself.
        """
        self.encoder_ = FeatureEncoder(self.dtype).fit(
            table,
            self.roles,
            rows,
            weight,
            None if extent is None else extent.categories,
        )
        lat, lon = self.read_place(table)
        place, lat, lon = distinct_places(lat[rows], lon[rows])
        rows_there = np.bincount(place, None if weight is None else weight[rows])
        self.settle_time(table)
        if extent is None:
            time = self.read_time(table)[rows]
            extent = Extent.of(len(rows), len(lat), time)
        n_nodes = (
            auto_n_nodes(min(len(lat), extent.n_places), extent.n_rows)
            if self.n_nodes == "auto"
            else int(self.n_nodes)
        )
        self.graphs_ = [
            ConditionGraph(n, random_state=random, **self.graph_parameters).fit(
                lat, lon, rows_there
            )
            for n in nodes_of_graphs(n_nodes, self.n_graphs)
        ]
        period = 1.0 if self.dates_ and self.period is None else self.period
        parameters = self.axis_parameters
        if self._time_position is None:
            period, parameters = None, {**parameters, "kind": "auto"}
        self.axis_ = TimeAxis(period, **parameters).lay(
            extent.start,
            extent.end,
            n_rows=extent.n_rows,
            n_distinct=extent.n_times,
            n_places=extent.n_places,
        )
        return self

    def settle_time(self, table: Table) -> None:
        """Find out whether times are dates.

        Parameters
        ----------
        table : Table
            Rows of the training table.

        Raises
        ------
        ValueError
            If a cycle is wanted, and its length is not known.
        """
        position = self._time_position
        self.dates_ = position is not None and holds_dates(table.column(position))
        cyclic = self.axis_parameters["kind"] == "cycle"
        if position is not None and cyclic and self.period is None and not self.dates_:
            raise ValueError(
                "time_axis='cycle' needs the length of the cycle: pass period= in the "
                "unit of the time column."
            )

    def read_place(
        self, table: Table, *, always: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Read coordinates; zeros where there are none or they are not used.

        Parameters
        ----------
        table : Table
            Any table.
        always : bool, default=False
            Read them even if the network does not use them.

        Returns
        -------
        lat, lon : ndarray of shape (n,)
            Coordinates.
        """
        if not (self.use_coordinates or always):
            return np.zeros(table.n_rows), np.zeros(table.n_rows)
        geographic = self.graph_parameters["metric"] == "haversine"
        return read_place(table, self.roles, geographic=geographic, crs=self.crs)

    def read_time(self, table: Table) -> FloatArray:
        """Read times; zeros where there are none or they are not used.

        Parameters
        ----------
        table : Table
            Any table.

        Returns
        -------
        ndarray of shape (n,)
            Times as numbers.

        Raises
        ------
        ValueError
            If times were dates at fit and are numbers now, or the reverse.
        """
        if self._time_position is None:
            return np.zeros(table.n_rows)
        column, label = (
            table.column(self._time_position),
            table.label(self._time_position),
        )
        if holds_dates(column) != self.dates_:
            was, now = ("dates", "numbers") if self.dates_ else ("numbers", "dates")
            raise ValueError(
                f"Column {label}: time held {was} in fit and holds {now} now."
            )
        return read_time(column, label)

    def encode(
        self,
        table: Table,
        time: FloatArray | None = None,
        places: Places | None = None,
    ) -> RowInputs:
        """Make the inputs of the network, those that rows share once.

        Parameters
        ----------
        table : Table
            Any table with the columns of the training table.
        time : ndarray of shape (n,), default=None
            Times of the rows, where :meth:`read_time` has read them before.
        places : Places, default=None
            Places of the rows, where they were tied to the nodes before.

        Returns
        -------
        RowInputs
            Inputs of all rows.
        """
        if places is None:
            places = Places.of(self.graphs_, *self.read_place(table), self.dtype)
        instant, times = distinct_times(self.read_time(table) if time is None else time)
        features = self.encoder_.transform(table)
        rows = {
            "numeric": features.numeric,
            "missing": features.missing,
            "codes": features.codes,
            "place": places.number,
            "time": instant,
        }
        tables = {"place": places.entries, "time": self._tell_time(times)}
        return RowInputs(rows, tables)

    def transform(
        self,
        table: Table,
        time: FloatArray | None = None,
        places: Places | None = None,
    ) -> Arrays:
        """Make the inputs of the network.

        Parameters
        ----------
        table : Table
            Any table with the columns of the training table.
        time : ndarray of shape (n,), default=None
            Times of the rows, where :meth:`read_time` has read them before.
        places : Places, default=None
            Places of the rows, where they were tied to the nodes before.

        Returns
        -------
        dict of str to ndarray
            One entry a row in each; names are the arguments of the network.
        """
        return self.encode(table, time, places)[:]

    def _tell_time(self, time: FloatArray) -> Arrays:
        """Put times between steps; in periods where there is one."""
        position = self.axis_.locate(time, warn=False)
        unit = 1.0 if self.axis_.period is None else self.axis_.period
        return {
            "step_lower": position.lower,
            "step_upper": position.upper,
            "step_fraction": position.fraction.astype(self.dtype),
            "time_encoding": self.axis_.encode(time).astype(self.dtype),
            INSTANT: time / unit,
        }

    def as_floats(self, table: Table, codes: IntArray) -> FloatArray:
        """Show a table as floats: fractional years for dates, category codes.

        Parameters
        ----------
        table : Table
            Any table with the columns of the training table.
        codes : ndarray of shape (n, n_categorical)
            Category codes of these rows, as :meth:`transform` made them.

        Returns
        -------
        ndarray of shape (n, p)
            Missing numbers are NaN.
        """
        roles, floats = self.roles, np.full((table.n_rows, table.n_columns), np.nan)
        for k, j in enumerate(roles.categorical):
            floats[:, j] = codes[:, k]
        for j in roles.numeric:
            floats[:, j] = read_numbers(table.column(j), table.label(j))
        for place in (roles.lat, roles.lon):
            if place is not None:
                floats[:, place] = show_coordinate(table, place)
        if roles.time is not None:
            floats[:, roles.time] = self._show_time(table, roles.time)
        return floats

    def condition_tensors(self, graph: ConditionGraph) -> dict[str, Any]:
        """Hand graph and steps to a network.

        Parameters
        ----------
        graph : ConditionGraph
            One of the graphs.

        Returns
        -------
        dict
            Arguments of :class:`spatialheteroreg.network.ConditionEncoder`.
        """
        axis = self.axis_
        index, value = graph.normalized_adjacency()
        size = (graph.n_nodes, graph.n_nodes)
        points = graph.node_points
        if graph.metric == "euclidean":
            points = points - points.mean(axis=0)
            points = points / (points.std() or 1.0)
        times = axis.encode(axis.step_times(axis.n_steps_max))
        return {
            "positions": torch.as_tensor(points, dtype=torch.float32),
            "adjacency": torch.sparse_coo_tensor(
                torch.as_tensor(index),
                torch.as_tensor(value, dtype=torch.float32),
                size,
                check_invariants=True,
            ),
            "time_encoding": torch.as_tensor(times, dtype=torch.float32),
            "n_steps": axis.n_steps_,
            "cyclic": axis.kind_ == "cycle",
        }

    def _show_time(self, table: Table, position: int) -> FloatArray:
        try:
            return read_time(table.column(position), table.label(position))
        except ValueError:
            if self.use_coordinates:
                raise
            return np.full(table.n_rows, np.nan)  # not used, so not refused

    @property
    def _time_position(self) -> int | None:
        return self.roles.time if self.use_coordinates else None
