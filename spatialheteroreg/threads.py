"""Threads of one core each, beside each other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch


@contextlib.contextmanager
def mapping(n_tasks: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Give a `map` whose calls run in :func:`threads`; without any, the usual one.

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
        yield map if pool is None else pool.map


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
    try:
        # In this thread too: a team of its own would only wait for work.
        torch.set_num_threads(1)
        with ThreadPoolExecutor(
            min(n_tasks, n_threads), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield pool
    finally:
        torch.set_num_threads(n_threads)
