"""The covariance of residuals in space and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .sphere import FloatArray


@dataclass(frozen=True)
class SpaceTimeCovariance:
    r"""What stays at a place, what passes soon or late, and what returns each period.

    .. math:: C(d, \Delta t) = v_0 e^{-d / l_0}
              + \sum_{i=1}^2 v_i e^{-d / l_i - |\Delta t| / \tau_i}
              + v_3 e^{-d / l_3} \frac{s(\Delta t) - \bar s}{1 - \bar s}, \qquad
              s(\Delta t) = e^{-2 \sin^2(\pi \Delta t) / \tau_3^2}

    in distance :math:`d` and time :math:`t`, in periods. The last term averages to
    zero over a period, as :math:`\bar s = e^{-1 / \tau_3^2} I_0(1 / \tau_3^2)` is the
    mean of :math:`s`. Without time a Matern covariance of order 3/2 stands beside the
    first term, without a period the last term is left out.

    Attributes
    ----------
    has_time, has_period : bool
        What the rows have.

    Examples
    --------
    >>> covariance = SpaceTimeCovariance(has_time=True, has_period=True)
    >>> theta = torch.as_tensor(covariance.start(spacing=10.0, span=5.0)[:-1])
    >>> lag = torch.linspace(0, 1, 5, dtype=torch.float64)
    >>> stays, rest = covariance(theta, torch.zeros(5, dtype=torch.float64), lag)
    >>> [round(float(value), 2) for value in stays]
    [0.2, 0.2, 0.2, 0.2, 0.2]
    """

    has_time: bool
    has_period: bool

    @property
    def n_terms(self) -> int:
        """Number of terms: of variances, and of lengths."""
        return 3 + self.has_period if self.has_time else 2

    def start(self, spacing: float, span: float) -> FloatArray:
        """Parameters to begin with.

        Parameters
        ----------
        spacing : float
            Usual distance of neighboring places.
        span : float
            Length of the times.

        Returns
        -------
        ndarray
            Logarithms of variances, lengths and durations, and of the noise.
        """
        if not self.has_time:
            variance, spacings = [0.2, 0.2], [5.0, 10.0]
        else:
            variance, spacings = [0.2, 1.0, 0.2, 0.2], [5.0, 0.5, 10.0, 10.0]
        n = self.n_terms
        length = spacing * np.array(spacings[:n])
        duration = [span / 50.0, span / 5.0, 1.0]
        return np.log(np.concatenate([variance[:n], length, duration, [0.2]]))

    def __call__(
        self, theta: Tensor, distance: Tensor, lag: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Covariance between rows.

        Parameters
        ----------
        theta : Tensor
            Logarithms of variances, lengths and durations.
        distance, lag : Tensor
            Distances in space and time, of one shape.

        Returns
        -------
        stays, rest : Tensor
            Of what stays, and of what passes or returns.
        """
        n = self.n_terms
        # Products with rates: their derivatives cost half of those of quotients.
        variance, per_length = theta[:n].exp(), -theta[n : 2 * n].neg().exp()
        per_tau = -theta[2 * n :].neg().exp()
        stays = variance[0] * torch.exp(distance * per_length[0])
        if not self.has_time:
            scaled = distance * (3.0**0.5 * per_length[1])
            stays = stays + variance[1] * (1.0 - scaled) * torch.exp(scaled)
            return stays, torch.zeros_like(stays)
        rest = torch.zeros_like(stays)
        for i in (1, 2):
            passing = torch.exp(distance * per_length[i] + lag * per_tau[i - 1])
            rest = rest + variance[i] * passing
        if self.has_period:
            sharp = per_tau[2] ** 2
            season = torch.exp(torch.sin(torch.pi * lag) ** 2 * (-2.0 * sharp))
            mean = torch.special.i0e(sharp)
            season = (season - mean) * (variance[3] / (1.0 - mean))
            rest = rest + torch.exp(distance * per_length[3]) * season
        return stays, rest
