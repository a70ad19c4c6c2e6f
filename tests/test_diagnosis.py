"""The report on a fitted model: each thing that is wrong is found and advised on."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection.autocorrelation import MoranTest
from spatialheteroreg.inspection.diagnosis import Diagnosis, diagnose
from spatialheteroreg.inspection.error_checks import (
    check_autocorrelation,
    check_bias,
    check_error,
    check_inside,
    check_parts,
    error_by_part,
)
from spatialheteroreg.inspection.findings import SEVERITIES, Finding
from spatialheteroreg.inspection.fit_checks import (
    check_explained,
    check_graph,
    check_importances,
    check_nodes,
    check_reach,
    check_training,
    check_validation,
)

from .conftest import make_table
from .pages import run_page

MORAN = "residual autocorrelation"


@pytest.fixture(scope="module")
def fitted():
    globe = make_heterogeneous_globe(600, 120, random_state=0)
    model = STCGRegressor(max_iter=6, random_state=0)
    return model.fit(globe.data, globe.target), globe.data, globe.target


class TestDiagnose:
    def test_looks_at_the_fit_without_rows(self, fitted):
        diagnosis = diagnose(fitted[0])
        assert [finding.name for finding in diagnosis.findings] == [
            "graph",
            "rows per node",
            "distance to nodes",
            "importances",
            "training",
        ]
        assert diagnosis.moran is diagnosis.regions is diagnosis.seasons is None

    def test_rows_add_what_lies_outside(self, fitted):
        model, X, _ = fitted
        names = {finding.name for finding in diagnose(model, X).findings}
        assert names - {f.name for f in diagnose(model).findings} == {"applicability"}

    def test_targets_add_the_errors(self, fitted):
        model, X, y = fitted
        diagnosis = diagnose(model, X, y)
        table = diagnosis.to_frame()
        assert list(table.index[-5:]) == [
            "error",
            "bias",
            MORAN,
            "error by region",
            "error by season",
        ]
        residual = y - model.predict(X)
        rmse = np.sqrt((residual**2).mean())
        assert table.loc["error", "value"] == pytest.approx(rmse)
        assert table.loc["bias", "value"] == pytest.approx(-residual.mean())
        moran = table.loc[MORAN, "value"]
        assert moran == diagnosis.moran.statistic

    @pytest.mark.parametrize("parts", ["regions", "seasons"])
    def test_the_parts_make_up_the_whole(self, fitted, parts):
        model, X, y = fitted
        table = getattr(diagnose(model, X, y), parts)
        residual = y - model.predict(X)
        share = table["rows"] / table["rows"].sum()
        assert table["rows"].sum() == len(X)
        assert share @ table["rmse"] ** 2 == pytest.approx((residual**2).mean())
        assert share @ table["bias"] == pytest.approx(-residual.mean())

    def test_seasons_are_quarters_of_the_year(self, fitted):
        model, X, y = fitted
        seasons = diagnose(model, X, y).seasons
        # Quarters of the fraction of the year: a day off from those of the months.
        count = X["time"].dt.quarter.value_counts(sort=False).sort_index()
        assert seasons["part"].str.startswith(("Jan", "Apr", "Jul", "Oct")).all()
        assert np.abs(seasons["rows"] - count.to_numpy()).max() <= 10

    def test_an_error_of_one_region_is_found_there(self, fitted):
        model, X, _ = fitted
        north = X["lat"] > 60
        y = model.predict(X) + np.where(north, 3.0, 0.0)
        y += np.random.RandomState(0).normal(0, 0.1, len(X))
        diagnosis = diagnose(model, X, y)
        found = diagnosis.to_frame().loc[["error by region", MORAN]]
        assert (found["severity"] != "ok").all()
        worst = diagnosis.regions.loc[diagnosis.regions["rmse"].idxmax()]
        assert worst["bias"] < -0.5
        assert re.match(r"around [5-9]\d N", worst["part"])
        assert worst["part"] in found.loc["error by region", "sentence"]

    def test_an_error_of_one_season_is_found_there(self, fitted):
        model, X, _ = fitted
        summer = X["time"].dt.quarter == 3
        y = model.predict(X) + np.where(summer, 1.0, 0.0)
        y += np.random.RandomState(0).normal(0, 0.1, len(X))
        table = diagnose(model, X, y).to_frame()
        assert table.loc["error by season", "severity"] != "ok"
        assert "July to September" in table.loc["error by season", "sentence"]

    def test_a_shift_of_all_rows_is_a_bias(self, fitted):
        model, X, _ = fitted
        random = np.random.RandomState(0)
        y = model.predict(X) + random.normal(0, 0.1, len(X)) - 1.0
        table = diagnose(model, X, y).to_frame()
        assert table.loc["bias", "severity"] == "warning"
        assert table.loc["bias", "value"] == pytest.approx(1.0, abs=0.02)

    @pytest.mark.parametrize(
        ("columns", "parameters"),
        [
            (["rain", "heat"], {"condition": "none"}),
            (["time", "heat"], {}),
            (["lat", "lon"], {}),
            (["lat", "lon", "heat", "cover"], {"metric": "euclidean"}),
            (["lat", "lon", "time", "rain"], {"early_stopping": "rows"}),
            (["lat", "lon", "rain"], {"head": "dual"}),
            (["lat", "lon", "rain"], {"n_nodes": 1}),
        ],
    )
    def test_every_kind_of_model_has_a_report(self, columns, parameters):
        X, y = make_table(80)
        X = X[columns]
        model = STCGRegressor(max_iter=2, random_state=0, **parameters).fit(X, y)
        diagnosis = diagnose(model, X, y)
        assert len(diagnosis.findings) >= 4
        assert (diagnosis.regions is None) == ("lat" not in columns)
        assert (diagnosis.seasons is None) == ("time" not in columns)
        names = {finding.name for finding in diagnosis.findings}
        assert ("validation" in names) == ("early_stopping" in parameters)
        assert ("explanation" in names) == ("head" in parameters)

    def test_times_without_a_cycle_are_told_by_span(self):
        X, y = make_table(80)
        X = X[["heat"]].assign(time=np.arange(80.0))
        model = STCGRegressor(max_iter=1, random_state=0).fit(X, y)
        seasons = diagnose(model, X, y).seasons
        assert seasons["part"].iloc[0] == "0 to 19.75"
        assert seasons["rows"].tolist() == [20, 20, 20, 20]

    def test_one_row_is_enough(self, fitted):
        model, X, y = fitted
        assert diagnose(model, X[:1], y[:1]).moran is None

    def test_the_method_is_the_function(self, fitted):
        model, X, y = fitted
        assert str(model.diagnose()) == str(diagnose(model))
        assert str(model.diagnose(X, y)) == str(diagnose(model, X, y))

    def test_targets_need_their_rows(self, fitted):
        with pytest.raises(ValueError, match="pass X too"):
            diagnose(fitted[0], y=[1.0])
        with pytest.raises(ValueError, match="inconsistent"):
            diagnose(fitted[0], fitted[1], [1.0])


class TestDiagnosis:
    FINDINGS = (
        Finding("one", "ok", 1.0, "All is well."),
        Finding("two", "warning", 2.0, "It is bad.", "Raise it. " * 20),
        Finding("three", "note", 3.0, "It is odd.", "Look at it."),
    )

    def test_is_printed_with_the_worst_first(self):
        lines = str(Diagnosis(self.FINDINGS)).splitlines()
        assert lines[0] == "Diagnosis: 1 warning, 1 note, 1 ok"
        assert lines[1].startswith("[warning] two: It is bad. Raise it.")
        assert [line.split()[0] for line in lines if line[0] == "["] == [
            "[warning]",
            "[note]",
            "[ok]",
        ]
        assert max(map(len, lines)) <= 88
        assert repr(Diagnosis(self.FINDINGS)) == str(Diagnosis(self.FINDINGS))

    def test_is_a_table(self):
        table = Diagnosis(self.FINDINGS).to_frame()
        assert list(table) == ["severity", "value", "sentence", "advice"]
        assert table.loc["three", "advice"] == "Look at it."

    def test_is_as_severe_as_its_worst_finding(self):
        assert Diagnosis(self.FINDINGS).severity == "warning"
        assert Diagnosis(self.FINDINGS[:1]).severity == "ok"


def parts_of(*rmse):
    n = len(rmse)
    names = [f"part {k}" for k in range(n)]
    return pd.DataFrame({"part": names, "rows": 50, "rmse": rmse, "bias": [0.0] * n})


def falling(*losses):
    return np.repeat(losses, 3).astype(float)


EVEN, ODD = np.array([1.0, -1.0] * 50), np.linspace(-2.0, 2.0, 100)

CASES = {
    "graph": [
        (check_graph(1), "ok"),
        (check_graph(3), "note"),
    ],
    "nodes": [
        (check_nodes(np.full(10, 30)), "ok"),
        (check_nodes(np.r_[np.full(8, 30), 0, 4]), "note"),
        (check_nodes(np.full(10, 2)), "warning"),
    ],
    "reach": [
        (check_reach(0.01, 2.0), "ok"),
        (check_reach(0.1, 2.0), "note"),
        (check_reach(0.5, 2.0), "warning"),
    ],
    "importances": [
        (check_importances(np.array([0.6, 0.2, 0.1, 0.1])), "ok"),
        (check_importances(np.array([0.26, 0.24, 0.25, 0.25])), "warning"),
    ],
    "training": [
        (check_training(np.r_[np.linspace(0.9, 0.2, 20), np.full(10, 0.2)], 1.0), "ok"),
        (check_training(np.linspace(0.9, 0.2, 30), 1.0), "note"),
        (check_training(np.full(30, 0.99), 1.0), "warning"),
        (check_training(np.full(30, 1.0), 2.0), "ok"),
        (check_training(np.array([0.5]), 1.0), "ok"),
        (check_training(np.array([0.5, 0.95]), 1.0, "validation"), "ok"),
    ],
    "validation": [
        (check_validation(falling(0.5, 0.3), falling(0.5, 0.35), 1.0), "ok"),
        (check_validation(falling(0.5, 0.2), falling(0.6, 0.5), 1.0), "note"),
        (check_validation(falling(0.5, 0.1), falling(0.7, 0.6), 1.0), "warning"),
        (check_validation(falling(1.0, 0.6), falling(0.5, 0.35), 2.0), "ok"),
    ],
    "explanation": [
        (check_explained(0.99), "ok"),
        (check_explained(0.9), "note"),
        (check_explained(-3.0), "warning"),
    ],
    "inside": [
        (check_inside(np.array([True] * 19 + [False])), "ok"),
        (check_inside(np.array([True] * 3 + [False])), "note"),
        (check_inside(np.array([True] + [False] * 3)), "warning"),
    ],
    "error": [
        (check_error(ODD, 0.1 * EVEN), "ok"),
        (check_error(ODD, 1.1 * EVEN), "note"),
        (check_error(ODD, 2.0 * EVEN), "warning"),
    ],
    "bias": [
        (check_bias(ODD, 0.1 * EVEN), "ok"),
        (check_bias(ODD, EVEN + 0.2), "ok"),  # as likely by chance
        (check_bias(ODD, 0.1 * EVEN + 0.2), "note"),
        (check_bias(ODD, 0.1 * EVEN - 1.0), "warning"),
    ],
    "autocorrelation": [
        (check_autocorrelation(MoranTest(0.5, -0.01, 1.0, 0.2)), "ok"),
        (check_autocorrelation(MoranTest(0.1, -0.01, 3.0, 0.002)), "note"),
        (check_autocorrelation(MoranTest(0.5, -0.01, 9.0, 0.001)), "warning"),
    ],
    "parts": [
        (check_parts("error by region", parts_of(1.0, 1.1, 0.9), "Do."), "ok"),
        (check_parts("error by region", parts_of(0.4, 0.4, 1.1), "Do."), "note"),
        (check_parts("error by region", parts_of(*[0.1] * 6, 2.0), "Do."), "warning"),
    ],
}


@pytest.mark.parametrize(
    ("finding", "severity"), [case for cases in CASES.values() for case in cases]
)
class TestChecks:
    def test_grades(self, finding, severity):
        assert finding.severity == severity

    def test_says_what_it_means_and_what_to_do(self, finding, severity):
        assert finding.sentence.endswith(".")
        assert finding.severity in SEVERITIES
        assert (finding.advice == "") == (severity == "ok")

    def test_names_parameters_that_exist(self, finding, severity):
        known = {*inspect.signature(STCGRegressor).parameters, "history_"}
        assert set(re.findall(r"\b[a-z]+_[a-z_]*\b", finding.advice)) <= known


def test_few_columns_are_no_finding():
    assert check_importances(np.array([0.5, 0.5])) is None
    assert check_importances(np.array([0.5, 0.5, 0.0, 0.0])) is None


def test_a_single_part_does_not_stand_out():
    assert check_parts("error by season", parts_of(1.0), "Do.") is None


def test_small_parts_do_not_count():
    parts = parts_of(1.0, 1.0, 9.0).assign(rows=[50, 50, 3])
    finding = check_parts("error by region", parts, "Do.")
    assert "part 2" not in finding.sentence


def test_parts_without_rows_are_left_out():
    table = error_by_part(np.array([1.0, -1.0, 2.0]), np.array([0, 0, 2]), list("abc"))
    assert table["part"].tolist() == ["a", "c"]
    assert table["bias"].tolist() == [0.0, -2.0]
    assert table["rmse"].tolist() == [1.0, 2.0]


def test_code_of_the_page_runs():
    run_page("docs/trust.rst")
