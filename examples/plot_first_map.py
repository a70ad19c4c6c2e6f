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
from spatialheteroreg.inspection import EffectMapDisplay

globe = make_heterogeneous_globe(
    n_samples=6_000, n_locations=600, n_years=1, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    globe.data, globe.target, test_size=0.2, random_state=0
)
model = STCGRegressor(max_iter=15, n_folds=1, random_state=0).fit(X_train, y_train)
print(f"R2 on held-out rows: {model.score(X_test, y_test):.3f}")

# %%
# A map needs rows on a grid. The simulated planet knows its climate, so we ask it for
# the features of one day in cells of 3 by 3 degrees; with real data this is a gridded
# data set.

lat, lon = np.meshgrid(
    np.arange(-88.5, 90, 3), np.arange(-178.5, 180, 3), indexing="ij"
)
day = np.full(lat.size, np.datetime64("2001-07-15"))
grid = globe.law.features(lat.ravel(), lon.ravel(), day)

# %%
# Red: more light raises the target. Blue: it lowers it. The colors are centered at
# zero, and the dots are the places that the model has seen. Without ``ax`` the map has
# plain axes of longitude and latitude.

figure, axes = plt.subplots(
    figsize=(8, 4.8), subplot_kw={"projection": "mollweide"}, layout="constrained"
)
EffectMapDisplay.from_estimator(
    model,
    grid,
    "radiation",
    label="change of the target for 1 W m$^{-2}$ more",
    ax=axes,
)
places = X_train.drop_duplicates(["lat", "lon"])
axes.scatter(np.deg2rad(places["lon"]), np.deg2rad(places["lat"]), s=1, color="0.2")
axes.set_title("Learned effect of light on 15 July")
plt.show()
