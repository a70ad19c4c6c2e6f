"""The loss that the networks are trained by."""

import pytest
import torch

from spatialheteroreg.loss import CombinedLoss
from spatialheteroreg.network import NetworkOutput


class TestLoss:
    def output(self, prediction, combination):
        nothing = torch.zeros(2, 0)
        return NetworkOutput(prediction, combination, prediction, nothing, nothing)

    def test_dual_adds_both_terms(self):
        output = self.output(torch.ones(2, 1), torch.full((2, 1), 2.0))
        loss = CombinedLoss(0.5)(output, torch.zeros(2))
        assert loss.item() == pytest.approx(1.0 + 0.5 * 4.0)

    def test_additive_counts_once(self):
        prediction = torch.ones(2, 1)
        loss = CombinedLoss(1.0)(self.output(prediction, prediction), torch.zeros(2))
        assert loss.item() == pytest.approx(1.0)

    def test_sample_weights_weigh(self):
        prediction = torch.tensor([[1.0], [3.0]])
        target = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
        loss = CombinedLoss(1.0)(self.output(prediction, prediction), target)
        assert loss.item() == pytest.approx(1.0)

    def test_each_member_is_held_to_the_target(self):
        prediction = torch.tensor([[1.0, -1.0], [2.0, -2.0]])  # means of zero
        loss = CombinedLoss(1.0)(self.output(prediction, prediction), torch.zeros(2))
        assert loss.item() == pytest.approx((1.0 + 4.0) / 2)
