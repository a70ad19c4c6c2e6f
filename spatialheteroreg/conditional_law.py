"""What a Gaussian process says of rows, given their neighbors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .covariance import SpaceTimeCovariance
from .pairs import neighbor_pairs

JITTER = 1e-6
"""Added to the noise, so that rows at one place and time can be solved for."""

LEAST_VARIANCE = 1e-9


@dataclass(frozen=True)
class Neighborhood:
    """Rows and their neighbors.

    Attributes
    ----------
    among, among_lag : Tensor of shape (B, m (m - 1) / 2)
        Distances between each two neighbors, in space and in time, in the order of
        :func:`neighbor_pairs`.
    distance, lag : Tensor of shape (B, m)
        Distances of the neighbors from their row.
    noise : Tensor of shape (B, m)
        Their noise, in units of its variance.
    residual : Tensor of shape (B, m)
        Their residuals.
    own_noise : Tensor of shape (B,)
        Noise of the rows themselves.
    """

    among: Tensor
    among_lag: Tensor
    distance: Tensor
    lag: Tensor
    noise: Tensor
    residual: Tensor
    own_noise: Tensor


@dataclass(frozen=True)
class ConditionalLaw:
    r"""Law of a row's residual :math:`r`, given those of its neighbors, :math:`z`.

    With the covariance :math:`K` of the neighbors, noise included, theirs with the row
    :math:`c`, and the variance :math:`p` of the row, it is normal with the mean
    :math:`c^T K^{-1} z` and the variance :math:`p - c^T K^{-1} c`.

    Attributes
    ----------
    covariance : SpaceTimeCovariance
        Gives :math:`K` and :math:`c`.
    theta : Tensor
        Its parameters, and the logarithm of the variance of the noise.

    Examples
    --------
    Two neighbors on both sides, which say nearly what is to be said:

    >>> theta = torch.tensor([0.0, -9.0, 2.0, 0.0, -9.0], dtype=torch.float64)
    >>> covariance = SpaceTimeCovariance(has_time=False, has_period=False)
    >>> law = ConditionalLaw(covariance, theta)
    >>> none = torch.zeros(1, 2, dtype=torch.float64)
    >>> one = torch.ones(1, 2, dtype=torch.float64)
    >>> apart = torch.tensor([[2.0]], dtype=torch.float64)
    >>> near = Neighborhood(apart, 0.0 * apart, one, none, one, 0.5 * one, one[:, 0])
    >>> mean, variance = law.moments(near)
    >>> round(float(mean), 2), round(float(variance), 2)
    (0.5, 0.13)
    """

    covariance: SpaceTimeCovariance
    theta: Tensor

    def moments(self, near: Neighborhood) -> tuple[Tensor, Tensor]:
        """Mean and variance (B,) of rows, with noise of their own.

        Parameters
        ----------
        near : Neighborhood
            The rows and their neighbors.

        Returns
        -------
        mean, variance : Tensor of shape (B,)
            Of each row.
        """
        among, noise = self._among(near)
        cross = self._cross(near)
        solved = self._solve(among, noise, cross[:, :, None])[:, :, 0]
        mean = (solved * near.residual).sum(dim=1)
        return mean, self._left(near, cross, solved)

    def dual_weights(self, near: Neighborhood) -> Tensor:
        """What each neighbor has to say, to any row: :math:`K^{-1} z`.

        Parameters
        ----------
        near : Neighborhood
            Rows and their neighbors.

        Returns
        -------
        Tensor of shape (B, m)
            Factors of the neighbors' covariances with a row.
        """
        among, noise = self._among(near)
        return self._solve(among, noise, near.residual[:, :, None])[:, :, 0]

    @torch.enable_grad()  # whatever the caller has set
    def surprise(self, residual: Tensor, near: Neighborhood) -> tuple[float, Tensor]:
        r"""Say how little some rows are foretold: minus twice their log-likelihood.

        It is the sum of :math:`e^2 / v + \log v` over rows, of error :math:`e` and
        variance :math:`v`. With :math:`a = K^{-1} c`, :math:`b = K^{-1} z`,
        :math:`s = 2 e / v` and :math:`t = 1 / v - e^2 / v^2` its derivative is
        :math:`a (s b + t a)^T` in :math:`K`, :math:`-s b - 2 t a` in :math:`c` and
        :math:`t` in :math:`p`. Nothing has to be differentiated through a factor of
        :math:`K`, which would take half as long again.

        Parameters
        ----------
        residual : Tensor of shape (B,)
            Residuals of the rows.
        near : Neighborhood
            The rows and their neighbors.

        Returns
        -------
        value : float
            The sum, up to a constant.
        slope : Tensor
            Its gradient in theta.
        """
        law = replace(self, theta=self.theta.clone().requires_grad_())
        among, noise = law._among(near)
        cross = law._cross(near)
        with torch.no_grad():
            known = torch.stack([cross, near.residual], dim=2)
            a, b = self._solve(among, noise, known).unbind(2)
            error = residual - (cross * b).sum(dim=1)
            variance = self._left(near, cross, a)
            value = (error**2 / variance + variance.log()).sum()
            s = (2.0 * error / variance)[:, None]
            t = (1.0 / variance - (error / variance) ** 2)[:, None]
            by_noise = a * (s * b + t * a)
            by_cross = -s * b - 2.0 * t * a
            i, j = neighbor_pairs(a.shape[1], a.device)
            by_among = s * (a[:, i] * b[:, j] + a[:, j] * b[:, i])
            by_among = by_among + 2.0 * t * a[:, i] * a[:, j]
            by_sill = by_noise.sum() + t.sum()
            by_own = (t[:, 0] * near.own_noise).sum()
        # Linear in what depends on theta, with the derivatives for weights.
        weighted = (among * by_among).sum() + (noise * by_noise).sum()
        weighted = weighted + (cross * by_cross).sum()
        weighted = weighted + law._sill * by_sill + law.theta[-1].exp() * by_own
        return float(value), torch.autograd.grad(weighted, law.theta)[0]

    @property
    def _sill(self) -> Tensor:
        """Variance of any row, without noise."""
        return self.theta[: self.covariance.n_terms].exp().sum()

    def _among(self, near: Neighborhood) -> tuple[Tensor, Tensor]:
        """Covariance of each two neighbors, and the noise (B, m) of each."""
        stays, rest = self.covariance(self.theta[:-1], near.among, near.among_lag)
        return stays + rest, self.theta[-1].exp() * near.noise + JITTER

    def _cross(self, near: Neighborhood) -> Tensor:
        """Covariance of the neighbors with their row (B, m)."""
        stays, rest = self.covariance(self.theta[:-1], near.distance, near.lag)
        return stays + rest

    def _solve(self, among: Tensor, noise: Tensor, right: Tensor) -> Tensor:
        """Solve for right-hand sides (B, m, k)."""
        B, m = noise.shape
        matrix = among.new_zeros(B, m, m)
        row, column = neighbor_pairs(m, among.device)
        matrix.view(B, m * m).index_copy_(1, row * m + column, among)
        matrix.diagonal(dim1=1, dim2=2).copy_(self._sill + noise)
        # What is above the diagonal is not read.
        return torch.cholesky_solve(right, torch.linalg.cholesky(matrix))

    def _left(self, near: Neighborhood, cross: Tensor, solved: Tensor) -> Tensor:
        """Variance of rows (B,) that is left where the neighbors are known."""
        own = self._sill + self.theta[-1].exp() * near.own_noise
        return (own - (solved * cross).sum(dim=1)).clamp(min=LEAST_VARIANCE)
