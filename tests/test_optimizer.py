"""What decays, which way parameters move, and how fast."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spatialheteroreg.optimizer import AdamWMuon, adamw, join, orthogonalize, split_off


def decays(optimizer):
    groups = optimizer.param_groups
    return {p: group["weight_decay"] for group in groups for p in group["params"]}


def test_only_matrices_decay():
    matrix, bias = (
        torch.nn.Parameter(torch.ones(2, 2)),
        torch.nn.Parameter(torch.ones(2)),
    )
    optimizer = adamw([{"params": [matrix, bias]}], weight_decay=0.1, lr=1.0)
    assert decays(optimizer) == {matrix: 0.1, bias: 0.0}


def test_a_group_may_bring_its_own_decay():
    stacked, matrix = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    groups = [{"params": [stacked], "weight_decay": 0.0}, {"params": [matrix]}]
    optimizer = adamw(groups, weight_decay=0.1, lr=1.0)
    assert decays(optimizer) == {stacked: 0.0, matrix: 0.1}


@given(
    shape=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    scale=st.floats(1e-6, 1e6),
    seed=st.integers(0, 99),
)
def test_an_orthogonal_matrix_turns_nothing_and_stretches_all_alike(shape, scale, seed):
    draw = torch.Generator().manual_seed(seed)
    left, _ = torch.linalg.qr(torch.randn(shape[0], min(shape), generator=draw))
    right, _ = torch.linalg.qr(torch.randn(shape[1], min(shape), generator=draw))
    stretch = 0.1 + torch.rand(min(shape), generator=draw)
    (found,) = orthogonalize([scale * (left * stretch) @ right.mT])
    within = left.mT @ found @ right
    across = within - torch.diag(within.diag())
    assert found.shape == shape
    assert across.abs().max() < 1e-3
    assert within.diag().min() > 0.6
    assert within.diag().max() < 1.3


def test_matrices_are_made_orthogonal_each_by_itself():
    draw = torch.Generator().manual_seed(0)
    shapes = [(8, 16), (16, 8), (8, 8), (16, 8)]
    matrices = [torch.randn(shape, generator=draw) for shape in shapes]
    matrices.append(torch.zeros(8, 8))
    together = orthogonalize(matrices)
    for one, found in zip(matrices, together, strict=True):
        torch.testing.assert_close(orthogonalize([one])[0], found)
    assert not together[-1].any()


def test_muon_follows_the_momentum_of_nesterov_and_decays():
    draw = torch.Generator().manual_seed(0)
    matrix = torch.nn.Parameter(torch.randn(8, 16, generator=draw))
    groups = [{"params": [matrix], "orthogonal": True}]
    optimizer = adamw(groups, weight_decay=0.5, lr=1.0)
    (group,) = optimizer.param_groups
    wanted, mean = matrix.detach().clone(), torch.zeros(8, 16)
    # As the one-cycle schedule changes them.
    for rate, momentum in ((0.1, 0.95), (0.3, 0.85), (0.2, 0.9)):
        group.update(lr=rate, betas=(momentum, 0.999))
        matrix.grad = torch.randn(8, 16, generator=draw)
        optimizer.step()
        mean = momentum * mean + (1.0 - momentum) * matrix.grad
        ahead = momentum * mean + (1.0 - momentum) * matrix.grad
        (update,) = orthogonalize([ahead])
        wanted = (1.0 - 0.5 * rate) * wanted - rate * 0.6 * 4.0 * update
        torch.testing.assert_close(matrix.detach(), wanted)


def test_an_optimizer_steps_by_a_closure_too():
    matrix, vector = (torch.nn.Parameter(torch.ones(n, 8)) for n in (8, 1))
    groups = [{"params": [matrix], "orthogonal": True}, {"params": [vector]}]
    optimizer = adamw(groups, weight_decay=0.0, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = matrix.sum() + vector.sum()
        loss.backward()
        return loss.item()

    losses = [optimizer.step(closure) for _ in range(3)]
    assert losses[0] == 72.0
    assert losses[0] > losses[1] > losses[2]
    for parameter in (matrix, vector):
        assert torch.equal(parameter.grad, torch.ones_like(parameter))


def test_a_group_that_says_nothing_is_moved_by_adamw():
    matrices = [torch.nn.Parameter(torch.ones(8, 8)) for _ in range(2)]
    ours, theirs = AdamWMuon(matrices[:1], lr=0.1), torch.optim.AdamW(matrices[1:], 0.1)
    for matrix, optimizer in zip(matrices, (ours, theirs), strict=True):
        matrix.grad = torch.arange(64.0).view(8, 8)
        optimizer.step()
    assert torch.equal(*matrices)


@pytest.mark.parametrize("n_rows", [8, 200])
def test_a_matrix_moves_by_as_much_whatever_the_size_of_its_gradient(n_rows):
    draw = torch.Generator().manual_seed(0)
    matrix = torch.nn.Parameter(torch.zeros(n_rows, 16))
    groups = [{"params": [matrix], "orthogonal": True}]
    optimizer = adamw(groups, weight_decay=0.1, lr=0.01, betas=(0.9, 0.99))
    for size in (1e-3, 1e3):
        before = matrix.detach().clone()
        matrix.grad = size * torch.randn(n_rows, 16, generator=draw)
        optimizer.step()
        moved = (matrix.detach() - before).square().mean().sqrt()
        assert 0.6 * 0.01 * 0.6 < moved < 0.6 * 0.01 * 1.3


def test_only_matrices_that_are_wide_and_long_move_along_orthogonal_ones():
    shapes = [(8, 8), (7, 16), (16, 7), (16,), (8, 8, 8)]
    parameters = [torch.nn.Parameter(torch.ones(shape)) for shape in shapes]
    groups = [{"params": parameters, "orthogonal": True}]
    optimizer = adamw(groups, weight_decay=0.1, lr=1.0)
    chosen = [g["params"] for g in optimizer.param_groups if g["orthogonal"]]
    assert chosen == [parameters[:1]]


def test_what_has_no_gradient_stays_where_it_is():
    matrix = torch.nn.Parameter(torch.ones(8, 8))
    groups = [{"params": [matrix], "orthogonal": True}]
    adamw(groups, weight_decay=0.1, lr=1.0).step()
    assert torch.equal(matrix, torch.ones(8, 8))


def test_an_optimizer_that_is_split_off_moves_its_network_alone():
    one, two = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    both = torch.nn.ModuleList([one, two])
    whole = adamw([{"params": list(both.parameters())}], weight_decay=0.1, lr=1.0)
    part = split_off(whole, one)
    before = [parameter.clone() for parameter in two.parameters()]
    start = one.weight.detach().clone()
    both[0](torch.ones(3, 2)).sum().backward()
    both[1](torch.ones(3, 2)).sum().backward()
    part.step()
    assert not torch.equal(one.weight, start)
    assert all(map(torch.equal, before, two.parameters()))
    # The moments stay with the whole, so that a later step goes on with them.
    assert set(whole.state) == set(one.parameters())


@pytest.mark.parametrize("way", [{}, {"orthogonal": True}])
def test_joined_parameters_move_as_single_ones_do(way):
    torch.manual_seed(0)
    layers = [torch.nn.Linear(*widths) for widths in ((3, 8), (8, 16), (16, 8), (8, 1))]
    networks = [torch.nn.Sequential(*layers)]
    networks.append(copy.deepcopy(networks[0]))
    groups = [[{"params": list(network.parameters()), **way}] for network in networks]
    single, whole = (adamw(g, weight_decay=0.1, lr=0.1, fused=True) for g in groups)
    for _epoch in range(2):
        joined, take_apart = join(whole, networks[1])
        for _step in range(3):
            x = torch.randn(5, 3)
            for network, optimizer in zip(networks, (single, joined), strict=True):
                optimizer.zero_grad(set_to_none=False)
                network(x).square().sum().backward()
                optimizer.step()
        take_apart()
    for one, other in zip(*(n.parameters() for n in networks), strict=True):
        torch.testing.assert_close(one, other)
        # Nothing is left of the long ones, which a pickle would hold many times over.
        assert other.untyped_storage().nbytes() == other.numel() * 4
        for name, value in single.state[one].items():
            found = whole.state[other][name]
            torch.testing.assert_close(found, value)
            assert found.untyped_storage().nbytes() == found.numel() * 4
    assert whole.state_dict()["param_groups"] == single.state_dict()["param_groups"]


def test_an_optimizer_is_joined_that_has_made_no_step():
    layer = torch.nn.Linear(2, 1, bias=False)  # nothing that does not decay
    whole = adamw([{"params": list(layer.parameters())}], weight_decay=0.1, lr=1.0)
    before = layer.weight.detach().clone()
    _, take_apart = join(whole, layer)
    take_apart()
    assert torch.equal(layer.weight, before)
    assert layer.weight.grad is None
    assert not whole.state


def test_parameters_of_all_shapes_keep_moments_of_their_own():
    network = torch.nn.ParameterList([torch.zeros(()), torch.zeros(3)])
    frozen = torch.nn.Parameter(torch.ones(2, 2), requires_grad=False)
    network.append(frozen)
    groups = [{"params": list(network.parameters())}]
    whole = adamw(groups, weight_decay=0.1, lr=0.1, fused=True)
    for _ in range(2):
        joined, take_apart = join(whole, network)
        joined.zero_grad(set_to_none=False)
        (network[0] + network[1].sum()).square().add(network[0]).backward()
        joined.step()
        take_apart()
    assert [len(whole.state[p]) for p in network.parameters()] == [3, 3, 0]
    assert whole.state[network[0]]["exp_avg"].shape == ()
    assert whole.state[network[1]]["exp_avg"].shape == (3,)
    assert torch.equal(frozen, torch.ones(2, 2))
