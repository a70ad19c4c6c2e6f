"""
A comparison with SHAP
======================

The model explains itself: its contributions come with the prediction. SHAP explains any
model from outside, by asking for many predictions. Do the two agree about the same
model, and which of them is more faithful to it?
"""

# %%
# Few rows are explained here, and against few rows of background, to keep this page
# quick: SHAP asks for hundreds of predictions a row.

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection import (
    ImportanceComparisonDisplay,
    compare_importances,
)

globe = make_heterogeneous_globe(
    n_samples=6_000, n_locations=600, n_years=1, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    globe.data, globe.target, test_size=0.2, random_state=0
)
model = STCGRegressor(max_iter=15, n_folds=1, random_state=0).fit(X_train, y_train)
comparison = compare_importances(
    model, X_test, y_test, n_rows=30, n_background=10, max_evals=76, random_state=0
)

# %%
# All methods explain the same fitted model. Importances are shares that add up to one;
# latitude and longitude are one unit, *place*.

print(comparison.importances.round(3))

# %%
# How far two methods agree: in the ranks of the importances, in the contributions of a
# feature over the rows, and in the contributions of a row over the features.
# Permutation has no contributions of rows.

print(comparison.agreement.round(2))

# %%
# What a row costs, beside SHAP:

seconds = comparison.seconds / comparison.n_rows
times = seconds["shap"] / seconds["native"]
print(f"SHAP takes about {round(times, -2):,.0f} times as long a row.")

# %%
# Left: the importances. Where a feature does more at one place than at another, the
# model gives all of that to the feature. SHAP gives the place a part of it, since the
# prediction changes when the place does.
#
# Right: the features of each row are removed, the most important first by each method,
# and replaced by those of other rows. The faster the prediction falls back to its mean,
# the better the method knew what the prediction rests on: the smaller area is the more
# faithful. Here the model and SHAP are close to each other. Permutation, which has one
# order for all rows, is far behind: what matters differs from row to row.

display = ImportanceComparisonDisplay.from_comparison(comparison, deletion=True)
display.ax_.set_title("Importance by each method")
display.deletion_ax_.set_title("What is left as features are removed")
plt.show()
