"""What the tests of the benchmarks share: a small folder of data, and a result."""

import json
import os

import numpy as np
import pytest

from spatialheteroreg.datasets import make_heterogeneous_globe

DATA = os.environ.get("STCG_DATA")
real_data = pytest.mark.skipif(not DATA, reason="STCG_DATA names no folder of data")

RESULT = {
    "n_train": 4,
    "n_test": 1,
    "rmse": 1.0,
    "mae": 0.8,
    "r2": 0.5,
    "fit_seconds": 2.0,
    "predict_seconds": 0.1,
    "details": "",
    "note": "",
}


def write_folder(path):
    """Write a folder as the real one is: two small tasks from the generator."""
    globe = make_heterogeneous_globe(400, 60, noise=0.1, random_state=0)
    table = globe.data.assign(
        gpp=np.exp(globe.target),
        site=globe.location.astype(str),
        part=np.where(globe.location < 10, "test", "train"),
        land_cover=globe.data["land_cover"].astype(str),
    )
    table.to_parquet(path / "towers.parquet")
    table.drop(columns="time").to_parquet(path / "still.parquet")
    common = {
        "target": "gpp",
        "lat": "lat",
        "lon": "lon",
        "features": globe.feature_names,
        "categorical": ["land_cover"],
    }
    about = {
        "towers": {
            **common,
            "target_transform": "log",
            "time": "time",
            "group": "site",
            "time_holdout": "2005-01-01",
        },
        "still": {
            **common,
            "time": None,
            "group": "block:45",
            "time_holdout": None,
            "fixed_split": "part",
        },
    }
    (path / "tasks.json").write_text(json.dumps(about))
