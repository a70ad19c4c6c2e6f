"""Networks trained in threads side by side."""

import contextlib
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest
import torch

from spatialheteroreg import STCGRegressor, net
from spatialheteroreg.net import STCGNet
from spatialheteroreg.network import STCGNetwork
from spatialheteroreg.network.layers import RandomSource
from spatialheteroreg.optimizer import AdamWMuon, join
from spatialheteroreg.side_by_side import SideBySide
from spatialheteroreg.sizing import auto_warm_up
from spatialheteroreg.threads import mapping, one_core, threads

from .conftest import make_table

QUICK = {"random_state": 0, "n_nodes": 8, "max_iter": 2, "n_folds": 3, "batch_size": 16}


@pytest.fixture
def n_threads():
    """Sets the threads of PyTorch, for a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def computing(monkeypatch):
    """Watches training: threads that compute, threads of theirs, most at a time."""
    seen = {"names": set(), "threads": set(), "most": 0}
    lock, forward, now = threading.Lock(), STCGNetwork.forward, []

    def record(network, **inputs):
        if not network.training:
            return forward(network, **inputs)
        with lock:
            now.append(1)
            seen["most"] = max(seen["most"], len(now))
            seen["names"].add(threading.current_thread().name)
            seen["threads"].add(torch.get_num_threads())
        try:
            return forward(network, **inputs)
        finally:
            with lock:
                now.pop()

    monkeypatch.setattr(STCGNetwork, "forward", record)
    return seen


def test_the_result_does_not_depend_on_threads(n_threads):
    X, y = make_table(90)
    predictions = []
    for n in (1, 2, 3):
        n_threads(n)
        predictions.append(STCGRegressor(**QUICK).fit(X, y).predict(X))
        assert torch.get_num_threads() == n
    # Predicting in float64 adds in another order.
    np.testing.assert_allclose(predictions[1], predictions[0], rtol=1e-12)
    np.testing.assert_allclose(predictions[2], predictions[0], rtol=1e-12)


@pytest.mark.parametrize(("n", "in_python"), [(2, 1), (4, 2)])
def test_no_more_threads_compute_than_torch_may_use(n_threads, computing, n, in_python):
    X, y = make_table(90)
    n_threads(n)
    STCGRegressor(**{**QUICK, "n_folds": 4}).fit(X, y)
    assert computing["threads"] == {1}
    assert 2 <= len(computing["names"]) <= n
    assert computing["most"] <= in_python


def test_one_thread_trains_in_the_thread_of_the_caller(n_threads, computing):
    X, y = make_table(90)
    n_threads(1)
    STCGRegressor(**QUICK).fit(X, y)
    assert computing["names"] == {threading.current_thread().name}


def test_an_error_in_a_thread_ends_the_fit_and_gives_the_threads_back(
    n_threads, monkeypatch
):
    X, y = make_table(90)
    n_threads(2)
    n_before = threading.active_count()

    def fail(net, y_pred, y_true, X=None, training=False):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(STCGNet, "get_loss", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        STCGRegressor(**QUICK).fit(X, y)
    assert torch.get_num_threads() == 2
    assert threading.active_count() == n_before


def test_fits_in_two_threads_are_those_of_one(n_threads):
    n_threads(2)
    X, y = make_table(90)
    expected = STCGRegressor(**QUICK).fit(X, y).predict(X)
    found = [None, None]

    def fit(k):
        found[k] = STCGRegressor(**QUICK).fit(X, y).predict(X)

    workers = [threading.Thread(target=fit, args=(k,)) for k in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for prediction in found:
        np.testing.assert_allclose(prediction, expected)


@pytest.fixture
def two_lanes(n_threads):
    """Two networks in two threads."""
    n_threads(2)
    with threads(2) as pool:
        yield SideBySide([RandomSource(k) for k in range(2)], RandomSource(2), 0, pool)


def test_no_network_waits_for_another(two_lanes):
    second_is_through = threading.Event()
    seen = [[], []]

    def task(step):
        def do(k):
            if k == 0:
                assert second_is_through.wait(timeout=30)
            seen[k].append(step)
            if k == 1 and step == 2:
                second_is_through.set()
            return torch.tensor(step + 10 * k)

        return do

    results = [two_lanes.start(task(step)) for step in range(3)]
    found = [[int(value) for value in wait()] for wait in results]
    assert found == [[0, 10], [1, 11], [2, 12]]
    assert seen == [[0, 1, 2], [0, 1, 2]]


def test_others_have_the_turn_meanwhile_and_an_error_takes_it_back(two_lanes):
    taken = []
    with two_lanes.turn:
        taken.append(two_lanes.turn.acquire(blocking=False))
        with contextlib.suppress(RuntimeError), two_lanes.others_turn():
            taken.append(two_lanes.turn.acquire(blocking=False))
            two_lanes.turn.release()
            raise RuntimeError("broken")
        taken.append(two_lanes.turn.acquire(blocking=False))
    assert taken == [False, True, False]


def test_a_network_that_failed_goes_no_further_and_the_others_do(two_lanes):
    done, all_done = [], threading.Event()

    def task(step):
        def do(k):
            if (k, step) == (0, 1):
                raise RuntimeError("out of memory")
            done.append((k, step))
            if (k, step) == (1, 2):
                all_done.set()
            return torch.tensor(0.0)

        return do

    results = [two_lanes.start(task(step)) for step in range(3)]
    results[0]()
    for wait in results[1:]:
        with pytest.raises(RuntimeError, match="out of memory"):
            wait()
    assert all_done.wait(timeout=30)
    two_lanes.stop()
    assert sorted(done) == [(0, 0), (1, 0), (1, 1), (1, 2)]


def test_nothing_runs_after_a_stop_and_what_has_not_begun_is_dropped(two_lanes):
    may_end, begun, ended = threading.Event(), threading.Semaphore(0), []

    def task(k):
        begun.release()
        assert may_end.wait(timeout=30)
        ended.append(k)
        return torch.tensor(0.0)

    results = [two_lanes.start(task) for _ in range(3)]
    for _ in range(2):
        assert begun.acquire(timeout=30)
    threading.Timer(0.2, may_end.set).start()
    two_lanes.stop()
    assert sorted(ended) == [0, 1]
    results[0]()
    with pytest.raises(CancelledError):
        results[2]()


def test_threads_that_are_refused_end_the_waiting(n_threads):
    class Refusing(ThreadPoolExecutor):
        left = 3

        def submit(self, *arguments):
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("cannot schedule new futures after shutdown")
            return super().submit(*arguments)

    with Refusing(2) as pool:
        lanes = SideBySide([RandomSource(k) for k in range(2)], None, 0, pool)
        results = [lanes.start(lambda k: torch.tensor(k)) for _ in range(3)]
        found = []

        def wait():
            for result in results:
                try:
                    result()
                except RuntimeError as error:
                    found.append(str(error))

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        waiting.join(timeout=30)
        assert not waiting.is_alive()
    assert found
    assert set(found) == {"cannot schedule new futures after shutdown"}


def test_each_step_has_the_rate_of_the_schedule(n_threads, monkeypatch):
    n_threads(2)
    X, y = make_table(90)
    rates, lock, step = {}, threading.Lock(), AdamWMuon.step

    def record(optimizer, *arguments):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if any(p.grad is not None for p in parameters):
            with lock:
                for group in optimizer.param_groups:
                    (parameter,) = group["params"]
                    rates.setdefault(parameter, []).append(
                        (group["lr"], *group["betas"])
                    )
        return step(optimizer, *arguments)

    monkeypatch.setattr(AdamWMuon, "step", record)
    STCGRegressor(**QUICK, learning_rate=0.01).fit(X, y)
    steps = 2 * 6
    one = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        one, 0.01, total_steps=steps, pct_start=auto_warm_up(len(y))
    )
    wanted = []
    for _ in range(steps):
        group = one.param_groups[0]
        wanted.append((group["lr"], *group["betas"]))
        one.step()
        schedule.step()
    # In each epoch the three groups of each of the three networks are joined anew.
    epochs = np.array(sorted(rates.values()))
    np.testing.assert_allclose(epochs, np.repeat([wanted[:6], wanted[6:]], 9, axis=0))


def test_an_epoch_that_fails_leaves_each_parameter_its_own(monkeypatch):
    networks = []

    def watch(optimizer, network):
        networks.append(network)
        return join(optimizer, network)

    def fail(*arguments):
        raise RuntimeError("no step")

    monkeypatch.setattr(net, "join", watch)
    monkeypatch.setattr(net.Learner, "move", fail)
    with pytest.raises(RuntimeError, match="no step"):
        STCGRegressor(**QUICK).fit(*make_table(90))
    assert len(networks) == 3
    for network in networks:
        for parameter in network.parameters():
            assert parameter.untyped_storage().nbytes() == 4 * parameter.numel()
            assert parameter.grad is None


def test_a_map_in_threads_keeps_the_order_and_gives_the_threads_back(n_threads):
    n_threads(3)
    with mapping(10) as run:
        found = list(run(lambda k: (k, torch.get_num_threads()), range(10)))
    assert found == [(k, 1) for k in range(10)]
    assert torch.get_num_threads() == 3


def test_threads_that_overlap_are_left_with_as_many_as_before(n_threads):
    n_threads(3)
    inside, seen = threading.Barrier(2), []

    def work():
        with mapping(1):
            inside.wait()
            with one_core():
                seen.append(torch.get_num_threads())
            seen.append(torch.get_num_threads())
            inside.wait()
        seen.append(torch.get_num_threads())

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(seen) == [1, 1, 1, 1, 3, 3]
    assert torch.get_num_threads() == 3


def test_one_task_is_left_to_all_threads(n_threads):
    n_threads(3)
    with threads(1) as pool:
        assert pool is None
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("n_tasks", [1, 2])
def test_what_is_mapped_is_computed_on_one_core_each(n_threads, n_tasks):
    n_threads(3)
    with mapping(n_tasks) as run:
        seen = list(run(lambda _: torch.get_num_threads(), range(4)))
    assert seen == [1] * 4
    assert torch.get_num_threads() == 3
