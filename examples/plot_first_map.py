"""
A first map of a local effect
=============================

How much does light matter, and where? We fit a table of places, days and weather, and
draw the slope of the prediction by radiation over the whole globe.
"""

# %%
# The planet is simulated: 6,000 rows at 600 places, one year. The effect of every
# feature changes smoothly over about 2,000 km and with the season. What makes it change
# is not in the table. Fifteen passes over the rows instead of 30 keep this page quick.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe

globe = make_heterogeneous_globe(
    n_samples=6_000, n_locations=600, n_years=1, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    globe.data, globe.target, test_size=0.2, random_state=0
)
model = STCGRegressor(max_iter=15, random_state=0).fit(X_train, y_train)
print(f"R2 on held-out rows: {model.score(X_test, y_test):.3f}")

# %%
# A map needs rows on a grid. The simulated planet knows its climate, so we ask it for
# the features of one day; with real data this is a gridded data set.

lat, lon = np.linspace(-90, 90, 46), np.linspace(-180, 180, 91)
grid_lat, grid_lon = np.meshgrid(lat, lon, indexing="ij")
day = np.full(grid_lat.size, np.datetime64("2001-07-15"))
grid = globe.law.features(grid_lat.ravel(), grid_lon.ravel(), day)

effect = 100 * model.local_effects(grid)["radiation"].to_numpy()  # for 100 W m-2

# %%
# Red: more light raises the target. Blue: it lowers it. The colors are centered at
# zero, and the dots are the places that the model has seen.

figure, axes = plt.subplots(
    figsize=(9, 4.8), subplot_kw={"projection": "mollweide"}, layout="constrained"
)
limit = np.quantile(np.abs(effect), 0.99)
mesh = axes.pcolormesh(
    np.deg2rad(lon),
    np.deg2rad(lat),
    effect.reshape(grid_lat.shape),
    cmap="RdBu_r",
    vmin=-limit,
    vmax=limit,
    shading="gouraud",
)
places = X_train.drop_duplicates(["lat", "lon"])
axes.scatter(np.deg2rad(places["lon"]), np.deg2rad(places["lat"]), s=1, color="0.2")
axes.set_longitude_grid(60)
axes.set_latitude_grid(30)
axes.set_longitude_grid_ends(90)
axes.grid(color="0.4", linewidth=0.3)
axes.tick_params(labelsize=8)
readable = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 1}
plt.setp(axes.get_xticklabels(), bbox=readable)  # they lie on the colors
axes.set_title("Learned effect of 100 W m$^{-2}$ of light on 15 July")
figure.colorbar(mesh, label="change of the target", extend="both", shrink=0.7)
plt.show()
