"""What a model keeps ready serves all its calls, and no other model."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from spatialheteroreg.predictor import Predictor

from .test_ecosystem import small


@pytest.fixture
def made(monkeypatch):
    """List the predictors that are made."""
    found = []
    original = Predictor.__init__

    def count(self, *args, **kwargs):
        found.append(self)
        original(self, *args, **kwargs)

    monkeypatch.setattr(Predictor, "__init__", count)
    return found


def test_one_predictor_serves_all_calls_and_threads(table, made):
    X, y = table
    model = copy.deepcopy(small().fit(X, y))
    made.clear()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(model.predict, [X] * 8))
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])
    model.explain(X)
    model.local_effects(X)
    assert len(made) == 1


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_new_fit_makes_its_own(table, warm_start):
    X, y = table
    asked, unasked = (small(warm_start=warm_start) for _ in range(2))
    for model in (asked, unasked):
        model.fit(X, y)
    before = asked.predict(X)
    np.testing.assert_array_equal(
        asked.fit(X, 10.0 * y).predict(X),
        copy.deepcopy(unasked.fit(X, 10.0 * y)).predict(X),
    )
    assert not np.allclose(asked.predict(X), before)


def test_a_changed_weight_is_seen(table):
    X, y = table
    model = small().fit(X, y)
    before = model.predict(X)
    with torch.no_grad():
        model.net_.module_.first.intercept += 1.0
    assert not np.allclose(model.predict(X), before)


def test_a_failed_fit_leaves_what_was_ready(table):
    X, y = table
    model = small().fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="constant"):
        model.fit(X, np.ones(len(y)))
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_pickle_is_no_longer_for_it(table):
    X, y = table
    twin = pickle.loads(pickle.dumps(small().fit(X, y)))
    unasked = len(pickle.dumps(twin))
    twin.predict(X)
    assert len(pickle.dumps(twin)) == unasked


def test_a_copy_makes_its_own(table, made):
    X, y = table
    model = small().fit(X, y)
    made.clear()
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    assert len(made) == 1
