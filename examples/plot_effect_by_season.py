"""
An effect through the year
==========================

Warmth helps where and when it is cold, and harms where and when it is hot. We fit a
simulated planet of which this is true, and follow the learned effect of temperature
through the year in three belts of latitude.
"""

# %%
# Fifteen passes over the rows instead of 30 keep this page quick.

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection import EffectSeasonDisplay

globe = make_heterogeneous_globe(
    n_samples=8_000, n_locations=600, n_years=1, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    globe.data, globe.target, test_size=0.25, random_state=0
)
model = STCGRegressor(max_iter=15, n_folds=1, random_state=0).fit(X_train, y_train)

# %%
# Each row gets its own slope of the prediction by temperature. As the planet is
# simulated, each row also has a true one.

learned = model.local_effects(X_test)["temperature"]
true = globe.local_effects["temperature"].loc[X_test.index]
print(f"correlation over the held-out rows: {learned.corr(true):.3f}")

# %%
# Lines are means over the held-out rows of a belt and a month, ribbons one standard
# deviation of these rows to both sides. North and south have their seasons at opposite
# times of the year.

figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
options = {"bands": [-90, -30, 30, 90], "label": "change of the target for 1 °C more"}
EffectSeasonDisplay.from_predictions(
    X_test["time"], true, lat=X_test["lat"], legend=False, ax=panels[0], **options
)
panels[0].set_title("True effect of temperature")
EffectSeasonDisplay.from_estimator(
    model, X_test, "temperature", ax=panels[1], **options
)
panels[1].set(title="Learned effect on held-out rows", ylabel="")
plt.show()
