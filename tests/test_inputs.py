"""Inputs of a table, some rows at a time."""

import threading
import time
import warnings

import numpy as np
import pytest
import torch

from spatialheteroreg import STCGRegressor, attaching, chunks
from spatialheteroreg.inputs import InputBuilder
from spatialheteroreg.predictor import Predictor

from .conftest import make_table


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(300)
    model = STCGRegressor(n_nodes=8, max_iter=2, n_folds=2, random_state=0).fit(X, y)
    return model, X


def answers(model, X):
    explanation = model.explain(X)
    return [
        model.predict(X),
        explanation.values,
        explanation.data,
        model.decompose(X).to_numpy(),
        model.feature_weights(X),
        model.local_effects(X).to_numpy(),
        model.applicability(X).to_numpy(dtype=float),
    ]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 64)
    monkeypatch.setattr(attaching, "ATTACHED_ROWS", 16)


def at_few_places(X):
    """Rows of so few places that these are tied to the nodes once."""
    return X.assign(lat=(X["lat"] / 40).round() * 40, lon=(X["lon"] / 60).round() * 60)


@pytest.mark.parametrize("change", [lambda X: X, at_few_places])
def test_a_table_is_told_the_same_some_rows_at_a_time(fitted, change, request):
    model, X = fitted
    X = change(X)
    whole = answers(model, X)
    request.getfixturevalue("small_chunks")
    for found, wanted in zip(answers(model, X), whole, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.usefixtures("small_chunks")
def test_places_that_rows_share_are_tied_once(fitted, monkeypatch):
    model, X = fitted
    tied, tie_places = [], attaching.tie_places

    def count(graphs, lat, *others):
        tied.append(len(lat))
        return tie_places(graphs, lat, *others)

    for module in (attaching, chunks):
        monkeypatch.setattr(module, "tie_places", count)
    few = at_few_places(X)
    model.predict(few)
    places = few.assign(lon=few["lon"] % 360.0)[["lat", "lon"]].drop_duplicates()
    assert tied == [len(places)]
    assert 4 * tied[0] <= len(few)
    tied.clear()
    model.predict(X)
    assert len(tied) == -(-len(X) // 64)


@pytest.mark.usefixtures("small_chunks")
class TestBesideEachOther:
    """Chunks in several threads, as they are where the networks lie on a GPU."""

    @pytest.fixture(autouse=True)
    def in_threads(self):
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        yield
        torch.set_num_threads(before)

    @pytest.fixture
    def on_gpu(self, monkeypatch):
        """Have chunks be looked after in threads; return the names of these."""
        names, transform = set(), InputBuilder.transform

        def record(self, *arguments):
            names.add(threading.current_thread().name)
            time.sleep(0.02)  # so that the other thread has its turn
            return transform(self, *arguments)

        def begin():
            monkeypatch.setattr(Predictor, "on_gpu", True)
            monkeypatch.setattr(InputBuilder, "transform", record)
            return names

        return begin

    @pytest.mark.parametrize("change", [lambda X: X, at_few_places])
    def test_they_are_told_the_same(self, fitted, change, on_gpu):
        model, X = fitted
        X = change(X)
        wanted = answers(model, X)
        names = on_gpu()
        for found, one_by_one in zip(answers(model, X), wanted, strict=True):
            np.testing.assert_allclose(found, one_by_one, rtol=1e-6, atol=1e-9)
        in_pools = {name.split("_")[-1] for name in names if "_" in name}
        assert in_pools == {"0", "1"}

    def test_what_is_wrong_is_found_where_it_is(self, fitted, on_gpu):
        model, X = fitted
        on_gpu()
        wrong = X.copy()
        wrong.loc[wrong.index[250], "rain"] = np.inf
        with pytest.raises(ValueError, match="row 250"):
            model.predict(wrong)


@pytest.mark.parametrize(
    "ask", ["predict", "explain", "decompose", "local_effects", "applicability"]
)
def test_a_warning_is_of_the_line_that_asks(fitted, ask):
    model, X = fitted
    early = X.assign(time=X["time"] - np.timedelta64(40 * 365, "D"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        getattr(model, ask)(early)
    assert [one.filename for one in told] == [__file__]
