"""The accuracy benchmark measures what it is asked for, and the same for all."""

import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal

from benchmarks import accuracy, models, tasks
from benchmarks.results import KEY, parse_setting, read_results, write_result

from .benchmark_data import DATA, RESULT, real_data, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    write_folder(path)
    return path


def test_trees_get_numbers_for_dates(folder):
    task = tasks.load_task("towers", folder)
    encoded = models.dates_as_numbers(task)
    assert list(encoded)[-2:] == ["year", "day_of_year"]
    assert "time" not in encoded
    still = tasks.load_task("still", folder)
    assert models.dates_as_numbers(still) is still.X


def test_coordinates_get_names_that_are_found(folder):
    task = tasks.load_task("towers", folder)
    names = {"lat": "y", "lon": "x", "time": "observed"}
    other = replace(task, X=task.X.rename(columns=names), **names)
    assert_frame_equal(models.as_it_is(other), task.X)
    still = tasks.load_task("still", folder)
    assert_frame_equal(models.as_it_is(still), still.X)


class Recorder:
    """Predicts the mean, and notes which rows it has seen."""

    seen: ClassVar = []

    def __init__(self, job, **settings):
        self.job = job

    def fit(self, X, y):
        self.rows = [X.index.to_numpy(), np.asarray(y)]
        self.mean = y.mean()
        return self

    def predict(self, X):
        self.seen.append((*self.rows, X.index.to_numpy(), self.job))
        return np.full(len(X), self.mean)


@pytest.fixture
def recorders(monkeypatch):
    """Replace all models by two that take different views of the table."""
    Recorder.seen.clear()
    views = {
        "plain": models.Model(Recorder, models.as_it_is, takes_settings=True),
        "trees": models.Model(Recorder, models.dates_as_numbers),
    }
    monkeypatch.setattr(accuracy, "MODELS", views)
    return Recorder.seen


def command(folder, tmp_path, *more):
    return ["--data", str(folder), "--out", str(tmp_path / "new" / "out.csv"), *more]


def test_every_model_gets_the_same_rows_and_cores(folder, tmp_path, recorders):
    rows = accuracy.main(
        command(folder, tmp_path, "--task", "towers", "--seeds", "0", "5")
        + ["--cores", "2", "--models", "plain", "trees"]
    )
    task = tasks.load_task("towers", folder)
    assert len(rows) == len(recorders) == 3 * 2 * 2
    for k, split in enumerate(["random", "grouped", "time"]):
        train, test = tasks.SPLITS[split](task)
        for fitted, y, predicted, job in recorders[4 * k : 4 * k + 4]:
            assert_array_equal(fitted, train)
            assert_array_equal(y, task.y[train])
            assert_array_equal(predicted, test)
            assert_array_equal(job.groups, task.groups[train])
            assert (job.split, job.cores) == (split, 2)
    assert {job.seed for *_, job in recorders} == {0, 5}


def test_resumes_where_it_was_stopped(folder, tmp_path, recorders, monkeypatch):
    line = command(folder, tmp_path, "--task", "still", "--models", "plain", "trees")
    line += ["--seeds", "0", "1"]
    write, done = accuracy.write_result, []

    def stopped(path, row):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(row)
        write(path, row)

    with monkeypatch.context() as patch:
        patch.setattr(accuracy, "write_result", stopped)
        with pytest.raises(KeyboardInterrupt):
            accuracy.main(line)
    out = tmp_path / "new" / "out.csv"
    assert len(pd.read_csv(out)) == 3
    recorders.clear()
    rows = accuracy.main(line)
    assert len(rows) == 12
    assert len(recorders) == 12 - 3
    saved = read_results(out)
    assert len(saved) == 12
    assert not saved.duplicated(KEY).any()
    # pandas 2 reads the last digit of a float differently.
    assert_allclose(saved["rmse"], rows["rmse"], rtol=1e-14)
    recorders.clear()
    # Another setting is another measurement, of models that take settings.
    accuracy.main([*line, "--set", "max_iter=3"])
    assert len(recorders) == 6


def test_rows_are_measured_again_alone(folder, tmp_path, recorders):
    line = command(folder, tmp_path, "--task", "still", "--models", "plain", "trees")
    line += ["--seeds", "0"]
    accuracy.main(line)
    out = tmp_path / "new" / "out.csv"
    before = out.read_text().splitlines()
    recorders.clear()
    accuracy.main([*line, "--split", "grouped", "--models", "trees", "--redo"])
    assert len(recorders) == 1
    after = out.read_text().splitlines()
    assert len(after) == len(before)
    assert after[:-1] == [line for line in before if "still,grouped,trees" not in line]
    assert after[-1].startswith("still,grouped,trees,0,")


def test_what_cannot_be_measured_has_a_note(folder, tmp_path, recorders, monkeypatch):
    def fail(job):
        raise RuntimeError("no luck\nat all")

    views = {
        "failing": models.Model(fail),
        "small": models.Model(Recorder, max_rows=10),
        "trees": models.Model(Recorder),
    }
    monkeypatch.setattr(accuracy, "MODELS", views)
    line = command(folder, tmp_path, "--task", "still", "--split", "random")
    line += ["--seeds", "0", "--models", *views]
    rows = accuracy.main(line).set_index("model")
    assert rows.loc["failing", "note"] == "RuntimeError: no luck"
    assert rows.loc["small", "note"] == "takes at most 10 training rows."
    assert rows["rmse"].isna().to_dict() == {
        "failing": True,
        "small": True,
        "trees": False,
    }
    assert len(recorders) == 1
    accuracy.main(line)
    assert len(recorders) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs an alarm")
def test_a_model_is_stopped_in_time(folder):
    class Slow(Recorder):
        def fit(self, X, y):
            time.sleep(10)

    task = tasks.load_task("still", folder)
    fold = tasks.random_split(task)
    model = models.Model(Slow)
    result = accuracy.measure(task, "random", fold, model, 0, {}, limit=0.05)
    assert result["note"] == "TimeoutError: stopped after 0.05 s."


def test_rows_have_their_environment(folder, tmp_path):
    line = command(folder, tmp_path, "--task", "towers", "--split", "random")
    line += ["--seeds", "0", "--models", "stcg", "stcg-nocondition", "ridge"]
    line += ["--set", "max_iter=1", "--set", "d_token=4", "--cores", "1"]
    rows = accuracy.main(line)
    assert list(rows["note"]) == [""] * 3
    assert np.isfinite(rows[["rmse", "mae", "r2", "fit_seconds"]]).all(axis=None)
    assert list(rows["settings"])[2] == ""
    assert '"max_iter": 1' in rows["settings"][0]
    assert set(rows["cores"]) == {1}
    assert {"date", "torch", "commit", "xgboost", "machine", *KEY} <= set(rows)


def test_planar_coordinates_are_no_degrees():
    task = tasks.mgwr_task(8)
    fold = tasks.random_split(task)
    settings = {"max_iter": 1, "d_token": 4}
    result = accuracy.measure(task, "random", fold, models.MODELS["stcg"], 0, settings)
    assert result["note"] == ""
    assert np.isfinite(result["rmse"])


def test_results_of_another_version_are_left_alone(tmp_path):
    out = tmp_path / "old.csv"
    out.write_text("task,split,model,seed,settings,rmse\n")
    row = dict.fromkeys(KEY, "") | RESULT
    with pytest.raises(ValueError, match="has other columns"):
        write_result(out, row)
    assert out.read_text().count("\n") == 1


def test_all_tasks_splits_and_models_by_default(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(accuracy, "measure", lambda *_, **__: RESULT)
    still = tasks.load_task("still", folder)
    small = {name: lambda: still for name in tasks.GENERATORS}
    monkeypatch.setattr(tasks, "GENERATORS", small)
    monkeypatch.setattr(models.Model, "why_missing", lambda model: model.extra)
    rows = accuracy.main(command(folder, tmp_path))
    assert set(rows["task"]) == {*small, "towers", "still"}
    counts = rows.groupby("task")["split"].unique().map(list).to_dict()
    assert counts["towers"] == ["random", "grouped", "time"]
    assert counts["still"] == ["random", "grouped", "fixed"]
    assert set(rows["seed"]) == {0, 1, 2}
    here = {name for name, model in models.MODELS.items() if not model.extra}
    assert set(rows["model"]) == here
    assert "gwr is left out: peers" in capsys.readouterr().err


def test_models_that_are_not_installed_are_named(monkeypatch):
    model = models.Model(Recorder, package="no_such_package", extra="peers")
    assert 'pip install "spatialheteroreg[peers]"' in model.why_missing()
    assert models.MODELS["ridge"].why_missing() == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=20", ("n", 20)),
        ("rate=1e-3", ("rate", 1e-3)),
        ("head=dual", ("head", "dual")),
        ("time=None", ("time", None)),
        ("name=a=b", ("name", "a=b")),
    ],
)
def test_settings(text, value):
    assert parse_setting(text) == value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--set", "max_iter"], "is not name=value"),
        (["--task", "fluxnet_monthly"], "--data PATH, or set STCG_DATA"),
        (["--models", "magic"], "invalid choice"),
        (["--task", "globe", "--models", "gwr"], "spatialheteroreg[peers]"),
    ],
)
def test_wrong_commands(line, message, capsys, monkeypatch):
    monkeypatch.delenv("STCG_DATA", raising=False)
    missing = models.Model(Recorder, package="no_such_package", extra="peers")
    monkeypatch.setitem(models.MODELS, "gwr", missing)
    with pytest.raises(SystemExit):
        accuracy.main(line)
    assert message in capsys.readouterr().err


@real_data
def test_lightgbm_reaches_its_published_error():
    pytest.importorskip("lightgbm")
    task = tasks.load_task("fluxnet_monthly", Path(DATA))
    result = accuracy.measure(
        task, "random", tasks.random_split(task), models.MODELS["lightgbm"], 0, {}
    )
    assert (result["n_train"], result["n_test"]) == (8_231, 2_058)
    assert result["rmse"] == pytest.approx(1.393, rel=0.05)
