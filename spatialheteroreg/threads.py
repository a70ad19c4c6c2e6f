"""Threads of one core each, beside each other."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

A = TypeVar("A")
B = TypeVar("B")

Mapping = Callable[..., Iterable[Any]]
"""Does the same for several things, as `map` does."""


def finish(results: Iterable[None]) -> None:
    """Wait for what a :data:`Mapping` does for its own sake.

    Parameters
    ----------
    results : iterable of None
        What it gives.

    Examples
    --------
    >>> done = []
    >>> finish(map(done.append, [1, 2]))
    >>> done
    [1, 2]
    """
    for _ in results:
        pass


@contextlib.contextmanager
def mapping(n_tasks: int) -> Iterator[Mapping]:
    """Give a `map` whose calls run in :func:`threads`; without any, one by one.

    Either way each computes on one core, so that its result does not depend on how many
    there are.

    Parameters
    ----------
    n_tasks : int
        Calls that can run at the same time.

    Yields
    ------
    callable
        As `map`; the results come in the order of the calls.
    """
    with threads(n_tasks) as pool:
        if pool is not None:
            yield lambda do, *things: pool.map(_as_here(do), *things)
            return
        with one_core():
            yield map


def map_ahead(do: Callable[[A], B], things: Iterable[A], at_once: int) -> Iterator[B]:
    """Do the same for many things, a few at a time in :func:`threads`.

    Parameters
    ----------
    do : callable
        Takes one of them.
    things : iterable
        Looked at as they are needed.
    at_once : int
        Things at a time, at most: so many more are made before they are asked for.

    Yields
    ------
    object
        The results, in the order of the things.

    Examples
    --------
    >>> list(map_ahead(abs, [-3, 2, -1], at_once=2))
    [3, 2, 1]
    """
    with threads(at_once) as pool:
        if pool is None:
            yield from map(do, things)
            return
        waiting: deque[Future[B]] = deque()
        here = _as_here(do)
        try:
            for thing in things:
                waiting.append(pool.submit(here, thing))
                if len(waiting) > at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for late in waiting:
                late.cancel()


def _as_here(do: Callable[..., B]) -> Callable[..., B]:
    """Have other threads do something in the context of this one."""
    here = contextvars.copy_context()
    return lambda *things: here.copy().run(do, *things)


class _OneCore(threading.local):
    """Who computes on one core; PyTorch tells new threads what was last set."""

    lock = threading.Lock()
    n_inside = 0
    n_threads_before = 1
    inside = False


_one_core = _OneCore()


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Have PyTorch compute on one core in this thread.

    However many threads do so at a time, each is left with as many as were set before
    the first of them came.
    """
    if _one_core.inside:
        yield
        return
    with _OneCore.lock:
        if _OneCore.n_inside == 0:
            _OneCore.n_threads_before = torch.get_num_threads()
        _OneCore.n_inside += 1
    _one_core.inside = True
    try:
        torch.set_num_threads(1)
        yield
    finally:
        _one_core.inside = False
        with _OneCore.lock:
            _OneCore.n_inside -= 1
            torch.set_num_threads(_OneCore.n_threads_before)


def n_cores() -> int:
    """Cores that :func:`threads` may keep busy, asked from within or without."""
    with _OneCore.lock:
        within = _OneCore.n_inside > 0
        return _OneCore.n_threads_before if within else torch.get_num_threads()


def _stay_on_one_core() -> None:
    """Have PyTorch compute on one core in this thread for good."""
    torch.set_num_threads(1)
    _one_core.inside = True


@contextlib.contextmanager
def threads(n_tasks: int) -> Iterator[ThreadPoolExecutor | None]:
    """Open as many threads as PyTorch may use, each of which computes on one core.

    Many small tensors are sooner done with by several threads, some by each, than one
    after the other by all of them.

    Parameters
    ----------
    n_tasks : int
        Tasks that can run at the same time.

    Yields
    ------
    ThreadPoolExecutor or None
        None where there would be one thread.
    """
    n_threads = torch.get_num_threads()
    if min(n_tasks, n_threads) <= 1:
        yield None
        return
    # In this thread too: a team of its own would only wait for work.
    with (
        one_core(),
        ThreadPoolExecutor(
            min(n_tasks, n_threads), initializer=_stay_on_one_core
        ) as pool,
    ):
        yield pool
