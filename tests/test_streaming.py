"""Fits to more rows than memory holds: from Parquet files and memory maps."""

import gc
import os
import re
import subprocess
import sys
import threading
import weakref

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
import torch
from skorch.callbacks import Callback

from spatialheteroreg import STCGRegressor, data, fitting
from spatialheteroreg.columns import Table
from spatialheteroreg.inputs import InputBuilder
from spatialheteroreg.network.layers import RandomSource
from spatialheteroreg.row_inputs import RowInputs, UnreadRows
from spatialheteroreg.streaming import rows as streamed_rows
from spatialheteroreg.streaming import survey as surveyed
from spatialheteroreg.streaming.counting import (
    DistinctCounter,
    drawn_rows,
    fold_of_rows,
    hash_floats,
)
from spatialheteroreg.streaming.rows import HeldOut, StreamedRows
from spatialheteroreg.streaming.sources import ArraySource, DatasetSource

from .conftest import count_passes

SMALL = {
    "max_iter": 1,
    "batch_size": 64,
    "n_nodes": 12,
    "n_folds": 2,
    "krige_residuals": False,
    "random_state": 0,
}
LONGER = {**SMALL, "max_iter": 10, "batch_size": 32, "krige_residuals": True}


def make_frame(n_rows=520, seed=0):
    random = np.random.RandomState(seed)
    place = random.randint(30, size=n_rows)
    frame = pd.DataFrame(
        {
            "lat": np.linspace(-60, 60, 30)[place],
            "lon": np.linspace(-170, 170, 30)[place],
            "date": pd.Timestamp("2001-01-01")
            + pd.to_timedelta(random.randint(0, 1400, n_rows), unit="D"),
            "rain": random.gamma(2.0, 2.0, n_rows),
            "heat": random.normal(15, 8, n_rows),
            "cover": random.choice(["forest", "grass", "crop"], n_rows),
        }
    )
    frame["y"] = np.where(frame.lat > 0, 1.0, -1.0) * frame.rain + 0.1 * frame.heat
    frame["area"] = random.uniform(0.5, 2.0, n_rows)
    frame.loc[3, "rain"] = np.nan
    frame.loc[77, "cover"] = "lake"
    frame.loc[78, "cover"] = None
    return frame


def write(frame, folder, row_group_size=64):
    """Write two files of several row groups each, and open them."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    half = len(frame) // 2
    for name, part in (("a", table.slice(0, half)), ("b", table.slice(half))):
        pa.parquet.write_table(
            part, folder / f"{name}.parquet", row_group_size=row_group_size
        )
    return pa.dataset.dataset(folder)


def killed_in_the_second_pass():
    """Stand for StreamedRows.blocks, and end as a process does that is killed."""
    make, passes = StreamedRows.blocks, []

    def killed(self, batch_size, seed):
        passes.append(seed)
        if len(passes) == 2:
            raise RuntimeError("killed")
        return make(self, batch_size, seed)

    return killed


def features(frame):
    return frame.drop(columns=["y", "area"])


@pytest.fixture
def blocks_of_100(monkeypatch):
    """Read no more than about so many rows at once."""
    for module in (streamed_rows, surveyed, data):
        monkeypatch.setattr(module, "READ_ROWS", 100)
    monkeypatch.setattr(streamed_rows, "ENCODED_ROWS", 40)


@pytest.fixture
def trained_on(monkeypatch):
    """Numbers of the rows that are trained on, block by block."""
    numbers, block = [], StreamedRows._block
    monkeypatch.setattr(
        StreamedRows,
        "_block",
        lambda self, chunk: numbers.append(chunk.number) or block(self, chunk),
    )
    return numbers


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(scope="module")
def rows(frame, tmp_path_factory):
    return write(frame, tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def fitted(rows):
    """A model that was fitted to files, in blocks of few rows."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (streamed_rows, surveyed, data):
            patch.setattr(module, "READ_ROWS", 100)
        patch.setattr(streamed_rows, "ENCODED_ROWS", 40)
        model = STCGRegressor(**LONGER)
        return model.fit(rows, "y", sample_weight="area")


@pytest.fixture(scope="module")
def in_memory(frame):
    model = STCGRegressor(**LONGER)
    return model.fit(features(frame), frame.y, sample_weight=frame.area)


class TestFromFiles:
    def test_is_as_accurate_as_from_memory(self, fitted, in_memory):
        new = make_frame(seed=1)
        streamed, whole = (
            model.score(features(new), new.y) for model in (fitted, in_memory)
        )
        assert whole > 0.6
        assert streamed > whole - 0.1

    def test_learns_scales_categories_nodes_and_steps_of_all_rows(
        self, fitted, in_memory
    ):
        one, other = fitted._inputs, in_memory._inputs
        for name in ("center_", "scale_"):
            np.testing.assert_allclose(
                getattr(one.encoder_, name), getattr(other.encoder_, name)
            )
        (one_cover,), (other_cover,) = (
            one.encoder_.categories_,
            other.encoder_.categories_,
        )
        assert one_cover.tolist() == other_cover.tolist()
        assert "lake" in one_cover
        np.testing.assert_allclose(
            one.graph_.node_bandwidth, other.graph_.node_bandwidth
        )
        assert vars(one.axis_) == vars(other.axis_)
        assert one.dates_
        assert fitted._target_mean == pytest.approx(in_memory._target_mean)

    def test_knows_the_columns_beside_target_and_weights(self, fitted, frame):
        assert fitted.feature_names_in_.tolist() == list(features(frame))
        with pytest.raises(ValueError, match="feature names"):
            fitted.predict(frame)

    def test_explains_and_is_saved_like_any_other(self, fitted, frame, tmp_path):
        X = features(frame)[:50]
        explanation = fitted.explain(X)
        total = explanation.values.sum(axis=1) + explanation.base_values
        np.testing.assert_allclose(total, fitted.predict(X))
        fitted.save_model(tmp_path / "model")
        loaded = STCGRegressor.load_model(tmp_path / "model")
        np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))

    def test_the_same_seed_gives_the_same_model(self, rows, frame, blocks_of_100):
        models = [
            STCGRegressor(**{**SMALL, "random_state": seed}).fit(rows, "y", "area")
            for seed in (0, 0, 1)
        ]
        first, second, other = (m.predict(features(frame)[:20]) for m in models)
        np.testing.assert_array_equal(first, second)
        assert (first != other).any()

    def test_inputs_of_the_sample_are_not_in_memory_in_training(
        self, rows, frame, blocks_of_100, monkeypatch
    ):
        made, encode, alive = [], InputBuilder.encode, []

        def note(builder, table, *args):
            inputs = encode(builder, table, *args)
            if table.n_rows == len(frame):
                made.append(weakref.ref(inputs))
            return inputs

        class Watch(Callback):
            def on_epoch_end(self, net, **kwargs):
                gc.collect()
                alive.append(any(inputs() is not None for inputs in made))

        monkeypatch.setattr(InputBuilder, "encode", note)
        make_net = fitting.make_net
        monkeypatch.setattr(
            fitting,
            "make_net",
            lambda *args, callbacks, **kwargs: make_net(
                *args, callbacks=[*callbacks, Watch()], **kwargs
            ),
        )
        STCGRegressor(**SMALL).fit(rows, "y", "area")
        assert alive == [False] * SMALL["max_iter"]
        assert made

    def test_rows_to_stop_by_hold_on_to_no_other_places(
        self, rows, frame, blocks_of_100, monkeypatch
    ):
        known, used, make = [], [], data.make_rows

        def note(inputs, *args, **kwargs):
            known.append(len(inputs.tables["place"]["node_index"]))
            used.append(len(np.unique(inputs.rows["place"])))
            return make(inputs, *args, **kwargs)

        monkeypatch.setattr(data, "make_rows", note)
        STCGRegressor(early_stopping="places", **SMALL).fit(rows, "y")
        assert known == used
        assert 0 < used[0] < frame.lat.nunique()

    def test_a_pass_that_ends_gives_memory_back(self, rows, blocks_of_100, monkeypatch):
        given = []
        monkeypatch.setattr(streamed_rows, "give_back", lambda: given.append(1))
        STCGRegressor(**{**SMALL, "max_iter": 3}).fit(rows, "y")
        assert len(given) == 3

    def test_rows_without_weight_do_not_count(self, frame, tmp_path):
        spoiled = frame.copy()
        spoiled.loc[100:, "area"] = 0.0
        spoiled.loc[100:, "y"] = 1e9
        model = STCGRegressor(**SMALL).fit(write(spoiled, tmp_path), "y", "area")
        assert np.abs(model.predict(features(frame))).max() < 100

    def test_places_that_are_held_out_are_not_trained_on(
        self, rows, frame, blocks_of_100, trained_on, monkeypatch
    ):
        monkeypatch.setattr(surveyed, "SAMPLE_ROWS", 150)
        model = STCGRegressor(early_stopping="places", **SMALL).fit(rows, "y")
        trained = np.concatenate(trained_on)
        assert "valid_loss" in model.history_[0]
        held_out = set(frame.lat) - set(frame.lat[trained])
        assert len(held_out) == 3
        assert frame.lat.isin(held_out).sum() == len(frame) - len(trained)

    def test_rows_held_out_singly_leave_their_places_in_training(
        self, trained_on, tmp_path, monkeypatch
    ):
        # The sample, to choose them from, often has one row of a place.
        frame, random = make_frame(4_000), np.random.RandomState(1)
        place = random.randint(1_000, size=len(frame))
        frame["lat"] = np.linspace(-60, 60, 1_000)[place]
        frame["lon"] = 0.0
        monkeypatch.setattr(surveyed, "SAMPLE_ROWS", 600)
        few = {**SMALL, "n_folds": 1, "calibration_fraction": 0.1}
        STCGRegressor(n_members=2, **few).fit(write(frame, tmp_path), "y")
        trained = np.unique(place[np.concatenate(trained_on)])
        # A twentieth of the places of the sample is left out whole, and no other.
        assert 10 <= len(np.unique(place)) - len(trained) <= 25

    def test_an_ensemble_is_calibrated(self, rows, frame, blocks_of_100):
        model = STCGRegressor(n_members=2, **{**SMALL, "n_folds": 1}).fit(
            rows, "y", "area"
        )
        _, std = model.predict(features(frame), return_std=True)
        assert (std > 0).all()

    def test_a_checkpoint_goes_on_to_the_same_model(
        self, rows, frame, blocks_of_100, tmp_path, monkeypatch
    ):
        parameters = {**SMALL, "max_iter": 2}
        whole = STCGRegressor(**parameters).fit(rows, "y", "area")
        model = STCGRegressor(**parameters, checkpoint=tmp_path / "fit")
        with monkeypatch.context() as patch:
            patch.setattr(StreamedRows, "blocks", killed_in_the_second_pass())
            with pytest.raises(RuntimeError, match="killed"):
                model.fit(rows, "y", "area")
        X = features(frame)[:20]
        model.fit(rows, "y", "area")
        np.testing.assert_array_equal(model.predict(X), whole.predict(X))

    def test_rows_to_stop_by_are_not_trained_on(
        self, rows, frame, blocks_of_100, trained_on
    ):
        model = STCGRegressor(early_stopping="rows", **SMALL).fit(rows, "y")
        held_out = len(frame) - len(np.concatenate(trained_on))
        assert 0.05 * len(frame) < held_out < 0.2 * len(frame)
        assert np.isfinite(model.history_[0]["valid_loss"])

    def test_a_warm_start_goes_on(self, rows, frame, blocks_of_100):
        X = features(frame)
        model = STCGRegressor(warm_start=True, learning_rate=0.001, **SMALL)
        before = model.fit(rows, "y", "area").score(X, frame.y)
        model.fit(rows, "y", "area")
        assert [epoch["epoch"] for epoch in model.history_] == [1, 2]
        assert model.score(X, frame.y) > before


class TestErrors:
    @pytest.mark.parametrize(
        ("column", "value", "message"),
        [
            ("y", np.nan, "Column 'y': the target is missing or infinite in row 400"),
            ("heat", np.inf, "Column 'heat': Input X contains infinity in row 400"),
            ("lat", 91.0, r"Column 'lat': latitude .* row 400 hold 91"),
            ("date", pd.NaT, "Column 'date': time is missing or infinite in row 400"),
            ("area", -1.0, "sample_weight is missing, infinite or negative in row 400"),
            ("y", 1e301, "y holds numbers beyond"),
        ],
    )
    def test_names_column_and_row_and_leaves_the_model_as_it_was(
        self, frame, tmp_path, blocks_of_100, column, value, message
    ):
        bad = frame.copy()
        bad.loc[400, column] = value
        model = STCGRegressor(**SMALL)
        before = vars(model).copy()
        with pytest.raises(ValueError, match=message):
            model.fit(write(bad, tmp_path), "y", sample_weight="area")
        assert vars(model) == before

    def test_columns_are_named(self, rows, frame):
        with pytest.raises(ValueError, match="y must name the column"):
            STCGRegressor().fit(rows, None)
        with pytest.raises(ValueError, match=r"y='gpp' must name a column.*'rain'"):
            STCGRegressor().fit(rows, "gpp")
        with pytest.raises(ValueError, match="sample_weight=a Series must name"):
            STCGRegressor().fit(rows, "y", sample_weight=frame.area)

    def test_a_filtered_data_set_is_refused(self, rows):
        few = rows.filter(pa.dataset.field("rain") > 3)
        with pytest.raises(ValueError, match="filtered data set"):
            STCGRegressor().fit(few, "y")

    def test_too_few_rows_of_weight(self, frame, tmp_path):
        none = write(frame.assign(area=0.0), tmp_path)
        with pytest.raises(ValueError, match="X has 0 rows of positive weight"):
            STCGRegressor().fit(none, "y", sample_weight="area")

    def test_every_row_needs_a_label(self, frame, tmp_path, blocks_of_100, monkeypatch):
        monkeypatch.setattr(surveyed, "SAMPLE_ROWS", 20)
        station = (np.arange(len(frame)) // 10).astype(str).astype(object)
        station[400] = None
        rows = write(frame.assign(station=station), tmp_path)
        with pytest.raises(ValueError, match="groups has no label in row 400"):
            STCGRegressor(early_stopping="places", **SMALL).fit(
                rows, "y", groups="station"
            )

    def test_weights_may_be_as_large_as_floats(self, frame, tmp_path):
        huge = frame.assign(area=1e308)
        streamed = STCGRegressor(**SMALL).fit(
            write(huge, tmp_path), "y", sample_weight="area"
        )
        assert np.isfinite(streamed.predict(features(frame))).all()

    def test_an_error_while_training_ends_the_thread(
        self, rows, blocks_of_100, monkeypatch
    ):
        make, made = StreamedRows._block, []

        def fails(self, chunk):
            made.append(chunk)
            if len(made) == 3:
                raise OSError("the disk is gone")
            return make(self, chunk)

        monkeypatch.setattr(StreamedRows, "_block", fails)
        model = STCGRegressor(**SMALL)
        before = vars(model).copy()
        with pytest.raises(OSError, match="the disk is gone"):
            model.fit(rows, "y")
        assert vars(model) == before
        assert not [t for t in threading.enumerate() if "read-ahead" in t.name]

    def test_an_interrupted_training_ends_the_thread(
        self, rows, blocks_of_100, monkeypatch
    ):
        class Stop(RuntimeError):
            pass

        def stop(*args, **kwargs):
            raise Stop

        monkeypatch.setattr("spatialheteroreg.net.STCGNet.get_loss", stop)
        with pytest.raises(Stop):
            STCGRegressor(**SMALL).fit(rows, "y")
        assert not [t for t in threading.enumerate() if "read-ahead" in t.name]


class TestFromArrays:
    @pytest.fixture
    def arrays(self, tmp_path):
        frame = make_frame()
        X = frame[["lat", "lon", "rain", "heat"]].to_numpy(np.float32)
        mapped = []
        for name, values in (("X", X), ("y", frame.y.to_numpy(np.float32))):
            np.save(tmp_path / f"{name}.npy", values)
            mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
        return mapped

    def test_long_ones_are_streamed(self, arrays, blocks_of_100, monkeypatch):
        X, y = arrays
        monkeypatch.setattr(data, "IN_MEMORY_ROWS", 500)
        monkeypatch.setattr(surveyed, "SAMPLE_ROWS", 200)
        parameters = {**LONGER, "krige_residuals": False}
        model = STCGRegressor(lat=0, lon=1, **parameters).fit(X, y)
        assert model.score(X, y) > 0.5

    def test_long_frames_are_streamed_alike(self, arrays, monkeypatch):
        X, y = arrays
        monkeypatch.setattr(data, "IN_MEMORY_ROWS", 500)
        frame = pd.DataFrame(X, columns=["lat", "lon", "rain", "heat"])
        model = STCGRegressor(lat=0, lon=1, **SMALL).fit(X, y)
        by_name = STCGRegressor(**SMALL).fit(frame, y)
        np.testing.assert_allclose(by_name.predict(frame), model.predict(X))

    def test_their_sample_is_not_in_memory_in_training(
        self, arrays, blocks_of_100, monkeypatch
    ):
        monkeypatch.setattr(data, "IN_MEMORY_ROWS", 500)
        encoded, encode = [], InputBuilder.encode

        def note(builder, table, *args):
            encoded.append(table.n_rows)
            return encode(builder, table, *args)

        monkeypatch.setattr(InputBuilder, "encode", note)
        trained = []
        make = StreamedRows.blocks

        def blocks(self, *args):
            trained.append(len(encoded))
            return make(self, *args)

        monkeypatch.setattr(StreamedRows, "blocks", blocks)
        STCGRegressor(lat=0, lon=1, **SMALL).fit(*arrays)
        before, after = encoded[: trained[0]], encoded[trained[0] :]
        assert max(before, default=0) < 200
        assert max(after) == len(arrays[0])

    def test_an_ensemble_is_calibrated(self, arrays, blocks_of_100, monkeypatch):
        X, y = arrays
        monkeypatch.setattr(data, "IN_MEMORY_ROWS", 500)
        ensemble = STCGRegressor(lat=0, lon=1, n_members=2, **{**SMALL, "n_folds": 1})
        _, std = ensemble.fit(X, y).predict(X, return_std=True)
        assert (std > 0).all()

    def test_a_checkpoint_goes_on_to_the_same_model(
        self, arrays, blocks_of_100, tmp_path, monkeypatch
    ):
        X, y = arrays
        monkeypatch.setattr(data, "IN_MEMORY_ROWS", 500)
        parameters = {**SMALL, "max_iter": 2, "lat": 0, "lon": 1}
        whole = STCGRegressor(**parameters).fit(X, y)
        model = STCGRegressor(**parameters, checkpoint=tmp_path / "fit")
        with monkeypatch.context() as patch:
            patch.setattr(StreamedRows, "blocks", killed_in_the_second_pass())
            with pytest.raises(RuntimeError, match="killed"):
                model.fit(X, y)
        model.fit(X, y)
        np.testing.assert_array_equal(model.predict(X), whole.predict(X))

    def test_short_ones_are_not(self, arrays):
        X, y = arrays
        mapped = STCGRegressor(lat=0, lon=1, **SMALL).fit(X, y)
        whole = STCGRegressor(lat=0, lon=1, **SMALL).fit(np.array(X), np.array(y))
        np.testing.assert_array_equal(mapped.predict(X), whole.predict(X))

    def test_lengths_are_compared(self, arrays, monkeypatch):
        X, y = arrays
        monkeypatch.setattr(data, "IN_MEMORY_ROWS", 500)
        with pytest.raises(ValueError, match=r"y has the shape \(519,\) for 520 rows"):
            STCGRegressor().fit(X, y[1:])
        with pytest.raises(ValueError, match="groups has 519 labels for 520 rows"):
            STCGRegressor().fit(X, y, groups=np.arange(519))


class TestOnAGpu:
    """What a fit does where a GPU holds the rows: here one that is a CPU."""

    @pytest.fixture
    def gpu(self, monkeypatch):
        def use(memory):
            monkeypatch.setattr(data, "gpu_memory", lambda device: memory)

        return use

    def test_rows_that_fit_are_read_once_for_training(
        self, gpu, rows, frame, in_memory, blocks_of_100, monkeypatch
    ):
        gpu(1e9)
        monkeypatch.setattr(StreamedRows, "batches", lambda *_: pytest.fail("streamed"))
        model = STCGRegressor(**LONGER).fit(rows, "y", sample_weight="area")
        new = make_frame(seed=1)
        score, whole = (m.score(features(new), new.y) for m in (model, in_memory))
        assert score > whole - 0.1
        assert not [t for t in threading.enumerate() if "read-ahead" in t.name]

    def test_rows_that_do_not_fit_are_streamed(self, gpu, fitted, rows, blocks_of_100):
        gpu(1e4)
        model = STCGRegressor(**LONGER).fit(rows, "y", sample_weight="area")
        again = rows.to_table().to_pandas()
        assert np.array_equal(
            model.predict(features(again)), fitted.predict(features(again))
        )


class TestBatches:
    @pytest.fixture
    def stream(self, fitted, frame, rows, blocks_of_100):
        """Rows whose target is their number, of which some are held out."""

        def make(source, n_folds=1):
            return StreamedRows(
                source,
                fitted._inputs,
                HeldOut(np.array([5, 17])),
                n_rows=source.n_rows - 2,
                target_mean=0.0,
                target_scale=1.0,
                mean_weight=1.0,
                n_folds=n_folds,
                seed=0,
            )

        return make

    def sources(self, frame, folder):
        numbered = frame.assign(y=np.arange(len(frame)) * 1.0)
        files = DatasetSource(write(numbered, folder), "y", "area")
        arrays = ArraySource(Table(features(frame)), numbered.y, frame.area, None)
        return files, arrays

    def test_every_row_comes_once_in_a_new_order(self, stream, frame, tmp_path):
        wanted = sorted(set(range(520)) - {5, 17})
        for source in self.sources(frame, tmp_path):
            batches = stream(source).batches(32, RandomSource(0))
            orders = []
            for _ in range(2):
                targets = [target for _, target in batches]
                assert [len(t) for t in targets] == [32] * 16 + [6]
                assert len(batches) == len(targets)
                orders.append(torch.cat(targets)[:, 0].tolist())
            assert orders[0] != orders[1]
            assert sorted(orders[0]) == sorted(orders[1]) == wanted

    def test_inputs_are_those_of_the_row(self, stream, fitted, frame, tmp_path):
        files, _ = self.sources(frame, tmp_path)
        whole = fitted._inputs.transform(Table(features(frame)))
        for inputs, target in stream(files, 3).batches(50, RandomSource(0)):
            number = target[:, 0].long().numpy()
            for name in ("numeric", "codes", "node_index", "step_fraction"):
                np.testing.assert_array_equal(inputs[name].numpy(), whole[name][number])
            np.testing.assert_allclose(target[:, 1], frame.area[number], rtol=1e-6)

    def test_a_row_stays_in_its_fold(self, stream, frame, tmp_path):
        files, _ = self.sources(frame, tmp_path)
        batches = stream(files, 3).batches(50, RandomSource(0))
        found = [
            {
                int(n): int(k)
                for inputs, target in batches
                for n, k in zip(target[:, 0], inputs["fold"], strict=True)
            }
            for _ in range(2)
        ]
        assert found[0] == found[1]
        assert np.bincount(list(found[0].values())).min() > 130

    def test_rows_that_a_gpu_holds_are_those_that_are_streamed(
        self, stream, frame, tmp_path
    ):
        for source in self.sources(frame, tmp_path):
            held = stream(source, 3).hold(1e9)
            inputs, target = held[slice(None)]
            ((streamed, wanted),) = stream(source, 3).batches(600)
            assert len(held) == 518
            assert torch.equal(target, wanted)
            assert set(inputs) == set(streamed)
            for name, column in inputs.items():
                assert torch.equal(column, streamed[name]), name

    @pytest.mark.parametrize("empty", [slice(0, 128), slice(128, 260), slice(388, 520)])
    def test_groups_may_have_no_rows_to_hold(self, stream, frame, tmp_path, empty):
        files, _ = self.sources(frame, tmp_path)
        some, left_out = stream(files), np.arange(520)[empty]
        some.held_out, some.n_rows = HeldOut(left_out), 520 - len(left_out)
        _, target = some.hold(1e9)[slice(None)]
        assert target[:, 0].tolist() == np.delete(np.arange(520.0), left_out).tolist()

    def test_a_gpu_holds_what_it_can(self, stream, frame, tmp_path):
        files, _ = self.sources(frame, tmp_path)
        inputs, target = stream(files).hold(1e9)[slice(None)]
        needed = sum(column.nbytes for column in (*inputs.values(), target))
        assert stream(files).hold(1.01 * needed) is not None
        assert stream(files).hold(0.99 * needed) is None

    def test_each_batch_has_its_share_of_each_fold(self, stream, frame, tmp_path):
        for source in self.sources(frame, tmp_path):
            for inputs, target in stream(source, 3).batches(60, RandomSource(0)):
                counts = torch.bincount(inputs["fold"], minlength=3)
                assert (counts - len(target) / 3).abs().max() < 4


class TestCounting:
    def test_many_distinct_values_are_counted_to_a_few_percent(self):
        counter = DistinctCounter()
        for start in range(0, 200_000, 10_000):
            value = np.arange(start, start + 20_000) / 7
            counter.add(hash_floats(value, -value))
        assert counter.count() == pytest.approx(210_000, rel=0.06)

    def test_a_sample_and_folds_are_even_and_the_same_in_any_company(self):
        number = np.arange(20_000)
        drawn = drawn_rows(number, 0.1)
        assert drawn.sum() == pytest.approx(2_000, rel=0.1)
        assert drawn[:10_000].sum() == pytest.approx(drawn.sum() / 2, rel=0.1)
        np.testing.assert_array_equal(drawn_rows(number[7::3], 0.1), drawn[7::3])
        fold = fold_of_rows(number, 3, seed=5)
        assert np.bincount(fold[drawn]) / drawn.sum() == pytest.approx(1 / 3, rel=0.15)
        assert (fold_of_rows(number, 3, seed=6) != fold).any()
        assert (np.sort(fold[:19_998].reshape(-1, 3), axis=1) == np.arange(3)).all()
        np.testing.assert_array_equal(fold_of_rows(number[7::3], 3, seed=5), fold[7::3])


class TestRowInputs:
    def make(self):
        rows = {
            "numeric": np.arange(8.0).reshape(4, 2),
            "place": np.array([2, 0, 2, 1]),
        }
        return RowInputs(rows, {"place": {"node": np.array([10, 20, 30])}})

    def test_rows_of_a_place_share_what_it_is_tied_to(self):
        inputs = self.make()
        assert inputs[1:3]["node"].tolist() == [10, 30]
        assert inputs.read() is inputs
        assert inputs.subset(np.array([3, 0]))[:]["node"].tolist() == [20, 30]

    def test_parts_are_joined_and_let_go_of_others(self):
        inputs = self.make()
        parts = [inputs.cut(slice(2)), inputs.cut(slice(2, 4)).alone()]
        assert len(parts[1].tables["place"]["node"]) == 2
        joined = RowInputs.join(parts)
        for name, whole in inputs[:].items():
            np.testing.assert_array_equal(joined[:][name], whole)


def test_a_streamed_fit_in_small_parts_is_that_in_one(rows, monkeypatch):
    quiet = {"dropout": 0.0, "place_dropout": 0.0, "condition_dropout": 0.0}
    model = STCGRegressor(**SMALL, **quiet, step_dropout=0.0, precision="float64")
    n_calls, predictions = count_passes(monkeypatch), []
    for tokens in (10**6, 20):
        monkeypatch.setattr("spatialheteroreg.net.FEW_TOKENS", tokens)
        n_calls.append(0)
        model.fit(rows, "y", sample_weight="area")
        predictions.append(model.predict(features(make_frame())))
    assert n_calls[1] >= 2 * n_calls[0]
    np.testing.assert_allclose(*predictions, rtol=1e-9, atol=1e-9)


class TestUnreadRows:
    def test_are_what_rows_made_ready_at_once_are(self, frame):
        model = STCGRegressor(**LONGER).fit(features(frame), frame["y"])
        table, encode = Table(features(frame)), model._inputs.encode
        whole, unread = encode(table), UnreadRows(table, encode)
        some = np.array([7, 3, 250, 4])
        for one, other in [(whole, unread), (whole.subset(some), unread.subset(some))]:
            assert len(one) == len(other)
            for rows in (slice(1, 3), np.array([2, 0])):
                found, wanted = other[rows], one[rows]
                assert found.keys() == wanted.keys()
                for name in wanted:
                    np.testing.assert_array_equal(found[name], wanted[name])
            np.testing.assert_array_equal(
                other.read()[:]["node_distance"], one[:]["node_distance"]
            )

    def test_rows_of_an_array_are_not_copied(self, frame):
        X = features(frame)[["lat", "lon"]].to_numpy(dtype=np.float32)
        source = ArraySource(Table(X), frame["y"].to_numpy(), None, None)
        chunk = source.pick(np.array([5, 9]))
        unread = source.unread(chunk, encode=None)
        assert np.shares_memory(unread.table.frame, X)
        assert unread.index.tolist() == [5, 9]


LIMITED = """
import resource, sys
import numpy as np, pyarrow as pa, pyarrow.dataset as ds, pyarrow.parquet as pq
from spatialheteroreg import STCGRegressor, data
from spatialheteroreg.streaming import rows, survey
survey.SAMPLE_ROWS = 500
for module in (data, rows, survey):
    module.READ_ROWS = 1_000
folder, n, p = sys.argv[1], 120_000, 40
random = np.random.default_rng(0)
def write(name, n):
    X = random.standard_normal((n, p), dtype=np.float32)
    columns = {f"f{j}": X[:, j] for j in range(p)}
    columns["lat"], columns["lon"] = np.arange(n) % 50, np.arange(n) % 70
    whole = np.column_stack(list(columns.values())).astype(np.float32)
    np.save(f"{folder}/{name}.npy", whole)
    np.save(f"{folder}/{name}_y.npy", X.sum(axis=1))
    path = f"{folder}/{name}.parquet"
    pq.write_table(pa.table({**columns, "y": X.sum(axis=1)}), path, row_group_size=1000)
    return ds.dataset(path)
def mapped(name):
    return np.load(f"{folder}/{name}.npy", mmap_mode="r")
def fit(X, y, **place):
    model = STCGRegressor(**place, max_iter=1, batch_size=500, n_folds=1, n_nodes=12,
                          d_token=1, n_heads=1, n_layers=0, d_hidden=1, d_condition=4,
                          cross_attention=False, random_state=0)
    return model.fit(X, y)
fit(write("small", 2_000), "y")
rows = write("large", n)
def used():
    for line in open("/proc/self/status"):
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
limit = used() + int(sys.argv[2]) * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
fit(rows, "y")
print("streamed", flush=True)
data.IN_MEMORY_ROWS = 100_000
fit(mapped("large"), mapped("large_y"), lat=p, lon=p + 1)
print("mapped", flush=True)
data.IN_MEMORY_ROWS = 200_000
table = rows.to_table()
fit(table.drop_columns(["y"]), table["y"].to_numpy())
print("fitted in memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are of Linux")
def test_memory_does_not_grow_with_the_rows(tmp_path):
    # 19 MB of float32, twice as much for a fit in memory: 28 MB are left.
    environment = {
        **os.environ,
        # What is let go of must not stay with the process.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_TRIM_THRESHOLD_": "65536",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), "28"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    # The limit ends the last fit, by an error or, in a thread of Arrow, at once.
    assert done.stdout.splitlines() == ["streamed", "mapped"], done.stderr
    assert done.returncode != 0
    assert re.search("bad_alloc|MemoryError|annot allocate|out of memory", done.stderr)
