"""Save a fitted model in one file, and load it without running code from it.

A file holds JSON and tensors: the parameters, the fitted attributes, the network's
settings and weights, and the state of its generator. The network is built by the
code that builds it in fit, and the weights are put into it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.utils.validation import check_is_fitted

from .ready import ReadyPredictor
from .regressor import STCGRegressor
from .saving.file import pack, unpack, write_atomically, written_by
from .saving.network import rebuild_net, take_net
from .saving.parts import model_kinds
from .saving.values import Reader, UnstorableError, Values, Writer

ATTRIBUTES = (
    *("_inputs", "_shape", "_target_mean", "_target_scale", "_training_mean"),
    *("_baseline", "_kriging", "_uncertainty", "_reference"),
    *("graph_", "history_", "n_iter_", "feature_importances_", "explanation_r2_"),
    "n_features_in_",
)
"""Attributes that every file holds; others of the model are kept beside them.

A change here asks for a new `FORMAT_VERSION`.
"""

SECTIONS = (
    *("parameters", "attributes", "routing"),
    *("training", "network", "generator", "weights"),
)
"""Sections of the JSON."""

METHODS = ("fit", "score", "predict")
"""Methods that metadata can be routed to."""

APART = ("net_", "_metadata_request", "_ready")
"""Attributes that are kept in a form of their own, or made anew."""

SESSION = (
    *("_skl_callbacks", "_skl_callbacks_to_teardown"),
    *("_callback_fit_ctx", "_parent_callback_ctx"),
)
"""Attributes of scikit-learn's callbacks, which are code and are set anew."""


def save_model(model: STCGRegressor, path: str | os.PathLike[str]) -> None:
    """Save a fitted model in one file.

    The file holds tensors and JSON. Loading it runs no code from it, needs no GPU,
    and gives a model that predicts, explains and goes on training bit for bit as
    this one does. :doc:`/saving` tells what is kept.

    Parameters
    ----------
    model : STCGRegressor
        A fitted model.
    path : path-like
        The file to write. One that is there is replaced once the new one is whole;
        a save that is killed or fails leaves it as it was.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is of another class, or holds a value that is no number,
        string, date or the like; says which, and what to do.
    OSError
        If the file cannot be written.

    See Also
    --------
    load_model : Load it again.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(200, 20, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.safetensors")
    ...     save_model(model, path)
    ...     loaded = load_model(path)
    >>> bool((loaded.predict(globe.data) == model.predict(globe.data)).all())
    True
    """
    if type(model) is not STCGRegressor:
        raise TypeError(
            f"save_model saves an STCGRegressor, not a {type(model).__name__}. Save "
            "the fitted STCGRegressor within a pipeline or search, or use joblib.dump."
        )
    check_is_fitted(model)
    writer = Writer(model_kinds())
    try:
        document = {
            section: writer.write_fields(values, section)
            for section, values in _take_apart(model).items()
        }
    except UnstorableError as error:
        raise TypeError(_advice(model, error)) from None
    write_atomically(path, pack({"versions": _versions(), **document}, writer.tensors))


def load_model(path: str | os.PathLike[str]) -> STCGRegressor:
    """Load a model that :func:`save_model` saved.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    STCGRegressor
        The model as it was saved. A network that was fitted on a GPU lies on the
        CPU where there is no such GPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is truncated, altered, of a newer format version, or not a model
        at all; says which.

    See Also
    --------
    save_model : Save it, with an example.
    """
    document, tensors = unpack(Path(path).read_bytes(), path)
    reader = Reader(model_kinds(), tensors)
    try:
        # In the order in which they were written.
        sections = {
            section: reader.read_fields(document[section], section)
            for section in SECTIONS
        }
        return _rebuild(**sections)
    except Exception as error:
        # The checksum fits: another version wrote what this one does not know.
        raise ValueError(
            f"{os.fspath(path)!r} holds a model that this version of the package does "
            f"not know how to read ({error}). It was written by "
            f"{written_by(document)}: load it with that version."
        ) from error


def _take_apart(model: STCGRegressor) -> dict[str, Values]:
    parameters = model.get_params(deep=False)
    names = sorted(vars(model).keys() - {*parameters, *APART, *SESSION})
    shadows = _shadows(names)
    if shadows:
        raise TypeError(
            f"The attributes {', '.join(shadows)} of the model hide those of its "
            "class. Delete them, or use joblib.dump."
        )
    return {
        "parameters": parameters,
        "attributes": {name: vars(model)[name] for name in names},
        "routing": _routing(model),
        **take_net(model.net_),
    }


def _rebuild(
    parameters: Values, attributes: Values, routing: Values, **net: Values
) -> STCGRegressor:
    unknown = parameters.keys() - STCGRegressor().get_params().keys()
    if unknown:
        raise ValueError(f"unknown parameters {', '.join(sorted(unknown))}")
    absent, shadows = set(ATTRIBUTES) - attributes.keys(), _shadows(attributes)
    if absent or shadows:
        raise ValueError(f"attributes {sorted(absent)} absent, {shadows} not its own")
    model = STCGRegressor(**parameters)
    model.__dict__.update(attributes)
    model.net_ = rebuild_net(model, **net)
    model._ready = ReadyPredictor()
    with sklearn.config_context(enable_metadata_routing=True):
        for method, requests in routing.items():
            getattr(model, f"set_{method}_request")(**requests)
    return model


def _shadows(names: Iterable[str]) -> list[str]:
    """Names that mean something in the class already."""
    return [name for name in names if hasattr(STCGRegressor, name)]


def _versions() -> dict[str, str]:
    from . import __version__

    return {
        "spatialheteroreg": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "scikit-learn": sklearn.__version__,
    }


def _routing(model: STCGRegressor) -> Values:
    """Take down what `set_fit_request` and the like asked for."""
    asked = vars(model).get("_metadata_request")
    if asked is None:
        return {}
    return {method: dict(getattr(asked, method).requests) for method in METHODS}


def _advice(model: STCGRegressor, error: UnstorableError) -> str:
    match error.path:
        case ("parameters", str(name), *_):
            where = f"The parameter {name}"
            advice = "Pass it as a number, a string or a list of these"
        case ("attributes", "_inputs", "encoder_", "categories_", int(k), *_):
            column = model._column_names()[model._inputs.roles.categorical[k]]
            where = f"The categorical column {column!r}"
            advice = f"Fit with its values as strings, X[{column!r}].astype(str)"
        case (_, name, *_):
            where, advice = f"The attribute {name}", "Delete it or make it plain"
    kind = type(error.value)
    return (
        f"{where} holds {error.value!r:.80}, a {kind.__module__}.{kind.__qualname__}. "
        "save_model keeps numbers, strings, dates and the like, because loading runs "
        f"no code. {advice}; or use joblib.dump."
    )
