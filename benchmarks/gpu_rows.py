"""Fifty million rows: made on the device, fitted, then some predicted and explained.

python -m benchmarks.gpu_rows --rows 50000000 --features 12 --nodes 500 --years 20
"""

from __future__ import annotations

import argparse
import ast
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import joblib
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from benchmarks.accuracy import limited_to
from benchmarks.made_rows import NOISE, MadeLaw, MadeRows
from benchmarks.memory import PeakMemory
from benchmarks.results import add_settings, append_rows, environment
from benchmarks.speed_answers import wait_for_device
from benchmarks.speed_tables import number_text, to_markdown
from spatialheteroreg import STCGRegressor

P = ParamSpec("P")
T = TypeVar("T")
Array = NDArray[np.float32]

ROWS, ANSWERS = 50_000_000, 2_800_000
ASKED = {"fit": 360.0, "answers": 5.0}
"""Seconds that are asked of so many rows and answers, on one GPU of 140 GB."""

LAST_GAIN = "last epoch's loss over the one before"


def hand_over(rows: MadeRows) -> tuple[Any, Any]:
    """Give rows to an estimator in the form that it takes.

    The only place that knows this form: rows that stay on the device go here.

    Parameters
    ----------
    rows : MadeRows
        Rows on the device.

    Returns
    -------
    X, y : ndarray of shape (n, p) and (n,), float32
        Arrays on the host.
    """
    return rows.X.cpu().numpy(), rows.y.cpu().numpy()


def make_model(
    device: str, nodes: int, years: int, settings: dict[str, Any]
) -> STCGRegressor:
    """Make the estimator: monthly steps along all years.

    Parameters
    ----------
    device : str
        Where it trains.
    nodes, years : int
        Size of its graph, and of its time axis.
    settings : dict
        Other parameters.

    Returns
    -------
    STCGRegressor
        Not fitted.
    """
    columns = {"lat": 0, "lon": 1, "time": 2, "period": 1.0}
    sizes = {"n_nodes": nodes, "time_axis": "sequence", "n_steps": 12 * years}
    given = {**columns, **sizes, "device": device, "random_state": 0}
    return STCGRegressor(**{**given, **settings})


def measure(
    law: MadeLaw, model: STCGRegressor, rows: int, answers: int
) -> dict[str, Any]:
    """Make rows, fit, predict and explain.

    Parameters
    ----------
    law : MadeLaw
        Makes the rows, on its device.
    model : STCGRegressor
        The estimator.
    rows : int
        Rows to fit to.
    answers : int
        Rows to predict and explain.

    Returns
    -------
    dict
        Seconds, errors and memory.
    """
    _warm_up(model)
    made, make_seconds = timed(law.draw, rows, 1)
    (X, y), hand_seconds = timed(hand_over, made)
    del made
    with PeakMemory() as peak:
        _, fit_seconds = timed(model.fit, X, y)
    matrix_mib = X.nbytes / 2**20
    test = law.draw(answers, seed=2)
    Z, wanted = hand_over(test)
    prediction, predict_seconds = timed(model.predict, Z)
    _, explain_seconds = timed(model.explain, Z)
    losses = [float(epoch["train_loss"]) for epoch in model.history_]
    return {
        "rows": rows,
        "answers": answers,
        "make_seconds": make_seconds,
        "hand_over_seconds": hand_seconds,
        "fit_seconds": fit_seconds,
        "epochs": model.n_iter_,
        "epoch_seconds": sum(epoch["dur"] for epoch in model.history_),
        "losses": " ".join(f"{loss:.4f}" for loss in losses),
        "last_gain": losses[-1] / losses[-2] if len(losses) > 1 else np.nan,
        "predict_seconds": predict_seconds,
        "explain_seconds": explain_seconds,
        "rmse": float(np.sqrt(np.mean((prediction - wanted) ** 2))),
        "noise": NOISE,
        "memory_mib": peak.host_mib,
        "device_mib": peak.device_mib,
        "matrix_mib": matrix_mib,
    }


def table(figures: dict[str, Any]) -> pd.DataFrame:
    """Write the figures, with what is asked of a run of full size.

    Parameters
    ----------
    figures : dict
        What :func:`measure` gives.

    Returns
    -------
    DataFrame
        A line for each figure, of text.
    """
    answered = figures["predict_seconds"] + figures["explain_seconds"]
    whole = figures["rows"] >= ROWS and figures["answers"] >= ANSWERS
    asked = ASKED if whole else dict.fromkeys(ASKED, "")
    lines = [
        ("make the rows, s", figures["make_seconds"], ""),
        ("hand them over, s", figures["hand_over_seconds"], ""),
        (f"fit {figures['rows']:,} rows, s", figures["fit_seconds"], asked["fit"]),
        ("of which in its epochs, s", figures["epoch_seconds"], ""),
        ("epochs", figures["epochs"], ""),
        ("loss of each epoch", figures["losses"], ""),
        (LAST_GAIN, figures["last_gain"], ""),
        (f"predict {figures['answers']:,} rows, s", figures["predict_seconds"], ""),
        (f"explain {figures['answers']:,} rows, s", figures["explain_seconds"], ""),
        ("predict and explain, s", answered, asked["answers"]),
        ("RMSE", figures["rmse"], ""),
        ("RMSE of the law itself", figures["noise"], ""),
        ("memory of the fit, MiB", figures["memory_mib"], ""),
        ("memory of the GPU, MiB", figures["device_mib"], ""),
        ("the matrix itself, MiB", figures["matrix_mib"], ""),
    ]
    return pd.DataFrame(
        {
            "What": [name for name, _, _ in lines],
            "Measured": [
                value if isinstance(value, str) else number_text(value, 4)
                for _, value, _ in lines
            ],
            "Asked": [f"< {asked:g}" if asked else "" for _, _, asked in lines],
        }
    )


def fits_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Write all fits of a file below each other.

    Parameters
    ----------
    rows : DataFrame
        What :func:`main` has added to the file.

    Returns
    -------
    DataFrame
        A line for each fit, of text.
    """
    answered = rows["predict_seconds"] + rows["explain_seconds"]
    columns = {
        "Rows": rows["rows"].map("{:,}".format),
        "Nodes": rows["nodes"].astype(str),
        "Steps": (12 * rows["years"]).astype(str),
        "Where": rows["device"] + ", " + rows["cores"].astype(str) + " cores",
        "Other settings": [_settings_text(text) for text in rows["settings"]],
        "Epochs": rows["epochs"].astype(str),
        "Fit, s": [number_text(s, 4) for s in rows["fit_seconds"]],
        "In its epochs, s": [number_text(s, 4) for s in rows["epoch_seconds"]],
        "RMSE": rows["rmse"].map("{:.4f}".format),
        "Predicted and explained, rows/s": [
            f"{rate:,.0f}" for rate in rows["answers"] / answered
        ],
    }
    return pd.DataFrame(columns)


def _settings_text(settings: str) -> str:
    """Show settings as they are passed, but for what another column tells."""
    given = ast.literal_eval(settings)
    shown = [f"``{name}={value!r}``" for name, value in given.items()]
    return ", ".join(text for text in shown if "max_iter" not in text) or "none"


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run what the command line asks for and print it; return the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_rows",
        description="Fit, predict and explain rows that are made on the device.",
    )
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--features", type=int, default=12)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--years", type=int, default=20, help="of monthly steps")
    parser.add_argument(
        "--places",
        type=int,
        help="distinct places (default: one for each 12 rows a year)",
    )
    parser.add_argument(
        "--answers", type=int, default=ANSWERS, help="rows to predict and explain"
    )
    parser.add_argument(
        "--device",
        default="auto",
        help="'auto' takes a GPU where there is one (default)",
    )
    parser.add_argument("--cores", type=int, default=joblib.cpu_count())
    add_settings(parser)
    parser.add_argument("--out", type=Path, help="CSV file to add the figures to")
    options = parser.parse_args(arguments)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    places = options.places or max(50, options.rows // (12 * options.years))
    law = MadeLaw(options.features, places, years=options.years, device=device)
    settings = dict(options.set)
    model = make_model(device, options.nodes, options.years, settings)
    with limited_to(options.cores):
        figures = measure(law, model, options.rows, options.answers)
    figures = {**figures, "places": places, "device": device_name(device)}
    print(f"{figures['device']}, {options.cores} cores\n")
    print(to_markdown(table(figures)))
    sizes = {name: getattr(options, name) for name in ("features", "nodes", "years")}
    row = {**figures, **sizes, "settings": str(settings), **environment(options.cores)}
    append_rows(options.out, pd.DataFrame([row]))
    return figures


def timed(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, float]:
    """Call; return the answer and the seconds until the device is done with it."""
    wait_for_device()
    start = time.perf_counter()
    answer = call(*args, **kwargs)
    wait_for_device()
    return answer, time.perf_counter() - start


def device_name(device: str) -> str:
    """Name the GPU, or say that it is a CPU."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return device


def _warm_up(model: STCGRegressor) -> None:
    """Fit something tiny, so that imports and kernels are there."""
    few = MadeLaw(2, 50).draw(200, seed=0)
    X, y = hand_over(few)
    tiny = make_model(model.device, 8, 1, {"max_iter": 1})
    tiny.fit(X, y).explain(X)


if __name__ == "__main__":
    main()
