"""Draw the nodes and edges of a condition graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from ..columns import Table
from ..sphere import FloatArray, IntArray
from .coastlines import draw_coastlines
from .effect_places import read_coordinates
from .graph_artists import draw_edges, each_once, node_sizes, size_legend
from .map_frame import MapFrame
from .plotting import (
    MAP_SIZE,
    as_floats,
    bar_below,
    check_lengths,
    extend_of,
    fit_height,
    load_pyplot,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..graph import ConditionGraph
    from ..regressor import STCGRegressor


class ConditionGraphDisplay:
    """Map of a condition graph: nodes, and edges along great circles.

    Made by :meth:`from_estimator`, :meth:`from_graph` or :meth:`from_predictions`;
    the constructor only keeps what it is given.

    Parameters
    ----------
    lat, lon : ndarray of shape (n_nodes,)
        Places of the nodes, in degrees (or bare coordinates).
    edges : ndarray of shape (2, n_edges)
        Pairs of nodes, each edge once.
    weight : ndarray of shape (n_edges,), default=None
        Kernel weights in (0, 1].
    rows : ndarray of shape (n_nodes,), default=None
        Rows nearest to each node, which set its size.
    values : ndarray of shape (n_nodes,), default=None
        Values, which set its colour.
    metric : {"haversine", "euclidean"}, default="haversine"
        Whether places are degrees or bare coordinates.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The map.
    figure_ : matplotlib Figure
        Its figure.
    nodes_ : PathCollection
        The nodes.
    edges_ : LineCollection
        The edges; one that leaves the map is two lines.
    coastlines_ : LineCollection or None
        Coastlines.
    colorbar_ : matplotlib Colorbar or None
        The colour bar of the values.
    legend_ : matplotlib Legend or None
        The legend of the sizes.

    See Also
    --------
    spatialheteroreg.graph.ConditionGraph : The graph.

    Examples
    --------
    >>> from spatialheteroreg.graph import ConditionGraph
    >>> graph = ConditionGraph(3, random_state=0).fit(
    ...     lat=[0.0, 10.0, 5.0], lon=[175.0, -175.0, -170.0]
    ... )
    >>> display = ConditionGraphDisplay.from_graph(graph, rows=[5, 20, 10])
    >>> len(display.edges_.get_segments())
    3
    """

    def __init__(
        self,
        lat: FloatArray,
        lon: FloatArray,
        edges: IntArray,
        *,
        weight: FloatArray | None = None,
        rows: FloatArray | None = None,
        values: FloatArray | None = None,
        metric: str = "haversine",
    ) -> None:
        self.lat = lat
        self.lon = lon
        self.edges = edges
        self.weight = weight
        self.rows = rows
        self.values = values
        self.metric = metric

    @classmethod
    def from_estimator(
        cls,
        model: STCGRegressor,
        X: Any = None,
        *,
        values: ArrayLike | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ConditionGraphDisplay:
        """Draw the graph of a fitted model.

        Parameters
        ----------
        model : STCGRegressor
            A fitted model.
        X : DataFrame or array_like of shape (n, p), default=None
            Rows to count at each node; None draws nodes of one size.
        values : array_like, default=None
            Value of each node; or of each row of X, of which each node shows the
            mean over its rows.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        ConditionGraphDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the model has no graph or no coordinates, or the number of values is
            neither that of the nodes nor that of the rows.
        """
        check_is_fitted(model)
        graph, inputs = model.graph_, model._inputs
        if graph is None or not inputs.roles.has_place:
            missing = "a graph" if graph is None else "coordinates"
            raise ValueError(
                f"The model was fitted without {missing}, so there is nothing to draw. "
                "Fit with condition='graph', lat= and lon=."
            )
        shown = None if values is None else as_floats(values, "values")
        rows = None
        if X is not None:
            nearest = graph.attach(*inputs.read_place(Table(X))).index[:, 0]
            rows = np.bincount(nearest, minlength=graph.n_nodes)
            if shown is not None and len(shown) == len(nearest) != graph.n_nodes:
                known = np.isfinite(shown)
                total, number = (
                    np.bincount(nearest[known], weight, minlength=graph.n_nodes)
                    for weight in (shown[known], None)
                )
                shown = np.full(graph.n_nodes, np.nan)
                np.divide(total, number, out=shown, where=number > 0)
        return cls.from_graph(graph, rows=rows, values=shown, ax=ax, **options)

    @classmethod
    def from_graph(
        cls,
        graph: ConditionGraph,
        *,
        rows: ArrayLike | None = None,
        values: ArrayLike | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ConditionGraphDisplay:
        """Draw a fitted graph.

        Parameters
        ----------
        graph : ConditionGraph
            A fitted graph.
        rows : array_like of shape (n_nodes,), default=None
            Rows of each node, which set its size.
        values : array_like of shape (n_nodes,), default=None
            Values, which set its colour.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        ConditionGraphDisplay
            The drawn display.
        """
        return cls.from_predictions(
            graph.node_lat,
            graph.node_lon,
            graph.edge_index,
            weight=graph.edge_weight,
            rows=rows,
            values=values,
            metric=graph.metric,
            ax=ax,
            **options,
        )

    @classmethod
    def from_predictions(
        cls,
        lat: ArrayLike,
        lon: ArrayLike,
        edges: ArrayLike,
        *,
        weight: ArrayLike | None = None,
        rows: ArrayLike | None = None,
        values: ArrayLike | None = None,
        metric: str = "haversine",
        ax: Axes | None = None,
        **options: Any,
    ) -> ConditionGraphDisplay:
        """Draw any graph over places.

        Parameters
        ----------
        lat, lon : array_like of shape (n_nodes,)
            Places of the nodes.
        edges : array_like of shape (2, m)
            Pairs of nodes. An edge given in both directions is drawn once.
        weight : array_like of shape (m,), default=None
            Weights in (0, 1]; light edges are drawn fainter.
        rows : array_like of shape (n_nodes,), default=None
            Rows of each node, which set its size.
        values : array_like of shape (n_nodes,), default=None
            Values, which set its colour.
        metric : {"haversine", "euclidean"}, default="haversine"
            "euclidean" takes the coordinates as bare northing and easting.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        ConditionGraphDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If lengths differ, or an edge names no node.
        """
        lat, lon = read_coordinates(lat, lon, metric)
        size = None if rows is None else as_floats(rows, "rows")
        shown = None if values is None else as_floats(values, "values")
        check_lengths(lat=lat, lon=lon, rows=size, values=shown)
        pairs, kept = each_once(np.asarray(edges, dtype=np.int64), len(lat))
        share = None if weight is None else as_floats(weight, "weight")
        if share is not None and len(share) != np.shape(edges)[1]:
            raise ValueError(
                f"weight has {len(share)} values for {np.shape(edges)[1]} columns of "
                "edges: pass one for each."
            )
        share = None if share is None else share[kept]
        return cls(
            lat, lon, pairs, weight=share, rows=size, values=shown, metric=metric
        ).plot(ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        coastlines: bool | str = "auto",
        cmap: Any = "viridis",
        vmin: float | None = None,
        vmax: float | None = None,
        node_color: Any = "#0072B2",
        edge_color: Any = "0.35",
        label: str = "Value of the node",
    ) -> ConditionGraphDisplay:
        """Draw the graph.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Plain axes, axes with a projection of matplotlib (such as "mollweide"),
            or of cartopy. None makes a figure.
        coastlines : {"auto", True, False}, default="auto"
            Coastlines from the data of cartopy. "auto" draws them if it is
            installed and has its data at hand; True may download these.
        cmap : str or Colormap, default="viridis"
            Colours of the values.
        vmin, vmax : float or None, default=None
            Where the colours end; None takes the least and the largest value.
        node_color : colour, default="#0072B2"
            Colour of nodes without values.
        edge_color : colour, default="0.35"
            Colour of the edges.
        label : str, default="Value of the node"
            Text of the colour bar.

        Returns
        -------
        ConditionGraphDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing; with `coastlines=True` if cartopy is.
        """
        plt = load_pyplot("ConditionGraphDisplay")
        axes: Any = ax
        if ax is None:
            _, axes = plt.subplots(figsize=MAP_SIZE, layout="constrained")
        self.ax_, self.figure_ = axes, axes.figure
        frame = MapFrame.of(axes, self.lon, self.metric)
        x, y = frame.place(self.lat, self.lon)
        self.edges_ = draw_edges(
            axes, frame, self.lat, self.lon, self.edges, self.weight, edge_color
        )
        colored = self.values is not None
        look = {"c": self.values, "cmap": cmap, "vmin": vmin, "vmax": vmax}
        self.nodes_ = axes.scatter(
            x,
            y,
            s=node_sizes(len(self.lat), self.rows),
            edgecolors="white",
            linewidths=0.5,
            zorder=3,
            plotnonfinite=True,
            **(look if colored else {"color": node_color}),
            **frame.options(),
        )
        # Ways along great circles go beyond the outermost nodes.
        ways = np.concatenate([np.column_stack([x, y]), *self.edges_.get_segments()])
        frame.dress(axes, *ways.T)
        span = float(np.ptp(ways[:, 0])) if frame.kind == "plain" else 360.0
        self.coastlines_ = draw_coastlines(axes, frame, coastlines, span)
        self.colorbar_ = self.legend_ = None
        if colored:
            extend = extend_of(self.values, self.nodes_.norm)
            self.colorbar_ = bar_below(axes, self.nodes_, label, extend, frame.room)
        if self.rows is not None and self.rows.max() > self.rows.min():
            self.legend_ = size_legend(axes, self.nodes_, self.rows)
        if ax is None:
            fit_height(axes, 0.9 if colored else 0.5)
        return self
