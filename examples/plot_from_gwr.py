"""
For users of GWR
================

The same analysis twice: with geographically weighted regression, as mgwr fits it, and
with ``STCGRegressor``. The data are the grid that multiscale GWR was shown on, with
known coefficient surfaces.
"""

# %%
# 625 rows on a grid of 25 by 25. The target is b0 + b1 x1 + b2 x2 + noise: b1 is a
# plane that rises to the north-east, b2 a hill. Both methods get positions, x1 and x2.

import matplotlib.pyplot as plt
import pandas as pd
from mgwr.gwr import GWR
from mgwr.sel_bw import Sel_BW

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_mgwr_grid
from spatialheteroreg.inspection import EffectMapDisplay

grid = make_mgwr_grid(random_state=0)
features = ["x1", "x2"]
print(grid.data.head(3).round(2))

# %%
# GWR
# ---
#
# GWR, here that of `mgwr <https://mgwr.readthedocs.io>`_, fits a weighted linear
# regression at each row. How far a row's neighborhood reaches, the bandwidth, is
# searched first.

positions = grid.data[["u", "v"]].to_numpy()
X, y = grid.data[features].to_numpy(), grid.target.to_numpy()[:, None]
bandwidth = Sel_BW(positions, y, X, n_jobs=1).search()
gwr = GWR(positions, y, X, bandwidth, n_jobs=1).fit()
gwr_slopes = pd.DataFrame(gwr.params[:, 1:], columns=features)
gwr_errors = pd.DataFrame(gwr.bse[:, 1:], columns=features)
print(f"bandwidth: {bandwidth:.0f} nearest rows")

# %%
# The same here
# -------------
#
# The positions are columns of the table, named once. ``metric="euclidean"`` takes them
# as bare coordinates; degrees need no such word. ``n_members=8`` brings the standard
# errors.

model = STCGRegressor(
    lat="v", lon="u", metric="euclidean", n_members=8, random_state=0
).fit(grid.data, grid.target)
slopes, errors, significant = model.local_effects(grid.data, return_std=True)

# %%
# What is called what
# -------------------
#
# =======================  ==========================================================
# in mgwr                  here
# =======================  ==========================================================
# ``Sel_BW().search()``    nothing to search; ``n_nodes`` (how fine the surfaces can be)
#                          and ``n_attached`` (how smooth they are) are automatic
# ``GWR().fit()``          ``STCGRegressor().fit(X, y)``
# ``params[:, 1:]``        ``local_effects(X)``, at any rows
# ``params[:, 0]``         ``decompose(X)``: "baseline" and "place", which stand for
#                          usual features instead of features that are 0
# ``bse``                  ``local_effects(X, return_std=True).std``
# ``filter_tvals()``       ``local_effects(X, return_std=True).significant``, with
#                          control of false discoveries
# ``predy``, ``predict``   ``predict(X)``
# ``spherical=True``       ``metric="haversine"``, the default
# no time                  ``time=``, and ``period=`` for seasons
# =======================  ==========================================================
#
# A coefficient of GWR is a slope at a place. Here the slope may depend on the features
# as well, so a law that is curved, or in which two features act together, needs no
# other model. Categories and missing values need no preparation.

truth = grid.local_effects
fits = {"GWR": (gwr_slopes, gwr_errors), "STCGRegressor": (slopes, errors)}
rows = {}
for name, (slope, error) in fits.items():
    off = (slope - truth).abs()
    rows[name, "correlation with the truth"] = slope.corrwith(truth)
    rows[name, "mean distance from the truth"] = off.mean()
    rows[name, "mean standard error"] = error.mean()
    rows[name, "90 % intervals that hold the truth"] = (off <= 1.645 * error).mean()
print(pd.DataFrame(rows).T.round(2).to_string())

# %%
# The standard errors of GWR take the bandwidth as given, and the coefficients as the
# same all over a neighborhood. Where a surface bends, as that of x2 does, they are too
# small. Those of the ensemble are calibrated by the errors at a tenth of the rows,
# which is not trained on. Here these are some sixty rows, and the figures are rough.
#
# The surfaces
# ------------
#
# The slopes here show some grain, as the slope of a row depends on its features as
# well. Averages over near rows are smoother.

surfaces = {"Truth": truth, "GWR": gwr_slopes, "STCGRegressor": slopes}
figure, panels = plt.subplots(
    2, 3, figsize=(8.4, 5.6), sharex=True, sharey=True, layout="constrained"
)
for row, feature in zip(panels, features, strict=True):
    for axes, (name, surface) in zip(row, surfaces.items(), strict=True):
        display = EffectMapDisplay.from_predictions(
            grid.data["v"],
            grid.data["u"],
            surface[feature],
            metric="euclidean",
            axis_labels=("u", "v"),
            vmin=1,  # the true slopes of both run from 1 to 5
            vmax=5,
            colorbar=False,
            ax=axes,
        )
        axes.set_title(f"{name}: {feature}")
        axes.label_outer()
figure.colorbar(
    display.artists_[0], ax=panels, extend="both", shrink=0.7, label="slope"
)
plt.show()
