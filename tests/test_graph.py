"""The condition graph: nodes, edges, kernels, attached rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg.graph import ConditionGraph
from spatialheteroreg.sphere import great_circle_distance


@pytest.fixture
def places() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    lat = np.rad2deg(np.arcsin(random.uniform(-1, 1, 400)))
    return lat, random.uniform(-180, 180, 400)


@pytest.fixture
def graph(places) -> ConditionGraph:
    return ConditionGraph(n_nodes=50, random_state=0).fit(*places)


def test_edges_are_symmetric_without_loops_or_doubles(graph):
    edges = set(map(tuple, graph.edge_index.T.tolist()))
    assert len(edges) == graph.edge_index.shape[1] == 2 * graph.n_edges
    assert all((j, i) in edges and i != j for i, j in edges)


def test_every_node_is_tied_to_its_nearest_neighbors(graph):
    distance = great_circle_distance(
        graph.node_lat[:, None], graph.node_lon[:, None], graph.node_lat, graph.node_lon
    )
    edges = set(map(tuple, graph.edge_index.T.tolist()))
    for i in range(graph.n_nodes):
        for j in np.argsort(distance[i])[1:9]:
            assert (i, j) in edges


def test_edge_weights_are_the_gaussian_kernel():
    graph = ConditionGraph(n_nodes=9, bandwidth=500.0).fit([0, 0, 5], [0, 3, 0])
    i, j = graph.edge_index
    distance = great_circle_distance(
        graph.node_lat[i], graph.node_lon[i], graph.node_lat[j], graph.node_lon[j]
    )
    np.testing.assert_allclose(graph.edge_weight, np.exp(-0.5 * (distance / 500) ** 2))


def test_bandwidth_follows_the_density_of_the_data(places):
    lat, lon = places
    wide = ConditionGraph(n_nodes=20, random_state=0).fit(lat, lon)
    city = ConditionGraph(n_nodes=20, random_state=0).fit(lat / 1000, lon / 1000)
    assert 500 < wide.bandwidth_ < 5000
    assert city.bandwidth_ < 10


def test_normalization_matches_pytorch_geometric(graph):
    gcn_norm = pytest.importorskip("torch_geometric.nn.conv.gcn_conv").gcn_norm
    data = graph.to_pyg()
    index, value = gcn_norm(data.edge_index, data.edge_weight, graph.n_nodes)
    ours = torch.zeros(50, 50, dtype=torch.float64)
    theirs = ours.clone()
    our_index, our_value = graph.normalized_adjacency()
    ours[our_index[0], our_index[1]] = torch.as_tensor(our_value)
    theirs[index[0], index[1]] = value
    torch.testing.assert_close(ours, theirs)


def test_attached_rows_have_the_nearest_nodes_and_weights_that_sum_to_one(
    places, graph
):
    attachment = graph.attach(*places)
    distance = great_circle_distance(
        places[0][:, None], places[1][:, None], graph.node_lat, graph.node_lon
    )
    np.testing.assert_array_equal(
        np.sort(attachment.index), np.sort(np.argsort(distance, axis=1)[:, :8])
    )
    np.testing.assert_allclose(attachment.weight.sum(axis=1), 1.0)
    np.testing.assert_allclose(
        attachment.distance,
        np.take_along_axis(distance, attachment.index, 1),
        atol=1e-6,
    )


def test_a_row_attaches_alike_alone_and_in_company(places, graph):
    together = graph.attach(*places)
    alone = graph.attach(places[0][7:8], places[1][7:8])
    np.testing.assert_array_equal(together.index[7:8], alone.index)
    np.testing.assert_array_equal(together.weight[7:8], alone.weight)


@settings(deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180))
def test_any_place_on_earth_attaches_with_finite_weights(lat, lon):
    graph = ConditionGraph(n_nodes=4, bandwidth=1.0).fit([0, 0, 1, 1], [0, 1, 0, 1])
    weight = graph.attach([lat], [lon]).weight
    assert np.isfinite(weight).all()
    assert weight.sum() == pytest.approx(1.0)


def test_turning_the_globe_by_a_full_turn_changes_nothing(places):
    lat, lon = places[0].round(4), places[1].round(4)
    one = ConditionGraph(n_nodes=30, random_state=0).fit(lat, lon)
    other = ConditionGraph(n_nodes=30, random_state=0).fit(lat, lon % 360)
    np.testing.assert_array_equal(one.node_points, other.node_points)
    np.testing.assert_array_equal(one.edge_index, other.edge_index)


def test_loose_parts_are_joined_by_their_nearest_pair_and_reported():
    lat = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    lon = np.array([0.0, 1.0, 0.0, 90.0, 91.0, 90.0])
    with pytest.warns(UserWarning, match="fell into 2 parts"):
        graph = ConditionGraph(n_nodes=6, n_neighbors=2).fit(lat, lon)
    assert not graph.is_connected
    assert "2 parts, joined" in repr(graph)
    i, j = graph.edge_index
    across = (graph.node_lon[i] < 45) != (graph.node_lon[j] < 45)
    ends = {
        (graph.node_lon[a], graph.node_lon[b])
        for a, b in zip(i[across], j[across], strict=True)
    }
    assert ends == {(1.0, 90.0), (90.0, 1.0)}


def test_connected_graph_says_so(graph):
    assert graph.is_connected
    assert repr(graph).startswith("ConditionGraph(50 nodes, ")
    assert repr(graph).endswith(" km, connected)")


def test_no_more_nodes_than_places():
    graph = ConditionGraph(n_nodes=200).fit([0, 0, 1], [0, 0, 1])
    assert graph.n_nodes == 2


def test_one_place_makes_one_node():
    graph = ConditionGraph().fit([5.0, 5.0], [7.0, 7.0])
    assert (graph.n_nodes, graph.n_edges) == (1, 0)
    assert graph.attach([80.0], [0.0]).weight.tolist() == [[1.0]]


def test_a_single_node_reaches_as_far_as_its_places(places):
    graph = ConditionGraph(n_nodes=1, random_state=0).fit(*places)
    assert 5_000 < graph.bandwidth_ < 15_000


def test_euclidean_metric_tears_the_date_line_apart():
    lat, lon = np.zeros(4), np.array([179.0, -179.0, 160.0, -160.0])
    sphere = ConditionGraph(n_nodes=4, n_attached=2).fit(lat, lon)
    plane = ConditionGraph(n_nodes=4, n_attached=2, metric="euclidean").fit(lat, lon)
    near = [set(g.node_lon[g.attach([0.0], [179.0]).index[0]]) for g in (sphere, plane)]
    assert near == [{179.0, -179.0}, {179.0, 160.0}]


def test_euclidean_metric_takes_projected_coordinates():
    random = np.random.RandomState(0)
    y, x = random.uniform(5e6, 6e6, 100), random.uniform(3e5, 6e5, 100)
    graph = ConditionGraph(n_nodes=10, metric="euclidean", random_state=0).fit(y, x)
    assert graph.n_nodes == 10
    assert 1e4 < graph.bandwidth_ < 5e5


# --- what cannot be a graph ------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_nodes": 0}, ValueError, "n_nodes == 0, must be >= 1"),
        ({"n_nodes": 2.5}, TypeError, "n_nodes must be an instance of"),
        ({"n_neighbors": -2}, ValueError, "n_neighbors == -2, must be >= 1"),
        ({"n_attached": 0}, ValueError, "n_attached == 0, must be >= 1"),
        ({"bandwidth": 0.0}, ValueError, "bandwidth == 0.0, must be > 0"),
        ({"bandwidth": np.inf}, ValueError, "bandwidth == inf, must be finite"),
        ({"metric": "Haversine"}, ValueError, "metric='Haversine' must be 'haversine'"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        ConditionGraph(**parameters)


@pytest.mark.parametrize(
    ("lat", "lon", "message"),
    [
        ([0.0, np.nan], [0.0, 1.0], "lat contains NaN"),
        ([0.0, 1.0], [0.0, np.inf], "lon contains infinity"),
        ([0.0, 1.0], [0.0], "inconsistent numbers of samples"),
        ([], [], "lat and lon are empty"),
        ([0.0, 95.0], [0.0, 1.0], "holds 95. Are lat and lon swapped"),
    ],
)
def test_places_that_are_none_are_refused(lat, lon, message):
    with pytest.raises(ValueError, match=message):
        ConditionGraph(n_nodes=2).fit(lat, lon)
