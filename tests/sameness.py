"""Models that are the same to the last bit, for the tests of saving."""

import numpy as np
import pandas as pd
import torch

from spatialheteroreg import STCGRegressor
from spatialheteroreg.network.layers import RandomSource
from spatialheteroreg.persistence import APART, load_model, save_model

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2}
SMALL = {"d_token": 2, "d_condition": 4, "d_hidden": 4, "n_heads": 1, "n_nodes": 3}


def fit(X, y, **parameters):
    return STCGRegressor(**{**QUICK, **parameters}).fit(X, y)


def there_and_back(model, folder):
    save_model(model, folder / "model.safetensors")
    return load_model(folder / "model.safetensors")


def assert_same(one, other, where="model"):
    """The same type and the same value to the last bit, all the way down."""
    assert type(one) is type(other), where
    if isinstance(one, np.ndarray) and one.dtype != object:
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        assert one.tobytes() == other.tobytes(), where
    elif isinstance(one, (list, tuple, np.ndarray, pd.Index)):
        assert len(one) == len(other), where
        for k, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{k}]")
    elif isinstance(one, dict):
        assert list(one) == list(other), where
        for name in one:
            assert_same(one[name], other[name], f"{where}[{name!r}]")
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype, where
        assert one.requires_grad == other.requires_grad, where
        assert torch.equal(one, other), where
    elif isinstance(one, np.random.RandomState):
        assert_same(one.get_state(), other.get_state(), where)
    elif isinstance(one, (RandomSource, torch.Generator)):
        source, state = (
            getattr(one, "generator", one),
            getattr(other, "generator", other),
        )
        assert torch.equal(source.get_state(), state.get_state()), where
    elif type(one).__module__.startswith(("spatialheteroreg.", "torch.nn.")):
        left, right = vars(one), vars(other)
        assert left.keys() == right.keys(), where
        for name in left.keys() - {*APART, "_flat_weight_refs"}:
            assert_same(left[name], right[name], f"{where}.{name}")
    else:
        assert one == other, where


def assert_same_model(one, other, X):
    """The same values, and the same answers."""
    assert_same(one, other)
    assert_same(one.net_.module_, other.net_.module_, "net_.module_")
    assert_same(one.net_.random, other.net_.random, "net_.random")
    assert_same(one.net_.epochs(), other.net_.epochs(), "net_.epochs()")
    if not isinstance(one.random_state, np.random.RandomState):  # shows its address
        assert repr(one) == repr(other)
    assert repr(one.graph_) == repr(other.graph_)
    assert (other.graph_ is None) or other.graph_ is other._inputs.graph_
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(one.feature_weights(X), other.feature_weights(X))
    pd.testing.assert_frame_equal(
        one.local_effects(X), other.local_effects(X), check_exact=True
    )
    left, right = one.explain(X), other.explain(X)
    np.testing.assert_array_equal(left.values, right.values)
    np.testing.assert_array_equal(left.base_values, right.base_values)
    np.testing.assert_array_equal(left.data, right.data)


def assert_goes_on_alike(one, other, X, y, *, warm):
    """A further fit gives the same network, but for the time that it took."""
    for model in (one, other):
        model.set_params(warm_start=warm).fit(X, y)
        model.history_ = [{**epoch, "dur": 0.0} for epoch in model.history_]
    assert one.n_iter_ == (4 if warm else 2)
    assert_same(one, other)
    assert_same(one.net_.module_, other.net_.module_, "net_.module_")
