"""The trained net: what is kept of it, and how it is put together again."""

from __future__ import annotations

import numpy as np
import torch
from skorch.history import History

from ..fitting import make_networks
from ..net import STCGNet
from ..network import CrossFitted
from ..network.layers import Dropout, RandomSource
from ..regressor import STCGRegressor
from ..training import make_net
from .values import Values


def take_net(net: STCGNet) -> dict[str, Values]:
    """Take a trained net apart.

    The moments of the optimizer and the record of single batches are left: neither
    prediction nor a warm start uses them.

    Parameters
    ----------
    net : STCGNet
        The net.

    Returns
    -------
    dict of str to dict
        "training", "network", "generator" and "weights"; tensors as arrays.
    """
    networks: CrossFitted = net.module_
    steps = dict(net.callbacks)["schedule"].kwargs["total_steps"]
    return {
        "training": {
            # Rounded up to whole batches, of which the schedule is made.
            "n_rows": steps // net.max_epochs * net.batch_size,
            "max_iter": net.max_epochs,
            "batch_size": net.batch_size,
            "learning_rate": net.optimizer__lr,
            "weight_decay": net.optimizer__weight_decay,
            "importance_loss_weight": net.criterion.importance_loss_weight,
            "epochs": [{**epoch, "batches": []} for epoch in net.history],
        },
        "network": {
            "n_steps": networks.first.n_steps,
            "dropout": [part.p for part in _dropouts(networks)],
            "training": networks.training,
        },
        "generator": _to_numpy(networks.first.drop_place.random.__getstate__()),
        "weights": _to_numpy(networks.state_dict()),
    }


def rebuild_net(
    model: STCGRegressor,
    *,
    training: Values,
    network: Values,
    generator: Values,
    weights: Values,
) -> STCGNet:
    """Put a net together by the code that makes it in fit.

    Parameters
    ----------
    model : STCGRegressor
        A model with all other attributes.
    training, network, generator, weights : dict
        As :func:`take_net` returned them.

    Returns
    -------
    STCGNet
        The net, on the device of its generator where that is there, else on the
        CPU.
    """
    source = RandomSource.__new__(RandomSource)
    source.__setstate__(_to_torch(generator))
    device = source.generator.device.type
    settings = {name: value for name, value in training.items() if name != "epochs"}
    module = _rebuild_networks(model, source, training["n_rows"], **network)
    # The weights take the place of others, so that they keep their precision.
    module.load_state_dict(_to_torch(weights), assign=True)
    net = make_net(
        module.to(device),
        source,
        **settings,
        device=device,
        validation=None,
        n_iter_no_change=model.n_iter_no_change,
        verbose=int(model.verbose),
    )
    net.initialize()
    net.history_ = History(training["epochs"])
    net.module = type(module)
    return net


def _rebuild_networks(
    model: STCGRegressor,
    source: RandomSource,
    n_rows: int,
    *,
    n_steps: int,
    dropout: list[float],
    training: bool,
) -> CrossFitted:
    # Parameters may have been set since the fit; the shape is that of the fit.
    shaped = STCGRegressor(**model._shape)
    networks = make_networks(shaped, model._inputs, n_rows, source)
    networks.reach(n_steps)
    for part, share in zip(_dropouts(networks), dropout, strict=True):
        part.p = share
    return networks.train(training)


def _dropouts(networks: CrossFitted) -> list[Dropout]:
    return [part for part in networks.modules() if isinstance(part, Dropout)]


def _to_numpy(values: Values) -> Values:
    return {
        name: value.detach().cpu().numpy() if torch.is_tensor(value) else value
        for name, value in values.items()
    }


def _to_torch(values: Values) -> Values:
    return {
        # A clone lies in memory as torch lays it out.
        name: torch.from_numpy(value).clone()
        if isinstance(value, np.ndarray)
        else value
        for name, value in values.items()
    }
