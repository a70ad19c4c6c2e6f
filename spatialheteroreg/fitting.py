"""The steps of fit from a table to a trained net.

Each takes the estimator for its parameters, and changes nothing of it.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch.callbacks import Callback

from .batches import split_validation
from .calibration import split_calibration
from .checkpoint import read_checkpoint, set_generator_state
from .columns import ColumnRoles, Table, find_roles
from .edges import directed_edges
from .graph import ConditionGraph
from .inputs import InputBuilder
from .inspection.applicability import TrainingReference
from .net import STCGNet
from .network import ConditionEncoder, CrossFitted, FeatureTokens, STCGNetwork
from .network.invariance import RegionRisks
from .network.layers import Dropout, RandomSource, initialize
from .predictor import EFFECT_ROWS
from .processes import ProcessGroup
from .regions import node_regions
from .row_inputs import DEGREES, Arrays, slices
from .samples import KnownRows, Samples, Split
from .sizing import (
    auto_batch_size,
    auto_learning_rate,
    auto_max_iter,
    auto_n_folds,
    auto_regularization,
)
from .sphere import FloatArray, IntArray
from .streaming.rows import StreamedRows
from .training import make_net, resolve_device, train

if TYPE_CHECKING:
    from .regressor import STCGRegressor

TRAINING = {
    *("importance_loss_weight", "max_iter", "batch_size", "learning_rate"),
    *("weight_decay", "early_stopping", "validation_fraction", "n_iter_no_change"),
    *("device", "cuda_graphs", "random_state", "verbose", "warm_start", "checkpoint"),
}
"""Parameters that a warm start may change; the others shape inputs and networks."""

SILENT = {"checkpoint", "verbose", "device", "random_state"}
"""Parameters that do not decide the result, or not by their value."""


def shaping_parameters(model: STCGRegressor) -> dict[str, Any]:
    """Copy the shaping parameters, arrays as lists."""
    parameters = model.get_params(deep=False).items()
    values = {name: value for name, value in parameters if name not in TRAINING}
    chosen = values["categorical_features"]
    if chosen is not None and not isinstance(chosen, str):
        values["categorical_features"] = list(chosen)
    return values


def check_unchanged(model: STCGRegressor, before: dict[str, Any]) -> None:
    """Refuse to go on training a network of another shape."""
    now = shaping_parameters(model)
    changed = [name for name in now if now[name] != before[name]]
    if changed:
        raise ValueError(
            f"warm_start=True goes on with the fitted network, but "
            f"{', '.join(changed)} changed since. Set warm_start=False to fit "
            "anew, or set them back."
        )


def start_random(model: STCGRegressor) -> np.random.RandomState:
    """Make the generator; a checkpoint brings it to where its fit began."""
    random = check_random_state(model.random_state)
    group = ProcessGroup.current()
    if model.random_state is None and group.size > 1:
        seed = int(random.randint(np.iinfo(np.int32).max))
        random = np.random.RandomState(
            group.same_seed(seed, resolve_device(model.device))
        )
    found = None if model.checkpoint is None else read_checkpoint(model.checkpoint)
    if found is not None and not isinstance(model.random_state, (int, np.integer)):
        random = np.random.RandomState()  # neither NumPy's own nor the user's
        set_generator_state(random, found["start"])
    return random


def model_roles(model: STCGRegressor, table: Table) -> ColumnRoles:
    """Find out which column is what for a model."""
    return find_roles(
        table,
        lat=model.lat,
        lon=model.lon,
        time=model.time,
        categorical_features=model.categorical_features,
    )


def make_inputs(model: STCGRegressor, table: Table) -> InputBuilder:
    """Make unfitted inputs; warn where coordinates are looked for in vain."""
    roles = model_roles(model, table)
    located = roles.has_place or roles.time is not None
    looked_for = "auto" in (model.lat, model.lon, model.time)
    if model.condition == "graph" and looked_for and not located:
        warnings.warn(
            "No coordinates found: fitting without a condition graph. Pass "
            "lat=, lon= and time= with column names or positions, or "
            "condition='none' if there are none.",
            stacklevel=6,
        )
    return InputBuilder(
        roles,
        n_nodes=model.n_nodes,
        n_neighbors=model.n_neighbors,
        n_attached=model.n_attached,
        bandwidth=model.bandwidth,
        metric=model.metric,
        period=model.period,
        time_axis=model.time_axis,
        n_steps=model.n_steps,
        use_coordinates=model.condition == "graph" and located,
        crs=model.crs,
        dtype=float_type(model),
    )


def float_type(model: STCGRegressor) -> str:
    """Type in which numbers are kept, whatever products are computed in."""
    return "float64" if model.precision == "float64" else "float32"


def split_rows(
    model: STCGRegressor,
    inputs: InputBuilder,
    table: Table,
    weight: FloatArray | None,
    group: IntArray | None,
    seed: int,
) -> Split:
    """Choose rows to train on, to stop by, and to calibrate by.

    Rows without weight are none of them.
    """
    random = np.random.RandomState(seed)
    counted = np.arange(table.n_rows)
    if weight is not None:
        counted = np.flatnonzero(weight)
    calibrates = model.n_members > 1 and model.calibration_fraction > 0
    by_place = model.early_stopping == "places"
    place = np.zeros(table.n_rows, dtype=np.int64)
    if by_place or calibrates:
        if group is None:
            places = np.stack(inputs.read_place(table, always=by_place), axis=1)
            _, group = np.unique(places, axis=0, return_inverse=True)
        place = group.ravel()
    _, number = np.unique(place[counted], return_inverse=True)
    calibrating = unseen = counted[:0]
    if calibrates:
        # First, so that stopping otherwise in a warm start leaves these rows unseen.
        counted, calibrating, unseen = split_calibration(
            model.calibration_fraction, counted, number, random
        )
        _, number = np.unique(place[counted], return_inverse=True)
    training, held_out = split_validation(
        model.early_stopping,
        model.validation_fraction,
        number,
        np.random.RandomState(seed),
    )
    if by_place:
        unseen = np.concatenate([unseen, counted[held_out]])
    return Split(counted[training], counted[held_out], calibrating, unseen)


def resolve_n_folds(model: STCGRegressor, n_rows: int) -> int:
    """Say how many networks see so many rows, each without one fold of them."""
    if isinstance(model.n_folds, str):
        return 1 if model.n_members > 1 else auto_n_folds(n_rows)
    if model.n_folds > n_rows:
        raise ValueError(
            f"n_folds={model.n_folds} is more than the {n_rows} rows to train on."
        )
    return int(model.n_folds)


def make_networks(
    model: STCGRegressor,
    inputs: InputBuilder,
    n_rows: int,
    source: RandomSource,
) -> CrossFitted:
    """Build the networks for fitted inputs; their parameters are not drawn yet."""
    return CrossFitted(
        make_network(model, inputs, graph, n_rows, source) for graph in inputs.graphs_
    )


def make_network(
    model: STCGRegressor,
    inputs: InputBuilder,
    graph: ConditionGraph,
    n_rows: int,
    source: RandomSource,
) -> STCGNetwork:
    """Build one network; its parameters are not drawn yet."""
    if model.d_token % model.n_heads:
        raise ValueError(
            f"n_heads={model.n_heads} must divide d_token={model.d_token}."
        )
    roles, encoder = inputs.roles, inputs.encoder_
    condition = None
    if inputs.use_coordinates:
        timed = roles.time is not None
        condition = ConditionEncoder(
            **inputs.condition_tensors(graph),
            d_condition=model.d_condition,
            gcn_layers=model.gcn_layers,
            lstm_layers=model.lstm_layers if timed else 0,
            n_members=model.n_members,
            # Without a cycle nothing could stand in for a step.
            drop_step=None
            if inputs.axis_.period is None
            else Dropout(model.step_dropout, source, rows=True),
            edges=directed_edges(graph) if model.dynamic_graph and timed else None,
        )
    return STCGNetwork(
        FeatureTokens(len(roles.numeric), encoder.n_codes, model.d_token),
        condition,
        n_features=len(roles.features),
        d_token=model.d_token,
        n_heads=model.n_heads,
        n_layers=model.n_layers,
        d_condition=model.d_condition,
        d_hidden=model.d_hidden,
        n_encoded=inputs.axis_.n_encoded,
        attention=model.attention,
        cross_attention=model.cross_attention,
        head=model.head,
        n_members=model.n_members,
        dropout=_given(model.dropout, auto_regularization(n_rows, 0.15, 0.07)),
        place_dropout=model.place_dropout,
        condition_dropout=model.condition_dropout,
        random=source,
        invariance=make_invariance(model, inputs, graph),
    )


def make_invariance(
    model: STCGRegressor, inputs: InputBuilder, graph: ConditionGraph
) -> RegionRisks | None:
    """Divide the nodes into regions whose risks are compared."""
    n_features = len(inputs.roles.features)
    if model.invariance_penalty == 0 or n_features == 0:
        return None
    if not inputs.use_coordinates or graph.n_nodes < 2:
        raise ValueError(
            "invariance_penalty compares regions, and there is one place or none. Set "
            "it to 0, or pass lat= and lon= of two places or more."
        )
    if ProcessGroup.current().size > 1:
        raise ValueError(
            "invariance_penalty keeps the risks of what one process has seen. Set it "
            "to 0 to train in several processes."
        )
    region = torch.as_tensor(node_regions(graph))
    return RegionRisks(region, n_features, float(model.invariance_penalty))


def new_networks(
    model: STCGRegressor,
    inputs: InputBuilder,
    samples: Samples,
    random: np.random.RandomState,
) -> tuple[CrossFitted, RandomSource]:
    """Build networks on their device and draw their parameters."""
    device = resolve_device(model.device)
    source = RandomSource(int(random.randint(np.iinfo(np.int32).max)), device)
    networks = make_networks(model, inputs, samples.n_training, source)
    networks = networks.to(device, getattr(torch, float_type(model)))
    initialize(networks, source)
    networks.reach(samples.n_steps)
    return networks, source


def copy_networks(
    model: STCGRegressor, samples: Samples, networks: CrossFitted
) -> tuple[CrossFitted, RandomSource]:
    """Copy fitted networks, which have to stay as they were if the fit fails."""
    device = resolve_device(model.device)
    networks = copy.deepcopy(networks).to(device)
    networks.reach(samples.n_steps)
    return networks, networks.move_random(device)


def train_networks(
    model: STCGRegressor,
    networks: CrossFitted,
    source: RandomSource,
    samples: Samples,
    followers: Sequence[Callback],
) -> tuple[STCGNet, bool]:
    """Train; return the net, and whether its training ended by itself."""
    n_rows = samples.n_training
    device = str(next(networks.parameters()).device)
    group = ProcessGroup.current()
    group.check_same_rows(samples.target, device)
    training, held_out = samples.to_device(device, getattr(torch, float_type(model)))
    auto_size = auto_batch_size(n_rows, on_gpu=torch.device(device).type == "cuda")
    batch_size = int(_given(model.batch_size, auto_size))
    auto_rate = auto_learning_rate(n_rows, batch_size)
    max_iter = int(_given(model.max_iter, auto_max_iter(n_rows)))
    net = make_net(
        networks,
        source,
        n_rows=n_rows,
        device=device,
        max_iter=max_iter,
        batch_size=batch_size,
        learning_rate=float(_given(model.learning_rate, auto_rate)),
        weight_decay=_given(model.weight_decay, auto_regularization(n_rows, 0.1, 0.05)),
        importance_loss_weight=model.importance_loss_weight,
        mixed=model.precision == "mixed",
        spares_memory=isinstance(training, StreamedRows),
        cuda_graphs=bool(model.cuda_graphs),
        validation=held_out,
        n_iter_no_change=model.n_iter_no_change,
        verbose=int(model.verbose) if group.is_first else 0,
        callbacks=followers,
    )
    try:
        return net, train(net, training, max_iter)
    finally:
        training.close()


def make_reference(
    model: STCGRegressor, known: KnownRows, n_training: int
) -> TrainingReference:
    """Keep of the training rows what tells how far others lie from them."""
    inputs, graph = model._inputs, model._inputs.graph_
    parts = [
        _with_nearest_node(known.inputs[rows])
        for rows in slices(len(known), EFFECT_ROWS)
    ]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    degrees = arrays[DEGREES]
    located = inputs.use_coordinates and inputs.roles.has_place
    reference = TrainingReference.of(
        arrays,
        model.feature_importances_[list(inputs.roles.features)],
        (degrees[:, 0], degrees[:, 1]) if located else None,
        n_nodes=graph.n_nodes,
        metric=graph.metric,
        bandwidth=graph.bandwidth_,
    )
    if n_training == len(known):
        return reference
    share = reference.node_rows * (n_training / len(known))
    return replace(reference, node_rows=np.rint(share).astype(np.int64))


def _with_nearest_node(inputs: Arrays) -> Arrays:
    """Copy what rows are compared by, and of the nodes the nearest one."""
    kept = {name: inputs[name] for name in ("numeric", "missing", "codes", DEGREES)}
    for name in ("node_index", "node_distance"):
        kept[name] = inputs[name][:, :1, :1].copy()
    return kept


def identify_fit(model: STCGRegressor, samples: Samples, networks: CrossFitted) -> str:
    """Digest of all that decides a fit: rows, parameters, the networks' start."""
    parameters = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in SILENT
    }
    weights = [weight.detach().cpu().numpy() for weight in networks.parameters()]
    return samples.fingerprint(parameters, weights)


def _given(value: float | str, auto: float) -> float:
    """Take a parameter as it is, or what suits where it is "auto"."""
    return auto if isinstance(value, str) else value
