"""Kriging of rows, solved once for all that are near to the same training row."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .kriging import ResidualKriging, solvable, straight_distances, turn
from .nearest_rows import Locations, Surroundings
from .row_inputs import slices
from .sphere import FloatArray, IntArray
from .threads import Mapping, finish

ROWS, GPU_ROWS = 1_024, 16_384
"""Rows that are told at once on a core, and on a GPU."""


class Neighborhoods:
    r"""Neighbors of some rows, and their dual weights :math:`K^{-1} z`.

    Parameters
    ----------
    n_rows, n_neighbors : int
        Rows, and neighbors of each.

    Attributes
    ----------
    neighbors : ndarray of shape (n_rows, n_neighbors), int32
        Numbers of the neighbors.
    weights : ndarray of shape (n_rows, n_neighbors)
        What each has to say; 0 where there are no more.
    solved : ndarray of shape (n_rows,), bool
        Which rows have them.
    """

    def __init__(self, n_rows: int, n_neighbors: int) -> None:
        self.neighbors: NDArray[np.int32] = np.empty((n_rows, n_neighbors), np.int32)
        self.weights = np.empty((n_rows, n_neighbors))
        self.solved = np.zeros(n_rows, dtype=bool)


class DualKriging:
    r"""Simple kriging from the neighborhood of the closest training row.

    With the covariance :math:`K` of the neighbors, noise included, their residuals
    :math:`z` and their covariance :math:`c` with a row, its residual is
    :math:`c^T K^{-1} z`. The dual weights :math:`K^{-1} z` [1]_ are the same for all
    rows that share the neighbors [2]_: those around one training row, the nearest in
    place or the nearest in place and time, of which a row has the larger covariance
    with.

    Parameters
    ----------
    fitted : ResidualKriging
        The law, and the training rows.
    device : device or str, default="cpu"
        Where rows are solved for.
    keeps : bool, default=True
        Whether dual weights are kept, 0.7 kB for each training row, once they were
        asked for.

    References
    ----------
    .. [1] Goovaerts, P. (1997). Geostatistics for natural resources evaluation.
       Oxford University Press.
    .. [2] Guinness, J. (2018). Permutation and grouping methods for sharpening Gaussian
       process approximations. Technometrics 60.

    Examples
    --------
    >>> random = np.random.RandomState(0)
    >>> where = Locations(random.uniform(0, 100, (500, 2)), np.zeros(500))
    >>> residual = np.sin(where.point[:, 0] / 10) + random.normal(0, 0.1, 500)
    >>> fitted = ResidualKriging(has_time=False, has_period=False).fit(where, residual)
    >>> new = Locations(np.array([[15.7, 50.0], [1e6, 50.0]]), np.zeros(2))
    >>> place, place_time = DualKriging(fitted).predict(new)
    >>> place.round(1).tolist(), place_time.tolist()
    ([1.0, 0.0], [0.0, 0.0])
    """

    def __init__(
        self,
        fitted: ResidualKriging,
        device: torch.device | str = "cpu",
        *,
        keeps: bool = True,
    ) -> None:
        self.fitted = fitted
        self.device = torch.device(device)
        self._law = fitted.law(self.device)
        self._nearest = fitted.nearest_rows()
        self._around = Surroundings(self._nearest)
        self._kept = self._lay_out(len(fitted.where_)) if keeps else None

    def predict(
        self, where: Locations, run: Mapping = map
    ) -> tuple[FloatArray, FloatArray]:
        """Predict the residual at rows.

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
        n_rows = len(where)
        closest = np.empty(n_rows, dtype=np.intp)
        place, rest = np.empty((2, n_rows))

        def find(part: slice) -> None:
            closest[part] = self._closest(where[part])

        def predict(part: slice) -> None:
            rows = numbers[part]
            neighbors, weights = shared.neighbors[rows], shared.weights[rows]
            with turn(self.device):
                dual = torch.as_tensor(weights).to(self.device)
                parts = self._covariances(where[part], neighbors)
                for found, one in zip((place, rest), parts, strict=True):
                    found[part] = (one * dual).sum(dim=1).cpu().numpy()

        on_cpu = self.device.type == "cpu"
        parts = slices(n_rows, ROWS if on_cpu else GPU_ROWS)
        finish(run(find, parts))
        shared, numbers = self._solved(closest, run)
        finish(run(predict, parts))
        return place * self.fitted.scale_, rest * self.fitted.scale_

    def _closest(self, where: Locations) -> IntArray:
        """Training row (n,) whose neighborhood tells a row."""
        found = self._nearest.closest(where)
        if found.shape[1] == 1:
            return found[:, 0]
        stays, rest = self._covariances(where, found)
        best = (stays + rest).argmax(dim=1, keepdim=True).cpu().numpy()
        return np.take_along_axis(found, best, axis=1)[:, 0]

    def _covariances(
        self, where: Locations, neighbors: NDArray[np.integer]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Covariance with some training rows (n, m): what stays, and the rest."""
        known = self.fitted.where_[neighbors]
        lag = np.abs(known.time - where.time[:, None])
        point, others, apart = (
            torch.as_tensor(array).to(self.device)
            for array in (where.point[:, None], known.point, lag)
        )
        distance = straight_distances(point, others)[:, 0]
        return self._law.covariance(self._law.theta[:-1], distance, apart)

    def _solved(
        self, closest: IntArray, run: Mapping
    ) -> tuple[Neighborhoods, IntArray]:
        """Neighborhoods of training rows, and which of them each row has."""
        rows, number = np.unique(closest, return_inverse=True)
        shared = self._kept
        if shared is None:
            shared = self._lay_out(len(rows))
            self._solve(rows, np.arange(len(rows)), shared, run)
            return shared, number
        missing = rows[~shared.solved[rows]]
        self._solve(missing, missing, shared, run)
        return shared, closest

    def _lay_out(self, n_rows: int) -> Neighborhoods:
        return Neighborhoods(n_rows, self._around.n_rows)

    def _solve(
        self, rows: IntArray, numbers: IntArray, shared: Neighborhoods, run: Mapping
    ) -> None:
        """Solve for the neighborhoods of training rows, and put them down."""

        def solve(part: slice) -> None:
            where = self.fitted.where_[rows[part]]
            neighbors = self._around.rows(where)
            with turn(self.device):
                near = self.fitted.neighborhood(where, neighbors, device=self.device)
                weights = self._law.dual_weights(near).cpu().numpy()
            there = neighbors >= 0
            shared.neighbors[numbers[part]] = np.where(there, neighbors, 0)
            shared.weights[numbers[part]] = np.where(there, weights, 0.0)

        finish(run(solve, solvable(len(rows), self._around.n_rows, self.device)))
        # Another thread may have put down the same meanwhile.
        shared.solved[numbers] = True
