"""What the ablations compare, and on what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.tasks import Task, globe_task, load_task

FLUX = "fluxnet_monthly"
DEFAULT = "default"

VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "planar": {"metric": "euclidean"},
    "100 nodes": {"n_nodes": 100},
    "500 nodes": {"n_nodes": 500},
    "2000 nodes": {"n_nodes": 2_000},
    "softmax attention": {"attention": "softmax"},
    "without GCN": {"gcn_layers": 0},
    "without LSTM": {"lstm_layers": 0},
    "without cross-attention": {"cross_attention": False},
    "without condition": {"condition": "none"},
    "dual head": {"head": "dual"},
    "dual head, weight 0.1": {"head": "dual", "importance_loss_weight": 0.1},
    "dual head, weight 10": {"head": "dual", "importance_loss_weight": 10.0},
}
"""What is changed of the defaults, or of what ``--set`` says in their place."""


@dataclass(frozen=True)
class Study:
    """Variants that are compared, and (task, split) that they are compared on."""

    variants: list[str]
    places: list[tuple[str, str]]
    measures: str = "errors"


GLOBE = [("globe", "random"), ("globe", "grouped")]
PLACES = [(FLUX, "random"), (FLUX, "grouped"), (FLUX, "time"), *GLOBE]

STUDIES = {
    "sphere": Study(
        [DEFAULT, "planar"],
        [("edges", "random"), ("edges", "grouped"), *PLACES[:3]],
    ),
    "nodes": Study(
        ["100 nodes", "500 nodes", "2000 nodes"],
        [("globe-dense", "random"), ("globe-dense", "grouped")],
    ),
    "attention": Study([DEFAULT, "softmax attention"], PLACES),
    "parts": Study(
        [DEFAULT, *(name for name in VARIANTS if name.startswith("without"))], PLACES
    ),
    "head": Study([DEFAULT, "dual head"], PLACES),
    "loss": Study(
        ["dual head, weight 0.1", "dual head", "dual head, weight 10"], PLACES
    ),
    "drivers": Study(
        [DEFAULT, "dual head"], [(FLUX, "all"), ("fluxnet_weather", "all")], "drivers"
    ),
}


def load(name: str, data: Path | None) -> Task:
    """Load a task of the ablations, or one of ``tasks.json``.

    Parameters
    ----------
    name : str
        Its name.
    data : Path or None
        Folder of the real data.

    Returns
    -------
    Task
        The task.
    """
    make = MADE.get(name)
    return load_task(name, data) if make is None else make(data)


def edges_task(data: Path | None = None, n_samples: int = 40_000) -> Task:
    """Generate the globe with most of its places near the date line or the poles.

    Of the other places one in seven is left.
    """
    task = globe_task(n_samples, max(n_samples // 10, 10))
    other = bands(task)["elsewhere"] & (task.groups % 7 != 0)
    return _rows_of(task, ~other)


def weather_task(data: Path | None) -> Task:
    """Load monthly GPP with weather and land cover alone, as the paper has it."""
    task = load_task(FLUX, data)
    return replace(task, X=task.X.drop(columns=["LAI", "EVI"]))


MADE: dict[str, Callable[[Path | None], Task]] = {
    "globe": lambda data: globe_task(10_000, 1_000),
    "globe-dense": lambda data: globe_task(20_000, 4_000),
    "edges": edges_task,
    "fluxnet_weather": weather_task,
}
"""Tasks that are made here; "globe" is smaller than that of the accuracy benchmark."""

REAL = {FLUX, "fluxnet_weather"}
"""Tasks that need the folder of the real data."""


def bands(task: Task) -> dict[str, Any]:
    """Find the rows near the date line, those near a pole, and the others.

    Parameters
    ----------
    task : Task
        Table with degrees.

    Returns
    -------
    dict of str to ndarray of shape (n,), bool
        Masks: "all", "date line" (within 15 degrees of it, up to 70 degrees of
        latitude), "poles" (over 70 degrees) and "elsewhere".
    """
    lat = task.X[task.lat].to_numpy(dtype=np.float64)
    lon = task.X[task.lon].to_numpy(dtype=np.float64)
    poles = np.abs(lat) > 70
    line = (np.abs((lon + 180) % 360 - 180) > 165) & ~poles
    every = np.ones(len(lat), dtype=bool)
    return {
        "all": every,
        "date line": line,
        "poles": poles,
        "elsewhere": ~(line | poles),
    }


def climates(task: Task) -> pd.Series:
    """Class the climate of the site of each row by its own weather.

    The aridity index of de Martonne, mm of rain a year over mean temperature plus
    10, from the mean year of the site. It says nothing of aridity in the cold.

    Parameters
    ----------
    task : Task
        Monthly table with ``P_F`` (mm a day) and ``TA_F`` (degree C); its groups are
        the sites.

    Returns
    -------
    Series of shape (n,)
        "arid" (index below 10), "semi-arid" (to 20), "humid" (to 35), "very humid",
        or "cold" (mean temperature below 0).
    """
    site, month = pd.Series(task.groups), task.X[task.time].dt.month.to_numpy()
    weather = task.X[["P_F", "TA_F"]].reset_index(drop=True)
    # Months first: a site may have more summers than winters.
    mean = weather.groupby([site, month]).mean().groupby(level=0).mean()
    index = 365.25 * mean["P_F"] / (mean["TA_F"] + 10)
    kind = np.select(
        [mean["TA_F"] < 0, index < 10, index < 20, index < 35],
        ["cold", "arid", "semi-arid", "humid"],
        default="very humid",
    )
    return site.map(dict(zip(mean.index, kind, strict=True)))


CLIMATES = ["arid", "semi-arid", "humid", "very humid", "cold"]


def _rows_of(task: Task, kept: Any) -> Task:
    return replace(
        task,
        X=task.X[kept].reset_index(drop=True),
        y=task.y[kept],
        groups=task.groups[kept],
    )
