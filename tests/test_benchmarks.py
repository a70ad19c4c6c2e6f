"""The benchmark measures what its README says, on the splits it says."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.model_selection import GroupKFold, KFold

from benchmarks import accuracy, tasks
from spatialheteroreg.datasets import make_heterogeneous_globe

DATA = os.environ.get("STCG_DATA")
real_data = pytest.mark.skipif(not DATA, reason="STCG_DATA names no folder of data")

RESULT = {
    "n_train": 4,
    "n_test": 1,
    "rmse": 1.0,
    "r2": 0.5,
    "fit_seconds": 2.0,
    "predict_seconds": 0.1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as the real one is: two small tasks from the generator."""
    path = tmp_path_factory.mktemp("data")
    globe = make_heterogeneous_globe(400, 60, noise=0.1, random_state=0)
    table = globe.data.assign(
        gpp=np.exp(globe.target),
        site=globe.location.astype(str),
        part=np.where(globe.location < 10, "test", "train"),
        land_cover=globe.data["land_cover"].astype(str),
    )
    table.to_parquet(path / "towers.parquet")
    table.drop(columns="time").to_parquet(path / "still.parquet")
    common = {
        "target": "gpp",
        "lat": "lat",
        "lon": "lon",
        "features": globe.feature_names,
        "categorical": ["land_cover"],
    }
    about = {
        "towers": {
            **common,
            "target_transform": "log",
            "time": "time",
            "group": "site",
            "time_holdout": "2005-01-01",
        },
        "still": {
            **common,
            "time": None,
            "group": "block:45",
            "time_holdout": None,
            "fixed_split": "part",
        },
    }
    (path / "tasks.json").write_text(json.dumps(about))
    return path


def test_loads_a_task(folder):
    task = tasks.load_task("towers", folder)
    table = pd.read_parquet(folder / "towers.parquet")
    assert list(task.X)[:2] == ["lat", "lon"]
    assert list(task.X)[-1] == "time"
    assert isinstance(task.X["land_cover"].dtype, pd.CategoricalDtype)
    assert "gpp" not in task.X
    assert_array_equal(task.y, np.log(table["gpp"]))


def test_large_tables_are_cut(folder, monkeypatch):
    monkeypatch.setattr(tasks, "MAX_ROWS", 100)
    table = pd.read_parquet(folder / "still.parquet")
    expected = table.sample(100, random_state=0)["gpp"]
    assert_array_equal(tasks.load_task("still", folder).y, expected)


def test_unknown_task_names_the_known_ones(folder):
    with pytest.raises(ValueError, match="there are globe, towers, still"):
        tasks.load_task("clouds", folder)
    with pytest.raises(FileNotFoundError, match=r"No tasks\.json"):
        tasks.load_task("towers", folder / "elsewhere")
    with pytest.raises(ValueError, match="--data"):
        tasks.load_task("towers")


def test_splits(folder):
    towers, still = (tasks.load_task(name, folder) for name in ("towers", "still"))
    for task in (towers, still):
        for name, split in tasks.SPLITS.items():
            fold = split(task)
            if fold is None:
                assert (task.name, name) in {
                    ("towers", "fixed"),
                    ("still", "time"),
                }
                continue
            assert_array_equal(np.sort(np.concatenate(fold)), np.arange(400))
            assert min(map(len, fold)) > 0
    train, test = tasks.grouped_split(still)
    assert not set(still.groups[train]) & set(still.groups[test])
    train, test = tasks.time_split(towers)
    assert towers.X["time"].iloc[train].max() < pd.Timestamp("2005-01-01")
    assert towers.X["time"].iloc[test].min() >= pd.Timestamp("2005-01-01")
    _, test = tasks.fixed_split(still)
    assert_array_equal(still.fixed_split[test], "test")


def test_blocks_are_squares_of_degrees(folder):
    task = tasks.load_task("still", folder)
    corners = task.X[["lat", "lon"]].groupby(task.groups)
    assert (corners.max() - corners.min()).max(axis=None) <= 45
    assert len(corners) > 10


def test_trees_get_numbers_for_dates(folder):
    task = tasks.load_task("towers", folder)
    encoded = accuracy.dates_as_numbers(task)
    assert list(encoded)[-2:] == ["year", "day_of_year"]
    assert "time" not in encoded
    still = tasks.load_task("still", folder)
    assert accuracy.dates_as_numbers(still) is still.X


def test_coordinates_get_names_that_are_found(folder):
    task = tasks.load_task("towers", folder)
    names = {"lat": "y", "lon": "x", "time": "observed"}
    other = replace(task, X=task.X.rename(columns=names), **names)
    assert_frame_equal(accuracy.as_it_is(other), task.X)
    still = tasks.load_task("still", folder)
    assert_frame_equal(accuracy.as_it_is(still), still.X)


def test_runs_and_resumes(folder, tmp_path, capsys, monkeypatch):
    out = tmp_path / "results" / "accuracy.csv"
    command = ["--data", str(folder), "--task", "towers", "--task", "still"]
    command += ["--models", "hgb", "stcg", "stcg-nocondition", "--out", str(out)]
    command += ["--set", "max_iter=1", "--set", "d_token=4"]
    small = accuracy.main([*command, "--split", "random"])
    assert len(small) == 6
    assert np.isfinite(small[["rmse", "r2", "fit_seconds"]]).all(axis=None)
    assert "| towers | random | stcg " in capsys.readouterr().out

    measured = []

    def measure(task, fold, model, seed, settings):
        measured.append(task.name)
        return RESULT

    monkeypatch.setattr(accuracy, "measure", measure)
    again = accuracy.main([*command, "--split", "random"])
    assert not measured
    # pandas 2 reads the last digit of a float differently.
    assert_allclose(again["rmse"], small["rmse"], rtol=1e-14)
    # Another seed or setting is another measurement; trees take no settings.
    accuracy.main([*command, "--split", "random", "--set", "d_token=8"])
    assert len(measured) == 4
    accuracy.main([*command, "--split", "random", "--seeds", "0", "1"])
    assert len(measured) == 4 + 6

    saved = pd.read_csv(out)
    assert len(saved) == 6 + 4 + 6
    assert {"date", "torch", "cores", "commit", *accuracy.KEY} <= set(saved)


def test_results_of_another_version_are_left_alone(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy, "measure", lambda *_: RESULT)
    out = tmp_path / "old.csv"
    out.write_text("task,split,model,seed,settings,rmse\n")
    with pytest.raises(ValueError, match="has other columns"):
        accuracy.main(["--data", str(folder), "--task", "still", "--out", str(out)])
    assert out.read_text().count("\n") == 1


def test_all_splits_and_tasks_by_default(folder, monkeypatch):
    monkeypatch.setattr(accuracy, "measure", lambda *_: RESULT)
    monkeypatch.setattr(tasks, "globe_task", lambda: tasks.load_task("still", folder))
    rows = accuracy.main(["--data", str(folder), "--task", "all"])
    counts = rows.groupby("task")["split"].unique().map(list).to_dict()
    assert counts["towers"] == ["random", "grouped", "time"]
    assert counts["still"] == ["random", "grouped", "fixed"]
    models = rows.groupby("task")["model"].unique().map(set).to_dict()
    assert models["globe"] - models["towers"] == {"hgb"}


def test_table_has_means_and_ratios():
    rows = pd.DataFrame(
        {
            "task": "t",
            "split": "random",
            "model": ["lightgbm", "stcg", "stcg"],
            "settings": "",
            "seed": [0, 0, 1],
            "rmse": [2.0, 1.0, 2.0],
            "r2": [0.5, 0.8, 0.6],
            "fit_seconds": [1.0, 2.0, 4.0],
        }
    )
    lines = accuracy.to_markdown(accuracy.summarize(rows)).splitlines()
    assert lines[2] == "| t | random | lightgbm | 2 | 0.500 | 1.000 | 1.0 | 1 |"
    assert lines[3] == "| t | random | stcg | 1.5 ± 0.71 | 0.700 | 0.750 | 3.0 | 2 |"


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
    assert accuracy.parse_setting(text) == value


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["--set", "max_iter"], "is not name=value"),
        (["--task", "fluxnet_monthly"], "--data PATH, or set STCG_DATA"),
        (["--models", "magic"], "invalid choice"),
    ],
)
def test_wrong_commands(command, message, capsys, monkeypatch):
    monkeypatch.delenv("STCG_DATA", raising=False)
    with pytest.raises(SystemExit):
        accuracy.main(command)
    assert message in capsys.readouterr().err


@real_data
def test_splits_of_the_real_data():
    for name in tasks.task_names(Path(DATA)):
        task = tasks.load_task(name, Path(DATA))
        n = len(task.X)
        assert n <= 60_000
        expected = next(KFold(5, shuffle=True, random_state=0).split(task.X))
        assert_array_equal(tasks.random_split(task)[1], expected[1])
        expected = next(
            GroupKFold(5, shuffle=True, random_state=0).split(
                task.X, groups=task.groups
            )
        )
        train, test = tasks.grouped_split(task)
        assert_array_equal(test, expected[1])
        assert not set(task.groups[train]) & set(task.groups[test])
        assert 0.05 * n < len(test) < 0.35 * n
    task = tasks.load_task("pm25_china", Path(DATA))
    assert [len(part) for part in tasks.fixed_split(task)] == [1_017 + 179, 212]


@real_data
def test_lightgbm_reaches_its_published_error():
    pytest.importorskip("lightgbm")
    task = tasks.load_task("fluxnet_monthly", Path(DATA))
    result = accuracy.measure(
        task, tasks.random_split(task), accuracy.MODELS["lightgbm"], 0, {}
    )
    assert (result["n_train"], result["n_test"]) == (8_231, 2_058)
    assert result["rmse"] == pytest.approx(1.393, rel=0.05)
