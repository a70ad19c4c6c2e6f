"""Predictions and explanations of long tables."""

import copy
import os
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spatialheteroreg import STCGRegressor, inference

from .conftest import make_table

SCRIPT = """
    import re
    import sys
    from pathlib import Path
    import numpy as np
    from spatialheteroreg import STCGRegressor, chunks

    def rows(n):
        place = random.uniform(-80, 80, n), random.uniform(-180, 180, n)
        return np.stack([*place, random.normal(size=n), random.normal(size=n)], axis=1)

    def peak():  # that of getrusage begins with the peak of the parent
        return int(re.search(r"VmHWM:\\s+(\\d+)", STATUS.read_text()).group(1)) / 1e3

    STATUS = Path("/proc/self/status")

    chunks.CHUNK_ROWS = int(sys.argv[2])
    random = np.random.RandomState(0)
    X = rows(200)
    model = STCGRegressor(random_state=0, lat=0, lon=1, max_iter=1, n_nodes=8)
    action = getattr(model.fit(X, X[:, 2]), sys.argv[1])
    action(rows(2_000))
    long = rows(150_000)
    before = peak()
    action(long)
    print(peak() - before)
"""


def growth(action, chunk_rows):
    """Megabytes by which the peak of a process's memory grows for 150,000 rows."""
    return float(
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), action, str(chunk_rows)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_memory_does_not_grow_with_the_table():
    """Of the process: tracemalloc does not see the tensors of torch."""
    assert growth("predict", 2_000) < 0.6 * growth("predict", 150_000)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak")
def test_an_explanation_takes_less_than_a_kilobyte_a_row():
    """Its result holds some thirty numbers of eight bytes for each of these rows."""
    assert growth("explain", 2_000) < 150


def fit_some(**parameters):
    """A model of few rows, and many others."""
    X, y = make_table()
    quick = {"max_iter": 2, "n_nodes": 12, "random_state": 0, **parameters}
    return STCGRegressor(**quick).fit(X, y), make_table(2_500, random_state=1)[0]


def told(model, X):
    """Everything that is said of rows, one line a row."""
    return np.hstack(
        [
            model.predict(X)[:, None],
            model.explain(X).values,
            model.decompose(X).to_numpy(),
            np.nan_to_num(model.local_effects(X).to_numpy()),
        ]
    )


@example({"d_token": 6, "n_heads": 1, "attention": "softmax"}, 0)
@settings(max_examples=8, deadline=None)
@given(
    parameters=st.fixed_dictionaries(
        {
            "d_token": st.sampled_from([4, 6, 8, 12, 16]),
            "n_heads": st.sampled_from([1, 2]),
            "d_condition": st.integers(3, 40),
            "d_hidden": st.integers(3, 40),
            "n_attached": st.integers(1, 9),
            "attention": st.sampled_from(["linear", "softmax"]),
            "head": st.sampled_from(["additive", "dual"]),
        }
    ),
    seed=st.integers(0, 100),
)
def test_a_row_is_told_the_same_alone_and_in_company(parameters, seed):
    model, X = fit_some(**parameters)
    whole, scale = told(model, X), np.std(model.predict(X))
    some = np.random.RandomState(seed).permutation(len(X))[:70]
    np.testing.assert_allclose(
        told(model, X.iloc[some])[:, :-2], whole[some, :-2], rtol=0, atol=1e-9 * scale
    )
    # Slopes are differentiated without such care.
    np.testing.assert_allclose(
        told(model, X.iloc[some]), whole[some], rtol=0, atol=1e-5 * scale
    )
    one = some[:1]
    alone = model.predict(X.iloc[one])
    np.testing.assert_allclose(alone, whole[one, 0], rtol=0, atol=1e-9 * scale)


def test_a_row_is_told_the_same_by_any_number_of_threads():
    model, X = fit_some()
    before = torch.get_num_threads()
    try:
        found = []
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            found.append([told(model, X), told(model, X[:200])])
    finally:
        torch.set_num_threads(before)
    for few_or_many in zip(*found, strict=True):
        for other in few_or_many[1:]:
            np.testing.assert_array_equal(other, few_or_many[0])


@given(
    n_rows=st.integers(1, 100_000),
    most=st.integers(1, 64).map(lambda n: n * inference.FULL_ROWS),
    cores=st.integers(1, 64),
)
def test_chunks_keep_all_cores_busy_to_the_end(n_rows, most, cores):
    size = inference.chunk_size(n_rows, most, cores)
    assert 0 < size <= most
    assert size % inference.FULL_ROWS == 0
    if size > inference.FEWEST_ON_A_CORE:
        # As many rounds as are needed, and in each no more than its share.
        rounds = -(-n_rows // (cores * most))
        assert -(-n_rows // size) <= cores * rounds
        assert size - inference.FULL_ROWS < n_rows / (cores * rounds)


def test_a_row_is_told_the_same_beside_later_rows():
    model, X = fit_some(time_axis="sequence", n_steps=12)
    later = X.assign(time=X["time"] + pd.Timedelta(days=3_000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        beside = told(model, pd.concat([X, later]))[: len(X)]
    scale = np.std(model.predict(X))
    np.testing.assert_allclose(beside, told(model, X), rtol=0, atol=1e-9 * scale)


def test_a_caller_s_autocast_changes_nothing():
    model, X = fit_some()
    before = told(model, X[:300])
    with torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_array_equal(told(model, X[:300]), before)


def test_single_precision_is_near_double(monkeypatch):
    model, X = fit_some()
    single = told(model, X)
    monkeypatch.setattr(inference, "FULL_HEAD", 1_000_000)
    double = told(copy.deepcopy(model), X)
    assert not np.array_equal(single, double)
    spread = np.std(double, axis=0).max()
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5 * spread)


def test_parts_add_up_to_the_last_digits_in_single_precision():
    model, X = fit_some()
    np.testing.assert_allclose(
        model.decompose(X).sum(axis=1), model.predict(X), atol=1e-12
    )
    explanation = model.explain(X)
    total = explanation.values.sum(axis=1) + explanation.base_values
    np.testing.assert_allclose(total, model.predict(X), atol=1e-12)
