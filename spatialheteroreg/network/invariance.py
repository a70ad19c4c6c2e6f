"""Doing without a feature: whether it makes the regions' risks differ."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .layers import RandomSource
from .output import NetworkOutput

MEMORY = 0.95
"""What is kept of the errors each time that a feature is withheld."""

CHANCE = 0.25
"""Share of their variance that eight risks may have in common by chance."""


class Withheld(NamedTuple):
    """What the network says of a batch without one of its features.

    Attributes
    ----------
    output : NetworkOutput
        Prediction, combination, intercept, weights and values without it.
    feature : int
        Which one.
    chance : Tensor of shape ()
        Chance that it had to be withheld.
    region : Tensor of shape (B,)
        Region of each row.
    risks : RegionRisks
        Where risks are kept, and features penalized.
    """

    output: NetworkOutput
    feature: int
    chance: Tensor
    region: Tensor
    risks: RegionRisks


class RegionRisks(nn.Module):
    r"""Penalize features whose use makes the regions' risks differ.

    :math:`R_r` is the risk of region :math:`r`, its mean squared error, and
    :math:`R_r^{-j}` the risk of the same network where feature :math:`j` is missing;
    what it gains is :math:`G_{rj} = R_r^{-j} - R_r`. With variances and covariances
    over the regions,

    .. math::
        a_j &= -\frac{\mathrm{Cov}(R, G_j)}{\mathrm{Var}(G_j)}, \qquad
        \rho_j^2 = \frac{\mathrm{Cov}(R, G_j)^2}{\mathrm{Var}(R)\,\mathrm{Var}(G_j)} \\
        s_j &= [a_j]_0^1 \left[\frac{\rho_j^2 - 1/4}{3/4}\right]_0^1 \\
        L_{inv} &= \lambda \sum_j s_j \, \overline{
            (\hat y - \hat y^{-j})^2 + (w_j v_j)^2}

    where brackets clip. A cause may have another effect in each region, and gain more
    here than there: a law that knows it leaves the same noise everywhere, and
    :math:`a` is 0. A feature that is itself an effect of the target lets errors fall
    below the noise, in each region by what it gains there, and :math:`a` is 1. The
    derivative of the variance of the risks by a feature's share is :math:`-2 a_j` times
    the variance of its gains, so that this is the gradient of V-REx [2]_, taken a
    feature at a time and to the features alone, not to what is local.

    Parameters
    ----------
    region : Tensor of shape (M,), int
        Region of each node.
    n_features : int
        Number of features P.
    weight : float
        :math:`\lambda`.

    References
    ----------
    .. [1] Peters, J., Bühlmann, P., Meinshausen, N. (2016). Causal inference by using
       invariant prediction: identification and confidence intervals. Journal of the
       Royal Statistical Society B 78(5), 947-1012.
    .. [2] Krueger, D. et al. (2021). Out-of-distribution generalization via risk
       extrapolation (REx). ICML.

    Examples
    --------
    >>> risks = RegionRisks(torch.tensor([0, 1, 2]), n_features=2, weight=1.0)
    >>> risks.counts += 1.0
    >>> risks.errors[0] = torch.tensor([[0.9, 0.5, 0.2], [1.0, 1.0, 1.0]])
    >>> risks.errors[1] = torch.tensor([[0.5, 0.5, 0.5], [0.9, 0.7, 0.6]])
    >>> risks.suspicion().tolist()  # of an effect, and of a cause
    [1.0, 0.0]
    """

    region: Tensor
    errors: Tensor
    counts: Tensor

    def __init__(self, region: Tensor, n_features: int, weight: float) -> None:
        super().__init__()
        self.weight = weight
        n_regions = int(region.max()) + 1
        self.register_buffer("region", region)
        self.register_buffer("errors", torch.zeros(n_features, 2, n_regions))
        self.register_buffer("counts", torch.zeros(n_features, n_regions))

    def draw_feature(self, random: RandomSource) -> tuple[int, Tensor]:
        """Draw the feature to withhold, suspected ones more often.

        Parameters
        ----------
        random : RandomSource
            Where the draw comes from.

        Returns
        -------
        feature : int
            Which one.
        chance : Tensor of shape ()
            Chance that it had.
        """
        chance = 1.0 + len(self.counts) * self.suspicion()
        chance = chance / chance.sum()
        feature = int(torch.multinomial(chance, 1, generator=random.generator))
        return feature, chance[feature]

    @torch.no_grad()
    def observe(self, withheld: Withheld, errors: Tensor, weight: Tensor) -> None:
        """Add the errors of a batch.

        Parameters
        ----------
        withheld : Withheld
            Which feature was withheld, and the regions.
        errors : Tensor of shape (2, B)
            Squared errors with the feature and without it.
        weight : Tensor of shape (B,)
            Sample weights.
        """
        j, region = withheld.feature, withheld.region
        self.errors[j] *= MEMORY
        self.errors[j].index_add_(1, region, (errors * weight).to(self.errors.dtype))
        self.counts[j] *= MEMORY
        self.counts[j].index_add_(0, region, weight.to(self.counts.dtype))

    @torch.no_grad()
    def suspicion(self) -> Tensor:
        """How surely each feature makes the risks differ, and by how much: (P,)."""
        tiny = torch.finfo(self.errors.dtype).tiny
        seen = (self.counts > 0).to(self.errors.dtype)[:, None]  # (P, 1, R)
        risk = self.errors / self.counts.clamp_min(tiny)[:, None]
        n_seen = seen.sum(dim=2, keepdim=True).clamp_min(1.0)
        risk = (risk - (risk * seen).sum(dim=2, keepdim=True) / n_seen) * seen
        gain = risk[:, 1] - risk[:, 0]
        common = -(risk[:, 0] * gain).sum(dim=1)
        slope = common / (gain**2).sum(dim=1).clamp_min(tiny)
        shared = slope * common / (risk[:, 0] ** 2).sum(dim=1).clamp_min(tiny)
        certain = ((shared - CHANCE) / (1.0 - CHANCE)).clamp(0.0, 1.0)
        return slope.clamp(0.0, 1.0) * certain

    def penalty(self, output: NetworkOutput, target: Tensor) -> Tensor:
        """Penalize what the withheld feature does, as far as it is suspected.

        Parameters
        ----------
        output : NetworkOutput
            What the network said, with all features and without one.
        target : Tensor of shape (B, 1) or (B, 2)
            Standardized target, and sample weight where there is one.

        Returns
        -------
        Tensor of shape ()
            The penalty.
        """
        withheld = output.withheld
        assert withheld is not None
        j, without = withheld.feature, withheld.output
        y = target[:, :1]
        weight = target[:, 1] if target.shape[1] > 1 else torch.ones_like(y[:, 0])
        both = torch.stack([output.prediction, without.prediction]).detach()
        self.observe(withheld, ((both - y) ** 2).mean(dim=2), weight)
        done = (output.prediction - without.prediction.detach()) ** 2  # (B, E)
        if output.combination is not output.prediction:
            done = done + (output.combination - without.combination.detach()) ** 2
        done = done + (output.weights[:, :, j] * output.values[:, None, j]) ** 2
        # Over its chance, so that the mean is that of all features.
        strength = self.weight * self.suspicion()[j] / withheld.chance
        return strength * (weight * done.mean(dim=1)).mean()


def withhold(
    numeric: Tensor, missing: Tensor, codes: Tensor, feature: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the features as if one of them were missing in all rows.

    Parameters
    ----------
    numeric, missing : Tensor of shape (B, n_numeric)
        Standardized numbers, and where they are missing.
    codes : Tensor of shape (B, n_categorical)
        Category codes.
    feature : int
        Which one; numbers come first.

    Returns
    -------
    numeric, missing, codes : Tensor
        Copies of what differs.

    Examples
    --------
    >>> codes = torch.tensor([[3]])
    >>> numeric, missing, _ = withhold(
    ...     torch.ones(1, 2), torch.zeros(1, 2, dtype=bool), codes, 0
    ... )
    >>> numeric.tolist(), missing.tolist()
    ([[0.0, 1.0]], [[True, False]])
    """
    place = feature - numeric.shape[1]
    if place >= 0:
        codes = codes.clone()
        codes[:, place] = 1
        return numeric, missing, codes
    numeric, missing = numeric.clone(), missing.clone()
    numeric[:, feature] = 0.0
    missing[:, feature] = True
    return numeric, missing, codes
