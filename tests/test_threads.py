"""Threads and processes: the estimator takes what it is given."""

import threading
import time
from contextvars import ContextVar

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV

from spatialheteroreg import STCGRegressor
from spatialheteroreg.network import STCGNetwork
from spatialheteroreg.threads import map_ahead, mapping, n_cores, one_core

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2}


def settings_of_torch():
    """Look at all that is one for the whole process, or for the thread."""
    return {
        "threads": torch.get_num_threads(),
        "threads between operations": torch.get_num_interop_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "debug": torch.get_deterministic_debug_mode(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "anomalies": torch.is_anomaly_enabled(),
        "dtype": str(torch.get_default_dtype()),
        "device": str(torch.get_default_device()),
        "products": torch.get_float32_matmul_precision(),
        "cuDNN": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "random": torch.get_rng_state().sum().item(),
    }


def watch_a_fit():
    """Threads whenever the network computes, settings before and after, prediction."""
    X, y = make_table(60)
    seen, forward = set(), STCGNetwork.forward

    def record(*arguments, **inputs):
        seen.add(torch.get_num_threads())
        return forward(*arguments, **inputs)

    before = settings_of_torch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STCGNetwork, "forward", record)
        model = STCGRegressor(**QUICK).fit(X, y)
        assert seen
        model.explain(X), before["gradients"] and model.local_effects(X)
        prediction = model.predict(X)
    return seen, before, settings_of_torch(), prediction


@pytest.mark.parametrize("limit", [1, 2])
def test_workers_keep_to_their_share_of_threads(limit):
    with parallel_config("loky", inner_max_num_threads=limit):
        results = Parallel(n_jobs=2)(delayed(watch_a_fit)() for _ in range(2))
    assert [max(seen) for seen, *_ in results] == [limit, limit]
    np.testing.assert_array_equal(results[0][-1], results[1][-1])


@pytest.mark.parametrize("strict", [False, True])
def test_no_setting_of_torch_changes(strict):
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(strict)
    try:
        _, settings, after, _ = watch_a_fit()
        assert settings["deterministic"] is strict
        assert after == settings
        with torch.no_grad():  # as a caller may have it
            _, settings, after, _ = watch_a_fit()
            assert settings["gradients"] is False
            assert after == settings
    finally:
        torch.use_deterministic_algorithms(before)


def test_a_search_in_two_processes_finds_what_one_finds():
    X, y = make_table(60)
    grid = {"d_token": [8, 16]}
    with parallel_config("loky", inner_max_num_threads=1):
        one, two = (
            GridSearchCV(STCGRegressor(**QUICK), grid, cv=2, n_jobs=n_jobs).fit(X, y)
            for n_jobs in (1, 2)
        )
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(
            one.cv_results_[name], two.cv_results_[name], rtol=1e-5
        )


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
class TestMapAhead:
    def test_results_come_in_order_from_more_threads_than_one(self):
        together = threading.Barrier(2, timeout=10.0)

        def double(number):
            if number < 2:
                together.wait()  # so that each of two threads has one
            time.sleep(0.01 * (number % 3))
            return 2 * number

        assert list(map_ahead(double, range(9), 2)) == [2 * n for n in range(9)]

    def test_it_is_a_few_things_ahead_of_who_asks(self):
        looked_at = []

        def things():
            for number in range(100):
                looked_at.append(number)
                yield number

        results = map_ahead(abs, things(), 2)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        assert len(looked_at) <= 3 + 2
        results.close()
        assert torch.get_num_threads() == 2

    def test_the_first_error_is_raised(self):
        def fail_from_three(number):
            if number >= 3:
                raise ValueError(f"number {number}")
            return number

        results = map_ahead(fail_from_three, range(9), 2)
        assert [next(results) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="number 3"):
            next(results)


@pytest.mark.usefixtures("two_threads")
def test_what_threads_do_in_turn_stays_on_one_core():
    def look(_):
        with mapping(8) as run:
            return run is map, torch.get_num_threads()

    with mapping(8) as run:
        assert list(run(look, range(8))) == [(True, 1)] * 8
    assert torch.get_num_threads() == 2


VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="not set")


@pytest.mark.usefixtures("two_threads")
def test_threads_are_in_the_context_of_who_asks():
    token = VARIABLE.set("set")
    try:
        with mapping(4) as run:
            assert list(run(lambda _: VARIABLE.get(), range(4))) == ["set"] * 4
        assert list(map_ahead(lambda _: VARIABLE.get(), range(4), 2)) == ["set"] * 4
    finally:
        VARIABLE.reset(token)


def test_cores_are_counted_within_and_without():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert n_cores() == 3
        with one_core():
            assert n_cores() == 3
        with mapping(3) as run:
            assert list(run(lambda _: n_cores(), range(3))) == [3, 3, 3]
        assert n_cores() == 3
    finally:
        torch.set_num_threads(before)
