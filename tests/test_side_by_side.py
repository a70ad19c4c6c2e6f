"""Networks trained in threads side by side."""

import threading

import numpy as np
import pytest
import torch

from spatialheteroreg import STCGRegressor
from spatialheteroreg.network import STCGNetwork
from spatialheteroreg.training import STCGNet

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2, "n_folds": 3}


@pytest.fixture
def n_threads():
    """Sets the threads of PyTorch, for a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def computing(monkeypatch):
    """Watches training: threads that compute, threads of theirs, most at a time."""
    seen = {"names": set(), "threads": set(), "most": 0}
    lock, forward, now = threading.Lock(), STCGNetwork.forward, []

    def record(network, **inputs):
        if not network.training:
            return forward(network, **inputs)
        with lock:
            now.append(1)
            seen["most"] = max(seen["most"], len(now))
            seen["names"].add(threading.current_thread().name)
            seen["threads"].add(torch.get_num_threads())
        try:
            return forward(network, **inputs)
        finally:
            with lock:
                now.pop()

    monkeypatch.setattr(STCGNetwork, "forward", record)
    return seen


def test_the_result_does_not_depend_on_threads(n_threads):
    X, y = make_table(90)
    predictions = []
    for n in (1, 2, 3):
        n_threads(n)
        predictions.append(STCGRegressor(**QUICK).fit(X, y).predict(X))
        assert torch.get_num_threads() == n
    # Predicting in float64 adds in another order.
    np.testing.assert_allclose(predictions[1], predictions[0], rtol=1e-12)
    np.testing.assert_allclose(predictions[2], predictions[0], rtol=1e-12)


def test_no_more_threads_compute_than_torch_may_use(n_threads, computing):
    X, y = make_table(90)
    n_threads(2)
    STCGRegressor(**QUICK).fit(X, y)
    assert computing["threads"] == {1}
    assert len(computing["names"]) == 2
    assert computing["most"] <= 2


def test_one_thread_trains_in_the_thread_of_the_caller(n_threads, computing):
    X, y = make_table(90)
    n_threads(1)
    STCGRegressor(**QUICK).fit(X, y)
    assert computing["names"] == {threading.current_thread().name}


def test_an_error_in_a_thread_ends_the_fit_and_gives_the_threads_back(
    n_threads, monkeypatch
):
    X, y = make_table(90)
    n_threads(2)
    n_before = threading.active_count()

    def fail(net, y_pred, y_true, X=None, training=False):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(STCGNet, "get_loss", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        STCGRegressor(**QUICK).fit(X, y)
    assert torch.get_num_threads() == 2
    assert threading.active_count() == n_before


def test_fits_in_two_threads_are_those_of_one(n_threads):
    n_threads(2)
    X, y = make_table(90)
    expected = STCGRegressor(**QUICK).fit(X, y).predict(X)
    found = [None, None]

    def fit(k):
        found[k] = STCGRegressor(**QUICK).fit(X, y).predict(X)

    workers = [threading.Thread(target=fit, args=(k,)) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for prediction in found:
        np.testing.assert_allclose(prediction, expected)
