"""The truth benchmark judges by the truth, and runs for every kind of model."""

import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks import truth, truth_models
from benchmarks.truth_designs import (
    DESIGNS,
    Scenario,
    globe_contributions,
    small_globe,
)
from benchmarks.truth_models import MODELS, Model
from benchmarks.truth_scores import (
    Answer,
    NotMeasuredError,
    correlation,
    rank_agreement,
    score,
)
from spatialheteroreg.datasets import make_heterogeneous_globe

TINY = {"globe": 400, "globe-small": 20, "mgwr": 36, "geoshapley": 49}
# One step of training: these tests ask whether the models run, not how well.
ONE_STEP = ["--set", "max_iter=1", "--set", "d_token=4"]


@pytest.fixture(scope="module")
def scenarios():
    return {
        name: design.make(TINY.get(name, 400), 0) for name, design in DESIGNS.items()
    }


def perfect(rows):
    return Answer(rows.truth, rows.slopes, None, rows.contributions)


@pytest.mark.parametrize("name", DESIGNS)
def test_truths_belong_to_their_rows(name, scenarios):
    scenario = scenarios[name]
    assert scenario.name == name
    assert set(scenario.judged()) == {"train", "known", "unseen"}
    for rows in scenario.judged().values():
        assert len(rows.X) == len(rows.y) == len(rows.truth) > 0
        assert list(rows.slopes) == list(rows.contributions) == scenario.features
        assert rows.X.index.equals(rows.slopes.index)
        assert rows.X.index.equals(rows.contributions.index)
        assert {scenario.lat, scenario.lon, *scenario.features} <= set(rows.X)
        assert np.corrcoef(rows.y, rows.truth)[0, 1] > 0.8
    # Models that know their own rows alone find them by the index.
    assert_array_equal(scenario.train.X.index, np.arange(len(scenario.train.y)))


@pytest.mark.parametrize("name", DESIGNS)
def test_known_places_are_known_and_others_not(name, scenarios):
    scenario = scenarios[name]
    place = [scenario.lat, scenario.lon]
    train, known, unseen = (
        pd.MultiIndex.from_frame(rows.X[place])
        for rows in (scenario.train, scenario.tests["known"], scenario.tests["unseen"])
    )
    assert known.isin(train).all()
    assert not unseen.isin(train).any()


def test_a_seed_draws_the_rows():
    first, again, other = (DESIGNS["region"].make(200, seed) for seed in (0, 0, 1))
    assert_array_equal(first.train.y, again.train.y)
    assert (
        len(first.train.y) != len(other.train.y)
        or (first.train.y != other.train.y).any()
    )


def test_the_small_globe_is_a_part_of_the_globe():
    small, whole = small_globe(20, 0), DESIGNS["globe"].make(400, 0)
    assert len(small.train.y) == 20
    assert set(small.train.y) < set(whole.train.y)
    assert_array_equal(small.tests["unseen"].y, whole.tests["unseen"].y)


def test_contributions_on_the_globe_are_shapley_values():
    """They add up to what the numbers do, over what others would do there."""
    made = make_heterogeneous_globe(2_000, 100, random_state=0)
    names = list(made.local_effects)
    total = globe_contributions(made).sum(axis=1)
    rng = np.random.default_rng(0)
    for row in (3, 700, 1_500):
        here = made.data.iloc[[row] * 20_000]
        others = {
            name: rng.choice(made.data[name].to_numpy(), len(here)) for name in names
        }
        expected = (
            made.noise_free_target[row] - made.law.target(here.assign(**others)).mean()
        )
        assert_allclose(total[row], expected, atol=0.03)
    # One that meets no other and is not curved: its slope times its deviation.
    alone = globe_contributions(made)["vpd"]
    vpd = made.data["vpd"]
    assert_allclose(alone, made.local_effects["vpd"] * (vpd - vpd.mean()), atol=1e-12)


def test_the_truth_scores_best(scenarios):
    for scenario in scenarios.values():
        rows = scenario.tests["unseen"]
        mean, *features = score(scenario, rows, perfect(rows))
        assert [row["feature"] for row in features] == scenario.features
        assert mean["slope_corr"] == pytest.approx(1)
        assert mean["contribution_corr"] == pytest.approx(1)
        assert mean["slope_rmse"] == mean["contribution_rmse"] == 0
        assert mean["truth_rmse"] == 0
        assert mean["y_rmse"] > 0
        assert np.isnan(mean["slope_coverage"])
        assert np.isnan(mean["rank"]) or mean["rank"] == pytest.approx(1)


def test_scores_of_a_wrong_answer(scenarios):
    scenario = scenarios["region"]
    rows = scenario.tests["known"]
    assert scenario.irrelevant == ["irrelevant"]
    shift = scenario.train.y.std()
    slopes = rows.slopes + 0.5
    said = Answer(
        rows.truth + 1,
        slopes,
        pd.DataFrame(1.0, index=slopes.index, columns=slopes.columns),
        rows.contributions.assign(irrelevant=np.where(rows.y > 0, shift, -shift)),
        np.stack([rows.y - 1, rows.y + np.where(rows.y > 0, 1, -0.5)], axis=1),
    )
    mean, *features = score(scenario, rows, said)
    by_name = {row["feature"]: row for row in features}
    assert mean["false_signal"] == pytest.approx(1)
    assert mean["truth_rmse"] == pytest.approx(1)
    assert mean["interval_coverage"] == pytest.approx((rows.y > 0).mean())
    # In target units for one standard deviation of the feature.
    deviation = scenario.train.X["copy_a"].std()
    assert by_name["copy_a"]["slope_rmse"] == pytest.approx(0.5 * deviation)
    assert by_name["copy_a"]["slope_coverage"] == 1  # 0.5 is within 1.64 errors
    assert np.isnan(by_name["copy_a"]["slope_corr"])  # nothing varies
    assert by_name["everywhere"]["slope_corr"] == pytest.approx(1)
    assert mean["rank"] < 1


def test_correlation_without_variation():
    up = np.arange(4.0)
    assert np.isnan(correlation(np.full(4, 2.0), up))
    assert correlation(up, np.full(4, 2.0)) == 0
    assert correlation(up, -up) == pytest.approx(-1)


def test_ranks_are_compared_region_by_region():
    true = pd.DataFrame({"a": [3.0] * 12, "b": [2.0] * 12, "c": [1.0] * 12})
    region = np.repeat([0, 1], 6)
    backward = true[["c", "b", "a"]].set_axis(["a", "b", "c"], axis=1)
    assert rank_agreement(true, true * -2, region) == pytest.approx(1)
    assert rank_agreement(true, backward, region) == pytest.approx(-1)
    half = pd.concat([true[:6], backward[6:]])
    assert rank_agreement(true, half, region) == pytest.approx(0)
    few = np.arange(12)
    assert np.isnan(rank_agreement(true, true, few))


def test_regions(scenarios):
    at = pd.DataFrame({"lat": [-80, -80, 10, 10], "lon": [-170, 0, 0, 20.0]})
    blocks = scenarios["globe"].regions(at)
    assert len(set(blocks)) == 3
    assert blocks[2] == blocks[3]
    corners = pd.DataFrame({"u": [1, 23, 1, 23.0], "v": [1, 1, 23, 23.0]})
    assert len(set(scenarios["mgwr"].regions(corners))) == 4


def test_runs_and_resumes(tmp_path, capsys, monkeypatch):
    pytest.importorskip("lightgbm")
    out = tmp_path / "results" / "truth.csv"
    command = ["--design", "mgwr", "region", "--rows", "225", "--out", str(out)]
    command += ["--models", "stcg", "stcg-ensemble", "lightgbm-shap", *ONE_STEP]
    results = truth.main(command)
    printed = capsys.readouterr().out
    assert "mgwr, 225 rows" in printed
    assert '| stcg {"d_token": 4, "max_iter": 1} | unseen |' in printed
    assert set(results["note"]) == {""}
    means = results[results["feature"] == "mean"]
    assert len(means) == 2 * 3 * 3
    own = means["model"].str.startswith("stcg")
    assert means.loc[own, "slope_rmse"].notna().all()
    assert means["contribution_corr"].notna().all()
    assert means.loc[means["design"] == "region", "false_signal"].notna().all()
    # The grid has rows enough to calibrate intervals by.
    members = (means["design"] == "mgwr") & (means["model"] == "stcg-ensemble")
    for covered in ("slope_coverage", "interval_coverage"):
        assert means.loc[members, covered].between(0, 1).all()

    monkeypatch.setattr(truth, "measure", None)
    again = truth.main(command)
    assert capsys.readouterr().out == printed
    assert_allclose(again["y_rmse"], results["y_rmse"], rtol=1e-14)
    saved = pd.read_csv(out)
    assert len(saved) == len(results)
    assert {"date", "torch", "cores", "commit", "mgwr", *truth.KEY} <= set(saved)


@pytest.mark.parametrize(
    ("model", "package"),
    [("gwr", "mgwr"), ("mgwr", "mgwr"), ("stcg-geoshapley", "geoshapley")],
)
def test_models_from_outside(model, package, monkeypatch):
    pytest.importorskip(package)
    monkeypatch.setitem(
        MODELS, model, Model(MODELS[model].fit, grid_rows=3, takes_settings=True)
    )
    command = ["--design", "mgwr", "--rows", "64", "--models", model]
    results = truth.main(command + (ONE_STEP if "stcg" in model else []))
    means = results[results["feature"] == "mean"].set_index("where")
    # One step of training learns nothing, and a regression all at once.
    floor = -1 if "stcg" in model else 0.8
    assert means.loc["train", "contribution_corr"] >= floor
    assert means.loc["train", "y_rmse"] > 0
    if model == "mgwr":
        assert list(means.index) == ["train"]
        assert results["note"].str.contains("no effects at other rows").sum() == 2
    else:
        assert list(means.index) == ["train", "known", "unseen"]


def test_gwr_is_near_the_truth():
    pytest.importorskip("mgwr")
    scenario = DESIGNS["mgwr"].make(225, 0)
    rows = truth.measure(scenario, MODELS["gwr"], 0, {})
    means = {row["where"]: row for row in rows if row["feature"] == "mean"}
    for where in ("train", "known", "unseen"):
        assert means[where]["slope_corr"] > 0.9
        assert means[where]["slope_rmse"] < 0.5


def test_a_model_that_fails_is_noted(scenarios, capsys):
    def fail(*_):
        raise ValueError("too few rows.\nMore about it.")

    def refuse(scenario, seed, settings):
        def answer(where, rows):
            if where == "unseen":
                raise NotMeasuredError("It knows its own places only.")
            return perfect(rows)

        return answer

    def sleep(*_):
        time.sleep(5)

    scenario = scenarios["mgwr"]
    (failed,) = truth.measure(scenario, Model(fail), 0, {})
    assert failed["note"] == "ValueError: too few rows."
    rows = truth.measure(scenario, Model(refuse), 0, {})
    assert rows[-1]["note"] == "It knows its own places only."
    assert {row["where"] for row in rows if "feature" in row} == {"train", "known"}
    (late,) = truth.measure(scenario, Model(sleep), 0, {}, limit=0.05)
    assert late["note"] == "TimeoutError: stopped after 0.05 s."

    key = ("mgwr", 36, "refuse", 0, "")
    printed = truth.to_markdown(truth.summarize(truth._frame(key, rows)))
    assert "| refuse | known | 1.000 |" in printed
    assert "refuse, unseen: not measured. It knows its own places only." in printed


def test_intervals_are_asked_where_there_are_some(scenarios):
    rows = scenarios["mgwr"].tests["known"]

    class Ensemble:
        n_members = 2

        def explain(self, X):
            return SimpleNamespace(
                values=rows.contributions.to_numpy(), feature_names=["x1", "x2"]
            )

        def predict(self, X):
            return rows.truth

        def local_effects(self, X, return_std=False):
            std = rows.slopes * 0 + 0.1
            return SimpleNamespace(effect=rows.slopes, std=std, significant=std > 0)

        def predict_interval(self, X, coverage):
            return np.stack([rows.truth - 9, rows.truth + 9], axis=1)

    mean, *_ = score(scenarios["mgwr"], rows, truth_models._ask_stcg(Ensemble(), rows))
    assert mean["slope_coverage"] == 1
    assert mean["interval_coverage"] == 1
    assert mean["interval_width"] == pytest.approx(18)


def test_judged_rows_are_few_and_the_same(scenarios, monkeypatch):
    scenario = scenarios["globe"]
    assert isinstance(scenario, Scenario)
    monkeypatch.setattr("benchmarks.truth_designs.MAX_ROWS", 10)
    first, again = scenario.judged(), scenario.judged()
    for where, rows in first.items():
        assert len(rows.y) == 10
        assert_array_equal(rows.y, again[where].y)
    own = first["train"]
    assert_array_equal(scenario.train.y[own.X.index], own.y)
