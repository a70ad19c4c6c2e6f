"""The law of what the networks leave over, learned for kriging."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from itertools import repeat
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits
from torch import Tensor

from .allocator import give_back
from .conditional_law import ConditionalLaw, Neighborhood
from .covariance import SpaceTimeCovariance
from .nearest_rows import Locations, NearestRows
from .pairs import pair_differences, pair_distances
from .row_inputs import slices
from .sphere import FloatArray, IntArray
from .threads import finish, mapping

N_NEIGHBORS = 24
"""Training rows that the law of a row is learned from: half the nearest places, half
the nearest in both place and time."""

FIT_ROWS = 900
"""Rows whose residuals, each from its neighbors, the covariance is learned from."""

LIKELIHOOD_TOLERANCE = 1e-5
"""Gain in the mean log-likelihood of a row at which its search ends: a hundredth for
all of them, where parameters are known no better than to one half."""

FEWEST_ROWS = 100
"""Rows below which nothing is learned from residuals."""

FIRST_CLIP = 6.0
"""Standard deviations at which residuals are cut before anything is known of them."""

CLIP = 2.5
"""Standard deviations about what its neighbors foretell at which a residual is cut: one
bad station must not speak for all its surroundings."""

CHUNK_NUMBERS = 2**16
"""Numbers in each term of a covariance that are computed at once: half a MB."""

GPU_CHUNK_NUMBERS = 2**22
"""The same on a GPU, which few numbers do not keep busy: 34 MB."""

SOLVING = threading.Semaphore(2)
"""Chunks that are solved for on GPUs at a time, which takes some 0.4 GB each; neighbors
of others are looked for meanwhile."""

SEARCHING = threading.Lock()
"""Held while the covariance is searched for with one thread of BLAS."""

GONE = 1e18
"""Noise of a neighbor that is to say nothing."""


class ResidualKriging:
    r"""Law of residuals that no network has learned.

    A residual is taken for a Gaussian process with a
    :class:`~spatialheteroreg.covariance.SpaceTimeCovariance`, plus noise. The
    parameters maximize the likelihood of rows given their neighbors [1]_.
    :class:`~spatialheteroreg.dual_kriging.DualKriging` predicts by it.

    Parameters
    ----------
    has_time, has_period : bool
        What the rows have.

    Attributes
    ----------
    theta_ : ndarray
        Parameters of the covariance, and the logarithm of the noise's variance.
    residual_ : ndarray of shape (n,)
        Standardized residuals of the training rows.
    scale_ : float
        Their unit.
    where_ : Locations
        Where and when they are.
    weight_ : ndarray of shape (n,) or None
        Their sample weights.
    spacing_, span_ : float
        Median distance of their places, and span of their times.

    References
    ----------
    .. [1] Vecchia, A. V. (1988). Estimation and model identification for
       continuous spatial processes. Journal of the Royal Statistical Society B 50.

    Examples
    --------
    >>> random = np.random.RandomState(0)
    >>> where = Locations(random.uniform(0, 100, (500, 2)), np.zeros(500))
    >>> residual = np.sin(where.point[:, 0] / 10) + random.normal(0, 0.1, 500)
    >>> kriging = ResidualKriging(has_time=False, has_period=False)
    >>> law = kriging.fit(where, residual).law()
    >>> apart = torch.tensor([1.0, 1_000.0])  # km
    >>> stays, rest = law.covariance(law.theta[:-1], apart, 0.0 * apart)
    >>> bool(stays[0] > 2.0 * stays[1]), bool(rest.any())
    (True, False)
    """

    def __init__(self, *, has_time: bool, has_period: bool) -> None:
        self.has_time = has_time
        self.has_period = has_period

    def fit(
        self,
        where: Locations,
        residual: FloatArray,
        weight: FloatArray | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> ResidualKriging:
        """Learn the covariance, and keep the residuals.

        Parameters
        ----------
        where : Locations
            Where and when the training rows are.
        residual : ndarray of shape (n,)
            What a model that has not seen a row leaves over of it.
        weight : ndarray of shape (n,), default=None
            Sample weights; noise is divided by them.
        device : device or str, default="cpu"
            Where rows are solved for. What is searched for is searched for on the CPU.

        Returns
        -------
        ResidualKriging
            Itself.
        """
        self.where_, self.weight_ = where, weight
        middle = np.median(np.abs(residual))
        self.scale_ = float(1.4826 * middle) or float(np.std(residual)) or 1.0
        raw = residual / self.scale_
        self.residual_ = np.clip(raw, -FIRST_CLIP, FIRST_CLIP)
        self._measure()
        nearest = self.nearest_rows()
        examples = self._examples(nearest)
        self.theta_ = np.asarray(self._covariance.start(self.spacing_, self.span_))
        self._learn(*examples)
        # What a row's neighbors foretell may be large; what they do not is cut.
        mean, deviation = self._foretold(nearest, torch.device(device))
        self.residual_ = np.clip(raw, mean - CLIP * deviation, mean + CLIP * deviation)
        self._learn(*examples)
        return self

    def law(self, device: torch.device | str = "cpu") -> ConditionalLaw:
        """Give what was learned."""
        return ConditionalLaw(self._covariance, torch.as_tensor(self.theta_).to(device))

    def nearest_rows(self, rows: IntArray | slice = slice(None)) -> NearestRows:
        """Look for the nearest of some training rows, or of all."""
        return NearestRows(
            self.where_[rows],
            spacing=self.spacing_,
            span=self.span_,
            has_time=self.has_time,
        )

    def neighborhood(
        self,
        where: Locations,
        neighbors: IntArray,
        own: IntArray | None = None,
        device: torch.device | str = "cpu",
    ) -> Neighborhood:
        """Look up what is known of the neighbors of rows.

        Parameters
        ----------
        where : Locations
            The rows.
        neighbors : ndarray of shape (n, m)
            Numbers of their neighbors, -1 for none.
        own : ndarray of shape (n,), default=None
            Numbers of the rows, where they are for training.
        device : device or str, default="cpu"
            Where it is to lie.

        Returns
        -------
        Neighborhood
            Distances, noise and residuals.
        """
        said = neighbors >= 0
        noise, own_noise = np.ones(neighbors.shape), np.ones(len(where))
        if self.weight_ is not None:
            noise = noise / self.weight_[neighbors]
            if own is not None:
                own_noise = own_noise / self.weight_[own]
        noise = np.where(said, noise, GONE)
        known = self.where_[neighbors]
        arrays = (where.point[:, None], where.time[:, None], known.point, known.time)
        residual = np.where(said, self.residual_[neighbors], 0.0)
        own_point, own_time, point, time = (
            torch.as_tensor(part).to(device) for part in arrays
        )
        return Neighborhood(
            among=pair_distances(point),
            among_lag=pair_differences(time).abs_(),
            distance=straight_distances(own_point, point)[:, 0],
            lag=(own_time - time).abs(),
            noise=torch.as_tensor(noise).to(device),
            residual=torch.as_tensor(residual).to(device),
            own_noise=torch.as_tensor(own_noise).to(device),
        )

    def _learn(self, rows: IntArray, neighbors: IntArray) -> None:
        """Find the covariance that makes some rows likeliest, given their neighbors."""
        give_back()
        usual = self._covariance.start(self.spacing_, self.span_)
        parts = [
            (
                torch.as_tensor(self.residual_[rows[own]]),
                self.neighborhood(self.where_[rows[own]], neighbors[own], rows[own]),
            )
            for own in solvable(len(rows), N_NEIGHBORS, torch.device("cpu"))
        ]

        def share(
            part: tuple[Tensor, Neighborhood], theta: Tensor
        ) -> tuple[float, Tensor]:
            value, slope = ConditionalLaw(self._covariance, theta).surprise(*part)
            return value / len(rows), slope / len(rows)

        def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
            # A weak pull to what is usual: what the data do not tell stays there.
            away = parameters - np.asarray(usual)
            total, slope = 1e-3 * float(away @ away), 2e-3 * away
            for value, own in run(share, parts, repeat(torch.as_tensor(parameters))):
                total, slope = total + value, slope + own.numpy()
            return total, slope

        bounds = [(value - 7.0, value + 7.0) for value in usual]
        # The search is small: threads of its products would only spin between them. The
        # limit is one for the process, so that searches in several threads take turns.
        with SEARCHING, threadpool_limits(1, "blas"), mapping(len(parts)) as run:
            found = minimize(
                loss,
                self.theta_,
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={"maxiter": 60, "ftol": LIKELIHOOD_TOLERANCE},
            )
        self.theta_ = np.asarray(found.x, dtype=np.float64)

    def _examples(self, nearest: NearestRows) -> tuple[IntArray, IntArray]:
        """Rows to learn from, and neighbors: all others, a few, and the earlier ones.

        Neighbors near by tell nothing of what lasts; those far off in place and time
        do, and new rows may have none nearer.
        """
        where, random = self.where_, np.random.RandomState(0)
        order = random.permutation(len(where))
        few = np.sort(order[: max(len(where) // 10, N_NEIGHBORS)])
        settings = [(order, order), (np.setdiff1d(order, few, assume_unique=True), few)]
        if self.has_time:
            late = where.time > np.quantile(where.time, 0.75)
            if late.any() and not late.all():
                settings.append((order[late[order]], np.flatnonzero(~late)))
        chosen, neighbors = [], []
        settings = [(rows, known) for rows, known in settings if len(rows)]
        for rows, known in settings:
            rows = random.permutation(rows)[: FIT_ROWS // len(settings)]
            if known is order:
                index = nearest.neighbors(where[rows], N_NEIGHBORS, own=rows)
            else:
                some = self.nearest_rows(known)
                index = some.neighbors(where[rows], N_NEIGHBORS)
                index = np.where(index >= 0, known[index], -1)
            index = np.pad(
                index, ((0, 0), (0, N_NEIGHBORS - index.shape[1])), constant_values=-1
            )
            chosen.append(rows)
            neighbors.append(index)
        return np.concatenate(chosen), np.concatenate(neighbors)

    def _foretold(
        self, nearest: NearestRows, device: torch.device
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of all training rows, from their neighbors alone."""
        # Laid out before: small arrays between large ones keep memory from being
        # given back.
        means, deviations = np.empty((2, len(self.where_)))
        rows, law = np.arange(len(self.where_)), self.law(device)

        def foretell(part: slice) -> None:
            own = rows[part]
            some = self.where_[own]
            neighbors = nearest.neighbors(some, N_NEIGHBORS, own)
            with turn(device):
                near = self.neighborhood(some, neighbors, own, device)
                mean, variance = law.moments(near)
                means[part] = mean.cpu().numpy()
                deviations[part] = variance.sqrt().cpu().numpy()

        parts = solvable(len(rows), N_NEIGHBORS, device)
        with mapping(len(parts)) as run:
            finish(run(foretell, parts))
        return means, deviations

    @property
    def _covariance(self) -> SpaceTimeCovariance:
        return SpaceTimeCovariance(self.has_time, self.has_period)

    def _measure(self) -> None:
        """Learn spacing and span of the training rows."""
        where = self.where_
        places = np.unique(where.point, axis=0)
        if len(places) > 1:
            apart, _ = cKDTree(places).query(places, 2)
            self.spacing_ = float(np.median(apart[:, 1]))
        else:
            self.spacing_ = 1.0
        self.span_ = float(np.ptp(where.time)) or 1.0


def solvable(n_rows: int, n_neighbors: int, device: torch.device) -> list[slice]:
    """Cut rows into parts that are solved for at once.

    Parameters
    ----------
    n_rows : int
        How many there are.
    n_neighbors : int
        Neighbors of each, of which each two have a covariance.
    device : device
        Where they are solved for.

    Returns
    -------
    list of slice
        The parts.
    """
    most = CHUNK_NUMBERS if device.type == "cpu" else GPU_CHUNK_NUMBERS
    return slices(n_rows, max(2 * most // n_neighbors**2, 1))


def turn(device: torch.device) -> AbstractContextManager[Any]:
    """Wait for memory of the device, if it is a GPU."""
    return nullcontext() if device.type == "cpu" else SOLVING


def straight_distances(some: Tensor, others: Tensor) -> Tensor:
    """Straight distances (B, n, m) of points (B, n, axes) and (B, m, axes)."""
    return torch.cdist(some, others, compute_mode="donot_use_mm_for_euclid_dist")
