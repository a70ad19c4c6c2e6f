"""The loss that the networks are trained by."""

from __future__ import annotations

import torch
from torch import Tensor

from .network import NetworkOutput


class CombinedLoss(torch.nn.Module):
    r"""The paper's loss: prediction and weighted combination, squared.

    .. math:: L = (\hat y - y)^2 + \lambda\,(b + \sum_j w_j v_j - y)^2

    With the additive head both terms are the same, and only the first counts.

    Parameters
    ----------
    importance_loss_weight : float
        :math:`\lambda`.
    """

    def __init__(self, importance_loss_weight: float) -> None:
        super().__init__()
        self.importance_loss_weight = importance_loss_weight

    def forward(self, output: NetworkOutput, target: Tensor) -> Tensor:
        """Mean loss of a batch.

        Parameters
        ----------
        output : NetworkOutput
            What the network said.
        target : Tensor of shape (B,) or (B, 2)
            Standardized target, and sample weight where there is one.

        Returns
        -------
        Tensor of shape ()
            The loss.
        """
        if target.ndim == 1:
            target = target[:, None]
        y, weight = target[:, :1], target[:, 1:]
        loss = (output.prediction - y) ** 2  # (B, E)
        if output.combination is not output.prediction:
            explained = (output.combination - y) ** 2
            loss = loss + self.importance_loss_weight * explained
        return (weight * loss).mean() if weight.shape[1] else loss.mean()
