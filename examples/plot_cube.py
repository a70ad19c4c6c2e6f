"""
A cube, chunk by chunk
======================

Gridded weather often is larger than memory. Here a model that was fitted on a table
predicts a cube of xarray in chunks, on the coordinates of the cube, and says for each
cell which feature drives it.
"""

# %%
# The planet is simulated: 6,000 rows at 600 places teach the model. One network, and
# fifteen passes over the rows instead of 30, keep this page quick.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap

from spatialheteroreg import STCGRegressor, predict_dataset
from spatialheteroreg.datasets import make_heterogeneous_globe

globe = make_heterogeneous_globe(
    n_samples=6_000, n_locations=600, n_years=1, random_state=0
)
model = STCGRegressor(max_iter=15, n_folds=1, random_state=0)
model.fit(globe.data, globe.target)

# %%
# The cube has the features of two days on cells of 3 by 3 degrees, as a reanalysis has
# them: latitudes from north to south, longitudes from 0 to 360, and chunks. With real
# data, ``xr.open_mfdataset`` opens it.

cells = pd.MultiIndex.from_product(
    [
        pd.to_datetime(["2001-01-15", "2001-07-15"]),
        np.arange(-88.5, 90.0, 3.0),
        np.arange(1.5, 360.0, 3.0),
    ],
    names=["time", "lat", "lon"],
)
rows = cells.to_frame(index=False)
rows = globe.law.features(rows["lat"], rows["lon"], rows["time"])
cube = rows.drop(columns=cells.names).set_index(cells).to_xarray()
cube = cube.sortby("lat", ascending=False).chunk(time=1)

# %%
# A mask switches cells off; these are not predicted. This planet has no sea, so the
# mask leaves out what lies beyond 75 degrees of latitude.

near = abs(cube["lat"]) < 75
found = predict_dataset(model, cube, mask=near, effects=True)
print(found["effect"])

# %%
# Nothing was computed so far. What drives a cell is the feature that moves the
# prediction most from its mean: the largest part, whatever its sign.

effect = found["effect"].drop_sel(part=["baseline", "place", "time", "place_time"])
names = effect["part"].values
driver = abs(effect).fillna(0.0).argmax("part")
driver = driver.where(found["prediction"].notnull()).compute()

# %%
# Each map is centered on the date line, as the cube is. Gray cells were switched off.

colors = ListedColormap(plt.colormaps["tab10"].colors[: len(names)])
figure, axes = plt.subplots(2, 1, figsize=(8, 7), sharex=True, layout="compressed")
for ax, time in zip(axes, driver["time"], strict=True):
    image = driver.sel(time=time).plot.imshow(
        ax=ax,
        cmap=colors,
        vmin=-0.5,
        vmax=len(names) - 0.5,
        add_colorbar=False,
    )
    ax.set(
        title=f"{pd.Timestamp(time.item()):%d %B}".lstrip("0"),
        xlabel="longitude" if ax is axes[-1] else "",
        ylabel="latitude",
        facecolor="0.85",
        aspect="equal",
    )
bar = figure.colorbar(image, ax=axes, ticks=range(len(names)), shrink=0.6)
bar.set_ticklabels(names)
bar.ax.set_title("driver", fontsize=10)
plt.show()
