"""What decays, and how fast."""

import torch

from spatialheteroreg.optimizer import adamw, split_off


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
