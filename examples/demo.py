"""Learn the local effects of a simulated planet, and draw them beside the truth.

Run by ``make demo``. Prints the held-out error beside boosted trees and the
agreement of the learned effects with the true ones, and writes one picture.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection import EffectMapDisplay, EffectSeasonDisplay

# What the maps show: feature, step of it that the effect is given for, name.
MAPPED = [
    ("temperature", 10.0, "10 °C of warmth"),
    ("radiation", 100.0, "100 W m$^{-2}$ of light"),
    ("precipitation", 1.0, "1 mm d$^{-1}$ of rain"),
]
DAY = np.datetime64("2003-07-15")


def dates_as_numbers(X):
    """Give a date as year and day of the year: trees take no dates."""
    numbers = {"year": X["time"].dt.year, "day_of_year": X["time"].dt.day_of_year}
    return X.drop(columns="time").assign(**numbers)


def agreement(model, X, X_train, true_effects):
    """Correlate contributions and slopes with the true ones, by feature."""
    explanation = model.explain(X)
    learned_effects = model.local_effects(X)
    contributions, slopes = {}, {}
    for name in true_effects:
        learned = explanation.values[:, explanation.feature_names.index(name)]
        true = true_effects[name] * (X[name] - X_train[name].mean())
        contributions[name] = np.corrcoef(true, learned)[0, 1]
        slopes[name] = np.corrcoef(true_effects[name], learned_effects[name])[0, 1]
    return contributions, slopes


def draw(globe, model, X_test, slopes):
    """Draw true and learned effects: on one day, at held-out rows, by season."""
    lat, lon = np.meshgrid(
        np.arange(-89, 90, 2), np.arange(-179, 180, 2), indexing="ij"
    )
    grid = globe.law.features(lat.ravel(), lon.ravel(), np.full(lat.size, DAY))
    on_map = {
        "True effect": globe.law.local_effects(grid),
        "Learned effect": model.local_effects(grid),
    }
    at_rows = {
        "True effect": globe.local_effects.loc[X_test.index],
        "Learned effect": model.local_effects(X_test),
    }

    figure = plt.figure(figsize=(13, 12.4), layout="constrained")
    spots = figure.add_gridspec(len(MAPPED) + 1, 3, width_ratios=[2.2, 2.2, 1.15])
    for row, (name, step, label) in enumerate(MAPPED):
        limit = step * on_map["True effect"][name].abs().quantile(0.99)
        maps = []
        for column, (kind, effects) in enumerate(on_map.items()):
            axes = figure.add_subplot(spots[row, column], projection="mollweide")
            display = EffectMapDisplay.from_predictions(
                grid["lat"],
                grid["lon"],
                step * effects[name],
                vmax=limit,
                colorbar=False,
                ax=axes,
            )
            axes.set_title(f"{kind} of {label}", fontsize=11)
            maps.append(axes)
        bar = figure.colorbar(
            display.artists_[0], ax=maps, shrink=0.8, aspect=18, extend="both"
        )
        bar.set_label("change of the target", fontsize=9)
        bar.ax.tick_params(labelsize=9)
        axes = figure.add_subplot(spots[row, 2])
        true, learned = (step * effects[name] for effects in at_rows.values())
        draw_scatter(axes, true, learned, slopes[name])
    draw_seasons(figure, spots[len(MAPPED), :], X_test, at_rows)
    figure.suptitle(
        f"Effects on {DAY.item():%d %B}, and at the {len(X_test):,} held-out rows "
        "of all seasons",
        fontsize=14,
    )
    return figure


def draw_seasons(figure, spot, X_test, at_rows):
    """Draw the first effect by month, for belts of latitude."""
    name, step, label = MAPPED[0]
    panels = spot.subgridspec(1, 2).subplots(sharey=True)
    for axes, (kind, effects) in zip(panels, at_rows.items(), strict=True):
        EffectSeasonDisplay.from_predictions(
            X_test["time"],
            step * effects[name],
            lat=X_test["lat"],
            bands=[-90, -30, 30, 90],
            label="change of the target",
            ax=axes,
        )
        axes.set_title(f"{kind} of {label} at the held-out rows", fontsize=11)
        axes.tick_params(labelsize=9)
        axes.label_outer()
    panels[0].get_legend().remove()  # that of the other panel tells the same


def draw_scatter(axes, true, learned, correlation):
    """Draw learned against true slopes, as densities."""
    low, high = np.quantile(np.concatenate([true, learned]), [0.001, 0.999])
    axes.hexbin(
        true,
        learned,
        gridsize=45,
        extent=(low, high, low, high),
        bins="log",
        mincnt=1,
        cmap="Greys",
        linewidths=0,
    )
    axes.plot([low, high], [low, high], color="tab:red", linewidth=1)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(nbins=5)
    axes.set_title(f"all held-out rows: r = {correlation:.2f}", fontsize=11)
    axes.set_xlabel("true effect", fontsize=9)
    axes.set_ylabel("learned effect", fontsize=9)
    axes.tick_params(labelsize=9)


def main(arguments=None):
    """Fit, compare, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--places", type=int, default=2_000)
    parser.add_argument("--output", type=Path, default=Path("demo.png"))
    options = parser.parse_args(arguments)

    globe = make_heterogeneous_globe(
        options.rows, options.places, noise=0.1, random_state=0
    )
    X_train, X_test, y_train, y_test = train_test_split(
        globe.data, globe.target, test_size=0.2, random_state=0
    )
    print(f"A simulated planet: {len(X_train):,} rows to learn from, ", end="")
    print(f"{len(X_test):,} held out, {options.places:,} places, 5 years.\n")

    start = time.perf_counter()
    trees = HistGradientBoostingRegressor(
        categorical_features="from_dtype", random_state=0
    ).fit(dates_as_numbers(X_train), y_train)
    trees_seconds = time.perf_counter() - start
    trees_error = root_mean_squared_error(
        y_test, trees.predict(dates_as_numbers(X_test))
    )

    start = time.perf_counter()
    model = STCGRegressor(n_folds=1, random_state=0, verbose=1).fit(X_train, y_train)
    seconds = time.perf_counter() - start
    error = root_mean_squared_error(y_test, model.predict(X_test))

    print("\nHeld-out RMSE (the noise alone is 0.100, the target's spread 1)")
    print(f"  HistGradientBoosting, with coordinates  {trees_error:.3f}", end="")
    print(f"   fitted in {trees_seconds:.0f} s")
    print(f"  STCGRegressor                           {error:.3f}", end="")
    print(f"   fitted in {seconds:.0f} s")
    print(f"  ratio                                   {error / trees_error:.3f}")

    contributions, slopes = agreement(
        model, X_test, X_train, globe.local_effects.loc[X_test.index]
    )
    print("\nCorrelation with the truth at held-out rows   contribution   slope")
    for name, value in contributions.items():
        print(f"  {name:<42}  {value:12.3f}  {slopes[name]:6.3f}")
    means = [np.mean(list(part.values())) for part in (contributions, slopes)]
    print(f"  {'mean':<42}  {means[0]:12.3f}  {means[1]:6.3f}")

    figure = draw(globe, model, X_test, slopes)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.output, dpi=110)
    plt.close(figure)
    print(f"\nMaps of true and learned effects: {options.output}")


if __name__ == "__main__":
    main()
