"""
Learned effects against the truth
=================================

Are the local effects right? With real data nobody knows. On a simulated planet each row
has a true slope by each feature, and we draw the learned slopes against them, at places
that the model has seen and at places that it has not.
"""

# %%
# There are 16,000 rows at 800 places. A fifth of the places is held out with all their
# rows, and a fifth of the other rows. Twenty passes over the rows instead of 30 keep
# this page quick.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe

globe = make_heterogeneous_globe(
    n_samples=16_000, n_locations=800, n_years=1, random_state=0
)
random = np.random.RandomState(0)
unseen = globe.location.isin(random.choice(800, 160, replace=False))
known = ~unseen & (random.uniform(size=len(unseen)) < 0.2)
train = ~unseen & ~known
model = STCGRegressor(max_iter=20, n_folds=1, random_state=0).fit(
    globe.data[train], globe.target[train]
)

# %%
# ``local_effects`` gives a slope for each row and each numeric feature, in units of the
# target for one unit of the feature. The correlation with the truth is over the rows of
# a feature: it asks where and when an effect is strong, and not only how strong it is
# on average.

held_out = {"known places": known, "unseen places": unseen}
learned = {
    name: model.local_effects(globe.data[rows]) for name, rows in held_out.items()
}
true = {name: globe.local_effects[rows] for name, rows in held_out.items()}
correlation = pd.DataFrame(
    {name: learned[name].corrwith(true[name]) for name in held_out}
)
print(correlation.round(3))
print(correlation.mean().round(3).to_string())

# %%
# Each panel is one feature, each dot a held-out row. On the line the learned slope is
# the true one. Dots between the line and zero say that the model has understated an
# effect, which is what it does where it has seen little.

UNITS = {
    "temperature": "per °C",
    "radiation": "per W m$^{-2}$",
    "precipitation": "per mm d$^{-1}$",
    "vpd": "per hPa",
    "soil_moisture": "per m$^3$ m$^{-3}$",
    "lai": "per m$^2$ m$^{-2}$",
}
STYLES = {"known places": ("#0072B2", "o"), "unseen places": ("#D55E00", "^")}

figure, panels = plt.subplots(2, 3, figsize=(9, 6.8), layout="constrained")
for axes, (feature, unit) in zip(panels.flat, UNITS.items(), strict=True):
    for name, (color, marker) in STYLES.items():
        axes.scatter(
            true[name][feature],
            learned[name][feature],
            s=3,
            color=color,
            marker=marker,
            alpha=0.3,
            linewidth=0,
            label=name,
            rasterized=True,
        )
    both = pd.concat([*true.values(), *learned.values()])[feature]
    low, high = both.quantile([0.0005, 0.9995])
    axes.axline((low, low), (high, high), color="0.2", linewidth=0.8)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(nbins=4)
    r = correlation.loc[feature]
    axes.set_title(
        f"{feature}, {unit}\nr = {r.iloc[0]:.2f} and {r.iloc[1]:.2f}", size=10
    )
figure.supxlabel("true slope", size=11)
figure.supylabel("learned slope", size=11)
handles, labels = panels[0, 0].get_legend_handles_labels()
legend = figure.legend(
    handles, labels, loc="outside upper center", ncols=2, frameon=False, markerscale=3
)
for handle in legend.legend_handles:
    handle.set_alpha(1)
plt.show()
