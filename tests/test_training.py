"""Batches, schedule, stopping, interruption."""

import warnings

import numpy as np
import pytest
import torch

from spatialheteroreg import STCGRegressor
from spatialheteroreg.batches import split_validation
from spatialheteroreg.loss import CombinedLoss
from spatialheteroreg.progress import EpochProgress
from spatialheteroreg.training import resolve_device

from .conftest import count_passes


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="device='abacus' cannot be used"):
        resolve_device("abacus")
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in {"cpu", "cuda", "mps"}


class TestFit:
    def fit(self, table, **parameters):
        return STCGRegressor(random_state=0, n_nodes=5, **parameters).fit(*table)

    def test_the_schedule_runs_to_its_end(self, table):
        model = self.fit(table, max_iter=10)
        assert model.n_iter_ == len(model.history_) == 10
        optimizer = model.net_.optimizer_
        for group in optimizer.param_groups:
            assert group["lr"] < 0.05 * 3e-3

    def test_matrices_before_the_read_out_are_moved_by_muon(self, table):
        net = self.fit(table, max_iter=1, n_folds=2).net_
        name_of = {p: name for name, p in net.module_.named_parameters()}
        moved = {
            name_of[p]
            for group in net.optimizer_.param_groups
            for p in group["params"]
            if group["orthogonal"]
        }
        parts = ("encoder", "cross_attention", "film", "condition")
        found = {(name[:8], part) for name in moved for part in parts if part in name}
        assert found == {(f"parts.{k}.", part) for k in range(2) for part in parts}
        for name in moved:
            assert name.endswith(".weight")
            assert "read_out" not in name

    @pytest.mark.parametrize(
        ("learning_rate", "batch_size", "peak"),
        [("auto", 16, 6e-3), ("auto", 2_048, 12e-3), (1e-3, 2_048, 1e-3)],
    )
    def test_the_rate_follows_the_batch_if_none_is_given(
        self, table, learning_rate, batch_size, peak
    ):
        model = self.fit(
            table, max_iter=20, learning_rate=learning_rate, batch_size=batch_size
        )
        rates = model.net_.history[:, "batches", :, "event_lr"]
        assert max(map(max, rates)) == pytest.approx(peak, rel=0.1)

    @pytest.mark.parametrize(
        ("settings", "tolerance"),
        [
            ({"condition": "graph"}, 1e-9),
            ({"condition": "none"}, 1e-9),
            ({"n_members": 2, "n_folds": 2}, 1e-9),
            ({"precision": "mixed"}, 0.01),
        ],
    )
    def test_a_step_in_parts_has_the_gradients_of_the_whole(
        self, table, monkeypatch, settings, tolerance
    ):
        X, y = table
        weight = np.linspace(0.5, 2.0, len(y))
        exact = {
            "max_iter": 3,
            "batch_size": 60,
            "precision": "float64",
            "dropout": 0.0,
            "place_dropout": 0.0,
            "condition_dropout": 0.0,
            "step_dropout": 0.0,
            **settings,
        }
        model = STCGRegressor(random_state=0, n_nodes=5, **exact)
        n_calls, predictions = count_passes(monkeypatch), []
        for tokens in (10**6, 50):
            monkeypatch.setattr("spatialheteroreg.net.PART_TOKENS", tokens)
            n_calls.append(0)
            predictions.append(model.fit(X, y, sample_weight=weight).predict(X))
        assert n_calls[1] >= 2 * n_calls[0]
        np.testing.assert_allclose(*predictions, rtol=tolerance, atol=tolerance)

    def test_the_loss_falls(self, table):
        history = self.fit(table, max_iter=30).history_
        assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]

    @pytest.mark.parametrize("kind", ["rows", "places"])
    def test_early_stopping_restores_the_best_weights(self, table, kind):
        model = self.fit(
            table,
            early_stopping=kind,
            validation_fraction=0.3,
            learning_rate=0.1,
            max_iter=60,
            n_iter_no_change=3,
        )
        losses = [epoch["valid_loss"] for epoch in model.history_]
        assert model.n_iter_ < 60
        # The weights left are those of the best epoch: the rows held out then
        # have its loss.
        X, y = table
        _, place = np.unique(X[["lat", "lon"]].to_numpy(), axis=0, return_inverse=True)
        _, held_out = split_validation(
            kind, 0.3, place, np.random.RandomState(model._split_seed)
        )
        training = np.setdiff1d(np.arange(len(y)), held_out)
        error = np.mean((model.predict(X.iloc[held_out]) - y[held_out]) ** 2)
        assert error / y[training].var() == pytest.approx(min(losses), rel=1e-3)
        assert losses[-1] > min(losses)

    def test_ctrl_c_after_an_epoch_leaves_a_usable_model(self, table, monkeypatch):
        interrupt_after(monkeypatch, epochs=2)
        with pytest.warns(UserWarning, match="Interrupted after epoch 2 of 5"):
            model = self.fit(table, max_iter=5)
        assert model.n_iter_ == 2
        assert np.isfinite(model.predict(table[0])).all()

    def test_ctrl_c_before_the_first_epoch_leaves_nothing(self, table, monkeypatch):
        interrupt_after(monkeypatch, epochs=0)
        model = STCGRegressor(random_state=0)
        with pytest.raises(KeyboardInterrupt):
            model.fit(*table)
        assert not hasattr(model, "net_")
        assert not hasattr(model, "n_features_in_")

    def test_a_loss_that_is_not_finite_is_an_error(self, table):
        model = STCGRegressor(random_state=0, learning_rate=1e30, max_iter=3)
        with pytest.raises(FloatingPointError, match="Lower learning_rate"):
            model.fit(*table)
        assert not hasattr(model, "net_")

    def test_two_logs_each_epoch_where_the_documentation_says(self, table, caplog):
        caplog.set_level("INFO", "spatialheteroreg.training")
        self.fit(table, max_iter=2, verbose=2)
        told = [record for record in caplog.records if "epoch" in record.message]
        assert [record.name for record in told] == ["spatialheteroreg.training"] * 2

    def test_verbose_shows_a_bar_and_silence_is_silent(self, table, capfd):
        self.fit(table, max_iter=2)
        assert capfd.readouterr() == ("", "")
        self.fit(table, max_iter=2, verbose=1)
        out, err = capfd.readouterr()
        assert out == ""
        assert "2/2" in err
        assert "train_loss" in err

    def test_warm_start_goes_on(self, table):
        model = STCGRegressor(random_state=0, max_iter=3, warm_start=True).fit(*table)
        first = model.predict(table[0])
        model.fit(*table)
        assert model.n_iter_ == 6
        assert not np.allclose(first, model.predict(table[0]))
        assert model.history_[3]["train_loss"] < model.history_[0]["train_loss"]

    def test_warm_start_refuses_another_network(self, table):
        model = STCGRegressor(random_state=0, max_iter=1, warm_start=True).fit(*table)
        model.set_params(d_token=8, max_iter=2)
        with pytest.raises(ValueError, match="but d_token changed since"):
            model.fit(*table)
        model.set_params(d_token=16).fit(*table)
        assert model.n_iter_ == 3

    def test_warm_start_holds_out_the_same_rows(self, table, monkeypatch):
        held = []

        def split(*arguments):
            rows = split_validation(*arguments)
            held.append(rows[1])
            return rows

        monkeypatch.setattr("spatialheteroreg.fitting.split_validation", split)
        model = STCGRegressor(max_iter=1, warm_start=True, early_stopping="rows")
        model.fit(*table).fit(*table)
        np.testing.assert_array_equal(held[0], held[1])

    @pytest.mark.parametrize("precision", ["float32", "float64"])
    def test_precision_is_that_of_weights_and_inputs(self, table, precision):
        model = self.fit(table, max_iter=1, precision=precision)
        dtypes = {p.dtype for p in model.net_.module_.parameters()}
        assert dtypes == {getattr(torch, precision)}
        assert model.predict(table[0]).dtype == np.float64

    def test_mixed_precision_keeps_weights_and_predicts_about_the_same(self, table):
        X, y = table
        full, mixed = (
            self.fit(table, max_iter=5, precision=precision)
            for precision in ("float32", "mixed")
        )
        assert {p.dtype for p in mixed.net_.module_.parameters()} == {torch.float32}
        apart = np.std(mixed.predict(X) - full.predict(X)) / np.std(y)
        assert 0.0 < apart < 0.02

    def test_no_global_setting_of_torch_changes(self, table):
        before = (
            torch.get_num_threads(),
            torch.get_rng_state(),
            torch.get_default_dtype(),
        )
        np.random.seed(0)
        numpy_state = np.random.get_state()[1].copy()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.fit(table, max_iter=2).predict(table[0])
        after = (
            torch.get_num_threads(),
            torch.get_rng_state(),
            torch.get_default_dtype(),
        )
        assert before[0] == after[0]
        assert torch.equal(before[1], after[1])
        assert before[2] == after[2]
        np.testing.assert_array_equal(numpy_state, np.random.get_state()[1])


def interrupt_after(monkeypatch, epochs):
    """Press Ctrl-C in the first batch after so many epochs."""
    seen = []
    counted = EpochProgress.on_epoch_end
    forward = CombinedLoss.forward

    def on_epoch_end(self, net, **kwargs):
        seen.append(1)
        counted(self, net, **kwargs)

    def interrupted(self, output, target):
        if len(seen) == epochs:
            raise KeyboardInterrupt
        return forward(self, output, target)

    monkeypatch.setattr(EpochProgress, "on_epoch_end", on_epoch_end)
    monkeypatch.setattr(CombinedLoss, "forward", interrupted)
