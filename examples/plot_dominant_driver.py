"""
The dominant driver by season
=============================

Which feature matters most, where and when? We fit a simulated planet and let each cell
of a map in January and in July have the color of the feature that moves its prediction
most.
"""

# %%
# Fifteen passes over the rows instead of 30 keep this page quick.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection import EffectMapDisplay

globe = make_heterogeneous_globe(
    n_samples=8_000, n_locations=600, n_years=1, random_state=0
)
model = STCGRegressor(max_iter=15, n_folds=1, random_state=0).fit(
    globe.data, globe.target
)

# %%
# A map needs rows on a grid. The simulated planet knows its climate, so we ask it for
# the features in the middle of cells of 3 by 3 degrees; with real data this is a
# gridded data set.

lat, lon = np.meshgrid(
    np.arange(-88.5, 90, 3), np.arange(-178.5, 180, 3), indexing="ij"
)
grids = {
    name: globe.law.features(lat.ravel(), lon.ravel(), np.full(lat.size, day))
    for name, day in {
        "15 January": np.datetime64("2001-01-15"),
        "15 July": np.datetime64("2001-07-15"),
    }.items()
}

# %%
# The contributions of a row say how far each feature moves the prediction from its mean
# over the training rows. The largest of them, up or down, is the dominant one. Here is
# the share of the area that each feature dominates, in percent.

COLORS = {
    "temperature": "#D55E00",
    "radiation": "#E69F00",
    "vpd": "#CC79A7",
    "precipitation": "#332288",
    "soil_moisture": "#56B4E9",
    "lai": "#009E73",
    "land_cover": "#999933",
}
dominant = {
    name: model.local_effects(grid, output="contribution")[list(COLORS)]
    .abs()
    .idxmax(axis=1)
    for name, grid in grids.items()
}
area = np.cos(np.deg2rad(lat.ravel()))
shares = {name: pd.Series(area).groupby(best).sum() for name, best in dominant.items()}
print((100 * pd.DataFrame(shares) / area.sum()).round(1))

# %%
# In winter, temperature and light rule the high latitudes. Elsewhere the driver changes
# from region to region, and in most regions with the season. It is not the only one:
# where two features matter alike, the border between their colors says little.

figure = plt.figure(figsize=(7.2, 8), layout="constrained")
for row, (name, grid) in enumerate(grids.items(), start=1):
    axes = figure.add_subplot(2, 1, row, projection="mollweide")
    EffectMapDisplay.from_predictions(
        grid["lat"],
        grid["lon"],
        dominant[name],
        kind="dominant",
        colors=COLORS,
        colorbar=False,
        ax=axes,
    )
    axes.set_title(name)
patches = [plt.Rectangle((0, 0), 1, 1, color=color) for color in COLORS.values()]
figure.legend(
    patches,
    COLORS,
    title="Dominant feature",
    loc="outside lower center",
    ncols=4,
    frameon=False,
)
plt.show()
