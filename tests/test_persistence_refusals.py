"""Saved models: nothing is run, nothing is half written, nothing needs a GPU."""

import enum
import os
import pickle
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from skorch.exceptions import DeviceWarning

from spatialheteroreg import STCGRegressor
from spatialheteroreg.network.layers import RandomSource
from spatialheteroreg.persistence import load_model, save_model
from spatialheteroreg.saving.file import pack, unpack

from .conftest import make_table
from .sameness import SMALL, assert_same, fit


@pytest.fixture(scope="module")
def small():
    X, y = make_table(40)
    return fit(X, y, **SMALL, max_iter=1), X, y


# --- what cannot be saved -----------------------------------------------------------


class Cover(enum.Enum):
    FOREST = 1
    GRASS = 2


class TestRefusalToSave:
    def test_a_category_of_another_kind(self, tmp_path):
        X, y = make_table(40)
        X = X.assign(cover=pd.Series([Cover.FOREST, Cover.GRASS] * 20, dtype=object))
        model = fit(X, y)
        message = r"column 'cover' holds <Cover.FOREST: 1>.*X\['cover'\].astype\(str\)"
        with pytest.raises(TypeError, match=message):
            save_model(model, tmp_path / "model.safetensors")
        assert os.listdir(tmp_path) == []

    def test_a_parameter_of_another_kind(self, small, tmp_path):
        model = pickle.loads(pickle.dumps(small[0])).set_params(
            device=torch.device("cpu")
        )
        with pytest.raises(TypeError, match=r"parameter device holds device.*joblib"):
            save_model(model, tmp_path / "model.safetensors")

    def test_a_model_that_is_not_fitted(self, tmp_path):
        with pytest.raises(NotFittedError):
            save_model(STCGRegressor(), tmp_path / "model.safetensors")

    def test_another_estimator(self, small, tmp_path):
        class Other(STCGRegressor):
            pass

        for other in (make_pipeline(small[0]), Other()):
            with pytest.raises(TypeError, match="saves an STCGRegressor, not a"):
                save_model(other, tmp_path / "model.safetensors")


# --- what is not loaded -------------------------------------------------------------


@pytest.fixture(scope="module")
def content(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "model.safetensors"
    save_model(small[0], path)
    return path.read_bytes()


def load_bytes(data, folder):
    path = folder / "altered.safetensors"
    path.write_bytes(data)
    return load_model(path)


def repacked(content, change):
    """A file with a true checksum, whose JSON was changed."""
    document, tensors = unpack(content, "here")
    change(document)
    return pack(document, tensors)


class TestRefusalToLoad:
    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
    )
    @given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
    @example(position=0.0, flip=1)
    def test_a_file_with_one_byte_changed(self, content, tmp_path, position, flip):
        altered = bytearray(content)
        altered[int(position * len(content))] ^= flip
        with pytest.raises(ValueError, match=r"altered\.safetensors"):
            load_bytes(altered, tmp_path)

    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
    )
    @given(share=st.floats(0, 1, exclude_max=True))
    def test_a_file_cut_off(self, content, tmp_path, share):
        with pytest.raises(ValueError, match=r"altered\.safetensors"):
            load_bytes(content[: int(share * len(content))], tmp_path)

    def test_a_pickle_is_not_run(self, tmp_path):
        class Trap:
            def __reduce__(self):
                return (Path.touch, (tmp_path / "sprung",))

        path = tmp_path / "model.safetensors"
        path.write_bytes(pickle.dumps(Trap()))
        with pytest.raises(ValueError, match="loaded with these"):
            load_model(path)
        assert not (tmp_path / "sprung").exists()

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            load_model(tmp_path / "model.safetensors")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: d["parameters"].update(n_moons=3), "unknown parameters n_moons"),
            (
                lambda d: d["attributes"].pop("n_iter_"),
                r"attributes \['n_iter_'\] absent",
            ),
            (lambda d: d["attributes"].update(predict=3), r"\['predict'\] not its own"),
            (
                lambda d: d["attributes"]["_inputs"]["inputs"].update(novelty_=3),
                r"InputBuilder: \['novelty_'\] unknown",
            ),
            (lambda d: d["attributes"].update(note={"code": "print"}), "'code'"),
            (lambda d: d["weights"].pop("parts.0.level"), "Missing key"),
            (lambda d: d.pop("weights"), "'weights'"),
            (lambda d: d.update(network=3), "know how to read"),
            (lambda d: d["training"].update(n_moons=3), "n_moons"),
        ],
    )
    def test_a_model_of_another_version(self, content, tmp_path, change, message):
        with pytest.raises(ValueError, match=message) as refusal:
            load_bytes(repacked(content, change), tmp_path)
        assert "load it with that version" in str(refusal.value)

    def test_a_parameter_that_is_absent_takes_its_default(
        self, content, small, tmp_path
    ):
        older = repacked(content, lambda d: d["parameters"].pop("n_iter_no_change"))
        loaded = load_bytes(older, tmp_path)
        assert loaded.n_iter_no_change == STCGRegressor().n_iter_no_change
        np.testing.assert_array_equal(
            loaded.predict(small[1]), small[0].predict(small[1])
        )


def test_a_file_of_the_first_format_names_its_versions(content):
    document, _ = unpack(content, "here")
    assert document["versions"]["torch"] == torch.__version__
    assert document["versions"].keys() == {
        *("spatialheteroreg", "python", "torch", "numpy", "pandas", "scikit-learn")
    }


# --- a save that is killed ----------------------------------------------------------

CHILD = """
import os, signal, sys
from spatialheteroreg.persistence import load_model, save_model

for step, path in zip(("fsync", "replace"), sys.argv[1:]):
    model = load_model(path).set_params(max_iter=77)
    process = os.fork()
    if process == 0:
        setattr(os, step, lambda *args: os.kill(os.getpid(), signal.SIGKILL))
        save_model(model, path)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    print(os.WTERMSIG(status))
"""
"""Start a process for each of two moments of a save, and kill it there."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes as POSIX has them")
def test_a_killed_save_leaves_the_old_file(small, tmp_path):
    model, X, _ = small
    paths = [tmp_path / "one" / "model.safetensors", tmp_path / "two" / "m.safetensors"]
    for path in paths:
        path.parent.mkdir()
        save_model(model, path)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, paths)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.stdout.split() == 2 * [str(int(signal.SIGKILL))], child.stderr
    for path in paths:
        assert load_model(path).max_iter == model.max_iter
        np.testing.assert_array_equal(load_model(path).predict(X), model.predict(X))
        # What is left beside it is hidden, and no later save trips over it.
        save_model(model, path)
        seen = [name for name in os.listdir(path.parent) if not name.startswith(".")]
        assert seen == [path.name]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(
    small, tmp_path, monkeypatch
):
    model, X, _ = small
    path = tmp_path / "model.safetensors"
    save_model(model, path)

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_model(model, path)
    assert os.listdir(tmp_path) == [path.name]
    np.testing.assert_array_equal(load_model(path).predict(X), model.predict(X))


# --- a model that was fitted on a GPU -----------------------------------------------


def of_a_gpu(source):
    """State of a generator as a GPU would have it."""
    state = torch.zeros(16, dtype=torch.uint8)
    return {"seed": source.generator.initial_seed(), "state": state, "device": "cuda"}


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
class TestFromGPU:
    def test_a_generator_starts_anew_from_its_seed(self, monkeypatch):
        source = RandomSource(5)
        with monkeypatch.context() as patch:
            patch.setattr(RandomSource, "__getstate__", of_a_gpu)
            pickled = pickle.dumps(source)
        loaded = pickle.loads(pickled)
        assert loaded.generator.device.type == "cpu"
        assert_same(loaded, RandomSource(5))

    @pytest.mark.parametrize("early_stopping", [False, "rows"])
    @pytest.mark.parametrize("library", [pickle, joblib])
    def test_a_pickle_loads_on_the_cpu(
        self, tmp_path, monkeypatch, early_stopping, library
    ):
        X, y = make_table(60)
        model = fit(X, y, early_stopping=early_stopping)
        expected = model.predict(X)
        model.net_.device = "cuda"

        def place(storage):
            # The state of a generator lies on the CPU, whatever device it is for.
            return "cpu" if storage.nbytes() == 16 else "cuda:0"

        path = tmp_path / "model"
        with monkeypatch.context() as patch, path.open("wb") as file:
            patch.setattr(RandomSource, "__getstate__", of_a_gpu)
            patch.setattr(torch.serialization, "location_tag", place)
            library.dump(model, file)
        with path.open("rb") as file, pytest.warns(DeviceWarning):
            loaded = library.load(file)
        np.testing.assert_array_equal(loaded.predict(X), expected)

    def test_a_saved_model_loads_on_the_cpu(self, small, tmp_path, monkeypatch):
        model, X, y = small
        path = tmp_path / "model.safetensors"
        with monkeypatch.context() as patch:
            patch.setattr(RandomSource, "__getstate__", of_a_gpu)
            save_model(model, path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loaded = load_model(path)
        assert next(loaded.net_.module_.parameters()).device.type == "cpu"
        assert loaded.net_.device == "cpu"
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        loaded.set_params(warm_start=True).fit(X, y)
