"""shap: model-agnostic explainers on the float view."""

import numpy as np
import pytest
import shap

from spatialheteroreg.inspection import FloatView

from ..conftest import make_table
from ..test_ecosystem import small


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(150)
    X = X.assign(constant=1.0)
    return small(max_iter=8).fit(X, y), X, y


EXPLAINERS = {
    "generic": (shap.Explainer, {}),
    "permutation": (shap.PermutationExplainer, {"seed": 0}),
    "exact": (shap.ExactExplainer, {}),
}


@pytest.mark.parametrize("name", EXPLAINERS)
def test_values_add_up_to_the_prediction(fitted, name):
    model, X, y = fitted
    view = FloatView(model)
    make, options = EXPLAINERS[name]
    background = view.encode(X[:10])
    explainer = make(
        view.predict, background, feature_names=view.feature_names, **options
    )
    explanation = explainer(view.encode(X[10:14]), silent=True)
    assert explanation.feature_names == list(X.columns)
    total = explanation.values.sum(axis=1) + explanation.base_values
    np.testing.assert_allclose(total, model.predict(X[10:14]), atol=1e-9 * y.std())
    np.testing.assert_allclose(
        explanation.base_values, model.predict(X[:10]).mean(), atol=1e-9 * y.std()
    )
    # Features that the model uses got a value, the constant none.
    values = dict(zip(X.columns, np.abs(explanation.values).max(axis=0), strict=True))
    assert values["rain"] > 1e-3
    assert values["cover"] > 1e-6
    assert values["time"] > 1e-6
    assert values["constant"] < 1e-9


def test_kernel_explainer_adds_up(fitted):
    model, X, y = fitted
    view = FloatView(model)
    explainer = shap.KernelExplainer(view.predict, view.encode(X[:10]))
    values = explainer.shap_values(view.encode(X[10:12]), silent=True)
    total = values.sum(axis=1) + explainer.expected_value
    np.testing.assert_allclose(total, model.predict(X[10:12]), atol=1e-6 * y.std())


def test_without_the_view_shap_cannot_take_dates_and_categories(fitted):
    model, X, _ = fitted
    with pytest.raises(TypeError, match="unsupported operand"):
        shap.Explainer(model.predict, X[:10])(X[10:12])
