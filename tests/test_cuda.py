"""Models go from GPU to CPU and back. Skipped where there is no CUDA."""

import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from sklearn.base import clone

from benchmarks.apart import run_apart
from spatialheteroreg import STCGRegressor, chunks, data
from spatialheteroreg.dual_kriging import DualKriging
from spatialheteroreg.kriging import ResidualKriging
from spatialheteroreg.nearest_rows import Locations
from spatialheteroreg.persistence import load_model, save_model
from spatialheteroreg.recorded import RecordedStep, record_on_gpu

from .conftest import make_table
from .test_checkpoint import fit_interrupted

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="there is no CUDA device"
)

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 3, "n_members": 2}
SAVED = "model.safetensors"


def pickle_model(model, path):
    path.write_bytes(pickle.dumps(model))


def unpickle_model(path):
    return pickle.loads(path.read_bytes())


WAYS = {"pickle": (pickle_model, unpickle_model), "file": (save_model, load_model)}


def without_cuda(folder, code):
    """Run code where torch sees no GPU."""
    head = """
        import pickle
        import numpy as np
        import torch
        from spatialheteroreg import STCGRegressor
        from spatialheteroreg.persistence import load_model, save_model

        assert not torch.cuda.is_available()
        X, y = pickle.load(open("table.pkl", "rb"))
    """
    path = os.pathsep.join(sys.path)
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path},
        check=True,
    )


@pytest.fixture
def table(tmp_path):
    X, y = make_table(80)
    (tmp_path / "table.pkl").write_bytes(pickle.dumps((X, y)))
    return X, y


def is_on(model, device):
    return all(w.device.type == device for w in model.net_.module_.parameters())


def test_auto_takes_the_gpu(table):
    model = STCGRegressor(**QUICK).fit(*table)
    assert is_on(model, "cuda")
    X, _ = table
    explanation = model.explain(X)
    total = explanation.values.sum(axis=1) + explanation.base_values
    np.testing.assert_allclose(total, model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_of_the_gpu_loads_without_one(table, tmp_path, way):
    X, _ = table
    model = STCGRegressor(**QUICK, device="cuda").fit(*table)
    save, load = WAYS[way]
    save(model, tmp_path / SAVED)
    reading = {
        "pickle": f"pickle.load(open({SAVED!r}, 'rb'))",
        "file": f"load_model({SAVED!r})",
    }[way]
    without_cuda(
        tmp_path,
        f"""
        model = {reading}
        np.save("prediction.npy", model.predict(X))
        np.save("values.npy", model.explain(X).values)
        """,
    )
    for name, here in (
        ("prediction", model.predict(X)),
        ("values", model.explain(X).values),
    ):
        there = np.load(tmp_path / f"{name}.npy")
        np.testing.assert_allclose(there, here, rtol=1e-6, atol=1e-6)
    assert is_on(load(tmp_path / SAVED), "cuda")


@pytest.mark.parametrize("way", WAYS)
def test_a_model_of_the_cpu_loads_beside_a_gpu(table, tmp_path, way):
    X, y = table
    writing = {
        "pickle": f"pickle.dump(model, open({SAVED!r}, 'wb'))",
        "file": f"save_model(model, {SAVED!r})",
    }[way]
    without_cuda(
        tmp_path,
        f"""
        model = STCGRegressor(**{QUICK}).fit(X, y)
        np.save("prediction.npy", model.predict(X))
        {writing}
        """,
    )
    model = WAYS[way][1](tmp_path / SAVED)
    np.testing.assert_allclose(
        model.predict(X), np.load(tmp_path / "prediction.npy"), rtol=1e-6, atol=1e-6
    )
    again = clone(model).set_params(device="cuda").fit(X, y)
    assert is_on(again, "cuda")


@pytest.mark.parametrize(("first", "then"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_checkpoint_of_the_other_device_is_refused(table, tmp_path, first, then):
    path = tmp_path / "fit.ckpt"
    model = STCGRegressor(**QUICK, checkpoint=path)
    fit_interrupted(clone(model).set_params(device=first), table, 1)
    with pytest.raises(ValueError, match=f"written on {first}, .* runs on {then}"):
        clone(model).set_params(device=then).fit(*table)
    assert model.set_params(device=first).fit(*table).n_iter_ == QUICK["max_iter"]


def recorded_fits(table, **parameters):
    """Fit without recorded steps and with them."""
    options = {**QUICK, "n_members": 1, "batch_size": 64, "device": "cuda"}
    models = [
        STCGRegressor(**{**options, **parameters}, cuda_graphs=replay).fit(*table)
        for replay in (False, True)
    ]
    return [model.predict(table[0]) for model in models]


def test_recorded_steps_without_dropout_are_those_that_are_made_anew():
    off = ("dropout", "place_dropout", "step_dropout", "condition_dropout")
    first, second = recorded_fits(
        make_table(200), **dict.fromkeys(off, 0.0), n_folds=1, precision="float64"
    )
    np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-6)


def test_recorded_steps_with_dropout_train_as_well():
    X, y = make_table(200)
    first, second = recorded_fits((X, y), n_folds=2, max_iter=30)
    assert np.corrcoef(y, second)[0, 1] > np.corrcoef(y, first)[0, 1] - 0.1


def test_residuals_are_kriged_as_on_a_cpu():
    random = np.random.default_rng(0)
    point = np.c_[random.uniform(0, 1000, (400, 2)), np.zeros(400)]
    where = Locations(point, random.uniform(0, 5, 400))
    residual = np.sin(point[:, 0] / 100) + random.normal(0, 0.1, 400)
    new = Locations(point + 3.0, where.time + 0.01)
    found = []
    for device in ("cpu", "cuda"):
        kriging = ResidualKriging(has_time=True, has_period=True)
        kriging.fit(where, residual, device=device)
        found.append(np.add(*DualKriging(kriging, device).predict(new)))
    np.testing.assert_allclose(*found, rtol=1e-6, atol=1e-9)


def test_long_tables_are_told_the_same_in_threads(table, monkeypatch):
    X, y = table
    model = STCGRegressor(**QUICK).fit(X, y)
    whole = model.predict(X), model.explain(X).values
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 16)
    for found, wanted in zip(
        (model.predict(X), model.explain(X).values), whole, strict=True
    ):
        # A GPU multiplies as many rows at once as there are, each time in its own way.
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * np.ptp(y))


@pytest.mark.parametrize("device", range(torch.cuda.device_count()))
def test_each_replay_draws_anew(device):
    generator = torch.Generator(f"cuda:{device}").manual_seed(0)
    weight = torch.nn.Parameter(torch.ones(100, device=generator.device))

    def gradients(inputs, target):
        drawn = torch.rand(100, device=generator.device, generator=generator)
        loss = (weight * drawn * inputs["x"] - target).sum()
        loss.backward()
        return loss.detach()

    step = RecordedStep(gradients, [weight], record_on_gpu(generator))
    x = torch.ones(100, device=generator.device)
    found = []
    for _ in range(3):
        step({"x": x}, torch.zeros_like(x))
        found.append(weight.grad.clone())
    generator.manual_seed(0)
    drawn = [
        torch.rand(100, device=generator.device, generator=generator) for _ in found
    ]
    for gradient, wanted in zip(found, drawn, strict=True):
        torch.testing.assert_close(gradient, wanted)


@pytest.mark.parametrize("cuda_graphs", [False, True])
@pytest.mark.parametrize("fits", [False, True])
def test_a_stream_is_trained_from_pinned_memory(
    tmp_path, monkeypatch, fits, cuda_graphs
):
    monkeypatch.setattr(data, "IN_MEMORY_ROWS", 100)
    if not fits:
        monkeypatch.setattr(data, "HELD_SHARE", 0.0)
    pinned, pin = [], torch.Tensor.pin_memory

    def record(tensor):
        pinned.append(len(tensor))
        return pin(tensor)

    monkeypatch.setattr(torch.Tensor, "pin_memory", record)
    X = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    path = tmp_path / "X.npy"
    np.save(path, X)
    y = X[:, 2] + X[:, 3]
    columns = {"lat": 0, "lon": 1, "metric": "euclidean"}
    model = STCGRegressor(**{**QUICK, **columns, "max_iter": 30, "n_members": 1})
    model.set_params(cuda_graphs=cuda_graphs, batch_size=64)
    model.fit(np.load(path, mmap_mode="r"), y)
    assert is_on(model, "cuda")
    assert pinned
    assert model.score(X, y) > 0.5


def ask_the_gpu():
    return torch.arange(4.0, device="cuda").sum().item()


def test_measurements_apart_reach_the_gpu():
    assert ask_the_gpu() == 6.0
    assert run_apart(ask_the_gpu) == 6.0
    # The second one starts from a process that has started another.
    assert run_apart(ask_the_gpu) == 6.0
