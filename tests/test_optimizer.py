"""What decays, and how fast."""

import copy

import torch

from spatialheteroreg.optimizer import adamw, join, split_off


def test_only_matrices_decay():
    matrix, bias = (
        torch.nn.Parameter(torch.ones(2, 2)),
        torch.nn.Parameter(torch.ones(2)),
    )
    groups = adamw([{"params": [matrix, bias]}], weight_decay=0.1, lr=1.0).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert (decay[id(matrix)], decay[id(bias)]) == (0.1, 0.0)


def test_a_group_may_bring_its_own_decay():
    stacked, matrix = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    given = [{"params": [stacked], "weight_decay": 0.0}, {"params": [matrix]}]
    groups = adamw(given, weight_decay=0.1, lr=1.0).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert (decay[id(stacked)], decay[id(matrix)]) == (0.0, 0.1)


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


def test_joined_parameters_move_as_single_ones_do():
    torch.manual_seed(0)
    networks = [torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))]
    networks.append(copy.deepcopy(networks[0]))
    given = [[{"params": list(network.parameters())}] for network in networks]
    single, whole = (adamw(g, weight_decay=0.1, lr=0.1, fused=True) for g in given)
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
    given = [{"params": list(network.parameters())}]
    whole = adamw(given, weight_decay=0.1, lr=0.1, fused=True)
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
