"""Seconds that an explanation costs, beside a prediction and beside SHAP.

Fits a model to the generated globe, and times predict, explain and
`shap.PermutationExplainer` of the same model in turns. Run it on a machine with
nothing else to do:

    OMP_NUM_THREADS=1 python -m benchmarks.explain_speed
"""

import argparse
import os
import time

import numpy as np
import torch

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.inspection import FloatView


def shap_seconds(model, X, n_rows, n_background):
    """Seconds that SHAP with its defaults takes for some rows."""
    import shap

    view = FloatView(model)
    Z = view.encode(X)
    explainer = shap.PermutationExplainer(
        view.predict, shap.maskers.Independent(Z[-n_background:]), seed=0
    )
    start = time.perf_counter()
    explainer(Z[:n_rows], silent=True)
    return time.perf_counter() - start


def seconds_of(call, X):
    start = time.perf_counter()
    call(X)
    return time.perf_counter() - start


def measure(model, X, options):
    """Seconds per row of each repeat: (n_repeats, 3), predict, explain and SHAP."""
    # The first calls import and compile.
    seconds_of(model.predict, X), seconds_of(model.explain, X)
    shap_seconds(model, X, 1, options.background)
    return np.array(
        [
            [
                seconds_of(model.predict, X) / len(X),
                seconds_of(model.explain, X) / len(X),
                shap_seconds(model, X, options.shap_rows, options.background)
                / options.shap_rows,
            ]
            for _ in range(options.repeats)
        ]
    )


def report(seconds):
    """Markdown table of medians, and of medians of the ratios within a repeat."""
    predict, explain, shap = np.median(seconds, axis=0) * 1e6
    cost = np.median(seconds[:, 1] / seconds[:, 0])
    gain = np.median(seconds[:, 2] / seconds[:, 1])
    return "\n".join(
        [
            "| | microseconds per row | ratio |",
            "|---|---:|---:|",
            f"| predict | {predict:,.1f} | |",
            f"| explain | {explain:,.1f} | {cost:.2f} x predict |",
            f"| shap.PermutationExplainer | {shap:,.0f} | {gain:,.0f} x explain |",
        ]
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-rows", type=int, default=8_000)
    parser.add_argument("--rows", type=int, default=20_000, help="rows to explain")
    parser.add_argument("--shap-rows", type=int, default=10, help="of them by SHAP")
    parser.add_argument("--background", type=int, default=100, help="rows, for SHAP")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--max-iter", type=int, default=3)
    parser.add_argument("--members", type=int, default=1)
    options = parser.parse_args(arguments)
    globe = make_heterogeneous_globe(
        options.train_rows + options.rows, options.train_rows // 20, random_state=0
    )
    model = STCGRegressor(
        n_members=options.members, max_iter=options.max_iter, random_state=0
    )
    n_train = options.train_rows
    model.fit(globe.data[:n_train], globe.target[:n_train])
    print(
        f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"{options.rows} rows ({options.shap_rows} by SHAP with "
        f"{options.background} rows of background), "
        f"n_members={options.members}, {options.repeats} repeats\n"
    )
    print(report(measure(model, globe.data[n_train:], options)))


if __name__ == "__main__":
    main()
