"""Checkpoints: a killed fit goes on to the result that it would have had."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch
from sklearn.base import clone

from spatialheteroreg import STCGRegressor
from spatialheteroreg.checkpoint import (
    fingerprint,
    generator_state,
    read_checkpoint,
    set_generator_state,
)

from .conftest import make_table
from .test_training import interrupt_after

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 6}


@pytest.fixture(scope="module")
def table():
    return make_table(60)


def fit_interrupted(model, table, epochs):
    """Fit, but let the power fail after so many epochs."""

    class PowerCut(Exception):
        pass

    def stop(self, net, **kwargs):
        if len(net.history) == epochs + 1:
            raise PowerCut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spatialheteroreg._callbacks.TellCallbacks.on_epoch_begin", stop)
        patch.setattr(
            "spatialheteroreg._callbacks.TellCallbacks.on_epoch_end",
            lambda self, net, **kwargs: None,
        )
        with pytest.raises(PowerCut):
            model.fit(*table)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"head": "dual", "precision": "float64"},
        {"invariance_penalty": 5.0, "dynamic_graph": True},
        {"early_stopping": "places", "validation_fraction": 0.3},
        {"early_stopping": "rows", "n_iter_no_change": 2, "learning_rate": 0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("epochs", [1, 2])
def test_the_result_is_that_of_an_uninterrupted_fit(
    table, tmp_path, parameters, epochs
):
    model = STCGRegressor(**QUICK, **parameters)
    whole = clone(model).fit(*table)
    path = tmp_path / "fit.ckpt"
    fit_interrupted(clone(model).set_params(checkpoint=path), table, epochs)
    resumed = clone(model).set_params(checkpoint=path).fit(*table)
    np.testing.assert_array_equal(resumed.predict(table[0]), whole.predict(table[0]))
    assert resumed.n_iter_ == whole.n_iter_
    losses = [
        [epoch["train_loss"] for epoch in fitted.history_]
        for fitted in (whole, resumed)
    ]
    assert losses[0] == losses[1]
    assert os.listdir(tmp_path) == []


def test_without_a_seed_the_seed_is_kept_too(table, tmp_path):
    path = tmp_path / "fit.ckpt"
    model = STCGRegressor(n_nodes=8, max_iter=3, checkpoint=path)
    seed = np.random.RandomState(7)
    whole = clone(model).set_params(
        random_state=np.random.RandomState(7), checkpoint=None
    )
    whole.fit(*table)
    fit_interrupted(clone(model).set_params(random_state=seed), table, 1)
    resumed = model.fit(*table)  # random_state=None
    np.testing.assert_array_equal(resumed.predict(table[0]), whole.predict(table[0]))


def test_a_warm_start_can_be_resumed(table, tmp_path):
    path = tmp_path / "fit.ckpt"
    model = STCGRegressor(**QUICK, warm_start=True)
    twice = clone(model).fit(*table).fit(*table)
    again = clone(model).fit(*table).set_params(checkpoint=path)
    fit_interrupted(again, table, 2)
    again.fit(*table)
    np.testing.assert_array_equal(again.predict(table[0]), twice.predict(table[0]))
    assert again.n_iter_ == 12


@pytest.mark.parametrize("change", ["row", "target", "parameter", "seed"])
def test_the_file_of_another_fit_is_refused(table, tmp_path, change):
    X, y = table
    path = tmp_path / "fit.ckpt"
    model = STCGRegressor(**QUICK, checkpoint=path)
    fit_interrupted(clone(model), table, 2)
    before = path.read_bytes()
    if change == "row":
        X = X.assign(heat=X.heat + (X.index == 3))
    if change == "target":
        y = y + (np.arange(len(y)) == 3)
    if change == "parameter":
        model.set_params(weight_decay=0.3)
    if change == "seed":
        model.set_params(random_state=1)
    with pytest.raises(ValueError, match="belongs to a fit of other data"):
        model.fit(X, y)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_checkpoint_is_refused(table, tmp_path, content):
    path = tmp_path / "fit.ckpt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no checkpoint that this version can read"):
        STCGRegressor(**QUICK, checkpoint=path).fit(*table)
    assert path.read_bytes() == content


def test_the_file_of_another_device_is_refused(table, tmp_path):
    path = tmp_path / "fit.ckpt"
    model = STCGRegressor(**QUICK, checkpoint=path, device="cpu")
    fit_interrupted(clone(model), table, 1)
    torch.save({**read_checkpoint(path), "device": "cuda"}, path)
    with pytest.raises(ValueError, match=r"on cuda, and this fit runs on cpu.*Pass de"):
        model.fit(*table)


def test_ctrl_c_leaves_the_file(table, tmp_path, monkeypatch):
    path = tmp_path / "fit.ckpt"
    model = STCGRegressor(**QUICK, checkpoint=path)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.warns(UserWarning, match="Interrupted"):
            clone(model).fit(*table)
    assert len(read_checkpoint(path)["history"]) > 0
    whole = clone(model).set_params(checkpoint=None).fit(*table)
    np.testing.assert_array_equal(
        model.fit(*table).predict(table[0]), whole.predict(table[0])
    )


def test_a_refused_file_leaves_the_users_generator(table, tmp_path):
    path = tmp_path / "fit.ckpt"
    fit_interrupted(STCGRegressor(**QUICK, checkpoint=path), table, 1)
    random = np.random.RandomState(99)
    model = STCGRegressor(**QUICK, checkpoint=path, d_token=8)
    model.set_params(random_state=random)
    with pytest.raises(ValueError, match="belongs to a fit"):
        model.fit(*table)
    assert random.randint(10**6) == np.random.RandomState(99).randint(10**6)


def test_a_diverged_fit_leaves_no_file(table, tmp_path):
    path = tmp_path / "fit.ckpt"
    model = STCGRegressor(**QUICK, checkpoint=path, learning_rate=1e30)
    with pytest.raises(FloatingPointError, match="Lower learning_rate"):
        model.fit(*table)
    assert model.set_params(learning_rate=0.003).fit(*table).n_iter_ == 6


@pytest.mark.parametrize("name", ["", "absent/fit.ckpt"])
def test_a_place_that_cannot_be_written_is_refused_at_once(table, tmp_path, name):
    model = STCGRegressor(**QUICK, checkpoint=tmp_path / name)
    with pytest.raises(ValueError, match="must name a file in a folder that exists"):
        model.fit(*table)


def test_a_file_that_is_gone_at_the_end_is_no_obstacle(table, tmp_path, monkeypatch):
    path = tmp_path / "fit.ckpt"
    finish = STCGRegressor._finish

    def steal(self, *arguments):
        path.unlink()
        finish(self, *arguments)

    monkeypatch.setattr(STCGRegressor, "_finish", steal)
    model = STCGRegressor(**QUICK, checkpoint=path).fit(*table)
    monkeypatch.undo()
    same = STCGRegressor(**QUICK).fit(*table)
    np.testing.assert_array_equal(model.predict(table[0]), same.predict(table[0]))


def test_a_killed_process_is_resumed(tmp_path):
    """The real thing: SIGKILL in the middle of a fit, then the same script again.

    The process to be killed waits after its second epoch, however slow we are.
    """
    script = tmp_path / "fit.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            import time
            import numpy as np
            from skorch import NeuralNet
            from spatialheteroreg import STCGRegressor
            from spatialheteroreg.datasets import make_heterogeneous_globe

            if sys.argv[3] == "wait":
                begin = NeuralNet.on_epoch_begin

                def wait(net, *arguments, **more):
                    if len(net.history) == 3:
                        time.sleep(600)
                    begin(net, *arguments, **more)

                NeuralNet.on_epoch_begin = wait
            globe = make_heterogeneous_globe(300, 30, random_state=0)
            model = STCGRegressor(
                random_state=0, n_nodes=8, max_iter=10, checkpoint=sys.argv[1]
            ).fit(globe.data, globe.target)
            np.save(sys.argv[2], model.predict(globe.data))
            """
        )
    )
    checkpoint, result = tmp_path / "killed.ckpt", tmp_path / "resumed.npy"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def start(name, target, wait=""):
        return subprocess.Popen(
            [sys.executable, script, tmp_path / name, target, wait], env=environment
        )

    process = start("killed.ckpt", result, "wait")
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not result.exists()
    assert read_checkpoint(checkpoint) is not None

    assert start("killed.ckpt", result).wait() == 0
    assert start("whole.ckpt", tmp_path / "whole.npy").wait() == 0
    np.testing.assert_array_equal(np.load(result), np.load(tmp_path / "whole.npy"))
    assert not checkpoint.exists()


def test_the_state_of_a_generator_survives_plain_values():
    random, other = np.random.RandomState(3), np.random.RandomState(4)
    random.standard_normal(5)
    set_generator_state(other, generator_state(random))
    np.testing.assert_array_equal(random.standard_normal(9), other.standard_normal(9))


def test_fingerprints_tell_data_apart():
    array = np.arange(6.0)
    base = fingerprint([array, None], {"a": 1})
    assert base == fingerprint([array.copy(), None], {"a": 1})
    assert base != fingerprint([array.reshape(2, 3), None], {"a": 1})
    assert base != fingerprint([array.astype(np.float32), None], {"a": 1})
    assert base != fingerprint([None, array], {"a": 1})
    assert base != fingerprint([array, None], {"a": 2})


def test_only_a_checkpoint_needs_the_mersenne_twister(table, tmp_path):
    other = np.random.RandomState(np.random.PCG64(0))
    model = STCGRegressor(**{**QUICK, "random_state": other}).fit(*table)
    assert model.n_iter_ == QUICK["max_iter"]
    model.set_params(checkpoint=tmp_path / "fit.ckpt")
    with pytest.raises(ValueError, match="of a random_state over PCG64"):
        model.fit(*table)
