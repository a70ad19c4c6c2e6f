"""The report says what was measured."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import report
from benchmarks.report_figure import EDGES, draw_ratios
from benchmarks.summary import mean_and_spread, overall, summarize, to_markdown

ERRORS = {
    ("towers", "random"): {"lightgbm": 2.0, "lightgbm-tuned": 1.6, "stcg": 1.0},
    ("towers", "time"): {"lightgbm": 1.0, "lightgbm-tuned": 1.0, "stcg": 1.25},
    ("still", "random"): {"lightgbm": 4.0, "lightgbm-tuned": 5.0, "ridge": 40.0},
    ("globe", "random"): {"lightgbm": 1.0, "lightgbm-tuned": 1.0, "stcg": 0.1},
}


def results(spread=0.0):
    """Rows of two seeds, `spread` around the errors above."""
    rows = [
        {
            "task": task,
            "split": split,
            "model": model,
            "seed": seed,
            "settings": "",
            "rmse": error + (2 * seed - 1) * spread,
            "r2": 0.5,
            "fit_seconds": 1.0 + seed,
            "details": "",
            "note": "",
            "date": f"2026-01-0{seed + 1}T00:00:00Z",
            "commit": "abc",
            "machine": "Linux",
            "cores": 1,
            **dict.fromkeys(report.VERSIONS, "1.2"),
        }
        for (task, split), errors in ERRORS.items()
        for model, error in errors.items()
        for seed in (0, 1)
    ]
    failed = {**rows[0], "model": "gwr", "rmse": np.nan, "note": "ValueError: no."}
    return pd.DataFrame([*rows, failed])


def test_ratios_are_to_lightgbm_on_the_same_split():
    table = summarize(results(0.5)).set_index(["task", "split", "model"])
    row = table.loc["towers", "random", "stcg"]
    assert (row["seeds"], row["rmse"], row["seconds"]) == (2, 1.0, 1.5)
    assert row["spread"] == pytest.approx(np.sqrt(0.5))
    assert (row["ratio"], row["ratio_tuned"]) == (0.5, 1 / 1.6)
    assert "gwr" not in table.index.get_level_values("model")


def test_overall_is_the_geometric_mean_over_real_splits():
    table = overall(summarize(results())).set_index("model")
    stcg = table.loc["stcg"]
    assert stcg["n_cases"] == 2
    assert stcg["mean_ratio"] == pytest.approx(np.sqrt(0.5 * 1.25))
    assert stcg["mean_ratio_tuned"] == pytest.approx(np.sqrt(1 / 1.6 * 1.25))
    assert stcg["worst_ratio"] == 1.25
    assert stcg["worst_case"] == "towers, time"
    assert table.loc["lightgbm", "mean_ratio"] == pytest.approx(1)
    tuned = table.loc["lightgbm-tuned"]
    assert tuned["mean_ratio"] == pytest.approx((0.8 * 1 * 1.25) ** (1 / 3))
    assert table.loc["ridge", "worst_ratio"] == 10
    # Those that were measured everywhere come first, the better ones before.
    assert set(table.index[:2]) == {"lightgbm", "lightgbm-tuned"}
    assert list(table.index[2:]) == ["stcg", "ridge"]


def test_a_model_without_its_reference_has_no_ratio():
    rows = results()
    rows = rows[rows["model"] != "lightgbm-tuned"]
    table = overall(summarize(rows)).set_index("model")
    assert np.isnan(table["mean_ratio_tuned"]).all()
    assert overall(summarize(rows[rows["model"] == "stcg"])).empty


def test_the_page_has_the_figures(tmp_path):
    path = tmp_path / "accuracy.csv"
    results(0.5).to_csv(path, index=False)
    out = tmp_path / "pages"
    page = report.main([str(path), "--out", str(out)])
    text = page.read_text(encoding="utf-8")
    assert "mean over the 3 splits" in " ".join(text.split())
    assert "1.000 ± 0.71 (0.500)" in text
    assert "- gwr: towers, random. ``ValueError: no.``" in text
    assert "2026-01-01 to 2026-01-02; Linux, cores of each fit: 1; python 1.2" in text
    order = [text.index(f"\n{name}\n---") for name in ("towers", "still", "globe")]
    assert order == sorted(order)
    row = "   * - stcg\n     - 2\n     - 0.791\n     - 0.884\n     - 1.250\n"
    assert row + "     - towers, time\n" in text
    picture = (out / "accuracy.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5_000
    assert ".. figure:: accuracy.png" in text


def test_the_page_is_read_without_a_warning():
    core = pytest.importorskip("docutils.core")
    text = report.page(results(), "accuracy.png").replace(":doc:", "")
    core.publish_doctree(text, settings_overrides={"halt_level": 2})


def test_the_figure_has_a_marker_for_each_ratio():
    summary = summarize(results())
    figure = draw_ratios(summary)
    (axes,) = figure.axes
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == [
        "towers, random",
        "towers, time",
        "still, random",
        "globe, random",
    ]
    drawn = {}
    for line in axes.lines:
        at = np.asarray(line.get_xdata(), dtype=float)
        drawn.setdefault(line.get_label(), []).extend(at)
    assert drawn["stcg"] == [1.25]
    assert sorted(drawn["lightgbm-tuned"]) == [0.8, 1.0, 1.0, 1.25]
    arrows = [x for label, xs in drawn.items() if label.startswith("_") for x in xs]
    # What lies outside is at the edges: 0.5 and 0.1 on the left, 10 on the right.
    assert sorted(x for x in arrows if x in EDGES) == [EDGES[0], EDGES[0], EDGES[1]]
    assert axes.get_xscale() == "log"
    assert 1.0 in arrows


@pytest.mark.parametrize(
    ("mean", "spread", "text"),
    [
        (45_610.2, np.nan, "45,610"),
        (45_610.2, 81.0, "45,610 ± 81"),
        (1.3934, 0.0041, "1.393 ± 0.0041"),
        (0.049312, np.nan, "0.04931"),
        (0.0, np.nan, "0"),
    ],
)
def test_errors_have_four_digits(mean, spread, text):
    assert mean_and_spread(mean, spread) == text


def test_markdown_has_means_and_ratios():
    rows = results(0.5)
    rows = rows[(rows["task"] == "towers") & (rows["split"] == "random")]
    lines = to_markdown(summarize(rows)).splitlines()
    start = "| towers | random | lightgbm | 2.000 ± 0.71 | 0.500 | 1.000 | 1.5 | 2 |"
    assert lines[2] == start


def test_later_files_take_the_place_of_earlier_ones(tmp_path):
    paths = [tmp_path / "first.csv", tmp_path / "second.csv"]
    rows = results()
    rows[rows["model"] != "ridge"].to_csv(paths[0], index=False)
    stcg = rows["model"] == "stcg"
    other = rows[stcg | (rows["model"] == "ridge")]
    other = other.assign(rmse=other["rmse"].where(other["model"] != "stcg", 3.0))
    other.to_csv(paths[1], index=False)
    page = report.main([*map(str, paths), "--out", str(tmp_path)])
    text = page.read_text(encoding="utf-8")
    assert "3.000 ± 0 (1.500)" in text
    assert "1.000 ± 0 (0.500)" not in text
    assert "40.00 ± 0 (10.000)" in text


def test_a_file_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        report.main([str(tmp_path / "none.csv")])
    assert "there is no file" in capsys.readouterr().err
