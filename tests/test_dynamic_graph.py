"""The dynamic graph: from where nodes hear, and what it is good for."""

import numpy as np
import pandas as pd
import pytest
import torch

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_advected_globe
from spatialheteroreg.edges import directed_edges
from spatialheteroreg.graph import ConditionGraph
from spatialheteroreg.network import ConditionEncoder
from spatialheteroreg.network.dynamic import DynamicGraph
from spatialheteroreg.network.layers import RandomSource, initialize
from spatialheteroreg.sphere import great_circle_distance

from .conftest import make_table

M, S = 30, 6
QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2}


@pytest.fixture
def graph():
    random = np.random.RandomState(0)
    lat, lon = random.uniform(-60, 60, M), random.uniform(-180, 180, M)
    return ConditionGraph(M, n_neighbors=5, random_state=0).fit(lat, lon)


@pytest.fixture
def dynamic(graph):
    return initialize(DynamicGraph(directed_edges(graph), 5, 8, 2), RandomSource(0))


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


class TestEdges:
    def test_lengths_are_great_circles_in_kernel_widths(self, graph):
        edges = directed_edges(graph)
        m, n = edges.target.numpy(), edges.source.numpy()
        lat, lon = graph.node_lat, graph.node_lon
        width = np.sqrt(graph.node_bandwidth[m] * graph.node_bandwidth[n])
        length = great_circle_distance(lat[m], lon[m], lat[n], lon[n]) / width
        vector = edges.vector.numpy()
        np.testing.assert_allclose(vector[:, 2], length, rtol=1e-5, atol=1e-4)
        both = np.linalg.norm(vector[:, :2], axis=1)
        np.testing.assert_allclose(both, length, rtol=1e-5, atol=1e-4)
        kernel = np.exp(-0.5 * length**2)
        np.testing.assert_allclose(edges.log_kernel.exp(), kernel, rtol=1e-3, atol=1e-6)

    @pytest.mark.parametrize("metric", ["haversine", "euclidean"])
    def test_directions_are_those_of_the_map(self, metric):
        graph = ConditionGraph(4, n_neighbors=3, metric=metric, random_state=0)
        graph.fit(lat=[0.0, 0.0, 1.0, -1.0], lon=[0.0, 1.0, 0.0, 0.0])
        edges = directed_edges(graph)
        at = {
            (graph.node_lat[n].round(), graph.node_lon[n].round()): n for n in range(4)
        }
        for place, (east, north) in {
            (0.0, 1.0): (1, 0),
            (1.0, 0.0): (0, 1),
            (-1.0, 0.0): (0, -1),
        }.items():
            edge = (edges.target == at[0.0, 0.0]) & (edges.source == at[place])
            vector = edges.vector[edge][0]
            np.testing.assert_allclose(vector[:2] / vector[2], [east, north], atol=1e-6)

    def test_poles_and_the_date_line_are_places_like_any_other(self):
        graph = ConditionGraph(4, random_state=0)
        graph.fit(lat=[90.0, 80.0, 10.0, 10.0], lon=[0.0, 0.0, 179.0, -179.0])
        edges = directed_edges(graph)
        assert edges.vector.isfinite().all()
        lon = torch.as_tensor(graph.node_lon)
        over = (lon[edges.target] > 170) & (lon[edges.source] < -170)
        assert over.any()
        assert (edges.vector[over][:, 0] > 0).all()

    def test_each_node_hears_itself(self, graph):
        edges = directed_edges(graph)
        loops = edges.target == edges.source
        assert edges.target[loops].tolist() == list(range(M))
        assert (edges.vector[loops] == 0).all()
        assert (edges.target.diff() >= 0).all()


class TestMessages:
    def test_weights_of_a_node_sum_to_one(self, dynamic):
        dynamic.wind.data = 3.0 * drawn(5, 3)
        weight = dynamic.edge_weights(drawn(S, 5), M)
        total = torch.zeros(S, M).index_add(1, dynamic.target, weight)
        torch.testing.assert_close(total, torch.ones(S, M))

    def test_it_starts_with_the_frozen_kernel_at_all_steps(self, dynamic):
        weight = dynamic.edge_weights(drawn(S, 5), M)
        kernel = dynamic.log_kernel.exp()
        total = torch.zeros(M).index_add(0, dynamic.target, kernel)
        expected = (kernel / total[dynamic.target]).expand(S, -1)
        torch.testing.assert_close(weight, expected)

    def test_a_wind_from_the_east_brings_what_lies_there(self, dynamic):
        def heard_from_the_east(level):
            dynamic.wind_level.data = torch.tensor([level, 0.0, 0.0])
            weight = dynamic.edge_weights(drawn(1, 5), M)[0]
            east = weight * dynamic.vector[:, 0]
            return torch.zeros(M).index_add(0, dynamic.target, east)

        west, calm, east = (heard_from_the_east(level) for level in (-2.0, 0.0, 2.0))
        assert (west < calm).all()
        assert (calm < east).all()
        assert east.mean() > 0.5

    def test_it_is_the_sum_over_edges(self, dynamic):
        dynamic.wind.data, nodes, times = drawn(5, 3), drawn(M, 8), drawn(S, 5)
        dense = torch.zeros(S, M, M)
        dense[:, dynamic.target, dynamic.source] = dynamic.edge_weights(times, M)
        expected = dense @ dynamic.from_neighbor(nodes)
        torch.testing.assert_close(dynamic(nodes, times), expected)

    def test_gradients_are_those_of_differences(self, dynamic):
        dynamic = dynamic.double()
        nodes = drawn(M, 8).double().requires_grad_()
        times = drawn(S, 5).double().requires_grad_()
        dynamic.wind.data = drawn(5, 3).double()
        assert torch.autograd.gradcheck(dynamic, (nodes, times))


@pytest.mark.parametrize("lstm_layers", [0, 1])
class TestCondition:
    def encoder(self, graph, lstm_layers, cyclic):
        encoder = ConditionEncoder(
            torch.as_tensor(graph.node_points, dtype=torch.float32),
            torch.eye(M).to_sparse(),
            drawn(2 * S, 5),
            S,
            cyclic,
            d_condition=8,
            gcn_layers=1,
            lstm_layers=lstm_layers,
            edges=directed_edges(graph),
        )
        encoder = initialize(encoder, RandomSource(0))
        encoder.dynamic.wind.data = drawn(5, 3)
        return encoder

    def everywhere(self, encoder, n_steps=S):
        table, step = encoder(n_steps), torch.arange(n_steps)
        node = torch.arange(M).expand(n_steps, M)
        attached = encoder.attach(table, node, step, step, torch.zeros(n_steps))
        return attached.states()

    @pytest.mark.parametrize("cyclic", [False, True])
    def test_means_are_those_of_the_states(self, graph, lstm_layers, cyclic):
        encoder = self.encoder(graph, lstm_layers, cyclic)
        table, states = encoder(S), self.everywhere(encoder)
        step_share = torch.linspace(0.1, 1.0, S).softmax(0)
        node_share = torch.linspace(0.1, 1.0, M).softmax(0) * 0.7
        torch.testing.assert_close(
            encoder.over_steps(table, step_share),
            torch.tensordot(step_share, states, dims=1),
        )
        torch.testing.assert_close(
            encoder.over_nodes(table, node_share)[:, 0],
            torch.einsum("m,smc->sc", node_share, states),
        )

    @pytest.mark.parametrize("cyclic", [False, True])
    def test_a_neighbor_is_heard_in_a_step_of_its_own(self, graph, lstm_layers, cyclic):
        encoder = self.encoder(graph, lstm_layers, cyclic)
        before = self.everywhere(encoder)
        encoder.node_vectors.data[0] += 1.0
        moved = self.everywhere(encoder) - before
        heard = encoder.dynamic.target[encoder.dynamic.source == 0]
        others = [m for m in range(M) if m not in heard.tolist()]
        torch.testing.assert_close(moved[:, others], torch.zeros(S, len(others), 8))
        neighbor = int(heard[heard != 0][0])
        assert moved[:, neighbor].std(dim=0).max() > 1e-4

    @pytest.mark.parametrize("cyclic", [False, True])
    def test_nodes_hear_the_same_some_at_a_time(
        self, graph, lstm_layers, cyclic, monkeypatch
    ):
        encoder = self.encoder(graph, lstm_layers, cyclic)

        def gradients(table):
            encoder.zero_grad()
            sum(part.square().sum() for part in table if part is not None).backward()
            return [p.grad for p in encoder.parameters() if p.grad is not None]

        whole = encoder(S)
        wanted = gradients(whole)
        module = "spatialheteroreg.network.condition"
        monkeypatch.setattr(f"{module}.FEWEST_NODES", 1)
        monkeypatch.setattr(f"{module}.LSTM_STATES", 4 * S)
        for anew in (False, True):
            table = encoder(S, anew=anew)
            torch.testing.assert_close(table, whole)
            torch.testing.assert_close(gradients(table), wanted)

    def test_later_steps_do_not_change_the_past(self, graph, lstm_layers):
        encoder = self.encoder(graph, lstm_layers, cyclic=False)
        longer = self.everywhere(encoder, 2 * S)
        torch.testing.assert_close(longer[:S], self.everywhere(encoder))


class TestRegressor:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"lstm_layers": 0},
            {"gcn_layers": 0, "n_members": 2, "calibration_fraction": 0},
            {"time_axis": "sequence", "n_steps": 5},
            {"metric": "euclidean"},
            {"head": "dual"},
        ],
        ids=str,
    )
    def test_predictions_come_apart(self, options):
        X, y = make_table(80)
        model = STCGRegressor(**QUICK, dynamic_graph=True, **options).fit(X, y)
        frozen = STCGRegressor(**QUICK, **options).fit(X, y)
        assert not np.allclose(model.predict(X), frozen.predict(X))
        explanation = model.explain(X)
        total = explanation.values.sum(axis=1) + explanation.base_values
        if model.head == "additive":
            np.testing.assert_allclose(total, model.predict(X))
        parts = model.decompose(X).drop(columns="baseline", errors="ignore")
        weights = model.feature_importances_
        assert np.isfinite(parts.to_numpy()).all()
        np.testing.assert_allclose(weights.sum(), 1.0)

    def test_off_adds_nothing_to_the_network(self):
        X, y = make_table(60)
        names = dict(STCGRegressor(**QUICK).fit(X, y).net_.module_.named_parameters())
        assert not any("dynamic" in name for name in names)

    def test_without_time_it_is_the_frozen_graph(self):
        X, y = make_table(60)
        X = X.drop(columns="time")
        frozen, dynamic = (
            STCGRegressor(**QUICK, dynamic_graph=on).fit(X, y).predict(X)
            for on in (False, True)
        )
        np.testing.assert_array_equal(frozen, dynamic)

    def test_a_warm_start_does_not_change_the_graph(self):
        X, y = make_table(60)
        model = STCGRegressor(**QUICK, warm_start=True).fit(X, y)
        with pytest.raises(ValueError, match="dynamic_graph changed"):
            model.set_params(dynamic_graph=True).fit(X, y)

    def test_it_finds_the_wind_and_predicts_better(self):
        globe = make_advected_globe(3_000, 500, random_state=0)
        train, test = np.arange(2_000), np.arange(2_000, 3_000)
        error, wind = {}, None
        for on in (False, True):
            model = STCGRegressor(
                n_nodes=100,
                n_neighbors=16,
                d_condition=32,
                max_iter=15,
                batch_size=128,
                learning_rate=0.01,
                dynamic_graph=on,
                n_folds=1,
                random_state=0,
            ).fit(globe.data.iloc[train], globe.target.iloc[train])
            missed = model.predict(globe.data) - globe.noise_free_target
            error[on] = np.sqrt(np.mean(missed.iloc[test] ** 2))
            if on:
                wind = model.net_.module_.first.condition.dynamic.wind.detach()
        assert error[True] < 0.8 * error[False]
        # Of trend, sine and cosine: the sine comes from the east, the cosine from
        # the north.
        assert wind[1, 0] > 0.4
        assert wind[2, 1] > 0.4
        assert wind[1, 1].abs() < 0.3
        assert wind[2, 0].abs() < 0.3


class TestGenerator:
    def test_the_wind_turns_with_the_year(self):
        law = make_advected_globe(10, 5, random_state=0).law
        rows = pd.DataFrame({"lat": 0.0, "lon": [0.0, 0.0, 0.0, 0.0]})
        rows["time"] = pd.to_datetime(
            ["2001-01-01", "2001-04-02", "2001-07-02", "2001-10-01"]
        )
        angle = np.rad2deg(3_000 / 6371.0088)
        origin = pd.DataFrame(
            {"lat": [angle, 0, -angle, 0], "lon": [0, angle, 0, -angle]}
        ).assign(time=rows["time"])
        carried = law.coefficients(rows)["downwind"]
        np.testing.assert_allclose(carried, law.coefficients(origin)["near"], atol=0.02)

    def test_the_sources_are_those_of_all_seeds(self):
        one, other = (make_advected_globe(50, 9, random_state=seed) for seed in (0, 1))
        np.testing.assert_array_equal(
            one.law.target(other.data), other.noise_free_target
        )
