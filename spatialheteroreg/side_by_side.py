"""Networks of one fit, trained in threads side by side."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import torch

from .network import CrossFitted
from .network.layers import RandomSource
from .processes import ProcessGroup
from .threads import threads

Task = Callable[[int], torch.Tensor]
Results = Callable[[], list[torch.Tensor]]


class Job(NamedTuple):
    """A task of one network, the seed of its draws, and its result to come."""

    task: Task
    seed: int | None
    future: Future[torch.Tensor]


class SideBySide:
    """Does the tasks of several networks, those of each one after the other.

    The networks of a fit are small: two of them on a core each are sooner done than
    one after the other on two cores. None waits until the others have done the same
    task, so that five of them keep two cores busy. On a CPU each draws from a generator
    of its own, which is seeded anew for every task, so that the result depends neither
    on the number of threads nor on who comes first.

    Parameters
    ----------
    sources : list of RandomSource
        What the dropouts of each network draw from.
    random : RandomSource or None
        Seeds them before each task; None leaves them as they are.
    rank : int
        Number of this process, by which its draws differ from those of others.
    pool : ThreadPoolExecutor or None
        Threads; None does each task at once in the thread of the caller.
    n_threads : int, default=1
        How many threads there are.

    Attributes
    ----------
    turn : context manager
        What a task does in Python, it does within: half of the threads at a time. The
        others compute gradients, which needs no interpreter, and do not wait for it at
        every line.
    """

    def __init__(
        self,
        sources: list[RandomSource],
        random: RandomSource | None,
        rank: int,
        pool: ThreadPoolExecutor | None,
        n_threads: int = 1,
    ) -> None:
        self.turn = threading.Semaphore(max(n_threads // 2, 1))
        self.sources = sources
        self.random = random
        self.rank = rank
        self.pool = pool
        self.lock = threading.Lock()
        # What is to be done for each network; the first is handed in, or runs.
        self.queues: list[deque[Job]] = [deque() for _ in sources]
        self.failed: list[BaseException | None] = [None] * len(sources)

    @contextlib.contextmanager
    def others_turn(self) -> Iterator[None]:
        """Let others have the turn meanwhile."""
        self.turn.release()
        try:
            yield
        finally:
            self.turn.acquire()

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
        seeds: list[int | None] = [None] * len(self.sources)
        if self.random is not None:
            generator = self.random.generator
            seeds = torch.randint(2**62, (len(seeds),), generator=generator).tolist()
        if self.pool is None:
            done = [self._do(task, k, seed) for k, seed in enumerate(seeds)]
            return lambda: done
        jobs = [Job(task, seed, Future()) for seed in seeds]
        for k, job in enumerate(jobs):
            with self.lock:
                error = self.failed[k]
                if error is None:
                    self.queues[k].append(job)
                is_next = len(self.queues[k]) == 1
            if error is not None:
                job.future.set_exception(error)
            elif is_next:
                self._hand_in(k)
        return lambda: [job.future.result() for job in jobs]

    def stop(self) -> None:
        """Drop what has not begun, and wait until nothing runs any more."""
        interrupt = None
        while True:
            try:
                with self.lock:
                    for queue in self.queues:
                        while len(queue) > 1:
                            queue.pop().future.cancel()
                    running = [queue[0].future for queue in self.queues if queue]
                wait(running)
                break
            except KeyboardInterrupt as again:
                # What runs would go on changing the networks.
                interrupt = again
        if interrupt is not None:
            raise interrupt

    def _hand_in(self, k: int) -> None:
        """Line up for a thread."""
        assert self.pool is not None
        try:
            self.pool.submit(self._go_on, k)
        except BaseException as error:  # at the end of the interpreter
            self._give_up(k, error)

    def _go_on(self, k: int) -> None:
        """Do the next task of a network, and line up for the one after."""
        job = self.queues[k][0]
        try:
            result = self._do(job.task, k, job.seed)
        except BaseException as error:
            self._give_up(k, error)
            return
        job.future.set_result(result)
        with self.lock:
            self.queues[k].popleft()
            goes_on = len(self.queues[k]) > 0
        if goes_on:
            self._hand_in(k)

    def _give_up(self, k: int, error: BaseException) -> None:
        """Do nothing more for a network, and say why wherever it is waited for."""
        with self.lock:
            self.failed[k] = error
            jobs = list(self.queues[k])
            self.queues[k].clear()
        for job in jobs:
            job.future.set_exception(error)

    def _do(self, task: Task, k: int, seed: int | None) -> torch.Tensor:
        if seed is not None:
            self.sources[k].generator.manual_seed(seed + self.rank)
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
    n_threads = min(len(networks), torch.get_num_threads())
    with threads(n_threads if group.size == 1 else 1) as pool:
        seeds = random if reseeds else None
        tasks = SideBySide(own, seeds, group.rank, pool, n_threads)
        try:
            yield tasks
        finally:
            try:
                tasks.stop()
            finally:
                for part in networks:
                    part.share_random(random)
