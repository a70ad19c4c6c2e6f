"""Draw what a weight is: `python docs/figures/weights.py`.

Fits a model to a law with an optimum, and writes docs/_static/weights.svg.
"""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from spatialheteroreg import STCGRegressor
from spatialheteroreg.row_inputs import network_inputs

OPTIMUM, WIDTH, PEAK = 20.0, 10.0, 8.0
SHOWN = 29.0
BLUE, ORANGE, GRAY = "#2f6db3", "#b3622d", "#8a919c"


def law(temperature):
    return PEAK * np.exp(-0.5 * ((temperature - OPTIMUM) / WIDTH) ** 2)


def slope(temperature):
    return -law(temperature) * (temperature - OPTIMUM) / WIDTH**2


def make_rows(n_rows, random):
    X = pd.DataFrame(
        {
            "lat": random.uniform(-60.0, 70.0, n_rows),
            "lon": random.uniform(-180.0, 180.0, n_rows),
            "temperature": random.uniform(0.0, 36.0, n_rows),
            "radiation": random.uniform(0.0, 300.0, n_rows),
        }
    )
    noise = 0.3 * random.standard_normal(n_rows)
    return X, law(X["temperature"]) + 0.01 * X["radiation"] + noise


def weight_of(model, X, name):
    """Give the weight of a numeric feature, in target units per feature unit."""
    arrays = model._inputs.transform(model._read_fitted(X))
    network = model.net_.module_.double().eval()
    position = [model._column_names()[j] for j in model._inputs.roles.numeric].index(
        name
    )
    tensors = {
        key: torch.as_tensor(array).double()
        if array.dtype.kind == "f"
        else torch.as_tensor(array)
        for key, array in network_inputs(arrays).items()
    }
    with torch.no_grad():
        weights = network(**tensors).weights.mean(dim=1)[:, position].numpy()
    return weights * model._target_scale / model._inputs.encoder_.scale_[position]


def draw(model, X):
    """Draw contributions on the left, slopes and weights on the right."""
    mean = X["temperature"].mean()
    grid = pd.DataFrame(
        {
            "lat": 10.0,
            "lon": 20.0,
            "temperature": np.append(np.linspace(0.5, 35.5, 141), [SHOWN, mean]),
            "radiation": 150.0,
        }
    )
    along = grid["temperature"].to_numpy()[:-2]
    contribution = model.local_effects(grid, output="contribution")["temperature"]
    learned = model.local_effects(grid)["temperature"].to_numpy()
    weight = weight_of(model, grid, "temperature")
    contribution = contribution.to_numpy()
    true = law(along) - law(X["temperature"]).mean()

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.7), layout="constrained")
    left.plot(along, true, color=GRAY, lw=5, alpha=0.45, label="true effect")
    left.plot(along, contribution[:-2], color="black", label="contribution")
    at, start = contribution[-2], contribution[-1]
    near = np.array([SHOWN - 5.0, SHOWN + 5.0])
    left.plot(near, at + learned[-2] * (near - SHOWN), color=BLUE, lw=2, label="slope")
    left.plot(
        [mean, SHOWN],
        [at - weight[-2] * (SHOWN - mean), at],
        color=ORANGE,
        lw=2,
        label="weight",
    )
    left.plot([mean, SHOWN], [start, at], "o", color="black", ms=5)
    left.annotate("the row", (SHOWN, at), (8, 6), textcoords="offset points")
    left.annotate(
        "mean\ntemperature",
        (mean, start),
        (2, -30),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=9,
    )
    left.set(
        title="What temperature adds",
        xlabel="Temperature, °C",
        ylabel="Target units",
    )
    right.axhline(0.0, color=GRAY, lw=0.8)
    right.plot(along, slope(along), color=GRAY, lw=5, alpha=0.45, label="true slope")
    right.plot(along, learned[:-2], color=BLUE, lw=2, label="slope: local_effects(X)")
    right.plot(along, weight[:-2], color=ORANGE, lw=2, label="weight of the network")
    right.plot([SHOWN, SHOWN], [learned[-2], weight[-2]], "o", color="black", ms=5)
    right.set(
        title="What one degree more would add",
        xlabel="Temperature, °C",
        ylabel="Target units per °C",
    )
    for ax in (left, right):
        ax.legend(frameon=False, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def main():
    X, y = make_rows(6_000, np.random.default_rng(0))
    model = STCGRegressor(dropout=0.0, random_state=0, device="cpu").fit(X, y)
    # Without a date and with fixed names the file is the same each time.
    with mpl.rc_context({"svg.hashsalt": "weights", "svg.fonttype": "path"}):
        figure = draw(model, X)
        target = Path(__file__).parents[1] / "_static" / "weights.svg"
        figure.savefig(target, metadata={"Date": None})
    return figure


if __name__ == "__main__":
    main()
