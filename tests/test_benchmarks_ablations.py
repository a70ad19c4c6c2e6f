"""The ablations compare what they say, on what they say."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks import ablations
from benchmarks.ablation_fits import leading, shares_within
from benchmarks.ablation_report import ratios_to, rows_of, spread, tables, write_report
from benchmarks.ablation_studies import (
    CLIMATES,
    FLUX,
    MADE,
    REAL,
    STUDIES,
    VARIANTS,
    bands,
    climates,
    edges_task,
    load,
)
from benchmarks.apart import run_apart
from benchmarks.tasks import SPLITS, Task, globe_task
from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe

from .allocating import allocate

SMALL = ["--set", "max_iter=1", "--set", "d_token=4"]
NAMES = {
    "temperature": "TA_F",
    "radiation": "SW_IN_F",
    "precipitation": "P_F",
    "vpd": "VPD_F",
    "soil_moisture": "EVI",
    "lai": "LAI",
    "land_cover": "PFT",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as the real one is, with a generated table of towers."""
    path = tmp_path_factory.mktemp("data")
    globe = make_heterogeneous_globe(400, 40, random_state=0)
    table = globe.data.rename(columns=NAMES)
    table = table.assign(GPP=globe.target, site=globe.location.astype(str))
    table["PFT"] = table["PFT"].astype(str)
    table.to_parquet(path / f"{FLUX}.parquet")
    about = {
        "target": "GPP",
        "lat": "lat",
        "lon": "lon",
        "time": "time",
        "features": list(NAMES.values()),
        "categorical": ["PFT"],
        "group": "site",
        "time_holdout": "2005-01-01",
    }
    (path / "tasks.json").write_text(json.dumps({FLUX: about}))
    return path


@pytest.fixture
def here(monkeypatch):
    """Fit small tables in this process; count the fits."""
    fits = []

    def run(function, *arguments):
        fits.append(arguments)
        return function(*arguments)

    monkeypatch.setattr(ablations, "run_apart", run)
    monkeypatch.setitem(MADE, "globe", lambda data: globe_task(300, 60))
    monkeypatch.setitem(MADE, "globe-dense", lambda data: globe_task(300, 60))
    monkeypatch.setitem(MADE, "edges", lambda data: edges_task(data, 2_000))
    return fits


def table_of_rows(columns):
    """A table without features, for what looks at places and sites."""
    X = pd.DataFrame(columns)
    return Task("t", X, np.zeros(len(X)), "lat", "lon", "time", X.index.to_numpy())


def test_variants_are_parameters_that_fit_takes():
    for changes in VARIANTS.values():
        STCGRegressor(**changes)._validate_params()
    changed = [json.dumps(changes, sort_keys=True) for changes in VARIANTS.values()]
    assert len(set(changed)) == len(changed)


def test_variants_differ_from_the_defaults():
    defaults = STCGRegressor().get_params()
    for name, changes in VARIANTS.items():
        if name not in {"default", "dual head"}:
            assert any(defaults[key] != value for key, value in changes.items())


def test_studies_name_what_there_is(folder):
    for study in STUDIES.values():
        assert set(study.variants) <= set(VARIANTS)
        for task, split in study.places:
            assert task in MADE or task in REAL
            assert split in SPLITS or study.measures == "drivers"
    assert not {"LAI", "EVI"} & set(load("fluxnet_weather", folder).X)


def test_fits_are_shared_by_studies():
    planned = list(ablations.plan(list(STUDIES), [0, 1], ""))
    assert len(set(planned)) == len(planned)
    alone = sum(len(list(ablations.plan([name], [0, 1], ""))) for name in STUDIES)
    assert len(planned) < alone


def test_bands_part_the_globe():
    task = table_of_rows(
        {"lat": [0, 0, 0, -75, 60, 0], "lon": [0, 170, -170, 179, 0, 190]}
    )
    found = bands(task)
    assert_array_equal(found["date line"], [False, True, True, False, False, True])
    assert_array_equal(found["poles"], [False, False, False, True, False, False])
    parts = [found[name].astype(int) for name in ("date line", "poles", "elsewhere")]
    assert_array_equal(sum(parts), np.ones(6))
    assert found["all"].all()


def test_edges_have_most_of_their_places_at_the_edges():
    whole, edges = globe_task(4_000, 400), edges_task(n_samples=4_000)
    assert bands(whole)["elsewhere"].mean() > 0.8
    assert bands(edges)["elsewhere"].mean() < 0.6
    # A place is there with all of its rows, or not at all.
    counts = pd.Series(edges.groups).value_counts()
    assert_array_equal(
        counts.to_numpy(), pd.Series(whole.groups).value_counts()[counts.index]
    )
    assert len(edges.X) == len(edges.y) == len(edges.groups)


def test_climates_by_rain_and_warmth():
    rain = {"desert": 0.4, "steppe": 1.2, "meadow": 2.0, "forest": 4.0, "tundra": 0.2}
    months = pd.date_range("2001-01-15", periods=12, freq="MS")
    X = pd.concat(
        pd.DataFrame(
            {"P_F": amount, "TA_F": -5.0 if site == "tundra" else 15.0, "time": months}
        ).assign(site=site)
        for site, amount in rain.items()
    ).reset_index(drop=True)
    task = Task("t", X, X["P_F"].to_numpy(), "lat", "lon", "time", X["site"].to_numpy())
    found = climates(task).groupby(task.groups).unique().str[0]
    assert list(found[list(rain)]) == CLIMATES


def test_climates_do_not_depend_on_which_months_were_measured_often():
    wet_winter = np.where(np.arange(12) < 6, 4.0, 0.0)
    months = pd.date_range("2001-01-15", periods=12, freq="MS")
    X = pd.DataFrame({"P_F": wet_winter, "TA_F": 15.0, "time": months})
    often = pd.concat([X, *[X[6:]] * 9], ignore_index=True)
    for table in (X, often):
        site = np.zeros(len(table), dtype=int)
        task = Task("t", table, np.zeros(len(table)), "lat", "lon", "time", site)
        assert set(climates(task)) == {"humid"}


def test_what_leads_within_a_site():
    site = np.array(["a", "a", "b", "b"])
    contributions = pd.DataFrame(
        {"x": [9.0, 9.0, 0.0, 3.0], "z": [1.0, -1.0, 1.0, 2.0]}
    )
    within = shares_within(contributions, site)
    # At "a" x is large but the same in all rows.
    assert_allclose(within["x"], [0, 0, 0.75, 0.75])
    assert_allclose(within.sum(axis=1), 1)
    assert leading(within, site) == {"x": 0.5, "z": 0.5}
    assert (shares_within(contributions[:1], site[:1]) == 0).all(axis=None)


def test_memory_is_that_of_a_process_of_its_own():
    ballast = np.ones((300, 2**17))
    grown, pid = run_apart(allocate, 100)
    assert pid != os.getpid()
    # What this process holds is not in the peak of the other.
    assert grown == pytest.approx(100, abs=20)
    assert ballast.size


def test_runs_resumes_and_reports(folder, tmp_path, here, capsys):
    out, docs = tmp_path / "results" / "ablations.csv", tmp_path / "docs"
    command = ["--data", str(folder), *SMALL, "--out", str(out), "--report", str(docs)]
    command += ["--only", "sphere", "drivers", "--task", "edges", "fluxnet_weather"]
    results = ablations.main(command)
    printed = capsys.readouterr().out
    n_fits = len(here)
    assert n_fits == 4 + 2 == len(results.groupby(ablations.KEY))
    errors = results[results["measures"] == "errors"]
    assert np.isfinite(errors[["rmse", "r2", "fit_seconds"]]).all(axis=None)
    edges = errors[errors["task"] == "edges"]
    assert set(edges["where"]) == {"all", "date line", "poles", "elsewhere"}
    drivers = results[results["measures"] == "drivers"]
    keys = ["task", "variant", "where"]
    assert_allclose(drivers.groupby(keys)["share"].sum(), 1)
    assert_allclose(drivers.groupby(keys)["leads"].sum(), 1)
    assert drivers.loc[drivers["feature"] == "SW_IN_F", "slope"].notna().all()
    assert "| towers, weather alone | additive |" in printed
    assert {path.name for path in (docs / "ablations").iterdir()} == {
        "sphere.csv",
        "drivers.csv",
    }
    for name in ("sphere", "drivers"):
        figure = docs / "_static" / f"ablation-{name}.png"
        assert figure.read_bytes().startswith(b"\x89PNG")

    again = ablations.main(command)
    assert len(here) == n_fits
    assert capsys.readouterr().out == printed
    assert_allclose(again["rmse"], results["rmse"], rtol=1e-14)
    assert len(pd.read_csv(out)) == len(results)


def test_settings_and_tasks(here, tmp_path, capsys):
    docs = tmp_path / "docs"
    command = ["--only", "nodes", "loss", "--task", "globe", "globe-dense", *SMALL]
    results = ablations.main([*command, "--report", str(docs)])
    assert set(results["task"]) == {"globe", "globe-dense"}
    settings = [arguments[3] for arguments in here]
    assert all(given["max_iter"] == 1 for given in settings)
    assert [given["n_nodes"] for given in settings[:3]] == [100, 500, 2_000]
    assert set(results["settings"]) == {'{"d_token": 4, "max_iter": 1}'}
    assert results["memory_mib"].ge(0).all()
    assert "| dense globe | random | 2000 |" in capsys.readouterr().out
    assert {path.name for path in (docs / "_static").iterdir()} == {
        "ablation-nodes.png",
        "ablation-parts.png",
    }


def results_of(variant, seed, rmse, **others):
    return {
        "measures": "errors",
        "task": "globe",
        "split": "random",
        "variant": variant,
        "seed": seed,
        "settings": "",
        "where": "all",
        "feature": "",
        "rmse": rmse,
        "explanation_r2": 1.0,
        **others,
    }


def test_ratios_are_those_of_the_same_seed(tmp_path):
    results = pd.DataFrame(
        [
            results_of("default", 0, 1.0),
            results_of("default", 1, 2.0),
            results_of("softmax attention", 0, 1.5),
            results_of("softmax attention", 1, 2.0),
            results_of("dual head", 0, 3.0, explanation_r2=0.5),
        ]
    )
    rows = rows_of(results, "attention")
    assert list(ratios_to(rows, "default")["ratio"]) == [1.0, 1.0, 1.5, 1.0]
    made = tables(results, ["sphere", "nodes", "attention", "head"])
    assert "nodes" not in made
    column = made["attention"].set_index("Variant")["globe, random"]
    assert column["default"] == "RMSE 1.500 ± 0.707"
    assert column["softmax attention"] == "1.250 ± 0.354"
    assert list(made["head"]["Explained"]) == ["1.00", "0.50"]
    assert "Explained" not in made["attention"]
    write_report(results, ["attention"], tmp_path)
    written = pd.read_csv(tmp_path / "ablations" / "attention.csv")
    assert list(written["Variant"]) == ["default", "softmax attention"]


def test_spread_over_seeds():
    assert spread(pd.Series([1.0]), 2) == "1.00"
    assert spread(pd.Series([1.0, 2.0]), 2) == "1.50 ± 0.71"
    assert spread(pd.Series([np.nan]), 2) == ""


def test_results_of_another_version_are_left_alone(here, tmp_path):
    out = tmp_path / "old.csv"
    out.write_text(",".join([*ablations.KEY, "rmse"]) + "\n")
    command = ["--only", "nodes", "--task", "globe-dense", *SMALL, "--out", str(out)]
    with pytest.raises(ValueError, match="has other columns"):
        ablations.main(command)
    assert out.read_text().count("\n") == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["--set", "max_iter"], "is not name=value"),
        ([], "--data PATH, or set STCG_DATA"),
        (["--only", "magic"], "invalid choice"),
        (["--only", "nodes", "--task", FLUX], "none of these studies"),
    ],
)
def test_wrong_commands(command, message, capsys, monkeypatch):
    monkeypatch.delenv("STCG_DATA", raising=False)
    with pytest.raises(SystemExit):
        ablations.main(command)
    assert message in capsys.readouterr().err
