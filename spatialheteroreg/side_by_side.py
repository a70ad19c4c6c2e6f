"""Networks of one fit, trained in threads side by side."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import torch

from .network import CrossFitted
from .network.layers import RandomSource
from .processes import ProcessGroup
from .threads import threads

Task = Callable[[int], torch.Tensor]
Results = Callable[[], list[torch.Tensor]]


class SideBySide:
    """Does the tasks of several networks, those of each one after the other.

    The networks of a fit are small: two of them on a core each are sooner done than
    one after the other on two cores. No network waits for the others, so that five of
    them keep two cores busy. On a CPU each draws from a generator of its own, which is
    seeded anew for every task, so that the result depends neither on the number of
    threads nor on who comes first.

    Parameters
    ----------
    own : list of RandomSource
        What the dropouts of each network draw from.
    random : RandomSource or None
        Seeds them before each task; None leaves them as they are.
    offset : int
        Is added to the seeds.
    pool : ThreadPoolExecutor or None
        Threads; None does each task at once in the thread of the caller.
    """

    def __init__(
        self,
        own: list[RandomSource],
        random: RandomSource | None,
        offset: int,
        pool: ThreadPoolExecutor | None,
    ) -> None:
        self.own = own
        self.random = random
        self.offset = offset
        self.pool = pool
        self.lock = threading.Lock()
        self.failed: list[BaseException | None] = [None] * len(own)
        # What is to be done for each network; the first is being done.
        self.queues: list[deque[tuple[Task, int | None, Future[torch.Tensor]]]]
        self.queues = [deque() for _ in own]
        self.last: list[Future[torch.Tensor]] = []

    def start(self, task: Task) -> Results:
        """Have a task done for each network, after those that it was given before.

        Parameters
        ----------
        task : callable
            Takes the number of a network.

        Returns
        -------
        callable
            Waits, and returns the result of each network. What a task raised is
            raised there, and no later task of its network is done.
        """
        seeds: list[int | None] = [None] * len(self.own)
        if self.random is not None:
            generator = self.random.generator
            seeds = torch.randint(2**62, (len(self.own),), generator=generator).tolist()
        if self.pool is None:
            done = [self._do(task, k, seed) for k, seed in enumerate(seeds)]
            return lambda: done
        futures: list[Future[torch.Tensor]] = [Future() for _ in seeds]
        for k, (seed, future) in enumerate(zip(seeds, futures, strict=True)):
            with self.lock:
                self.queues[k].append((task, seed, future))
                is_idle = len(self.queues[k]) == 1
            if is_idle:
                self.pool.submit(self._go_on, k)
        self.last = futures
        return lambda: [future.result() for future in futures]

    def settle(self) -> None:
        """Wait until nothing runs any more, whether it went well or not."""
        wait(self.last)

    def _go_on(self, k: int) -> None:
        """Do the next task of a network, and line up for the one after."""
        assert self.pool is not None
        task, seed, future = self.queues[k][0]
        result, error = None, self.failed[k]
        if error is None:
            try:
                result = self._do(task, k, seed)
            except BaseException as raised:
                self.failed[k] = error = raised
        with self.lock:
            self.queues[k].popleft()
            if self.queues[k]:
                self.pool.submit(self._go_on, k)
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]
        else:
            future.set_exception(error)

    def _do(self, task: Task, k: int, seed: int | None) -> torch.Tensor:
        if seed is not None:
            self.own[k].generator.manual_seed(seed + self.offset)
        return task(k)


@contextlib.contextmanager
def side_by_side(
    networks: CrossFitted, random: RandomSource, group: ProcessGroup
) -> Iterator[SideBySide]:
    """Train networks side by side, several at the same time where cores allow it.

    Parameters
    ----------
    networks : CrossFitted
        The networks. In the meantime their dropouts draw from other sources.
    random : RandomSource
        Seeds theirs.
    group : ProcessGroup
        Processes that share the training. With several, networks take turns, as
        processes add their gradients up in one order, and each process draws for
        itself.

    Yields
    ------
    SideBySide
        Takes the tasks.
    """
    device = random.generator.device
    reseeds = len(networks) > 1 and device.type == "cpu"
    if group.size == 1 and not reseeds:
        yield SideBySide([random] * len(networks), None, 0, None)
        return
    first = random.generator.initial_seed() + 1
    own = [RandomSource(first + k + group.rank, device) for k in range(len(networks))]
    for part, source in zip(networks, own, strict=True):
        part.share_random(source)
    with threads(len(networks) if group.size == 1 else 1) as pool:
        tasks = SideBySide(own, random if reseeds else None, group.rank, pool)
        try:
            yield tasks
        finally:
            tasks.settle()
            for part in networks:
                part.share_random(random)
