"""Models of the benchmark take the tables they are given, and training rows alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from benchmarks import accuracy, models, tasks, tuned_lightgbm, wrapped_models
from benchmarks import truth_weighted as weighted
from benchmarks.jobs import Job, hold_out
from benchmarks.models import MODELS
from benchmarks.tasks import SPLITS

from .benchmark_data import write_folder


@pytest.fixture(scope="module")
def towers(tmp_path_factory):
    """A task with dates, a category, and gaps in both kinds of features."""
    path = tmp_path_factory.mktemp("data")
    write_folder(path)
    task = tasks.load_task("towers", path)
    X = task.X.copy()
    number = next(name for name in X.select_dtypes("number") if name not in "lat lon")
    X.loc[X.index[::7], number] = np.nan
    X.loc[X.index[::11], "land_cover"] = np.nan
    return replace(task, X=X)


@pytest.fixture(scope="module")
def few_towers(towers):
    """The same with few rows and features, for models that take no more."""
    columns = [*towers.X.columns[:5], "land_cover", "time"]
    X = towers.X[columns].loc[:, lambda X: ~X.columns.duplicated()]
    return replace(towers, X=X[:120], y=towers.y[:120], groups=towers.groups[:120])


@pytest.fixture
def quick(monkeypatch):
    """Ask whether models run, not how well."""
    monkeypatch.setattr(tuned_lightgbm, "MAX_TREES", 5)
    monkeypatch.setattr(wrapped_models, "TABNET_EPOCHS", 2)
    monkeypatch.setattr(weighted, "GNNWR_EPOCHS", 2)


def job_of(task, split, seed=0):
    train, _ = SPLITS[split](task)
    return Job.of(task, split, train, seed, cores=1)


@pytest.mark.parametrize("name", [n for n in MODELS if not n.startswith("stcg")])
def test_models_run_on_dates_categories_and_gaps(name, few_towers, quick):
    model = MODELS[name]
    if model.package:
        pytest.importorskip(model.package)
    assert few_towers.X.isna().any().sum() == 2
    fold = SPLITS["random"](few_towers)
    result = accuracy.measure(few_towers, "random", fold, model, 0, {})
    assert result["note"] == ""
    assert np.isfinite([result["rmse"], result["mae"], result["r2"]]).all()


@pytest.mark.parametrize("name", ["gwr", "mgwr", "gnnwr"])
def test_weighted_regressions_run_on_planes_and_numeric_times(name, quick, few_towers):
    pytest.importorskip(MODELS[name].package)
    date = few_towers.X["time"].dt
    X = few_towers.X.assign(time=date.year + date.month / 12)
    numeric = replace(few_towers, X=X)
    for task in (tasks.mgwr_task(9), numeric):
        fold = SPLITS["random"](task)
        result = accuracy.measure(task, "random", fold, MODELS[name], 0, {})
        assert result["note"] == ""
        assert np.isfinite(result["rmse"])


@pytest.mark.parametrize("name", ["gwr", "mgwr"])
def test_weighted_regressions_find_effects_that_differ(name):
    pytest.importorskip("mgwr")
    task = tasks.mgwr_task(15)
    fold = SPLITS["random"](task)
    local, common = (
        accuracy.measure(task, "random", fold, MODELS[model], 0, {})["rmse"]
        for model in (name, "ridge")
    )
    assert local < 0.8 * common


def test_held_out_rows_suit_the_split(towers):
    for split in ("random", "grouped", "time"):
        job = job_of(towers, split)
        rest, held_out = hold_out(job)
        assert_array_equal(
            np.sort(np.concatenate([rest, held_out])), np.arange(len(job.groups))
        )
        assert 0.1 < len(held_out) / len(job.groups) < 0.35
        groups = set(job.groups[rest]) & set(job.groups[held_out])
        assert (not groups) == (split == "grouped")
        is_later = job.moments[rest].max() < job.moments[held_out].min()
        assert is_later == (split == "time")
    again, other = (hold_out(job_of(towers, "random", seed)) for seed in (0, 1))
    assert_array_equal(again[1], hold_out(job_of(towers, "random"))[1])
    assert list(again[1]) != list(other[1])


@pytest.mark.parametrize("split", ["random", "grouped", "time"])
def test_the_search_sees_training_rows_alone(split, towers, monkeypatch):
    lightgbm = pytest.importorskip("lightgbm")
    seen, target = [], []

    class Recorder(lightgbm.LGBMRegressor):
        def fit(self, X, y, eval_set=None, **options):
            parts = [(X, y), *(eval_set or [])]
            seen.extend(part.index.to_numpy() for part, _ in parts)
            target.extend(np.asarray(y) for _, y in parts)
            return super().fit(X, y, eval_set=eval_set, **options)

    monkeypatch.setattr(lightgbm, "LGBMRegressor", Recorder)
    monkeypatch.setattr(tuned_lightgbm, "MAX_TREES", 3)
    train, _ = fold = SPLITS[split](towers)
    model = MODELS["lightgbm-tuned"]
    result = accuracy.measure(towers, split, fold, model, 0, {})
    assert result["note"] == ""
    # Forty trials with a part to fit and a part to judge by, and the last fit.
    assert len(seen) == 40 * 2 + 1
    for rows, y in zip(seen, target, strict=True):
        assert set(rows) <= set(train)
        assert_array_equal(y, towers.y[rows])
    assert_array_equal(seen[-1], train)
    for rest, held_out in zip(seen[:-1:2], seen[1:-1:2], strict=True):
        assert_array_equal(np.sort(np.concatenate([rest, held_out])), train)


def test_the_search_takes_the_setting_with_the_least_error(towers, monkeypatch):
    pytest.importorskip("lightgbm")
    monkeypatch.setattr(tuned_lightgbm, "MAX_TREES", 30)
    job = job_of(towers, "random")
    train, _ = SPLITS["random"](towers)
    X, y = models.dates_as_numbers(towers).iloc[train], towers.y[train]
    search = tuned_lightgbm.TunedLightGBM(job, n_trials=6).fit(X, y)
    rest, held_out = hold_out(job)
    errors = [
        search._try(setting, X, y, rest, held_out)[0] for setting in search._settings()
    ]
    assert len(set(errors)) == 6
    assert search.details_["error"] == pytest.approx(min(errors))
    assert search.model_.get_params()["n_estimators"] <= 30
    for name, value in search.setting_.items():
        assert search.model_.get_params()[name] == value


def test_what_is_missing_is_imputed_from_training_rows(towers):
    X = models.dates_as_numbers(towers)
    table = models.all_numbers().fit(X.iloc[:300])
    values = table.transform(X.iloc[300:])
    assert np.isfinite(values).all()
    strange = X.iloc[300:].assign(land_cover=pd.Categorical(["lava"] * 100))
    assert np.isfinite(table.transform(strange)).all()
    texts = models.texts_for_categories(X)["land_cover"]
    assert (texts == "missing").sum() == X["land_cover"].isna().sum() > 0
