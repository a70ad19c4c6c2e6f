"""The display: bars are the shares, lines the deletion curves."""

import sys
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection.comparison import compare_importances
from spatialheteroreg.inspection.importance_comparison import (
    ImportanceComparisonDisplay,
)

from .conftest import make_table

mpl.use("Agg")

SMALL = {"n_rows": 5, "n_background": 4, "random_state": 0}


@pytest.fixture(autouse=True)
def _close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(120)
    model = STCGRegressor(n_nodes=5, max_iter=3, random_state=0).fit(X, y)
    return model, X, y


@pytest.fixture(scope="module")
def comparison(fitted):
    return compare_importances(*fitted, **SMALL)


def test_bars_are_the_shares_with_the_most_important_at_the_top(comparison):
    display = ImportanceComparisonDisplay.from_comparison(comparison)
    for method, shares in comparison.importances.items():
        widths = [bar.get_width() for bar in display.bars_[method]]
        np.testing.assert_allclose(widths, shares)
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == comparison.importances.index.tolist()
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    assert display.deletion_ax_ is None
    assert display.figure_.axes == [display.ax_]


def test_lines_are_the_deletion_curves(comparison):
    display = ImportanceComparisonDisplay.from_comparison(comparison, deletion=True)
    assert set(display.lines_) == {"native", "shap", "permutation", "random"}
    for method, line in display.lines_.items():
        np.testing.assert_allclose(line.get_ydata(), comparison.deletion.curves[method])
    assert display.figure_.axes == [display.ax_, display.deletion_ax_]
    display.figure_.canvas.draw()
    name = display.deletion_ax_.yaxis.label.get_window_extent()
    assert name.height < 0.9 * display.deletion_ax_.get_window_extent().height


def test_bars_of_one_unit_do_not_overlap(comparison):
    display = ImportanceComparisonDisplay.from_comparison(comparison)
    spans = sorted(
        (bar.get_y(), bar.get_y() + bar.get_height())
        for bars in display.bars_.values()
        for bar in bars
    )
    assert all(one[1] <= two[0] + 1e-9 for one, two in pairwise(spans))


def test_draws_on_the_axes_it_is_given(comparison):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2)
    display = ImportanceComparisonDisplay(comparison).plot(axes, deletion=True)
    assert (display.ax_, display.deletion_ax_) == tuple(axes)
    assert display.figure_ is figure
    assert ImportanceComparisonDisplay(comparison).plot(axes[0]).ax_ is axes[0]


@pytest.mark.parametrize(("n_axes", "deletion"), [(1, True), (2, False)])
def test_a_wrong_number_of_axes_is_named(comparison, n_axes, deletion):
    import matplotlib.pyplot as plt

    axes = plt.subplots(1, n_axes, squeeze=False)[1][0]
    with pytest.raises(ValueError, match=f"ax holds {n_axes} axes"):
        ImportanceComparisonDisplay(comparison).plot(list(axes), deletion=deletion)


def test_shows_the_first_few_if_asked(comparison):
    display = ImportanceComparisonDisplay.from_comparison(comparison, max_display=2)
    assert len(display.bars_["shap"]) == 2


def test_from_estimator_compares_and_draws(fitted, comparison):
    display = ImportanceComparisonDisplay.from_estimator(
        *fitted, methods=("native", "permutation"), **SMALL
    )
    assert set(display.bars_) == {"native", "permutation"}
    assert display.comparison.importances["native"].equals(
        comparison.importances["native"]
    )


def test_without_matplotlib_says_what_to_install(comparison, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"spatialheteroreg\[plot\]"):
        ImportanceComparisonDisplay(comparison).plot()
