"""Kriging of what the networks leave over, from each row's nearest training rows."""

from __future__ import annotations

import copy
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits
from torch import Tensor

from .allocator import give_back
from .conditional_law import ConditionalLaw, Neighborhood, neighbor_pairs
from .covariance import SpaceTimeCovariance
from .row_inputs import slices
from .sphere import FloatArray, IntArray
from .threads import Mapping, mapping

N_NEIGHBORS = 24
"""Training rows that a row hears: half the nearest places, half the nearest in both
place and time."""

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

CHUNK_SIZE = 256
"""Rows that are solved for at once: 0.6 MB for each term of their covariance."""

GPU_CHUNK_SIZE = 16_384
"""The same on a GPU, which few rows do not keep busy: 36 MB a term."""

SOLVING = threading.Semaphore(2)
"""Chunks that are solved for on GPUs at a time, which takes some 0.4 GB each; neighbors
of others are looked for meanwhile."""

SLIGHTLY = 0.05
"""How much time counts, beside place, among the nearest places."""

SEARCHING = threading.Lock()
"""Held while the covariance is searched for with one thread of BLAS."""

GONE = 1e6
"""Noise of a neighbor that is to say nothing."""


@dataclass(frozen=True)
class Locations:
    """Where and when rows are.

    Attributes
    ----------
    point : ndarray of shape (n, n_axes)
        Points between which straight distances are meant, in km on the sphere.
    time : ndarray of shape (n,)
        Times, in periods where there is one.
    """

    point: FloatArray
    time: FloatArray

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: IntArray | slice) -> Locations:
        return Locations(self.point[rows], self.time[rows])


class ResidualKriging:
    r"""Simple kriging of residuals that no network has learned.

    A residual is taken for a Gaussian process with a
    :class:`~spatialheteroreg.covariance.SpaceTimeCovariance`, plus noise. The
    parameters maximize the likelihood of rows given their neighbors [1]_; a row is
    predicted from its nearest training rows [2]_.

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
    .. [2] Datta, A., Banerjee, S., Finley, A. O., Gelfand, A. E. (2016).
       Hierarchical nearest-neighbor Gaussian process models for large
       geostatistical datasets. Journal of the American Statistical Association 111.

    Examples
    --------
    >>> random = np.random.RandomState(0)
    >>> where = Locations(random.uniform(0, 100, (500, 2)), np.zeros(500))
    >>> residual = np.sin(where.point[:, 0] / 10) + random.normal(0, 0.1, 500)
    >>> kriging = ResidualKriging(has_time=False, has_period=False)
    >>> kriging = kriging.fit(where, residual).plant()
    >>> new = Locations(np.array([[15.7, 50.0], [1e6, 50.0]]), np.zeros(2))
    >>> place, place_time = kriging.predict(new)
    >>> place.round(1).tolist(), place_time.tolist()
    ([1.0, 0.0], [0.0, 0.0])
    """

    _trees: list[cKDTree]
    _device = torch.device("cpu")

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
        examples = self._examples()
        self.theta_ = np.asarray(self._covariance.start(self.spacing_, self.span_))
        self._learn(*examples)
        # What a row's neighbors foretell may be large; what they do not is cut.
        self._device = torch.device(device)
        mean, deviation = self._foretold(np.arange(len(where)))
        del self._device
        self.residual_ = np.clip(raw, mean - CLIP * deviation, mean + CLIP * deviation)
        self._learn(*examples)
        del self._trees
        return self

    def plant(self, device: torch.device | str = "cpu") -> ResidualKriging:
        """Return a copy that has its trees: ready to predict, not to be kept.

        Parameters
        ----------
        device : device or str, default="cpu"
            Where it solves for rows.

        Returns
        -------
        ResidualKriging
            The copy.
        """
        planted = copy.copy(self)
        planted._device = torch.device(device)
        planted._trees = [cKDTree(axes) for axes in self._axes(self.where_)]
        return planted

    def _learn(self, rows: IntArray, neighbors: IntArray) -> None:
        """Find the covariance that makes some rows likeliest, given their neighbors."""
        give_back()
        usual = self._covariance.start(self.spacing_, self.span_)
        parts = [
            (
                torch.as_tensor(self.residual_[rows[own]]),
                self._neighborhood(self.where_[rows[own]], neighbors[own], rows[own]),
            )
            for own in slices(len(rows), CHUNK_SIZE)
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

    def _examples(self) -> tuple[IntArray, IntArray]:
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
                index = self._neighbors(where[rows], own=rows)
            else:
                trees = [cKDTree(axes) for axes in self._axes(where[known])]
                index = self._neighbors(where[rows], trees=trees)
                index = np.where(index >= 0, known[index], -1)
            index = np.pad(
                index, ((0, 0), (0, N_NEIGHBORS - index.shape[1])), constant_values=-1
            )
            chosen.append(rows)
            neighbors.append(index)
        return np.concatenate(chosen), np.concatenate(neighbors)

    def _foretold(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Mean and deviation of training rows, from their neighbors alone."""
        # Laid out before: small arrays between large ones keep memory from being
        # given back.
        means, deviations = np.empty((2, len(rows)))
        law = self._law

        def foretell(part: slice) -> None:
            own = rows[part]
            some = self.where_[own]
            neighbors = self._neighbors(some, own=own)
            with self._turn():
                mean, variance = law.moments(self._neighborhood(some, neighbors, own))
                means[part] = mean.cpu().numpy()
                deviations[part] = variance.sqrt().cpu().numpy()

        parts = slices(len(rows), self._chunk_size)
        with mapping(len(parts)) as run:
            for _ in run(foretell, parts):
                pass
        return means, deviations

    def predict(
        self, where: Locations, run: Mapping = map
    ) -> tuple[FloatArray, FloatArray]:
        """Predict the residual at rows, once planted.

        Parameters
        ----------
        where : Locations
            Where and when the rows are.
        run : callable, default=map
            Does this for some rows after others, in threads or not.

        Returns
        -------
        place : ndarray of shape (n,)
            What stays at the place.
        place_time : ndarray of shape (n,)
            What passes or returns there. The two add up to the residual.
        """
        place, rest = np.empty((2, len(where)))

        def predict(part: slice) -> None:
            some = where[part]
            place[part], rest[part] = self._predict(some, self._neighbors(some))

        for _ in run(predict, slices(len(where), self._chunk_size)):
            pass
        return place * self.scale_, rest * self.scale_

    @property
    def _covariance(self) -> SpaceTimeCovariance:
        return SpaceTimeCovariance(self.has_time, self.has_period)

    @property
    def _law(self) -> ConditionalLaw:
        return ConditionalLaw(self._covariance, self._tensor(self.theta_))

    @property
    def _chunk_size(self) -> int:
        return CHUNK_SIZE if self._device.type == "cpu" else GPU_CHUNK_SIZE

    def _turn(self) -> AbstractContextManager[Any]:
        """Wait for memory of the GPU."""
        return nullcontext() if self._device.type == "cpu" else SOLVING

    def _tensor(self, array: FloatArray) -> Tensor:
        return torch.as_tensor(array).to(self._device)

    def _predict(
        self, where: Locations, neighbors: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        with self._turn():
            near = self._neighborhood(where, neighbors)
            place, passing = self._law.mean_parts(near)
            return place.cpu().numpy(), passing.cpu().numpy()

    # --- neighbors ---------------------------------------------------------------

    def _measure(self) -> None:
        """Learn spacing and span of the training rows, and plant the trees."""
        where = self.where_
        places = np.unique(where.point, axis=0)
        if len(places) > 1:
            apart, _ = cKDTree(places).query(places, 2)
            self.spacing_ = float(np.median(apart[:, 1]))
        else:
            self.spacing_ = 1.0
        self.span_ = float(np.ptp(where.time)) or 1.0
        self._trees = self.plant()._trees

    def _axes(self, where: Locations) -> list[FloatArray]:
        point = where.point / (5.0 * self.spacing_)
        if not self.has_time:
            return [point]
        time = (8.0 / self.span_) * where.time[:, None]
        return [np.hstack([point, SLIGHTLY * time]), np.hstack([point, time])]

    def _neighbors(
        self,
        where: Locations,
        own: IntArray | None = None,
        trees: list[cKDTree] | None = None,
    ) -> IntArray:
        """Nearest training rows (n, m), -1 where there are none or found twice."""
        trees = self._trees if trees is None else trees
        each = N_NEIGHBORS // len(trees)
        found: list[IntArray] = []
        for tree, axes in zip(trees, self._axes(where), strict=True):
            _, index = tree.query(axes, min(each + (own is not None), tree.n))
            index = index.reshape(len(where), -1)
            if own is not None:
                # Where rows coincide a row need not be its own nearest.
                itself = index == own[:, None]
                itself[:, -1] |= ~itself.any(axis=1)
                index = index[~itself].reshape(len(where), -1)
            for earlier in found:
                twice = (index[:, :, None] == earlier[:, None, :]).any(axis=2)
                index = np.where(twice, -1, index)
            found.append(index)
        return np.concatenate(found, axis=1)

    def _neighborhood(
        self, where: Locations, neighbors: IntArray, own: IntArray | None = None
    ) -> Neighborhood:
        """Look up neighbors of rows; `own` numbers those that are for training."""
        said = neighbors >= 0
        noise, own_noise = np.where(said, 1.0, GONE), np.ones(len(where))
        if self.weight_ is not None:
            noise = noise / self.weight_[neighbors]
            if own is not None:
                own_noise = own_noise / self.weight_[own]
        own_point, own_time = (
            self._tensor(part[:, None]) for part in (where.point, where.time)
        )
        point, time = (
            self._tensor(part[neighbors])
            for part in (self.where_.point, self.where_.time)
        )
        row, column = neighbor_pairs(neighbors.shape[1], self._device)
        return Neighborhood(
            among=_apart(point, point)[:, row, column],
            among_lag=(time[:, row] - time[:, column]).abs(),
            distance=_apart(own_point, point)[:, 0],
            lag=(own_time - time).abs(),
            noise=self._tensor(noise),
            residual=self._tensor(np.where(said, self.residual_[neighbors], 0.0)),
            own_noise=self._tensor(own_noise),
        )


def _apart(some: Tensor, others: Tensor) -> Tensor:
    """Straight distances (B, n, m) of points (B, n, axes) and (B, m, axes)."""
    return torch.cdist(some, others, compute_mode="donot_use_mm_for_euclid_dist")
