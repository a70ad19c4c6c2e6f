"""accelerate: starts the processes of one fit."""

import numpy as np
import pytest

from spatialheteroreg import STCGRegressor

from ..conftest import make_table
from ..test_processes import NOTHING_DROPPED, SETTINGS, launch

pytest.importorskip("accelerate")

PROGRAM = """
import os, sys
import numpy as np
import torch.distributed as dist
from spatialheteroreg import STCGRegressor
from tests.conftest import make_table
from tests.test_processes import NOTHING_DROPPED, SETTINGS

dist.init_process_group("gloo")
X, y = make_table(90)
model = STCGRegressor(**SETTINGS, **NOTHING_DROPPED).fit(X, y)
found = {"size": dist.get_world_size(), "prediction": model.predict(X)}
np.savez(os.path.join(sys.argv[1], f"{dist.get_rank()}.npz"), **found)
dist.destroy_process_group()
"""


def test_two_processes_find_what_one_finds(tmp_path):
    # Without several GPUs and `--multi_gpu` it would start a single process.
    accelerate = ["accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]
    accelerate += ["--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    accelerate += ["--main_process_port=0"]
    launch(accelerate, PROGRAM, tmp_path, HF_HUB_OFFLINE="1")
    X, y = make_table(90)
    expected = STCGRegressor(**SETTINGS, **NOTHING_DROPPED).fit(X, y).predict(X)
    for rank in range(2):
        found = np.load(tmp_path / f"{rank}.npz")
        assert found["size"] == 2
        np.testing.assert_allclose(found["prediction"], expected, rtol=1e-9, atol=1e-9)
