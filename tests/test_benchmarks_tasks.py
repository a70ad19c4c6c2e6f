"""Tasks are the tables and splits that the README says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GroupKFold, KFold

from benchmarks import tasks

from .benchmark_data import DATA, real_data, write_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    write_folder(path)
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
    with pytest.raises(ValueError, match=r"there are globe, .*, towers, still"):
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


@pytest.mark.parametrize("name", tasks.GENERATORS)
def test_generated_tasks_can_be_split(name):
    task = tasks.load_task(name)
    assert task.name == name
    assert len(task.X) == len(task.y) == len(task.groups)
    folds = {split: make(task) for split, make in tasks.SPLITS.items()}
    assert (folds["time"] is None) == task.planar
    assert folds["fixed"] is None
    train, test = folds["grouped"]
    assert not set(task.groups[train]) & set(task.groups[test])
    assert 0.1 < len(test) / len(task.X) < 0.3
    if folds["time"] is not None:
        assert 0.1 < len(folds["time"][1]) / len(task.X) < 0.4


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
