"""Threads and processes: the estimator takes what it is given."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV

from spatialheteroreg import STCGRegressor
from spatialheteroreg.network import STCGNetwork

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
