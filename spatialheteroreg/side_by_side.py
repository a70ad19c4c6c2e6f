"""Networks of one fit, trained in threads side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

from .network import CrossFitted
from .network.layers import RandomSource
from .processes import ProcessGroup

Task = Callable[[int], torch.Tensor]
Run = Callable[[Task], list[torch.Tensor]]


@contextlib.contextmanager
def side_by_side(
    networks: CrossFitted, random: RandomSource, group: ProcessGroup
) -> Iterator[Run]:
    """Do something for each network, several at the same time where cores allow it.

    The networks of a fit are small: two of them on a core each are sooner done than
    one after the other on two cores. On a CPU each network draws from a generator of
    its own, which `random` seeds anew every time, so that the result depends neither
    on the number of threads nor on who comes first.

    Parameters
    ----------
    networks : CrossFitted
        The networks, of which each thread computes with one at a time. In the
        meantime their dropouts draw from other sources.
    random : RandomSource
        Seeds theirs.
    group : ProcessGroup
        Processes that share the training. With several, networks take turns, as
        processes add their gradients up in one order, and each process draws for
        itself.

    Yields
    ------
    callable
        Takes a task, calls it with the number of each network, and returns the
        results in their order. What a task raises is raised.
    """
    device = random.generator.device
    reseeds = len(networks) > 1 and device.type == "cpu"
    if group.size == 1 and not reseeds:
        yield lambda task: [task(k) for k in range(len(networks))]
        return
    first = random.generator.initial_seed() + 1
    own = [RandomSource(first + k + group.rank, device) for k in range(len(networks))]
    for part, source in zip(networks, own, strict=True):
        part.share_random(source)
    with _in_threads(len(networks) if group.size == 1 else 1) as call:

        def run(task: Task) -> list[torch.Tensor]:
            if reseeds:
                seeds = torch.randint(2**62, (len(own),), generator=random.generator)
                for source, seed in zip(own, seeds.tolist(), strict=True):
                    source.generator.manual_seed(seed + group.rank)
            return list(call(task, range(len(own))))

        try:
            yield run
        finally:
            for part in networks:
                part.share_random(random)


@contextlib.contextmanager
def _in_threads(n_tasks: int) -> Iterator[Callable[..., Iterable[torch.Tensor]]]:
    """Give a `map` with as many threads as PyTorch may use, each of one core."""
    n_threads = torch.get_num_threads()
    if min(n_tasks, n_threads) == 1:
        yield map
        return
    try:
        # In this thread too: a team of its own would only wait for work.
        torch.set_num_threads(1)
        with ThreadPoolExecutor(
            min(n_tasks, n_threads), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(n_threads)
