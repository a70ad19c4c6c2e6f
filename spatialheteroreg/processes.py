"""Training that several processes share, each on its part of every batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from .optimizer import pieces_of
from .sphere import FloatArray


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one model together, and which of them this one is.

    Each holds all rows and the same networks, and learns from its share of a batch.
    Gradients are added up over the processes, so that they are those of the whole
    batch, and the networks stay the same everywhere.

    Attributes
    ----------
    rank, size : int
        Number of this process, and how many there are; 0 of 1 where the user has
        not called ``torch.distributed.init_process_group``.

    Examples
    --------
    >>> group = ProcessGroup.current()
    >>> group.rank, group.size
    (0, 1)
    >>> ProcessGroup(rank=1, size=3).share(torch.arange(7))
    (tensor([3, 4]), 0.2857142857142857)
    """

    rank: int
    size: int

    @classmethod
    def current(cls) -> ProcessGroup:
        """Look whether this process was started as one of several."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls(0, 1)

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share(self, rows: Tensor) -> tuple[Tensor, float]:
        """Give the rows of this process, and their share of all.

        Parameters
        ----------
        rows : Tensor of shape (B,)
            Rows of the batch.

        Returns
        -------
        own : Tensor
            Some of them. Where there are fewer than processes, a first row that
            counts for nothing.
        share : float
            What the mean over them counts in the mean over the batch.
        """
        own = rows.tensor_split(self.size)[self.rank]
        if len(own) == 0:
            return rows[:1], 0.0
        return own, len(own) / max(len(rows), 1)

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add the gradients of all processes up, in place."""
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = nn.utils.parameters_to_vector(gradients)
        dist.all_reduce(flat)
        for gradient, total in zip(gradients, pieces_of(flat, gradients), strict=True):
            gradient.copy_(total)

    def add(self, value: Tensor) -> Tensor:
        """Add a number of all processes up."""
        value = value.clone()
        dist.all_reduce(value)
        return value

    def same_seed(self, seed: int, device: str) -> int:
        """Give all processes the seed of the first."""
        if self.size == 1:
            return seed
        value = torch.tensor([seed], dtype=torch.int64, device=device)
        dist.broadcast(value, src=0)
        return int(value)

    def check_same_rows(self, target: FloatArray, device: str) -> None:
        """Refuse to train where processes hold different rows.

        Parameters
        ----------
        target : ndarray of shape (n,)
            Target of all rows.
        device : str
            Where processes talk.

        Raises
        ------
        ValueError
            If their number or their targets differ.
        """
        if self.size == 1:
            return
        about = [float(len(target)), float(target.sum()), float(np.abs(target).max())]
        own = torch.tensor(about, device=device, dtype=torch.float32)
        all_of_them = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(all_of_them, own)
        differing = [k for k, one in enumerate(all_of_them) if not one.equal(own)]
        if differing:
            raise ValueError(
                f"Process {self.rank} was given other rows than process "
                f"{differing[0]}. Pass the same X and y in the same order to all: fit "
                "deals each batch out to the processes itself."
            )
