"""The law of rows given their neighbors: against dense algebra and differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from spatialheteroreg.conditional_law import (
    JITTER,
    ConditionalLaw,
    Neighborhood,
    neighbor_pairs,
)
from spatialheteroreg.covariance import SpaceTimeCovariance

KINDS = [(False, False), (True, False), (True, True)]
"""With a time, and with a period."""


def make_rows(kind, seed, n_rows=3, n_neighbors=5):
    """A law, its parameters, rows with neighbors, and the rows' own residuals."""
    random = np.random.default_rng(seed)
    point = torch.as_tensor(random.uniform(0, 50, (n_rows, n_neighbors + 1, 2)))
    time = torch.as_tensor(random.uniform(0, 3, (n_rows, n_neighbors + 1)))
    residual = torch.as_tensor(random.normal(size=(n_rows, n_neighbors + 1)))
    apart = torch.cdist(point, point, compute_mode="donot_use_mm_for_euclid_dist")
    lag = (time[:, :, None] - time[:, None, :]).abs()
    later, earlier = neighbor_pairs(n_neighbors)
    near = Neighborhood(
        among=apart[:, 1:, 1:][:, later, earlier],
        among_lag=lag[:, 1:, 1:][:, later, earlier],
        distance=apart[:, 0, 1:],
        lag=lag[:, 0, 1:],
        noise=torch.as_tensor(random.uniform(0.5, 2, (n_rows, n_neighbors))),
        residual=residual[:, 1:],
        own_noise=torch.as_tensor(random.uniform(0.5, 2, n_rows)),
    )
    covariance = SpaceTimeCovariance(*kind)
    theta = covariance.start(spacing=10.0, span=3.0)
    theta = torch.as_tensor(theta + random.normal(0, 0.3, len(theta)))
    return ConditionalLaw(covariance, theta), near, residual[:, 0], (apart, lag)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_surprise_is_the_likelihood_of_all_over_that_of_the_neighbors(kind, seed):
    law, near, own, (apart, lag) = make_rows(kind, seed)
    theta = law.theta
    value, _ = law.surprise(own, near)
    joint = sum(law.covariance(theta[:-1], apart, lag)).numpy()
    noise, wanted = float(theta[-1].exp()), 0.0
    for row in range(len(own)):
        added = noise * np.append(near.own_noise[row], near.noise[row])
        added[1:] += JITTER
        whole = joint[row] + np.diag(added)
        said = np.append(own[row], near.residual[row])
        of_all = multivariate_normal(cov=whole).logpdf(said)
        of_rest = multivariate_normal(cov=whole[1:, 1:]).logpdf(said[1:])
        wanted -= 2 * (of_all - of_rest) + np.log(2 * np.pi)
    assert value == pytest.approx(wanted, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_its_slope_is_what_a_small_step_changes(kind, seed):
    law, near, own, _ = make_rows(kind, seed)
    theta = law.theta
    _, slope = law.surprise(own, near)
    for k in range(len(theta)):
        step = torch.zeros_like(theta)
        step[k] = 1e-5
        after, before = (
            replace(law, theta=theta + sign * step).surprise(own, near)[0]
            for sign in (1, -1)
        )
        change = (after - before) / 2e-5
        assert float(slope[k]) == pytest.approx(change, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_two_parts_add_up_to_the_mean(kind):
    law, near, *_ = make_rows(kind, 0)
    mean, variance = law.moments(near)
    told = law.dual_weights(near)
    stays, rest = (
        (part * told).sum(dim=1)
        for part in law.covariance(law.theta[:-1], near.distance, near.lag)
    )
    torch.testing.assert_close(stays + rest, mean)
    if not kind[0]:
        assert not rest.any()
    assert (variance > law.theta[-1].exp() * near.own_noise).all()


def test_neighbors_of_boundless_noise_say_nothing():
    law, near, *_ = make_rows((True, True), 0)
    theta = law.theta
    deaf = replace(near, noise=torch.full_like(near.noise, 1e12))
    mean, variance = law.moments(deaf)
    prior = theta[: law.covariance.n_terms].exp().sum()
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-9, rtol=0)
    torch.testing.assert_close(variance, prior + theta[-1].exp() * near.own_noise)
