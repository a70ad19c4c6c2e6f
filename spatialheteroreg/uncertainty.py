"""How wrong a fitted model may be: from the spread of its members to intervals.

The members of an ensemble agree more with each other than with the truth. Rows that
were held out tell by how much, and what is noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma, psi
from scipy.stats import false_discovery_control, norm

from .sphere import FloatArray

BEYOND = 1e140
"""Deviations of the target from which on, or below whose inverse, variances of slopes
and contributions may overflow or vanish."""

LARGEST = 1000
"""Rows that the noise is estimated from."""

_REACHES = (0.05, 0.15, 0.5, 1.5)
"""Lengths over which errors may hang together, in medians of the distances."""


@dataclass(frozen=True)
class Spread:
    """Variance among members, moderated by what it is elsewhere.

    A variance of a few members is a rough figure. It is drawn towards the variance
    that is usual, by as much as rows differ less than such figures do by chance [1]_.

    Attributes
    ----------
    usual : ndarray of shape (...)
        Usual variance.
    strength : ndarray of shape (...)
        Members that the usual variance counts for; infinite where rows do not differ.
    degrees : int
        Members less one.

    References
    ----------
    .. [1] Smyth, G. K. (2004). Linear models and empirical Bayes methods for
       assessing differential expression in microarray experiments. Statistical
       Applications in Genetics and Molecular Biology 3.
    """

    usual: FloatArray
    strength: FloatArray
    degrees: int

    @classmethod
    def of(cls, values: FloatArray) -> Spread:
        """Learn from rows what is usual.

        Parameters
        ----------
        values : ndarray of shape (n_members, n, ...)
            Values of the members; rows with NaN are left out.

        Returns
        -------
        Spread
            Usual variance and its strength for each of the last axes.
        """
        degrees = len(values) - 1
        variance = values.var(axis=0, ddof=1)
        tiny = np.finfo(np.float64).tiny
        with np.errstate(invalid="ignore"):
            usual = np.nan_to_num(_nanmean(variance))
            # Rows without any say nothing of how much others differ.
            log = np.where(variance > tiny, np.log(np.maximum(variance, tiny)), np.nan)
            excess = _nanmean((log - _nanmean(log)) ** 2) - polygamma(1, degrees / 2)
            # exp(mean log) with the bias of the logarithm taken back
            center = np.exp(_nanmean(log) - psi(degrees / 2) + np.log(degrees / 2))
        strength = np.full(np.shape(usual), np.inf)
        wide = np.nan_to_num(excess) > 1e-6
        strength[wide] = 2 * _inverse_trigamma(excess[wide])
        bias = np.zeros(np.shape(usual))
        bias[wide] = psi(strength[wide] / 2) - np.log(strength[wide] / 2)
        moderate = np.where(wide, np.nan_to_num(center * np.exp(bias)), usual)
        return cls(moderate, strength, degrees)

    def variance(self, values: FloatArray) -> FloatArray:
        """Return the moderated variance of values (n_members, n, ...)."""
        own = values.var(axis=0, ddof=1)
        share = self.degrees / (self.degrees + self.strength)
        return self.usual + share * (own - self.usual)


@dataclass(frozen=True)
class Uncertainty:
    """What turns the spread of members into standard errors and intervals.

    The variance of an error is `inflation` times the moderated variance among the
    members; where distance takes back more of the local law than at 95 % of
    the rows held out, the variance of the local law over the training rows is added,
    in that proportion. A new observation has the variance `noise` on top.

    Attributes
    ----------
    inflation : float
        Variance of the model's error over the variance among members.
    noise : float
        Variance of an observation about the law, squared target units.
    scores : ndarray of shape (n_held_out,)
        Absolute errors of the rows held out, over their standard deviations, sorted.
    prediction, slopes, contributions : Spread
        Usual variances of the members.
    local_prediction, local_slopes, local_contributions : float or ndarray
        Variance of what the local law adds to the global one.
    withheld : float
        Share of the local law that distance took back in calibration, of all but
        the farthest twentieth of the rows.
    baselines : ndarray of shape (n_members, n_features + 1)
        Means of `place_time` and of the features by each member.
    """

    inflation: float
    noise: float
    scores: FloatArray
    prediction: Spread
    slopes: Spread
    contributions: Spread
    local_prediction: float
    local_slopes: FloatArray
    local_contributions: FloatArray
    withheld: float
    baselines: FloatArray

    def variance(
        self,
        values: FloatArray,
        spread: Spread,
        local: float | FloatArray,
        withheld: FloatArray,
    ) -> FloatArray:
        """Variance of the error of the members' mean.

        Parameters
        ----------
        values : ndarray of shape (n_members, n, ...)
            Values of the members.
        spread : Spread
            What is usual for them.
        local : float or ndarray of shape (...)
            Variance of the local law.
        withheld : ndarray of shape (n,)
            Share of the local law that distance takes back.

        Returns
        -------
        ndarray of shape (n, ...)
            Variances.
        """
        far = np.clip((withheld - self.withheld) / (1.0 - self.withheld), 0.0, 1.0)
        far = far.reshape(-1, *(1,) * (values.ndim - 2))
        return self.inflation * spread.variance(values) + far**2 * local

    def interval_factor(self, coverage: float) -> float:
        """Standard deviations on each side of a prediction.

        Parameters
        ----------
        coverage : float
            Share of new observations that an interval shall hold.

        Returns
        -------
        float
            Split-conformal quantile of the scores [1]_.

        Raises
        ------
        ValueError
            If too few rows were held out for so large a coverage.

        References
        ----------
        .. [1] Lei, J. et al. (2018). Distribution-free predictive inference for
           regression. Journal of the American Statistical Association 113.
        """
        n = len(self.scores)
        rank = int(np.ceil(coverage * (n + 1)))
        if rank > n:
            raise ValueError(
                f"coverage={coverage} asks for more than the {n} rows held out to "
                f"calibrate can tell: at most {n / (n + 1):.4g}. Raise "
                "calibration_fraction or pass less."
            )
        return float(self.scores[rank - 1])


def check_square(deviation: float) -> None:
    """Refuse targets whose variance floats do not hold.

    Parameters
    ----------
    deviation : float
        Standard deviation of the target.

    Raises
    ------
    ValueError
        If its square is too large or too small to reckon with.

    Examples
    --------
    >>> check_square(1e200)
    Traceback (most recent call last):
        ...
    ValueError: y varies by some 1e+200, and standard errors need its square, which ...
    """
    if not 1 / BEYOND < deviation < BEYOND:
        raise ValueError(
            f"y varies by some {deviation:.1g}, and standard errors need its square, "
            "which is more, or less, than floats hold. Pass y in another unit, or "
            "n_members=1."
        )


def significant(effect: FloatArray, std: FloatArray, alpha: float) -> NDArray[np.bool_]:
    """Tell where the sign of an effect is known.

    Each column is a family of tests of its own: of the rows that are called
    significant, a share of `alpha` is expected to be wrong [1]_.

    Parameters
    ----------
    effect, std : ndarray of shape (n, p)
        Effects and standard errors; NaN is not significant.
    alpha : float
        False-discovery rate.

    Returns
    -------
    ndarray of shape (n, p), bool
        Where the sign is known.

    References
    ----------
    .. [1] Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate.
       Journal of the Royal Statistical Society B 57.

    Examples
    --------
    >>> effect = np.array([[5.0], [0.1], [-4.0]])
    >>> significant(effect, np.ones((3, 1)), alpha=0.1).ravel().tolist()
    [True, False, True]
    """
    found = np.zeros(effect.shape, dtype=bool)
    for j in range(effect.shape[1]):
        tested = np.isfinite(effect[:, j]) & (std[:, j] > 0)
        if tested.any():
            p_value = 2 * norm.sf(np.abs(effect[tested, j]) / std[tested, j])
            found[tested, j] = false_discovery_control(p_value) <= alpha
    return found


def noise_variance(
    residual: FloatArray, place: FloatArray, time: FloatArray, features: FloatArray
) -> float:
    r"""Estimate what of held-out residuals is noise.

    A model's errors hang together over space and time and grow with the features;
    noise does not. The residuals are taken for a Gaussian process with covariance

    .. math:: \tau^2\, e^{-d_p/\ell}\, e^{-d_t}\, (1 + z^T z')
              + \sigma^2\, [i = j]

    (each local coefficient is wrong by something that varies over place and time).
    All shares of the two and a few lengths :math:`\ell` are taken for equally likely
    before a residual is seen, and weighed by the likelihood.

    Parameters
    ----------
    residual : ndarray of shape (n,)
        Residuals. Time grows with the cube of n; a thousand rows take seconds.
    place : ndarray of shape (n, n_axes)
        Points whose straight distance is the distance of places.
    time : ndarray of shape (n, n_encoded)
        Encoded times.
    features : ndarray of shape (n, n_numeric)
        Standardized numeric features.

    Returns
    -------
    float
        :math:`\sigma^2`, the mean over what is likely.

    References
    ----------
    Gelfand, A. E. et al. (2003). Spatial modeling with spatially varying coefficient
    processes. Journal of the American Statistical Association 98.

    Examples
    --------
    >>> random = np.random.RandomState(0)
    >>> place = random.uniform(size=(300, 2))
    >>> error = np.sign(place[:, 0] - 0.5)  # one region above, one below
    >>> residual = error + 0.5 * random.randn(300)
    >>> variance = noise_variance(residual, place, np.zeros((300, 1)), place[:, :0])
    >>> round(variance, 1)  # not far from 0.25
    0.2
    """
    products = 1.0 + features @ features.T
    apart = _distances(place)
    common = products * np.exp(-_distances(time))
    typical = np.median(apart[apart > 0]) if (apart > 0).any() else 1.0
    fits = [
        _shares_of_noise(residual, common * np.exp(-apart / (reach * typical)))
        for reach in _REACHES
    ]
    likelihood, noise = np.concatenate(fits, axis=1)
    weight = np.exp(likelihood - likelihood.max())
    return float(weight @ noise / weight.sum())


def _shares_of_noise(residual: FloatArray, covariance: FloatArray) -> FloatArray:
    """Log likelihood of shares of the model's error, and the noise there, (2, k)."""
    values, vectors = np.linalg.eigh(covariance / np.diag(covariance).mean())
    values = np.maximum(values, 0.0)
    power = (vectors.T @ residual) ** 2
    fits = []
    for share in np.linspace(0.01, 0.98, 50):
        variance = (1.0 - share) + share * values
        scale = max(float(np.mean(power / variance)), np.finfo(np.float64).tiny)
        likelihood = -0.5 * (len(residual) * np.log(scale) + np.log(variance).sum())
        fits.append((likelihood, (1.0 - share) * scale))
    return np.array(fits).T


def _distances(points: FloatArray) -> FloatArray:
    squares = (points**2).sum(axis=1)
    squared = squares[:, None] + squares[None] - 2 * points @ points.T
    return np.sqrt(np.maximum(squared, 0.0))


def _nanmean(values: FloatArray) -> FloatArray:
    """Mean over rows that have a value; NaN where none has."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: FloatArray = np.asarray(total / known.sum(axis=0))
    return mean


def _inverse_trigamma(y: FloatArray) -> FloatArray:
    """Solve trigamma(x) = y by Newton's method on 1 / trigamma."""
    x = 0.5 + 1.0 / y
    for _ in range(20):
        value = polygamma(1, x)
        x = x + value * (1.0 - value / y) / polygamma(2, x)
    return np.asarray(x)
