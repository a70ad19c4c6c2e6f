"""The speed benchmark times what it says, and keeps what is compared together."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from mmap import PAGESIZE, mmap

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks import (
    compiled,
    gpu_rows,
    speed,
    speed_answers,
    speed_fits,
    speed_profile,
    speed_report,
)
from benchmarks.machine_limit import (
    answer_operations,
    measure_limits,
    training_operations,
    widest_product,
)
from benchmarks.made_rows import NOISE, MadeLaw
from benchmarks.memory import FORGET, PeakMemory
from benchmarks.models import MODELS, Model
from benchmarks.power_law import PowerLaw, fit_power_law, large_sizes
from benchmarks.report import VERSIONS
from benchmarks.speed_bounds import BOUNDS, KEPT, MISSED, OPEN, bound_cases
from benchmarks.speed_bounds import bounds_table as judge
from benchmarks.speed_cases import (
    BASE,
    CASE,
    SIZES,
    Case,
    load_tables,
    make_cases,
    plan,
)
from benchmarks.speed_figure import PANELS, draw_growth
from benchmarks.speed_fits import FIGURES, measure_case, measure_model
from benchmarks.speed_tables import along, axis_table, growth_table, with_ratios
from benchmarks.stages import STAGES, StageTimer, find
from spatialheteroreg import STCGRegressor

from .benchmark_data import write_folder

ALONE = {"max_iter": 2, "n_nodes": 8, "n_folds": 1, "d_token": 4}
QUICK = {**ALONE, "n_folds": 2, "random_state": 0}
SMALL = Case("rows", rows=200, features=2)
OPTIONS = {
    "data": None,
    "n_asked": 50,
    "cores": 1,
    "limit": None,
    "over_limits": False,
    "repeats": 1,
}


@pytest.fixture(scope="module")
def made():
    law = MadeLaw(3, 40, years=2)
    return law, law.draw(400, seed=1)


@pytest.fixture(scope="module")
def fitted(made):
    _, rows = made
    model = STCGRegressor(**QUICK, krige_residuals=False)
    return model.fit(rows.frame(), rows.target())


# --- rows -----------------------------------------------------------------------


def test_made_rows_follow_their_law(made):
    law, rows = made
    again = law.draw(400, seed=1)
    assert torch.equal(rows.X, again.X)
    assert torch.equal(rows.y, again.y)
    assert not torch.equal(rows.y, law.draw(400, seed=2).y)
    assert float((rows.y - law._expect(rows.X)).std()) == pytest.approx(NOISE, rel=0.15)


def test_made_effects_change_over_space(made):
    law, rows = made
    X = rows.X.clone().requires_grad_()
    law._expect(X).sum().backward()
    slopes = X.grad[:, 3:]
    assert (slopes.std(dim=0) > 0.1).all()


def test_made_rows_are_pieced_together(made, monkeypatch):
    law, _ = made
    monkeypatch.setattr("benchmarks.made_rows.PIECE", 64)
    rows = law.draw(150, seed=1)
    assert len(torch.unique(rows.X[:, 3])) == 150
    assert torch.isfinite(rows.y).all()


def test_made_tables_have_dates_and_single_precision(made):
    _, rows = made
    frame = rows.frame()
    assert list(frame.dtypes.astype(str).drop("time").unique()) == ["float32"]
    assert frame["time"].dt.year.isin([2001, 2002]).all()
    assert frame["lat"].between(-90, 90).all()


def test_tables_of_tasks_have_all_their_rows(tmp_path, monkeypatch):
    write_folder(tmp_path)
    monkeypatch.setattr("benchmarks.tasks.MAX_ROWS", 100)
    tables = load_tables(Case("task", task="still"), tmp_path, n_asked=70)
    assert tables.split == "fixed"
    assert len(tables.train.X) + len(tables.test.X) == 400
    assert len(tables.asked.X) == 70
    towers = load_tables(Case("task", task="towers"), tmp_path, n_asked=10)
    assert (towers.split, len(towers.test.X)) == ("random", 80)


# --- cases ----------------------------------------------------------------------


@pytest.mark.parametrize("axis", [axis for axis in SIZES if axis != "rows"])
def test_one_size_is_varied_at_a_time(axis):
    cases = make_cases(axis, None)
    assert [case.size for case in cases] == SIZES[axis]
    rest = [name for name in ("rows", *SIZES) if name != axis]
    for name in rest:
        assert {getattr(case, name) for case in cases} == {getattr(BASE, name)}


def test_rows_go_with_the_default_parameters():
    cases = make_cases("rows", None)
    assert [case.rows for case in cases] == SIZES["rows"]
    assert all(case.settings() == {} for case in cases)


def test_a_cpu_gets_a_million_rows_unless_asked_for_more():
    def largest(sizes, device):
        return max(case.rows for case in plan(["rows"], sizes, [], device=device))

    assert largest({}, "cpu") == 1_000_000
    assert largest({}, "cuda") == 50_000_000
    assert largest({"rows": [2_000_000]}, "cpu") == 2_000_000


# --- costs ----------------------------------------------------------------------


def test_power_laws_are_found():
    size = np.array([1e3, 1e4, 1e5, 1e6])
    law = fit_power_law(size, 0.5 * size**0.8)
    assert_allclose(law, (0.8, 0.0, 0.5), atol=1e-9)
    assert_allclose(law([1e5]), 0.5 * 1e4)
    noisy = fit_power_law(size, size * [1.1, 0.9, 0.9, 1.1])
    assert 0 < noisy.error < 0.2
    # What is not measured is left out.
    assert fit_power_law([1, 10, 100], [1, np.nan, 100]).exponent == pytest.approx(1)
    assert np.isnan(fit_power_law([10, 10], [1, 2]).exponent)
    assert np.isnan(fit_power_law([], [])[0])
    assert_array_equal(large_sizes(size), [False, False, True, True])


@pytest.mark.skipif(not FORGET.exists(), reason="the system forgets no peak")
def test_memory_is_what_a_block_takes_and_not_what_was_before():
    def take(mib):  # from the system, whatever this process has left over
        with mmap(-1, mib * 2**20) as memory:
            for page in range(0, len(memory), PAGESIZE):
                memory[page] = 1

    take(128)
    with PeakMemory() as peak:
        take(32)
    assert 28 < peak.host_mib < 60


def test_seconds_go_to_the_innermost_stage():
    stages = {
        "outer": ["benchmarks.speed_answers:rows_per_second"],
        "inner": ["time:sleep"],
    }
    asleep = time.sleep
    with StageTimer(stages) as timer:
        rate = speed_answers.rows_per_second(lambda X: time.sleep(0.02), [1, 2], 1)
    # Once before it is timed.
    assert timer.seconds["inner"] > 0.039
    assert timer.seconds["outer"] < timer.seconds["inner"]
    assert rate < 2 / 0.019
    assert time.sleep is asleep


def test_other_threads_count_by_their_mean():
    stages = {
        "outer": ["benchmarks.speed_answers:rows_per_second"],
        "inner": ["time:sleep"],
    }

    with ThreadPoolExecutor(2) as pool, StageTimer(stages) as timer:
        start = time.perf_counter()
        speed_answers.rows_per_second(
            lambda X: list(pool.map(time.sleep, [0.05, 0.05])), [1], 1
        )
        seconds = time.perf_counter() - start
    assert sum(timer.seconds.values()) == pytest.approx(seconds, abs=0.01)
    # Two at a time, twice.
    assert timer.seconds["inner"] == pytest.approx(0.1, abs=0.05)


def test_gradients_of_kriging_are_no_training():
    X = torch.ones(2, requires_grad=True)
    with StageTimer() as timer:
        X.sum().backward()
    assert set(timer.seconds) == {"rest"}


def test_functions_are_put_back_after_an_error():
    asleep = time.sleep
    stages = {"inner": ["time:sleep"], "lost": ["time:not_there"]}
    with pytest.raises(LookupError, match=r"There is no time:not_there"):
        StageTimer(stages).__enter__()
    assert time.sleep is asleep


@pytest.mark.parametrize("name", [name for names in STAGES.values() for name in names])
def test_each_function_of_a_stage_is_there(name):
    assert callable(find(name)[2])


def test_all_stages_of_a_fit_are_timed(made):
    _, rows = made
    X, y = rows.frame()[:150], rows.target()[:150]
    start = time.perf_counter()
    with StageTimer() as timer:
        STCGRegressor(**QUICK).fit(X, y)
    seconds = time.perf_counter() - start
    assert set(timer.seconds) == {*STAGES, "rest"}
    assert sum(timer.seconds.values()) == pytest.approx(seconds, rel=0.05, abs=0.05)


def test_operations_are_counted(fitted, made):
    law, _ = made
    model = STCGRegressor(**{**QUICK, "batch_size": 32, "n_folds": 1})
    read_out = 2 * np.prod(widest_product(model, 3)[1:])
    trained = training_operations(model, 3)
    assert trained > 3 * read_out  # forward, and twice backward
    Z = law.draw(80, seed=3).frame()
    assert answer_operations(fitted.predict, Z, 40) > 2 * read_out  # two networks


def test_limits_of_the_machine():
    limits = measure_limits("cpu", (8, 4, 4), numbers=2**10, side=16, seconds=0.001)
    assert list(limits) == ["memory", "float32", "float64", "shape"]
    assert all(limit.value > 0 for limit in limits.values())


# --- fits -----------------------------------------------------------------------


def test_a_fit_has_all_its_costs():
    pytest.importorskip("sklearn.callback", reason="callbacks came with 1.9")
    row = measure_model(SMALL, "stcg", 0, ALONE, np.inf, **OPTIONS)
    assert row["note"] == ""
    assert row["n_train"] == 200
    told = [name for name in FIGURES if name != "device_mib"]
    assert np.isfinite([row[name] for name in told]).all()
    assert row["reach_epoch"] == 1
    assert 0 < row["reach_seconds"] < 2 * row["fit_seconds"]
    # Three coordinates and two features, four bytes each.
    assert row["matrix_mib"] == pytest.approx(200 * 5 * 4 / 2**20)


def test_what_is_not_reached_has_no_seconds():
    row = measure_model(SMALL, "stcg", 0, ALONE, 0.0, **OPTIONS)
    assert row["note"] == ""
    assert np.isnan(row["reach_seconds"])
    assert row["predict_rate"] > 0


def test_trees_are_explained_by_the_quicker_way():
    pytest.importorskip("lightgbm")
    row = measure_model(SMALL, "lightgbm", 0, {}, None, **OPTIONS)
    assert row["note"] == ""
    assert row["explain_rate"] > 0
    assert np.isnan(row["slope_rate"])
    assert json.loads(row["details"])["explainer"] in {"pred_contrib", "TreeExplainer"}


class Mean:
    """Predicts the mean, or fails."""

    def __init__(self, job, fails=False):
        self.fails = fails

    def fit(self, X, y):
        if self.fails:
            raise RuntimeError("no luck\nat all")
        self.mean = y.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.mean)


def test_what_cannot_be_measured_has_a_note(monkeypatch):
    monkeypatch.setitem(MODELS, "gnnwr", Model(Mean, max_rows=100))
    monkeypatch.setitem(MODELS, "tabnet", Model(partial(Mean, fails=True)))
    row = measure_model(SMALL, "gnnwr", 0, {}, None, **OPTIONS)
    assert row["note"] == "takes at most 100 training rows."
    assert np.isnan(row["fit_seconds"])
    more = {**OPTIONS, "over_limits": True}
    assert measure_model(SMALL, "gnnwr", 0, {}, None, **more)["predict_rate"] > 0
    row = measure_model(SMALL, "tabnet", 0, {}, None, **OPTIONS)
    assert row["note"] == "RuntimeError: no luck"


@pytest.fixture
def calls(monkeypatch):
    """Stand in for fits; note what is asked for."""
    noted = []

    def stand_in(function, case, name, seed, settings, to_reach, **options):
        noted.append((case, name, seed, settings, to_reach))
        if name == "mgwr":
            raise MemoryError("too little")
        own = name == "stcg"
        figures = dict.fromkeys(FIGURES, 2.0 if own else 4.0)
        figures |= {"matrix_mib": 1.0, "device_mib": np.nan}
        sizes = {"n_train": case.rows, "n_asked": 10}
        return {**sizes, **figures, "details": "", "note": ""}

    monkeypatch.setattr(speed_fits, "run_apart", stand_in)
    monkeypatch.setattr(Model, "why_missing", lambda model: "")
    return noted


def test_trees_come_first_and_tell_what_to_reach(calls):
    rows = measure_case(SMALL, ["stcg", "mgwr", "lightgbm"], 3, {"max_iter": 2})
    assert [call[1] for call in calls] == ["lightgbm", "stcg", "mgwr"]
    assert [call[4] for call in calls] == [None, 4.0, 4.0]
    assert [call[3] for call in calls] == [{}, {"max_iter": 2}, {}]
    assert rows[0]["reach_seconds"] == rows[0]["fit_seconds"]
    assert rows[2]["note"] == "MemoryError: too little"


def command(tmp_path, *more):
    return ["--out", str(tmp_path / "new" / "speed.csv"), "--cores", "1", *more]


def test_resumes_and_measures_peers_where_they_mean_something(calls, tmp_path):
    line = command(tmp_path, "--axis", "rows", "nodes", "--nodes", "100", "200")
    line += ["--rows", "500", "--models", "stcg", "lightgbm"]
    rows = speed.main(line)
    assert list(rows["model"]) == ["lightgbm", "stcg", "stcg", "stcg"]
    assert [call[3] for call in calls if call[1] == "stcg"][1] == {
        "n_nodes": 100,
        "n_folds": 3,
        "time_axis": "sequence",
        "n_steps": 12,
        "device": "cpu",
    }
    assert {"date", "torch", "commit", "gnnwr", "cores"} <= set(rows)
    calls.clear()
    again = speed.main([*line, "--seeds", "0", "1"])
    assert {call[2] for call in calls} == {1}
    assert len(again) == 8
    saved = pd.read_csv(tmp_path / "new" / "speed.csv")
    assert len(saved) == 8


def test_bounds_are_measured_and_printed(calls, tmp_path, capsys):
    line = command(tmp_path, "--bounds", "--data", str(tmp_path))
    speed.main([*line, "--models", "stcg", "lightgbm", "tabnet", "gnnwr"])
    out = capsys.readouterr().out
    assert f"| fluxnet_monthly: fit, s | <= 15 | 2 | {KEPT} |" in out
    assert MISSED in out  # 2 rows a second
    memory = [call for call in calls if call[0].axis == "memory"]
    assert [call[1] for call in memory] == ["stcg"]
    assert memory[0][3] == {"max_iter": 1, "device": "cpu"}


def test_nothing_to_measure(capsys):
    with pytest.raises(SystemExit):
        speed.main(["--axis", "none"])
    assert "name an --axis or a --task" in capsys.readouterr().err


# --- tables ---------------------------------------------------------------------


def results(n_seeds=2):
    """Costs in proportion to the rows, and to the root of other sizes."""
    lines = []
    for axis in SIZES:
        for case in make_cases(axis, None):
            for seed in range(n_seeds):
                size = case.size if axis == "rows" else np.sqrt(case.size)
                for model in ["lightgbm", "stcg"]:
                    slower = 1 if model == "lightgbm" else 2
                    lines.append(
                        {
                            **{name: getattr(case, name) for name in CASE},
                            "models": "both",
                            "seed": seed,
                            "settings": "",
                            "model": model,
                            "n_train": case.rows,
                            "n_asked": 10,
                            **dict.fromkeys(FIGURES, slower * size),
                            "matrix_mib": size / 2,
                            "device_mib": np.nan,
                            "note": "",
                            "date": "2026-01-02T00:00:00Z",
                            "commit": "abc",
                            "machine": "Linux",
                            "cores": 2,
                            **dict.fromkeys(VERSIONS[:2], "1.2"),
                        }
                    )
    gone = {**lines[0], "model": "gnnwr", "note": "takes at most 2 rows."}
    gone |= dict.fromkeys(FIGURES, np.nan)
    return pd.DataFrame([*lines, gone])


def test_ratios_are_to_trees_of_the_same_run():
    rows = with_ratios(results())
    own = rows[rows["model"] == "stcg"]
    assert_allclose(own["fit_ratio"], 2.0)
    assert_allclose(own["explain_ratio"], 0.5)
    other = results().assign(seed=[*range(len(results()))])
    own = with_ratios(other)
    assert own.loc[own["model"] == "stcg", "fit_ratio"].isna().all()


def test_tables_have_costs_and_ratios():
    rows = with_ratios(results())
    table = axis_table(rows[rows["axis"] == "rows"]).set_index(["Rows", "Model"])
    assert table.loc[("1,000", "stcg"), "Fit, s"] == "2,000 (2)"
    assert table.loc[("1,000", "stcg"), "Over the matrix"] == "4"
    assert table.loc[("1,000", "gnnwr"), "RMSE"] == "not measured"
    assert "GPU memory, MiB" not in table
    nodes = axis_table(rows[(rows["axis"] == "nodes") & (rows["model"] == "stcg")])
    assert list(nodes["Nodes"]) == [f"{size:,}" for size in SIZES["nodes"]]


def test_growth_is_that_of_the_costs():
    table = growth_table(results()).set_index("Along")
    assert table.loc["rows", "Seconds, all sizes"] == "1.00 ± 0.00"
    assert table.loc["steps", "Memory, large ones"].startswith("0.50")
    assert table.loc["rows", "To"] == "50,000,000"
    assert len(along(results(), "rows")) == len(SIZES["rows"])
    assert growth_table(results().query("rows < 0")).empty
    on_gpu = results().assign(settings="gpu", device_mib=7.0)
    both = growth_table(pd.concat([results(), on_gpu])).set_index(["Settings", "Along"])
    assert both.loc[("gpu", "rows"), "Memory, all sizes"] == "0.00 ± 0.00"
    assert both.loc[("", "rows"), "Memory, all sizes"] == "1.00 ± 0.00"


def bounds_rows():
    """Results that keep all bounds but one."""
    lines = []
    for case, _, models in bound_cases():
        for model in models:
            own = model == "stcg"
            lines.append(
                {
                    **{name: getattr(case, name) for name in CASE},
                    "models": " ".join(models),
                    "seed": 0,
                    "settings": "",
                    "model": model,
                    "n_train": case.rows or 8_000,
                    "rmse": 1.0 if own else 2.0,
                    "fit_seconds": 10.0 if own else 20.0,
                    "predict_rate": 2e5,
                    "explain_rate": 9e4 if own else 1e4,
                    "memory_mib": 40.0,
                    "matrix_mib": 10.0,
                    "note": "",
                }
            )
    return pd.DataFrame(lines)


def test_bounds_are_judged():
    table = judge(bounds_rows()).set_index("Bound")
    assert len(table) == len(BOUNDS)
    missed = table[table["Result"] != KEPT]
    assert list(missed["Result"]) == [MISSED]
    assert missed["Measured"].iloc[0] == "4"
    explained = "fluxnet_monthly: predict and explain, times the speed of LightGBM"
    assert table.loc[f"{explained} with TreeSHAP", "Measured"] == "9"


def test_open_bounds_say_why():
    rows = bounds_rows()
    gone = (rows["model"] == "gnnwr") & (rows["task"] == "fluxnet_monthly")
    rows.loc[gone, ["rmse", "fit_seconds"]] = np.nan
    rows.loc[gone, "note"] = "takes at most 2,500 training rows."
    table = judge(rows).set_index("Bound")
    line = table.loc["fluxnet_monthly: fit over that of GNNWR"]
    assert (line["Result"], line["Measured"]) == (OPEN, "")
    assert line["Note"] == "takes at most 2,500 training rows."
    assert (judge(rows[rows["model"] == "none"])["Result"] == OPEN).all()


@pytest.mark.parametrize(
    ("after", "result", "measured"), [(40, KEPT, "< 0.25"), (4, OPEN, "")]
)
def test_a_fit_that_was_stopped_took_longer(after, result, measured):
    rows = bounds_rows()
    stopped = (rows["model"] == "gnnwr") & (rows["task"] == "fluxnet_monthly")
    rows.loc[stopped, ["rmse", "fit_seconds"]] = np.nan
    rows.loc[stopped, "note"] = f"TimeoutError: stopped after {after} s."
    table = judge(rows).set_index("Bound")
    line = table.loc["fluxnet_monthly: fit over that of GNNWR"]
    assert (line["Result"], line["Measured"]) == (result, measured)
    assert table.loc["fluxnet_monthly: RMSE over that of GNNWR", "Result"] == OPEN


def test_the_figure_has_a_panel_for_each_size():
    figure = draw_growth(results())
    assert [axes.get_title().lower() for axes in figure.axes] == PANELS
    for axes in figure.axes:
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    guide, seconds, *_ = figure.axes[0].lines
    assert_allclose(guide.get_ydata(), seconds.get_ydata())
    assert "exponent 1.00" in figure.axes[0].texts[0].get_text()
    bare = draw_growth(results().query("axis == 'rows'"))
    assert [axes.get_title() for axes in bare.axes] == ["Rows"]
    three = draw_growth(results().query("axis != 'features'"))
    assert [axes.get_title().lower() for axes in three.axes] == PANELS[:3]


# --- commands -------------------------------------------------------------------


def profile_figures(monkeypatch):
    quick = partial(measure_limits, numbers=2**10, side=16, seconds=0.001)
    monkeypatch.setattr(speed_profile, "measure_limits", quick)
    monkeypatch.setattr(speed_profile, "COUNTED", 30)

    def here(function, **options):
        return function(**options)

    monkeypatch.setattr(speed_profile, "run_apart", here)
    line = ["--rows", "150", "--features", "2", "--asked", "60", "--cores", "1"]
    settings = {**ALONE, "n_folds": 2, "batch_size": 64, "max_iter": 1}
    for name, value in settings.items():
        line += ["--set", f"{name}={value}"]
    return line


@pytest.fixture
def pages(tmp_path, monkeypatch, capsys):
    """Run the profile and the report; give the page and what was printed."""
    rows, profile = tmp_path / "speed.csv", tmp_path / "profile.csv"
    results().to_csv(rows, index=False)
    speed_profile.main([*profile_figures(monkeypatch), "--out", str(profile)])
    printed = capsys.readouterr().out
    line = [str(rows), "--profile", str(profile), "--out", str(tmp_path / "pages")]
    return speed_report.main(line), printed


def test_the_profile_and_the_page_have_the_same_tables(pages):
    page, printed = pages
    text = page.read_text(encoding="utf-8")
    for stage in STAGES:
        assert stage in printed
        assert f"   * - {stage}\n" in text
    for what in ("GB/s", "GFLOP/s", "kFLOP a row"):
        assert what in printed
        assert what in text
    assert "A fit to 150 generated rows of 2 features" in text
    assert "no such GPU was at hand" in text
    assert "- gnnwr: 1,000 rows. ``takes at most 2 rows.``" in text
    assert "\nBounds\n" in text  # the memory above a million rows is known
    picture = (page.parent / "speed.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    core = pytest.importorskip("docutils.core")
    plain = text.replace(":doc:", "")
    core.publish_doctree(plain, settings_overrides={"halt_level": 2})


def test_rows_of_the_device_are_fitted_and_explained(tmp_path, capsys):
    out = tmp_path / "gpu.csv"
    line = ["--rows", "400", "--features", "2", "--nodes", "8", "--years", "2"]
    line += ["--answers", "60", "--device", "cpu", "--cores", "1", "--out", str(out)]
    for name, value in {**ALONE, "n_nodes": 6}.items():
        line += ["--set", f"{name}={value}"]
    figures = gpu_rows.main(line)
    assert (figures["rows"], figures["epochs"]) == (400, 2)
    assert 0 < figures["rmse"] < 5
    assert figures["matrix_mib"] == 400 * 5 * 4 / 2**20
    printed = capsys.readouterr().out
    assert "| fit 400 rows, s |" in printed
    saved = speed_report.read(out)
    page = speed_report.page(results(), "speed.png", gpu=saved)
    assert "fit 400 rows, s" in page
    assert "``n_nodes=6``" in page
    assert "no such GPU" not in page


def test_bounds_are_asked_of_runs_of_full_size():
    names = ["make_seconds", "hand_over_seconds", "fit_seconds", "epochs", "last_gain"]
    names += ["predict_seconds", "explain_seconds", "rmse", "noise"]
    names += ["epoch_seconds", "losses"]
    names += ["memory_mib", "device_mib", "matrix_mib"]
    full = {**dict.fromkeys(names, 12_345.6), "rows": 50_000_000, "answers": 2_800_000}
    asked = gpu_rows.table(full).set_index("What")
    assert list(asked.loc["fit 50,000,000 rows, s"]) == ["12,346", "< 360"]
    assert asked.loc["predict and explain, s", "Asked"] == "< 5"
    less = gpu_rows.table({**full, "rows": 1_000})
    assert not less["Asked"].any()


def test_monthly_steps_run_along_all_years():
    model = gpu_rows.make_model("cpu", 500, 20, {"max_iter": 1})
    assert (model.n_steps, model.n_nodes, model.max_iter) == (240, 500, 1)
    X, y = gpu_rows.hand_over(MadeLaw(2, 50).draw(10, seed=0))
    assert X.dtype == y.dtype == np.float32


def test_exponents_without_error():
    assert fit_power_law([1, 10], [1.0, 10.0]) == PowerLaw(
        pytest.approx(1.0), pytest.approx(np.nan, nan_ok=True), pytest.approx(1.0)
    )


def test_a_file_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        speed_report.main([str(tmp_path / "none.csv")])
    assert "there is no file" in capsys.readouterr().err


def test_a_compiled_network_says_the_same(capsys):
    line = ["--train-rows", "150", "--rows", "700", "--features", "2", "--repeats", "1"]
    figures = compiled.main([*line, "--max-iter", "1", "--backend", "eager"])
    plain, same, rounded = figures.itertuples()
    assert plain.ratio == 1.0
    assert plain.error == 0.0
    assert same.error < 1e-5 < rounded.error < 0.1
    assert (figures["microseconds"] > 0).all()
    assert "| compiled, products in bfloat16 |" in capsys.readouterr().out
