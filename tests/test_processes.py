"""Training that several processes share."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from spatialheteroreg import STCGRegressor, data
from spatialheteroreg.processes import ProcessGroup

from .conftest import make_table

SETTINGS = {"random_state": 0, "n_nodes": 8, "max_iter": 3, "batch_size": 32}
NOTHING_DROPPED = {
    "precision": "float64",
    "dropout": 0.0,
    "place_dropout": 0.0,
    "step_dropout": 0.0,
    "condition_dropout": 0.0,
}

PROGRAM = """
import os, sys
import numpy as np
import torch.distributed as dist
from spatialheteroreg import STCGRegressor, data, net
from tests.conftest import make_table
from tests.test_processes import NOTHING_DROPPED, SETTINGS

folder = sys.argv[1]
dist.init_process_group("gloo")
rank = dist.get_rank()
X, y = make_table(90)
found = {}
for name, settings in {
    "one": NOTHING_DROPPED,
    "folds": {**NOTHING_DROPPED, "n_folds": 3},
    "dual": {**NOTHING_DROPPED, "head": "dual", "sample_weight": True},
    "dropped": {"n_folds": 2, "random_state": None},
    "stream": {**NOTHING_DROPPED, "n_folds": 3},
    "parts": {**NOTHING_DROPPED, "n_folds": 2, "n_members": 2},
}.items():
    settings = {**SETTINGS, **settings}
    data.IN_MEMORY_ROWS = 50 if name == "stream" else 1_000
    net.PART_TOKENS = net.FEW_TOKENS = 20 if name in {"stream", "parts"} else 16_384
    weight = np.arange(1.0, 91.0) if settings.pop("sample_weight", False) else None
    path = os.path.join(folder, f"{name}.pt")
    model = STCGRegressor(**settings, checkpoint=path).fit(X, y, sample_weight=weight)
    found[name] = model.predict(X)
np.savez(os.path.join(folder, f"{rank}.npz"), **found)
for problem, arguments in {
    "rows": (X.iloc[: 80 + rank], y[: 80 + rank]),
    "penalty": (X, y),
}.items():
    penalty = float(problem == "penalty")
    try:
        STCGRegressor(**SETTINGS, invariance_penalty=penalty).fit(*arguments)
    except ValueError as error:
        with open(os.path.join(folder, f"{problem}{rank}"), "w") as file:
            file.write(str(error))
dist.destroy_process_group()
"""


def launch(launcher, program, folder, **environment):
    """Run a program, which is told a folder, in the processes that a module starts."""
    path = folder / "program.py"
    path.write_text(program)
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": "."}
    done = subprocess.run(
        [sys.executable, "-m", *launcher, str(path), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **own, **environment},
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes that ``torchrun`` started have written."""
    folder = tmp_path_factory.mktemp("processes")
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    launch(torchrun, PROGRAM, folder)
    return folder


@pytest.fixture(scope="module")
def predictions(folder):
    return [np.load(folder / f"{rank}.npz") for rank in range(2)]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("one", {}),
        ("folds", {"n_folds": 3}),
        ("dual", {"head": "dual"}),
        ("stream", {"n_folds": 3}),
        ("parts", {"n_folds": 2, "n_members": 2}),
    ],
)
def test_two_processes_find_what_one_finds(predictions, monkeypatch, name, settings):
    if name == "stream":
        monkeypatch.setattr(data, "IN_MEMORY_ROWS", 50)
    X, y = make_table(90)
    weight = np.arange(1.0, 91.0) if name == "dual" else None
    alone = STCGRegressor(**SETTINGS, **NOTHING_DROPPED, **settings)
    expected = alone.fit(X, y, sample_weight=weight).predict(X)
    np.testing.assert_allclose(predictions[0][name], expected, rtol=1e-9, atol=1e-9)
    # It would not be found without the rows of the other process.
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("name", ["one", "folds", "dual", "dropped", "stream", "parts"])
def test_all_processes_end_with_the_same_model(predictions, name):
    np.testing.assert_allclose(
        predictions[0][name], predictions[1][name], rtol=1e-5, atol=1e-5
    )


def test_other_rows_in_another_process_are_refused(folder):
    for rank in range(2):
        message = (folder / f"rows{rank}").read_text()
        assert f"Process {rank} was given other rows than process {1 - rank}" in message


def test_a_penalty_that_remembers_batches_is_refused(folder):
    assert "invariance_penalty" in (folder / "penalty0").read_text()


def test_finished_checkpoints_are_gone(folder):
    assert not list(folder.glob("*.pt"))


def test_a_process_alone_shares_with_nobody():
    group = ProcessGroup.current()
    assert (group.rank, group.size, group.is_first) == (0, 1, True)
    assert group.same_seed(7, "cpu") == 7
    group.check_same_rows(np.zeros(3), "cpu")


def test_shares_of_a_batch_are_all_of_it():
    rows = torch.arange(5)
    for size in (1, 2, 3, 7):
        shares = [ProcessGroup(rank, size).share(rows) for rank in range(size)]
        counted = torch.cat([own for own, share in shares if share > 0])
        assert counted.tolist() == rows.tolist()
        assert sum(share for _, share in shares) == pytest.approx(1.0)
