"""What the answers to the paper's open questions are worth, on designs made for them.

python -m benchmarks.open_questions --seeds 0 1 2
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import root_mean_squared_error
from sklearn.utils import Bunch

from benchmarks.models import make_lightgbm
from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import (
    make_advected_globe,
    make_heterogeneous_globe,
    make_regional_globe,
    make_spurious_regions,
)

Mask = NDArray[np.bool_]

ROWS, PLACES = 8_000, 800
NEW_REGION = 7
"""Region of `make_spurious_regions` that no model is trained on."""


def hold_out(globe: Bunch, seed: int) -> tuple[Mask, Mask, Mask]:
    """Choose rows to train on, held out at known places, and at unseen ones."""
    rng = np.random.default_rng(seed)
    places = rng.permutation(globe.location.max() + 1)[: PLACES // 10]
    unseen = globe.location.isin(places).to_numpy()
    drawn = rng.random(len(unseen)) < 0.15
    return ~unseen & ~drawn, ~unseen & drawn, unseen


def dates_as_numbers(X: pd.DataFrame) -> pd.DataFrame:
    """Give the date as year and day of the year, which trees can split."""
    date = X["time"].dt
    numbers = {"year": date.year, "day": date.day_of_year}
    return X.drop(columns="time").assign(**numbers)


def errors(truth: pd.Series, prediction: pd.Series, **rows: Mask) -> dict[str, float]:
    """Root mean squared error on each set of rows."""
    return {
        name: root_mean_squared_error(truth[chosen], prediction[chosen])
        for name, chosen in rows.items()
    }


def dynamic_graph(seed: int) -> Iterator[dict[str, Any]]:
    """Compare the frozen and the dynamic graph where a wind turns."""
    globe = make_advected_globe(ROWS, PLACES, random_state=seed)
    train, known, unseen = hold_out(globe, seed)
    X, y, truth = globe.data, globe.target, globe.noise_free_target

    def judged(prediction: Any) -> dict[str, float]:
        guess = pd.Series(prediction, X.index)
        return errors(truth, guess, known=known, unseen=unseen)

    trees = make_lightgbm(seed).fit(dates_as_numbers(X)[train], y[train])
    yield {"model": "LightGBM", **judged(trees.predict(dates_as_numbers(X)))}
    for n_neighbors in (8, 24):
        for dynamic in (False, True):
            model = STCGRegressor(
                n_neighbors=n_neighbors,
                dynamic_graph=dynamic,
                n_folds=1,
                random_state=seed,
            ).fit(X[train], y[train])
            name = f"n_neighbors={n_neighbors}, dynamic_graph={dynamic}"
            yield {"model": name, **judged(model.predict(X))}


def invariance(seed: int) -> Iterator[dict[str, Any]]:
    """Compare penalties where a feature is an effect of the target."""
    globe = make_spurious_regions(ROWS, PLACES, random_state=seed)
    train, known, _ = hold_out(globe, seed)
    new = (globe.region == NEW_REGION).to_numpy()
    train, known, X, y = train & ~new, known & ~new, globe.data, globe.target

    def judged(prediction: Any) -> dict[str, float]:
        guess = pd.Series(prediction, X.index)
        return errors(y, guess, known=known, new_region=new)

    encoded = dates_as_numbers(X)
    trees = make_lightgbm(seed).fit(encoded[train], y[train])
    terms = np.abs(trees.predict(encoded[train], pred_contrib=True)[:, :-1])
    share = (terms / terms.sum(axis=1, keepdims=True)).mean(axis=0)
    yield {
        "model": "LightGBM",
        **judged(trees.predict(encoded)),
        "share": share[list(encoded).index("effect")],
    }
    for penalty in (0.0, 1.0, 3.0, 10.0):
        model = STCGRegressor(invariance_penalty=penalty, n_folds=1, random_state=seed)
        model.fit(X[train], y[train])
        share = model.feature_importances_[list(X).index("effect")]
        name = f"invariance_penalty={penalty:g}"
        yield {"model": name, **judged(model.predict(X)), "share": share}
    causes = X.drop(columns="effect")
    model = STCGRegressor(n_folds=1, random_state=seed).fit(causes[train], y[train])
    yield {"model": "without the column", **judged(model.predict(causes)), "share": 0.0}


def price(seed: int) -> Iterator[dict[str, Any]]:
    """Measure what the penalty costs where all features are causes or nothing."""
    for make in (make_heterogeneous_globe, make_regional_globe):
        globe = make(ROWS, PLACES, noise=0.3, random_state=seed)
        train, known, unseen = hold_out(globe, seed)
        for penalty in (0.0, 3.0, 10.0):
            model = STCGRegressor(
                invariance_penalty=penalty, n_folds=1, random_state=seed
            )
            model.fit(globe.data[train], globe.target[train])
            guess = pd.Series(model.predict(globe.data), globe.data.index)
            yield {
                "model": f"{make.__name__}, invariance_penalty={penalty:g}",
                **errors(globe.noise_free_target, guess, known=known, unseen=unseen),
            }


QUESTIONS: dict[str, Callable[[int], Iterator[dict[str, Any]]]] = {
    "dynamic_graph": dynamic_graph,
    "invariance": invariance,
    "price": price,
}


def main(arguments: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Measure what the command line asks for; print and return mean and deviation."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_questions")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument(
        "--questions", nargs="+", choices=list(QUESTIONS), default=list(QUESTIONS)
    )
    options = parser.parse_args(arguments)
    tables = {}
    for question in options.questions:
        measure = QUESTIONS[question]
        rows = pd.DataFrame([row for seed in options.seeds for row in measure(seed)])
        groups = rows.groupby("model", sort=False)
        tables[question] = groups.agg(["mean", "std"])
        print(f"\n{question}, seeds {options.seeds}")
        print(tables[question].round(3).to_string())
    return tables


if __name__ == "__main__":
    main()
