"""Edges and nodes of a graph on a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..sphere import FloatArray, IntArray
from .map_frame import MapFrame
from .map_lines import great_circles

_LEAST, _MORE = 0.25, 2.75
"""Areas of a node without rows and, beyond it, of that with the most."""


def draw_edges(
    ax: Any,
    frame: MapFrame,
    lat: FloatArray,
    lon: FloatArray,
    edges: IntArray,
    weight: FloatArray | None,
    color: Any,
) -> Any:
    """Draw edges, along great circles where places are degrees.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    frame : MapFrame
        Its frame.
    lat, lon : ndarray of shape (n_nodes,)
        Places of the nodes.
    edges : ndarray of shape (2, n_edges)
        Pairs of nodes.
    weight : ndarray of shape (n_edges,) or None
        Weights in (0, 1]; light edges are fainter.
    color : colour
        Their colour.

    Returns
    -------
    LineCollection
        One line for each edge, two for one that leaves the map.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    if frame.kind == "planar":
        ways = [(lat[pair], lon[pair]) for pair in edges.T]
    else:
        ways = great_circles(lat, lon, edges)
    pieces, colors = [], []
    for k, way in enumerate(ways):
        share = 0.6 if weight is None else 0.3 + 0.6 * float(weight[k])
        for piece in frame.lines([way]):
            pieces.append(piece)
            colors.append(to_rgba(color, min(share, 1.0)))
    lines = LineCollection(
        pieces, colors=colors or None, linewidths=0.6, zorder=2, **frame.options()
    )
    ax.add_collection(lines, autolim=False)
    return lines


def node_sizes(n_nodes: int, rows: FloatArray | None) -> Any:
    """Choose the areas of nodes.

    Parameters
    ----------
    n_nodes : int
        Number of nodes.
    rows : ndarray of shape (n_nodes,) or None
        Rows of each; None makes all of one size.

    Returns
    -------
    float or ndarray of shape (n_nodes,)
        Square points. A node without rows is still seen.
    """
    usual = float(np.clip(4_000 / n_nodes, 8.0, 40.0))
    if rows is None or rows.max() <= 0:
        return usual
    return usual * (_LEAST + _MORE * rows / rows.max())


def size_legend(ax: Any, nodes: Any, rows: FloatArray) -> Any:
    """Say above a map how many rows a size means.

    Parameters
    ----------
    ax : matplotlib Axes
        The map.
    nodes : PathCollection
        The nodes.
    rows : ndarray of shape (n_nodes,)
        Rows of each.

    Returns
    -------
    matplotlib Legend
        The legend.
    """
    usual = node_sizes(len(rows), None)
    handles, labels = nodes.legend_elements(
        "sizes",
        num=3,
        color="0.5",
        func=lambda size: (size / usual - _LEAST) / _MORE * rows.max(),
        fmt="{x:.0f}",
    )
    return ax.legend(
        handles,
        labels,
        title="Rows at the node:",
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(handles),
        frameon=False,
        borderaxespad=0.2,
        handletextpad=0.1,
        columnspacing=1.0,
        fontsize="small",
        title_fontsize="small",
    )


def each_once(edges: IntArray, n_nodes: int) -> tuple[IntArray, IntArray]:
    """Drop loops, and the second direction of edges.

    Parameters
    ----------
    edges : ndarray of shape (2, m)
        Pairs of nodes.
    n_nodes : int
        Number of nodes.

    Returns
    -------
    edges : ndarray of shape (2, n_edges)
        Each edge once.
    kept : ndarray of shape (n_edges,)
        Where they were.

    Raises
    ------
    ValueError
        If the shape is another, or an edge names no node.
    """
    if edges.ndim != 2 or edges.shape[0] != 2:
        raise ValueError(
            "edges must have shape (2, m), one column for each edge, got "
            f"{edges.shape}."
        )
    if edges.size and not 0 <= edges.min() <= edges.max() < n_nodes:
        raise ValueError(
            f"edges name nodes from {edges.min()} to {edges.max()}, but there are "
            f"{n_nodes} nodes, numbered from 0."
        )
    pairs = np.sort(edges, axis=0)
    _, kept = np.unique(pairs, axis=1, return_index=True)
    kept = kept[pairs[0, kept] != pairs[1, kept]]
    return edges[:, kept], kept
