"""accelerate: starts the processes of one fit."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from spatialheteroreg import STCGRegressor

from ..conftest import make_table
from ..test_processes import NOTHING_DROPPED, SETTINGS

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


@pytest.mark.skipif(
    importlib.util.find_spec("accelerate") is None, reason="needs accelerate"
)
def test_two_processes_find_what_one_finds(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    # Without several GPUs it would start a single process.
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    command += ["--num_processes=2", "--num_machines=1", "--mixed_precision=no"]
    command += ["--dynamo_backend=no", "--main_process_port=0"]
    done = subprocess.run(
        [*command, str(program), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": ".",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    X, y = make_table(90)
    expected = STCGRegressor(**SETTINGS, **NOTHING_DROPPED).fit(X, y).predict(X)
    for rank in range(2):
        found = np.load(tmp_path / f"{rank}.npz")
        assert found["size"] == 2
        np.testing.assert_allclose(found["prediction"], expected, rtol=1e-9, atol=1e-9)
