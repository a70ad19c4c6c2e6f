"""The network: shapes, equations, what may influence what."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from spatialheteroreg.network import ConditionEncoder, FeatureTokens, STCGNetwork
from spatialheteroreg.network.attention import (
    CrossAttention,
    SelfAttention,
    linear_attention,
    node_attention,
)
from spatialheteroreg.network.condition import GraphConvolution
from spatialheteroreg.network.layers import (
    Dropout,
    Linear,
    MemberHeads,
    RandomSource,
    initialize,
    narrow_norm,
)
from spatialheteroreg.network.look_up import look_up, sum_of_rows
from spatialheteroreg.network.sparse import SparseMatrix
from spatialheteroreg.network.stcg import mean_state

B, K, M, S = 7, 3, 5, 4
STEP_NAMES = ("step_lower", "step_upper", "step_fraction")


@pytest.fixture
def random() -> RandomSource:
    return RandomSource(0)


def make_network(random, *, conditioned=True, cyclic=True, **parameters):
    adjacency = (torch.eye(M) + 0.1).to_sparse()
    condition = None
    if conditioned:
        condition = ConditionEncoder(
            torch.randn(M, 3, generator=random.generator),
            adjacency,
            torch.rand(2 * S, 5, generator=random.generator),
            S,
            cyclic,
            d_condition=8,
            gcn_layers=parameters.pop("gcn_layers", 1),
            lstm_layers=parameters.pop("lstm_layers", 1),
        )
    options = {
        "n_features": 3,
        "d_token": 8,
        "n_heads": 2,
        "n_layers": 1,
        "d_condition": 8,
        "d_hidden": 16,
        "n_encoded": 5,
        "attention": "linear",
        "head": "additive",
        "dropout": 0.0,
        "place_dropout": 0.0,
        "condition_dropout": 0.0,
        "random": random,
        **parameters,
    }
    network = STCGNetwork(FeatureTokens(2, [4], 8), condition, **options)
    return initialize(network, random)


def make_batch(n_rows=B, seed=1):
    generator = torch.Generator().manual_seed(seed)
    distance = torch.rand(n_rows, K, generator=generator).sort(dim=1).values
    return {
        "numeric": torch.randn(n_rows, 2, generator=generator),
        "missing": torch.zeros(n_rows, 2, dtype=torch.bool),
        "codes": torch.randint(1, 4, (n_rows, 1), generator=generator),
        "node_index": torch.randint(0, M, (n_rows, K), generator=generator),
        "node_log_kernel": -(distance**2),
        "node_distance": distance,
        "step_lower": torch.randint(0, S, (n_rows,), generator=generator),
        "step_upper": torch.randint(0, S, (n_rows,), generator=generator),
        "step_fraction": torch.rand(n_rows, generator=generator),
        "time_encoding": torch.rand(n_rows, 5, generator=generator),
    }


class TestLinearAttention:
    def test_matches_the_quadratic_form(self, random):
        q, k, v = torch.randn(3, 2, 6, 4, generator=random.generator)

        def phi(x):
            return 1 + torch.nn.functional.elu(x)

        score = phi(q) @ phi(k).transpose(-1, -2)
        expected = score / score.sum(dim=-1, keepdim=True) @ v
        torch.testing.assert_close(linear_attention(q, k, v), expected)

    def test_output_is_a_weighted_mean(self, random):
        q, k, v = torch.randn(3, 2, 6, 4, generator=random.generator)
        out = linear_attention(q, k, v)
        assert (out <= v.amax(dim=1, keepdim=True) + 1e-6).all()
        assert (out >= v.amin(dim=1, keepdim=True) - 1e-6).all()

    @pytest.mark.parametrize("attention", ["linear", "softmax"])
    def test_self_attention_follows_a_permutation_of_tokens(self, random, attention):
        block = initialize(SelfAttention(8, 2, attention, 0.0, random), random)
        x = torch.randn(2, 5, 8, generator=random.generator)
        order = torch.tensor([3, 1, 4, 0, 2])
        torch.testing.assert_close(block(x)[:, order], block(x[:, order]))

    def test_kinds_of_attention_differ(self, random):
        x = torch.randn(2, 5, 8, generator=random.generator)
        linear, softmax = (
            initialize(SelfAttention(8, 2, kind, 0.0, random), RandomSource(3))(x)
            for kind in ("linear", "softmax")
        )
        assert not torch.allclose(linear, softmax)


@pytest.mark.parametrize("width", [1, 6, 16])
def test_rows_are_standardized_by_plain_operations_as_by_pytorch(random, width):
    x = torch.randn(3, 5, width, generator=random.generator, dtype=torch.float64)
    weight, bias = torch.randn(2, width, generator=random.generator).double()
    slopes = []
    for norm in (narrow_norm, lambda x, *rest: F.layer_norm(x, (width,), *rest)):
        given = [part.clone().requires_grad_() for part in (x, weight, bias)]
        found = norm(*given, 1e-5)
        slopes.append([found, *torch.autograd.grad(found.square().sum(), given)])
    for mine, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(mine, theirs)


def plain_node_attention(query, key_value, log_weight, n_heads):
    def by_head(x):
        return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)  # (B, H, K, D/H)

    q, k, v = map(by_head, (query, *key_value.chunk(2, dim=-1)))
    score = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + log_weight[:, None, None]
    return (score.softmax(dim=-1) @ v).transpose(1, 2).flatten(-2)


def plain_linear_attention(query, key, value, n_heads):
    def by_head(x):
        return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)  # (B, H, P, D/H)

    q, k, v = by_head(1 + F.elu(query)), by_head(1 + F.elu(key)), by_head(value)
    score = q @ k.transpose(-1, -2)
    read = score / score.sum(dim=-1, keepdim=True) @ v
    return read.transpose(1, 2).flatten(-2)


@pytest.mark.parametrize(
    ("n_heads", "width", "n_tokens", "n_nodes"),
    [(1, 4, 3, 2), (2, 8, 5, 3), (3, 6, 1, 1), (2, 2, 4, 7), (4, 16, 2, 8)],
)
class TestOneProductForAllHeads:
    """Outputs and slopes are those of the formulas, head by head."""

    def draw(self, random, *shapes):
        return [
            torch.randn(
                6, *shape, generator=random.generator, dtype=torch.float64
            ).requires_grad_()
            for shape in shapes
        ]

    def compare(self, mine, plain, given):
        outputs = mine(*given), plain(*given)
        torch.testing.assert_close(*outputs)
        slope = torch.linspace(-1.0, 2.0, outputs[0].numel(), dtype=torch.float64)
        slopes = [
            torch.autograd.grad(output, given, slope.view_as(output))
            for output in outputs
        ]
        torch.testing.assert_close(*slopes)

    def test_of_linear_attention(self, random, n_heads, width, n_tokens, n_nodes):
        given = self.draw(random, *[(n_tokens, width)] * 3)
        self.compare(
            lambda *x: linear_attention(*x, n_heads),
            lambda *x: plain_linear_attention(*x, n_heads),
            given,
        )

    def test_of_node_attention(self, random, n_heads, width, n_tokens, n_nodes):
        *given, weight = self.draw(
            random, (n_tokens, width), (n_nodes, 2 * width), (n_nodes,)
        )
        weight = weight.detach()
        weight[:2, 1:] = -torch.inf
        self.compare(
            lambda *x: node_attention(*x, weight, n_heads),
            lambda *x: plain_node_attention(*x, weight, n_heads),
            given,
        )


def test_weights_of_nodes_keep_their_digits_within_autocast(random):
    query = torch.zeros(1, 1, 4)
    key_value = torch.ones(1, 2, 8).cumsum(1)
    weight = torch.tensor([[0.501, 0.499]])
    with torch.autocast("cpu", torch.bfloat16):
        read = node_attention(query, key_value, weight.log() - 6.0, 2)
    # A logarithm near -6 has steps of 0.03 in bfloat16, what is read of 0.008.
    torch.testing.assert_close(
        read.float(), torch.full((1, 1, 4), 1.499), rtol=0, atol=0.006
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_of_tables_are_looked_up_as_pytorch_does(random, dtype):
    table = torch.randn(5, 3, generator=random.generator, dtype=dtype)
    weight = torch.rand(40, 4, generator=random.generator, dtype=dtype)
    row = torch.randint(5, (40, 4), generator=random.generator)
    slope = torch.randn(40, 4, 3, generator=random.generator, dtype=dtype)

    def bag(table, row, weight):
        return F.embedding_bag(row, table, mode="sum", per_sample_weights=weight)

    for mine, theirs, wanted in [
        (lambda t, w: look_up(t, row), lambda t, w: F.embedding(row, t), slope),
        (
            lambda t, w: sum_of_rows(t, row, w),
            lambda t, w: bag(t, row, w),
            slope[:, 0],
        ),
    ]:
        given = [part.clone().requires_grad_() for part in (table, weight)]
        outputs = [function(*given) for function in (mine, theirs)]
        torch.testing.assert_close(*outputs)
        slopes = [
            torch.autograd.grad(
                output, given, wanted, allow_unused=True, materialize_grads=True
            )
            for output in outputs
        ]
        torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("learned", ["table", "weight"])
def test_sums_of_rows_have_a_gradient_of_what_is_learned(random, learned):
    table = torch.randn(5, 3, generator=random.generator)
    weight = torch.rand(4, 2, generator=random.generator)
    row = torch.randint(5, (4, 2), generator=random.generator)
    wanted = {"table": table, "weight": weight}[learned].requires_grad_()
    sum_of_rows(table, row, weight).sum().backward()
    assert wanted.grad.abs().sum() > 0
    assert [part.grad is None for part in (table, weight)].count(True) == 1


def test_cross_attention_ignores_nodes_without_weight(random):
    cross = initialize(CrossAttention(8, 6, 2), random)
    tokens = torch.randn(2, 5, 8, generator=random.generator)
    states = torch.randn(2, 4, 6, generator=random.generator)
    log_weights = torch.tensor([0.0, -0.5, -1.0, -torch.inf]).expand(2, 4)
    other = states.clone()
    other[:, 3] = 99.0
    read, same = (
        cross(tokens, cross.key_value(given), log_weights) for given in (states, other)
    )
    torch.testing.assert_close(read, same)


@pytest.mark.parametrize("K", [1, 5, 7])
def test_cross_attention_says_the_same_wherever_a_row_stands(random, K):
    cross = initialize(CrossAttention(16, 6, 2), random)
    rows = [
        torch.randn(192, *shape, generator=random.generator)
        for shape in [(9, 16), (K, 32), (K,)]
    ]
    trained, said = cross(*rows), cross.eval()(*rows)
    torch.testing.assert_close(said, trained)
    order = torch.randperm(192, generator=random.generator)
    moved = cross(*(part[order] for part in rows))
    torch.testing.assert_close(moved, said[order], rtol=0, atol=1e-9)


def test_graph_convolution_is_that_of_pytorch_geometric(random):
    gcn = pytest.importorskip("torch_geometric.nn").GCNConv
    layer = initialize(GraphConvolution(6, 4), random)
    layer.bias.data.normal_(generator=random.generator)
    dense = torch.rand(M, M, generator=random.generator)
    dense = dense + dense.T
    reference = gcn(6, 4, normalize=False)
    reference.lin.weight.data = layer.linear.weight.data
    reference.bias.data = layer.bias.data
    x = torch.randn(M, 6, generator=random.generator)
    index = dense.nonzero().T
    expected = reference(x, index, dense[index[0], index[1]])
    torch.testing.assert_close(layer(x, SparseMatrix(dense.to_sparse())), expected)


class TestSparseMatrix:
    @given(
        st.integers(1, 6),
        st.integers(1, 6),
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12),
    )
    def test_products_and_gradients_are_those_of_the_dense_matrix(
        self, n_rows, n_columns, places
    ):
        # Rows and columns may be empty, and entries may be given in parts.
        places = [(i % n_rows, j % n_columns) for i, j in places]
        index = torch.tensor(places, dtype=torch.long).reshape(-1, 2).T
        value = torch.linspace(-1.0, 2.0, len(places), dtype=torch.float64)
        matrix = torch.sparse_coo_tensor(
            index, value, (n_rows, n_columns), check_invariants=True
        )
        sparse, dense = SparseMatrix(matrix), matrix.to_dense()
        x = torch.linspace(-2.0, 1.0, 3 * n_columns, dtype=torch.float64)
        x = x.view(n_columns, 3).requires_grad_()
        torch.testing.assert_close(sparse.times(x), dense @ x)
        slope = torch.linspace(0.0, 1.0, 3 * n_rows, dtype=torch.float64).view(-1, 3)
        torch.testing.assert_close(
            torch.autograd.grad(sparse.times(x), x, slope)[0], dense.T @ slope
        )

    def test_it_can_be_differentiated_twice(self):
        matrix = torch.tensor([[0.0, 2.0], [0.5, 0.0], [1.0, 1.0]]).double()
        sparse = SparseMatrix(matrix.to_sparse())
        x = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradgradcheck(lambda x: sparse.times(x) ** 2, x)

    def test_it_takes_the_precision_of_its_network(self):
        layer = torch.nn.Sequential(SparseMatrix(torch.eye(2).to_sparse())).double()
        x = torch.ones(2, 1, dtype=torch.float64)
        assert layer[0].times(x).dtype == torch.float64


class TestTokens:
    def test_a_missing_number_has_its_own_token_and_value(self, random):
        tokens = initialize(FeatureTokens(2, [], 4), random)
        tokens.missing_value.data.fill_(0.7)
        tokens.missing_vector.data.fill_(1.0)
        numeric, codes = torch.zeros(2, 2), torch.zeros(2, 0, dtype=torch.long)
        missing = torch.tensor([[True, False], [False, False]])
        token, value = tokens(numeric, missing, codes)
        assert value.tolist() == [[pytest.approx(0.7), 0.0], [0.0, 0.0]]
        assert not torch.equal(token[0, 0], token[1, 0])
        assert torch.equal(token[0, 1], token[1, 1])

    def test_categories_do_not_share_vectors_across_features(self, random):
        tokens = initialize(FeatureTokens(0, [3, 3], 4), random)
        tokens.bias.data.zero_()
        codes = torch.tensor([[2, 2]])
        token, value = tokens(
            torch.zeros(1, 0), torch.zeros(1, 0, dtype=torch.bool), codes
        )
        assert not torch.equal(token[0, 0], token[0, 1])
        assert value[0, 0] != value[0, 1]

    def test_an_unseen_category_says_nothing(self, random):
        tokens = initialize(FeatureTokens(0, [3], 4), random)
        token, value = tokens(
            torch.zeros(1, 0), torch.zeros(1, 0, dtype=torch.bool), torch.tensor([[0]])
        )
        torch.testing.assert_close(token[0], tokens.bias.data)
        assert value.item() == 0.0


class TestCondition:
    def everywhere(self, encoder, n_steps=S):
        """States of all nodes at all steps, (S, M, C)."""
        table, step = encoder(n_steps), torch.arange(n_steps)
        node = torch.arange(M).expand(n_steps, M)
        attached = encoder.attach(table, node, step, step, torch.zeros(n_steps))
        return attached.states()

    def test_steps_after_training_roll_on_without_changing_the_past(self, random):
        encoder = make_network(random, cyclic=False).condition
        known, longer = (self.everywhere(encoder, n) for n in (S, 2 * S))
        assert longer.shape == (2 * S, M, 8)
        torch.testing.assert_close(longer[:S], known)

    def test_without_lstm_steps_know_only_their_own_time(self, random):
        encoder = make_network(random, lstm_layers=0).condition
        before = self.everywhere(encoder)
        encoder.time_encoding[0] += 1.0
        after = self.everywhere(encoder)
        assert not torch.allclose(before[0], after[0])
        torch.testing.assert_close(before[1:], after[1:])

    def test_lstm_carries_earlier_steps_forward(self, random):
        encoder = make_network(random, cyclic=False).condition
        before = self.everywhere(encoder)
        encoder.time_encoding[1] += 1.0
        after = self.everywhere(encoder)
        torch.testing.assert_close(before[0], after[0])
        assert not torch.allclose(before[2:], after[2:])

    @pytest.mark.parametrize("cyclic", [False, True])
    def test_nodes_remember_the_same_some_at_a_time(self, random, monkeypatch, cyclic):
        encoder = make_network(random, cyclic=cyclic).condition
        whole = self.everywhere(encoder)
        parts, run = [], encoder.lstm.forward
        monkeypatch.setattr(
            encoder.lstm, "forward", lambda told: parts.append(told) or run(told)
        )
        module = "spatialheteroreg.network.condition"
        monkeypatch.setattr(f"{module}.FEWEST_NODES", 1)
        monkeypatch.setattr(f"{module}.LSTM_STATES", 2 * (S + S // 4))
        torch.testing.assert_close(self.everywhere(encoder), whole)
        assert max(part.shape[1] for part in parts) == 2

    @pytest.mark.parametrize(
        ("lstm_layers", "anew"), [(0, False), (1, False), (1, True)]
    )
    def test_gradients_of_states_that_are_cut_off_are_handed_on(
        self, random, monkeypatch, lstm_layers, anew
    ):
        module = "spatialheteroreg.network.condition"
        monkeypatch.setattr(f"{module}.LSTM_STATES", S)
        encoder = make_network(random, lstm_layers=lstm_layers).condition

        def gradients(table):
            sum(
                (k + 1) * part.square().sum()
                for k, part in enumerate(table)
                if part is not None
            ).backward()

        gradients(encoder(S))
        wanted = [p.grad for p in encoder.parameters()]
        encoder.zero_grad()
        table = encoder(S, anew=anew)
        used = table.cut_off()
        gradients(used)
        assert all(p.grad is None for p in encoder.parameters())
        table.backward(used)
        for parameter, gradient in zip(encoder.parameters(), wanted, strict=True):
            torch.testing.assert_close(parameter.grad, gradient)

    def test_a_cycle_begins_with_the_memory_of_its_end(self, random):
        encoder = make_network(random, cyclic=True).condition
        before = self.everywhere(encoder)
        encoder.time_encoding[S - 1] += 1.0
        assert not torch.allclose(before[0], self.everywhere(encoder)[0])

    def test_without_gcn_nodes_do_not_mix(self, random):
        for gcn_layers, mixed in ((0, False), (1, True)):
            encoder = make_network(random, gcn_layers=gcn_layers).condition
            before = self.everywhere(encoder)
            encoder.node_vectors.data[0] += 1.0
            after = self.everywhere(encoder)
            assert torch.allclose(before[:, 1:], after[:, 1:]) is not mixed

    @pytest.mark.parametrize("lstm_layers", [0, 1])
    def test_interpolation_lies_between_the_steps(self, random, lstm_layers):
        encoder = make_network(random, lstm_layers=lstm_layers).condition
        table, node = encoder(S), torch.tensor([[1, 3]])
        at = self.everywhere(encoder)[:, [1, 3]]
        between = encoder.attach(
            table, node, torch.tensor([1]), torch.tensor([2]), torch.tensor([0.25])
        ).states()
        torch.testing.assert_close(between[0], 0.75 * at[1] + 0.25 * at[2])

    @pytest.mark.parametrize("lstm_layers", [0, 1])
    def test_mean_over_steps_is_the_mean_of_the_states(self, random, lstm_layers):
        encoder = make_network(random, lstm_layers=lstm_layers).condition
        share = torch.tensor([0.1, 0.2, 0.3, 0.4])
        expected = torch.tensordot(share, self.everywhere(encoder), dims=1)
        torch.testing.assert_close(encoder.over_steps(encoder(S), share), expected)


class TestNetwork:
    @pytest.mark.parametrize("head", ["additive", "dual"])
    @pytest.mark.parametrize("conditioned", [True, False])
    def test_the_combination_adds_up(self, random, head, conditioned):
        output = make_network(random, head=head, conditioned=conditioned)(
            **make_batch()
        )
        terms = output.weights * output.values[:, None]
        expected = output.intercept + terms.sum(dim=-1)
        torch.testing.assert_close(output.combination, expected)
        same = torch.equal(output.prediction, output.combination)
        assert same is (head == "additive")

    def test_the_intercept_sees_place_and_time_only(self, random):
        network, batch = make_network(random), make_batch()
        other = {**batch, "numeric": batch["numeric"] + 1.0}
        torch.testing.assert_close(
            network(**batch).intercept, network(**other).intercept
        )
        assert not torch.allclose(network(**batch).weights, network(**other).weights)

    def test_far_from_every_node_the_global_law_is_left(self, random):
        network, batch = make_network(random), make_batch()
        batch["time_encoding"].zero_()
        far = {**batch, "node_distance": batch["node_distance"] + 1e9}
        elsewhere = {**far, "node_index": (far["node_index"] + 1) % M}
        torch.testing.assert_close(network(**far), network(**elsewhere))
        assert not torch.allclose(
            network(**batch).prediction, network(**far).prediction
        )

    @pytest.mark.parametrize("cross_attention", [True, False])
    def test_without_cross_attention_single_nodes_are_not_asked(
        self, random, cross_attention
    ):
        network = make_network(random, cross_attention=cross_attention)
        tokens = torch.randn(B, 3, 8, generator=random.generator)
        states = torch.randn(B, K, 8, generator=random.generator)
        near = torch.zeros(B, K)
        condition = states.mean(dim=1, keepdim=True)

        def decode(condition, states):
            matrix = network.decoder.key_value_matrix
            attended = None if matrix is None else states @ matrix.T
            return network.decoder(tokens, condition, attended, near)

        before = decode(condition, states)
        # The mean, which the condition is, stays.
        spread = states + torch.tensor([1.0, 0.0, -1.0])[:, None]
        after = decode(condition, spread)
        assert torch.equal(before, after) is not cross_attention
        other = decode(condition + 1.0, states)
        assert not torch.allclose(before, other)

    def test_place_dropout_hides_the_nearest_node_in_training_only(self, random):
        network, batch = make_network(random, place_dropout=0.999), make_batch()
        log_kernel, distance = batch["node_log_kernel"], batch["node_distance"]
        shares = network.train().weigh_nodes(log_kernel, distance)[0].exp()
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(B))
        assert (shares[:, 0] == 0).all()
        assert (
            network.eval().weigh_nodes(log_kernel, distance)[0].exp()[:, 0] > 0
        ).all()

    def test_nodes_that_no_sum_notices_have_a_share_that_is_a_normal_number(
        self, random
    ):
        network, batch = make_network(random), make_batch()
        log_kernel = batch["node_log_kernel"].clone()
        log_kernel[:, 1:] = log_kernel[:, :1] - 95.0
        log_weight, _ = network.weigh_nodes(log_kernel, batch["node_distance"])
        share = log_weight.exp()
        torch.testing.assert_close(share[:, 0], torch.ones(B), rtol=0, atol=0)
        assert (share[:, 1:] >= torch.finfo(torch.float32).tiny).all()

    def test_what_no_sum_notices_stays_so_where_the_nearest_node_is_hidden(
        self, random
    ):
        network, batch = make_network(random, place_dropout=0.999), make_batch()
        log_kernel = torch.tensor([0.0, -45.0, -1e30]).expand(B, K)
        network.train()
        log_weight, _ = network.weigh_nodes(log_kernel, batch["node_distance"])
        expected = torch.tensor([0.0, 1.0, 0.0]).expand(B, K)
        torch.testing.assert_close(log_weight.exp(), expected)

    def test_condition_dropout_hides_all_nodes(self, random):
        network, batch = make_network(random, condition_dropout=0.999), make_batch()
        _, gate = network.weigh_nodes(batch["node_log_kernel"], batch["node_distance"])
        assert (gate == 0).all()

    def test_rows_do_not_see_each_other(self, random):
        network = make_network(random).double()
        batch = {
            k: v.double() if v.is_floating_point() else v
            for k, v in make_batch().items()
        }
        together = network(**batch).prediction
        alone = torch.cat(
            [
                network(**{k: v[i : i + 1] for k, v in batch.items()}).prediction
                for i in range(B)
            ]
        )
        torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("cross_attention", [True, False])
    def test_every_parameter_learns(self, random, cross_attention):
        network = make_network(
            random, head="dual", cyclic=False, cross_attention=cross_attention
        )
        batch = make_batch(64)
        batch["missing"][::3] = True
        output = network(**batch)
        (
            output.prediction.square().sum() + output.combination.square().sum()
        ).backward()
        idle = [name for name, p in network.named_parameters() if p.grad is None]
        assert idle == []

    def test_no_features_leave_the_intercept(self, random):
        network = make_network(random, n_features=0)
        batch = make_batch()
        output = network(**batch)
        assert output.weights.shape == (B, 1, 0)
        torch.testing.assert_close(output.prediction, output.intercept)


@pytest.mark.parametrize("lstm_layers", [0, 1])
def test_means_and_products_are_those_of_the_attached_states(random, lstm_layers):
    encoder, batch = (
        make_network(random, lstm_layers=lstm_layers).condition,
        make_batch(),
    )
    attached = encoder.attach(
        encoder(S), *(batch[name] for name in ("node_index", *STEP_NAMES))
    )
    states = attached.states()
    weight = torch.rand(B, K, generator=random.generator).softmax(1)
    matrix = torch.randn(4, 8, generator=random.generator)
    torch.testing.assert_close(
        attached.mean(weight), torch.einsum("bk,bkc->bc", weight, states)
    )
    torch.testing.assert_close(attached.states(matrix), states @ matrix.T)


def test_heads_of_linear_attention_do_not_see_each_other(random):
    q, k, v = (torch.randn(2, 5, 8, generator=random.generator) for _ in range(3))
    halves = [
        linear_attention(*parts)
        for parts in zip(*(x.chunk(2, dim=-1) for x in (q, k, v)), strict=True)
    ]
    torch.testing.assert_close(
        linear_attention(q, k, v, n_heads=2), torch.cat(halves, dim=-1)
    )


@pytest.mark.parametrize("d_in", [1, 5, 7, 30, 16])
@pytest.mark.parametrize("make", [Linear, lambda *d: MemberHeads(*d, n_members=2)])
def test_in_evaluation_a_layer_says_the_same_but_not_by_where_a_row_stands(
    random, make, d_in
):
    layer = initialize(make(d_in, 5), random)
    x = torch.randn(64, 2, d_in, generator=random.generator)
    trained, said = layer(x), layer.eval()(x)
    torch.testing.assert_close(said, trained)
    order = torch.randperm(64, generator=random.generator)
    torch.testing.assert_close(layer(x[order]), said[order], rtol=0, atol=1e-9)


def test_dropout_drops_its_share_and_keeps_the_mean(random):
    dropout = Dropout(0.25, random)
    dropped = dropout(torch.ones(100_000))
    assert (dropped == 0).double().mean() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean() == pytest.approx(1.0, abs=0.02)


def test_a_source_of_a_device_that_is_not_there_begins_anew_on_the_cpu(random):
    state = random.__getstate__()
    random.bytes(64, torch.device("cpu"))
    for device in (
        "cuda:99",
        "mps" if not torch.backends.mps.is_available() else "cuda:99",
    ):
        source = RandomSource.__new__(RandomSource)
        source.__setstate__({**state, "device": device})
        assert source.generator.device.type == "cpu"
        assert source.generator.initial_seed() == state["seed"]


def test_mean_state_weighs_states():
    states = torch.tensor([[[1.0], [3.0]]])
    log_weight = torch.tensor([[0.25, 0.75]]).log()
    assert mean_state(log_weight, states).item() == pytest.approx(2.5)


class TestRandomness:
    def test_building_and_drawing_leave_the_global_generator_alone(self, random):
        before = torch.get_rng_state()
        network = make_network(random, dropout=0.5, condition_dropout=0.5)
        network.train()(**make_batch())
        assert torch.equal(before, torch.get_rng_state())

    def test_the_seed_decides_every_parameter(self):
        one, same, other = (
            make_network(RandomSource(seed)).state_dict() for seed in (0, 0, 1)
        )
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert not all(torch.equal(one[name], other[name]) for name in one)

    def test_dropout_keeps_the_mean_and_stops_outside_training(self, random):
        dropout = Dropout(0.3, random)
        x = torch.ones(200, 200)
        assert dropout(x).mean().item() == pytest.approx(1.0, abs=0.02)
        assert (dropout(x) == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
        assert torch.equal(dropout.eval()(x), x)

    def test_a_pickled_source_goes_on_where_it_was(self, random):
        import copy
        import pickle

        torch.rand(3, generator=random.generator)
        copies = [pickle.loads(pickle.dumps(random)), copy.deepcopy(random)]
        expected = torch.rand(4, generator=random.generator)
        for copied in copies:
            np.testing.assert_array_equal(
                torch.rand(4, generator=copied.generator), expected
            )
