"""Every plot of shap that is for tables draws our explanations."""

import inspect
from decimal import Decimal

import matplotlib as mpl
import numpy as np
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection import FloatView

from .conftest import make_table
from .test_ecosystem import small

mpl.use("Agg")

# Each gets our explanation, and the model and its rows for the few that want them.
PLOTS = {
    "bar": lambda plots, e, _: plots.bar(e, show=False),
    "beeswarm": lambda plots, e, _: plots.beeswarm(e, show=False),
    "decision": lambda plots, e, _: plots.decision(
        e.base_values[0], e.values, e.data, e.feature_names, show=False
    ),
    "embedding": lambda plots, e, _: plots.embedding(
        "heat", e.values, e.feature_names, show=False
    ),
    "force": lambda plots, e, _: plots.force(e[0], matplotlib=True, show=False),
    "group_difference": lambda plots, e, _: plots.group_difference(
        e.values, e.data[:, 0] > 0, e.feature_names, show=False
    ),
    "heatmap": lambda plots, e, _: plots.heatmap(e, show=False),
    "monitoring": lambda plots, e, _: plots.monitoring(
        4, e.values, e.data, e.feature_names, show=False
    ),
    "partial_dependence": lambda plots, e, predict: plots.partial_dependence(
        "heat",
        predict,
        e.data,
        feature_names=e.feature_names,
        shap_values=e[:1],
        model_expected_value=True,
        npoints=3,
        ice=False,
        show=False,
    ),
    "scatter": lambda plots, e, _: plots.scatter(e[:, "heat"], show=False),
    "violin": lambda plots, e, _: plots.violin(e, show=False),
    "waterfall": lambda plots, e, _: plots.waterfall(e[0], show=False),
}

# Not of contributions to rows of a table.
OTHERS = {
    "benchmark": "scores of explainers",
    "image": "pixels",
    "image_to_text": "pixels",
    "initjs": "loads a script into a notebook",
    "text": "words",
}


@pytest.fixture(scope="module")
def explained():
    X, y = make_table(120)
    model = STCGRegressor(n_nodes=8, max_iter=2, random_state=0).fit(X, y)
    return model.explain(X), FloatView(model).predict


def test_no_plot_is_left_out():
    import shap

    public = {
        name
        for name, thing in vars(shap.plots).items()
        if inspect.isfunction(thing) and not name.startswith("_")
    }
    assert public <= set(PLOTS) | set(OTHERS)


# shap's own use of matplotlib and NumPy warns, which is not ours to mend.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PLOTS)
def test_draws_it(explained, name):
    import matplotlib.pyplot as plt
    import shap

    explanation, predict = explained
    before = explanation.values.copy()
    try:
        PLOTS[name](shap.plots, explanation, predict)
        drawn = [ax for ax in plt.gcf().axes if ax.has_data()]
        assert drawn
        plt.gcf().canvas.draw()
    finally:
        plt.close("all")
    np.testing.assert_array_equal(explanation.values, before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rows", [0, slice(4)])
def test_the_force_plot_of_notebooks_is_written(explained, rows):
    import shap

    explanation, _ = explained
    page = shap.plots.force(explanation[rows]).html()
    assert "heat" in page


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "times",
    [
        lambda time: time.dt.to_period("D"),
        lambda time: time.dt.date,
        lambda time: time.astype("category"),
        lambda time: time.dt.tz_localize("UTC"),
    ],
)
def test_the_force_plot_takes_times_and_gaps_of_any_kind(table, times):
    import shap

    X, y = table
    X = X.assign(time=times(X.time), rain=X.rain.astype("Float64"))
    X["tax"] = [Decimal(k) for k in range(len(X))]
    X["snow"] = X.rain.astype("float64[pyarrow]")
    explanation = small().fit(X, y).explain(X)
    assert "rain" in shap.plots.force(explanation[:5]).html()
