"""
Splits over space and time
==========================

What does each splitter of :mod:`spatialheteroreg.model_selection` hold out, and what
does that do to the error? We draw the training and the test rows of each on one table.
"""

# %%
# The table has 1,200 places on something like continents, one of them an island across
# the date line, and four rows a place, from 2001 to 2004. Weather and target are those
# of a simulated planet.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.model_selection import (
    BufferedKFold,
    ForwardChaining,
    LeaveRegionOut,
    SpatialBlockKFold,
    TimeHoldout,
)
from spatialheteroreg.sphere import great_circle_distance, to_lat_lon

continents = np.array(  # caps: latitude and longitude of the center, radius in km
    [
        *[(62, -110, 1600), (46, -100, 1900)],
        *[(-6, -62, 1500), (-26, -62, 1200)],
        *[(12, 12, 1900), (-12, 25, 1600)],
        *[(50, 15, 1300), (57, 55, 1700), (56, 95, 1800), (30, 100, 1600)],
        *[(-25, 134, 1400), (-42, 180, 900)],
    ]
)
random = np.random.RandomState(0)
lat, lon = to_lat_lon(random.normal(size=(8_000, 3)))  # evenly over the sphere
away = great_circle_distance(lat[:, None], lon[:, None], *continents[:, :2].T)
on_land = np.flatnonzero((away < continents[:, 2]).any(axis=1))[:1_200]
lat, lon = np.repeat(lat[on_land], 4), np.repeat(lon[on_land], 4)
days = pd.Timestamp("2001-01-01") + pd.to_timedelta(
    random.randint(0, 4 * 365, lat.size), unit="D"
)

law = make_heterogeneous_globe(100, random_state=0).law
X = law.features(lat, lon, days)
y = law.target(X) + random.normal(0, 0.1, lat.size)
print(X.iloc[:3, :5])

# %%
# Every splitter finds the coordinates in the columns of ``X``. These two draw a map of
# one split, and a map of the folds.

BLUE, ORANGE, GRAY = "#0072B2", "#E69F00", "0.45"
FOLDS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "0.15", "#56B4E9"]
SHAPES = ["o", "^", "s", "D", "P", "v"]


def add_map(figure, position, title):
    axes = figure.add_subplot(position, projection="mollweide")
    axes.set_longitude_grid(60)
    axes.set_latitude_grid(30)
    axes.set_longitude_grid_ends(90)
    axes.grid(color="0.85", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7, labelcolor="0.4")
    axes.set_xticklabels([])
    axes.set_title(title, fontsize=10)
    return axes


def draw_points(axes, rows, **style):
    x, y = np.deg2rad(X["lon"].iloc[rows]), np.deg2rad(X["lat"].iloc[rows])
    axes.scatter(x, y, linewidth=style.pop("linewidth", 0), **style)


def add_legend(axes, **options):
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=6,
        frameon=False,
        fontsize=9,
        title_fontsize=9,
        markerscale=2,
        handletextpad=0.2,
        columnspacing=1.2,
        **options,
    )


def draw_split(figure, position, title, train, test):
    axes = add_map(figure, position, title)
    dropped = np.setdiff1d(np.arange(len(X)), [*train, *test])
    draw_points(axes, train, s=5, color=BLUE, label="training")
    if dropped.size:
        draw_points(
            axes, dropped, s=8, marker="x", color=GRAY, linewidth=0.6, label="dropped"
        )
    draw_points(axes, test, s=10, marker="^", color=ORANGE, label="test")
    add_legend(axes)


def draw_folds(figure, position, title, cv):
    axes = add_map(figure, position, title)
    for number, (_, test) in enumerate(cv.split(X)):
        style = {"marker": SHAPES[number], "color": FOLDS[number]}
        draw_points(axes, test, s=8, label=len(test), **style)
    add_legend(axes, title="rows of each fold")


def two_maps():
    return plt.figure(figsize=(10, 3.3), layout="constrained")


# %%
# Blocks
# ------
#
# ``SpatialBlockKFold`` cuts the globe into nearly square blocks of the side that you
# give, in km, and deals whole blocks to folds with about as many rows. Each fold is
# spread over all groups. Towards the poles a band of latitude has fewer blocks, so they
# stay square.

blocks = SpatialBlockKFold(n_splits=5, block_size=1500)

figure = two_maps()
draw_folds(figure, 121, "The five folds", blocks)
draw_split(figure, 122, "The first split", *next(blocks.split(X)))
plt.show()

# %%
# Regions
# -------
#
# ``LeaveRegionOut`` clusters the places on the sphere and leaves one cluster out at a
# time. The island is in one region, on both sides of the date line. Regions differ in
# size.

regions = LeaveRegionOut(n_regions=6, random_state=0)

figure = two_maps()
draw_folds(figure, 121, "The six regions", regions)
draw_split(figure, 122, "The first split", *next(regions.split(X)))
plt.show()

# %%
# A buffer
# --------
#
# ``BufferedKFold`` drops the training rows within ``radius`` km of any test row. Left:
# folds of single places are spread so widely that a radius of 500 km leaves little to
# train on. Right: folds of blocks have a buffer around each block only.

figure = two_maps()
for position, title, cv in (
    (121, "Folds of places", BufferedKFold(5, radius=500)),
    (122, "Folds of blocks", BufferedKFold(5, radius=500, block_size=3000)),
):
    train, test = next(cv.split(X))
    title += f": {len(train):,} of {len(X):,} rows to train on"
    draw_split(figure, position, title, train, test)
plt.show()

# %%
# Time
# ----
#
# ``TimeHoldout`` tests on the last times, ``ForwardChaining`` on one span after the
# other, each with what came before. Rows of one moment are never on both sides. Every
# line below is one split, and every dot a row.

temporal = {
    'TimeHoldout(start="2004")': TimeHoldout(start="2004"),
    "ForwardChaining(4)": ForwardChaining(4),
    "ForwardChaining(4, gap=0.25)": ForwardChaining(4, gap=0.25),
    'ForwardChaining(starts=["2003", "2004"], max_train_span=1)': ForwardChaining(
        starts=["2003", "2004"], max_train_span=1
    ),
}

figure, panels = plt.subplots(
    len(temporal),
    figsize=(10, 5.4),
    sharex=True,
    layout="constrained",
    height_ratios=[1.3 + cv.get_n_splits() for cv in temporal.values()],
)
for axes, (title, cv) in zip(panels, temporal.items(), strict=True):
    for number, (train, test) in enumerate(cv.split(X), start=1):
        rest = np.setdiff1d(np.arange(len(X)), [*train, *test])
        for rows, color, label in (
            (rest, "0.85", "not used"),
            (train, BLUE, "training"),
            (test, ORANGE, "test"),
        ):
            height = number + random.uniform(-0.3, 0.3, rows.size)
            axes.scatter(
                X["time"].iloc[rows], height, s=2, color=color, linewidth=0, label=label
            )
    axes.set_title(title, fontsize=10, loc="left", family="monospace")
    axes.set_yticks(range(1, cv.get_n_splits() + 1))
    axes.set_ylim(cv.get_n_splits() + 0.5, 0.5)
    axes.spines[["top", "right"]].set_visible(False)
handles, labels = panels[0].get_legend_handles_labels()
figure.legend(
    handles, labels, loc="outside upper right", ncols=3, frameon=False, markerscale=5
)
figure.supylabel("split", fontsize=10)
plt.show()

# %%
# What it does to the error
# -------------------------
#
# The same model on the same table, by the split. Rows at random leave most places on
# both sides. The farther the held-out rows are from the training rows, the larger the
# error: say with each figure what was held out.

from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_score

numbers = X.assign(
    time=X["time"].dt.year, season=np.cos(2 * np.pi * X["time"].dt.day_of_year / 365)
)
splitters = {
    "rows at random": KFold(5, shuffle=True, random_state=0),
    "places": BufferedKFold(5, radius=0),
    "blocks of 1500 km": blocks,
    "blocks of 3000 km, 500 km apart": BufferedKFold(5, radius=500, block_size=3000),
    "regions": regions,
}
for name, cv in splitters.items():
    scores = cross_val_score(
        HistGradientBoostingRegressor(max_iter=60, random_state=0),
        numbers,
        y,
        cv=cv,
        scoring="neg_root_mean_squared_error",
    )
    print(f"{name:32} RMSE {-scores.mean():.2f}")
