"""
Uncertainty and significance
============================

How sure is a local effect? A model of eight members gives each effect a standard error
and tells where its sign is known. We map the effect of rain, and check the intervals
of the predictions on rows that were held out.
"""

# %%
# ``n_members=8`` puts an ensemble inside the one network. A tenth of the training rows
# is kept back to calibrate it. We hold out a fifth of the places with all their rows,
# and a fifth of the other rows. Fifteen passes over the rows instead of 30 keep this
# page quick.

import matplotlib.pyplot as plt
import numpy as np

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection import EffectMapDisplay

globe = make_heterogeneous_globe(
    n_samples=8_000, n_locations=600, n_years=1, random_state=0
)
random = np.random.RandomState(0)
unseen = globe.location.isin(random.choice(600, 120, replace=False))
known = ~unseen & (random.uniform(size=len(unseen)) < 0.2)
train = ~unseen & ~known
model = STCGRegressor(n_members=8, max_iter=15, random_state=0).fit(
    globe.data[train], globe.target[train]
)

# %%
# An interval of 90 % shall hold 90 % of new observations. We ask for intervals from
# 50 % to 98 % and count.

asked = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98])
held = {}
for name, rows in {"known places": known, "unseen places": unseen}.items():
    X, y = globe.data[rows], globe.target[rows].to_numpy()
    intervals = [model.predict_interval(X, coverage=share).T for share in asked]
    held[name] = np.array(
        [np.mean((low <= y) & (y <= high)) for low, high in intervals]
    )
    print(f"90 % intervals hold {held[name][4]:.1%} of the rows at {name}")

# %%
# The sign of an effect is known where it is large against its standard error. As a map
# makes thousands of such tests at once, the false-discovery rate is controlled: of the
# places called significant, a tenth at most is expected to have the wrong sign, or no
# effect. On this planet rain helps much in some regions and little in others, and we
# can look at the true effects in both kinds of cells.

lat, lon = np.meshgrid(np.arange(-88, 90, 4), np.arange(-178, 180, 4), indexing="ij")
day = np.full(lat.size, np.datetime64("2001-07-15"))
grid = globe.law.features(lat.ravel(), lon.ravel(), day)

effect, std, significant = model.local_effects(grid, return_std=True, alpha=0.1)
sure = significant["precipitation"]
true = globe.law.local_effects(grid)["precipitation"]
right = (np.sign(true) == np.sign(effect["precipitation"]))[sure]
print(f"sign known in {sure.mean():.0%} of the cells, and right in {right.mean():.1%}")
print(f"true effect: {true[sure].mean():.2f} there, {true[~sure].mean():.2f} elsewhere")

# %%
# Left: the effect of rain; hatched where its sign is not known. Right: the share of
# the held-out rows that the intervals hold, against the share that was asked for. On
# the dashed line the two are the same.

figure = plt.figure(figsize=(11, 4), layout="constrained")
spots = figure.add_gridspec(1, 2, width_ratios=[2.1, 1])
axes = figure.add_subplot(spots[0], projection="mollweide")
EffectMapDisplay.from_predictions(
    grid["lat"],
    grid["lon"],
    effect["precipitation"],
    significant=sure,
    label="change of the target for 1 mm d$^{-1}$ more",
    ax=axes,
)
axes.set_title("Learned effect of rain on 15 July")

axes = figure.add_subplot(spots[1])
axes.plot([0.45, 1], [0.45, 1], "--", color="0.5", linewidth=1)
STYLES = [("o-", "#0072B2"), ("^-", "#D55E00")]
for (name, shares), (style, color) in zip(held.items(), STYLES, strict=True):
    axes.plot(asked, shares, style, color=color, label=name)
axes.set(
    xlim=(0.45, 1),
    ylim=(0.45, 1),
    aspect="equal",
    xlabel="share asked for",
    ylabel="share of held-out rows",
    title="What the intervals hold",
)
axes.legend(frameon=False, loc="lower right")
axes.spines[["top", "right"]].set_visible(False)
plt.show()
