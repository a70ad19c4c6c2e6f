"""Steps that are recorded: the same training, and nothing is asked of the device.

Without a GPU a stand-in does the work again wherever a GPU would replay it. It writes
the results where the first ones were, as a replay does.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from torch.utils._python_dispatch import TorchDispatchMode

from spatialheteroreg import STCGRegressor, fitting
from spatialheteroreg.batches import Batches, Rows, spread_folds
from spatialheteroreg.net import STCGNet
from spatialheteroreg.network.layers import RandomSource
from spatialheteroreg.recorded import RecordedStep

from .conftest import make_table
from .test_checkpoint import fit_interrupted

WITHOUT_DROPOUT = {
    "dropout": 0.0,
    "place_dropout": 0.0,
    "step_dropout": 0.0,
    "condition_dropout": 0.0,
}
QUICK = {"n_nodes": 8, "max_iter": 2, "batch_size": 64, "random_state": 0}


def do_again(work):
    results = work()

    def replay():
        for old, new in zip(results, work(), strict=True):
            old.copy_(new)

    return results, replay


@pytest.fixture
def record(monkeypatch):
    """Have fits record their steps, by the stand-in or another one."""

    def use(record=do_again):
        train = fitting.train

        def train_recorded(net, *args):
            def record_without_draws(work):
                state = net.random.generator.get_state()
                recorded = record(work)
                net.random.generator.set_state(state)
                return recorded

            net.record = record_without_draws
            return train(net, *args)

        monkeypatch.setattr(fitting, "train", train_recorded)

    return use


class TestTraining:
    @pytest.mark.parametrize(
        "parameters",
        [
            {"n_folds": 1},
            {"n_folds": 3},
            {"n_folds": 2, "n_members": 2, "calibration_fraction": 0.0},
            {"n_folds": 2, "head": "dual", "early_stopping": "rows"},
            {"n_folds": 2, "dynamic_graph": True},
            {"n_folds": 2, "condition": "none"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("weighted", [False, True])
    def test_recorded_steps_are_those_that_are_made_anew(
        self, record, monkeypatch, parameters, weighted
    ):
        def in_order(one_pass):
            fold = one_pass.rows.fold()
            return spread_folds(torch.arange(len(fold)), fold)

        # Networks in threads draw seeds from what shuffles the rows.
        monkeypatch.setattr(Batches, "_order", in_order)
        # Of 150 rows the last batch is smaller than the others.
        X, y = make_table(150)
        model = STCGRegressor(
            **QUICK, **WITHOUT_DROPOUT, precision="float64", **parameters
        )
        weight = np.linspace(0.5, 2.0, len(y)) if weighted else None
        expected = model.fit(X, y, sample_weight=weight).predict(X)
        record()
        again = model.fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(again.predict(X), expected, rtol=1e-8, atol=1e-8)
        assert len(set(again.predict(X))) > 100

    def test_each_network_records_its_step_once(self, record):
        recorded = []

        def count(work):
            recorded.append(work)
            return do_again(work)

        record(count)
        X, y = make_table(150)
        STCGRegressor(**QUICK, n_folds=3).fit(X, y)
        assert len(recorded) == 3

    @pytest.mark.parametrize("precision", ["float32", "mixed"])
    @pytest.mark.parametrize("dynamic_graph", [False, True])
    def test_a_step_asks_nothing_of_the_device(self, record, precision, dynamic_graph):
        watched = []

        def watch(work):
            with AsksNothing() as mode:
                results = work()
            watched.append(mode.n_operations)
            return results, lambda: None

        record(watch)
        X, y = make_table(150)
        X = X.assign(cover=np.resize(["wood", "field", None], len(X)))
        X.loc[::7, "rain"] = np.nan
        STCGRegressor(
            **QUICK, n_folds=2, precision=precision, dynamic_graph=dynamic_graph
        ).fit(X, y)
        assert len(watched) == 2
        assert min(watched) > 300

    def test_what_regions_risk_is_not_recorded(self, record):
        record(lambda work: pytest.fail("recorded"))
        X, y = make_table(150)
        STCGRegressor(**QUICK, n_folds=1, invariance_penalty=0.1).fit(X, y)

    def test_a_batch_that_is_not_full_is_a_step_as_ever(self, record, monkeypatch):
        sizes = []
        learn = STCGNet.learn_batch

        def note(net, batch, learners):
            sizes.append(len(batch[1]))
            return learn(net, batch, learners)

        monkeypatch.setattr(STCGNet, "learn_batch", note)
        record()
        X, y = make_table(150)
        STCGRegressor(**QUICK, n_folds=2).fit(X, y)
        assert sizes == [150 - 2 * 64] * QUICK["max_iter"]

    def test_an_interrupted_fit_goes_on_as_if_nothing_had_happened(
        self, record, tmp_path
    ):
        record()
        table = make_table(150)
        model = STCGRegressor(**{**QUICK, "max_iter": 3}, n_folds=1)
        whole = clone(model).fit(*table).predict(table[0])
        model.set_params(checkpoint=tmp_path / "fit.ckpt")
        fit_interrupted(clone(model), table, 1)
        assert np.array_equal(clone(model).fit(*table).predict(table[0]), whole)

    def test_small_batches_are_not_recorded(self, record):
        record(lambda work: pytest.fail("recorded"))
        X, y = make_table(150)
        STCGRegressor(**{**QUICK, "batch_size": 32}).fit(X, y)

    def test_nothing_of_it_is_left_in_a_model(self, record):
        record()
        X, y = make_table(150)
        net = STCGRegressor(**QUICK).fit(X, y).net_
        assert net.record is None
        assert net.recorded_ == []
        assert all(weight.grad is None for weight in net.module_.parameters())

    def test_a_cpu_records_nothing(self, monkeypatch):
        monkeypatch.setattr(STCGNet, "replay_batch", lambda *_: pytest.fail("recorded"))
        X, y = make_table(150)
        plain = STCGRegressor(**QUICK).fit(X, y).predict(X)
        asked = STCGRegressor(**QUICK, cuda_graphs=True).fit(X, y).predict(X)
        assert np.array_equal(plain, asked)


class AsksNothing(TorchDispatchMode):
    """Refuses what would wait for a GPU: numbers, and shapes that depend on them."""

    WAITING = (
        *("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select"),
        *("_coalesce", "_unique2", "unique_dim", "unique_consecutive"),
        "repeat_interleave",
    )

    def __init__(self):
        super().__init__()
        self.n_operations = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.n_operations += 1
        name = function.overloadpacket.__name__
        if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
            masks = [i for i in args[1] if i is not None and i.dtype == torch.bool]
            assert not masks, f"{name} by a mask"
        assert name not in self.WAITING, name
        sparse = [x for x in args if isinstance(x, torch.Tensor) and x.is_sparse]
        assert not sparse, f"{name} may count the entries of a sparse matrix"
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: torch.sparse.mm(x.to_sparse().t(), x),
    ],
    ids=["item", "mask", "nonzero", "coalesce"],
)
def test_what_waits_for_a_device_is_known(wait):
    with pytest.raises(AssertionError), AsksNothing():
        wait(torch.eye(3))


@given(
    st.integers(64, 3_000),
    st.integers(64, 500),
    st.integers(1, 8),
    st.integers(0, 99),
)
def test_no_batch_has_more_rows_to_see_than_is_said(n_rows, batch_size, n_parts, seed):
    random = np.random.default_rng(seed)
    # Folds of one size, but for rows of no fold.
    fold = random.permutation(np.arange(n_rows) % n_parts)
    fold[random.random(n_rows) < 0.2 * (seed % 3)] = -1
    one_pass = Batches(
        Rows({"fold": torch.as_tensor(fold)}), batch_size, RandomSource(seed)
    )
    one_pass.spreads = True
    most = one_pass.most_seen(n_parts)
    for batch, _ in one_pass:
        seen = [int((batch["fold"] != k).sum()) for k in range(n_parts)]
        assert all(map(int.__le__, seen, most))


def test_few_rows_are_listed_that_are_not_seen():
    fold = torch.arange(10_000) % 5
    one_pass = Batches(Rows({"fold": fold}), 1_000, RandomSource(0))
    assert one_pass.most_seen(5) == [816] * 5


class TestRecordedStep:
    @pytest.fixture
    def step(self):
        layer, unused = torch.nn.Linear(2, 1), torch.nn.Parameter(torch.ones(1))

        def gradients(inputs, target):
            loss = ((layer(inputs["x"]) - target) ** 2).mean()
            loss.backward()
            return loss.detach()

        self.layer, self.unused = layer, unused
        return RecordedStep(gradients, [unused, *layer.parameters()], do_again)

    def expected(self, x, y):
        loss = ((self.layer(x) - y) ** 2).mean()
        return loss.detach(), torch.autograd.grad(loss, list(self.layer.parameters()))

    def test_gradients_are_those_of_each_batch(self, step):
        losses = []
        for _ in range(4):  # the weights move in between
            x, y = torch.randn(4, 2), torch.randn(4, 1)
            loss, gradients = self.expected(x, y)
            losses.append((step({"x": x}, y), loss))
            for parameter, wanted in zip(
                self.layer.parameters(), gradients, strict=True
            ):
                torch.testing.assert_close(parameter.grad, wanted)
                with torch.no_grad():
                    parameter -= 0.1 * parameter.grad
                parameter.grad = None
            assert self.unused.grad is None
        # What was said of a batch stays as it was.
        for said, loss in losses:
            torch.testing.assert_close(said, loss)

    def test_what_it_was_given_is_not_changed(self, step):
        x, y = torch.ones(4, 2), torch.zeros(4, 1)
        step({"x": x}, y)
        step({"x": 2 * x}, y)
        assert torch.equal(x, torch.ones(4, 2))
