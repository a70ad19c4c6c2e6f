"""The simulated designs keep what their docstrings promise."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal, assert_series_equal

from spatialheteroreg import datasets
from spatialheteroreg.datasets import (
    make_advected_globe,
    make_drifting_globe,
    make_geoshapley_grid,
    make_mgwr_grid,
    make_regional_globe,
)

GRIDS = [make_mgwr_grid, make_geoshapley_grid]
GLOBES = [make_regional_globe, make_drifting_globe, make_advected_globe]
ALL = [*GRIDS, *GLOBES]


def made(make, **options):
    """Make a design of some hundred rows."""
    size = {"n_side": 20} if make in GRIDS else {"n_samples": 400, "n_locations": 40}
    return make(**{**size, "random_state": 0, **options})


@pytest.mark.parametrize("make", ALL)
def test_contents(make):
    design = made(make)
    coordinates = ["u", "v"] if make in GRIDS else ["lat", "lon", "time"]
    assert list(design.data) == [*coordinates, *design.feature_names]
    assert list(design.local_effects) == design.feature_names
    assert list(design.contributions) == design.feature_names
    assert len(design.target) == len(design.local_effects) == len(design.data) == 400
    assert make.__name__ in design.DESCR
    assert make.__name__ in datasets.__all__
    for table in (design.data, design.local_effects, design.contributions):
        assert not table.isna().any(axis=None)


@pytest.mark.parametrize("make", ALL)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31 - 1))
def test_local_effects_are_the_derivatives(make, seed):
    design = made(make, random_state=seed)
    for name in design.feature_names:
        up, down = (
            design.data.assign(**{name: design.data[name] + step})
            for step in (1e-3, -1e-3)
        )
        slope = (design.law.target(up) - design.law.target(down)) / 2e-3
        assert_allclose(design.local_effects[name], slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("make", ALL)
def test_contributions_are_what_a_feature_adds_to_its_mean(make):
    design = made(make)
    background = design.law.features(
        pd.concat([design.data.iloc[[0]]] * 40_000, ignore_index=True)[
            [name for name in design.data if name not in design.feature_names]
        ],
        random_state=1,
    )
    row = design.data.iloc[[0]]
    for name in design.feature_names:
        here = design.law.target(row)[0]
        others = background.assign(
            **{k: row[k].iloc[0] for k in design.feature_names if k != name}
        )
        # What the feature adds there on average over the values it may have.
        added = here - design.law.target(others).mean()
        assert_allclose(design.contributions[name].iloc[0], added, atol=0.06)


@pytest.mark.parametrize("make", ALL)
def test_the_parts_add_up(make):
    design = made(make)
    law = design.law
    total = law.intercept(design.data) + design.contributions.sum(axis=1)
    apart = total - design.noise_free_target
    # Constant but for the means that contributions are measured from.
    mean = sum(law.means.values())
    assert_allclose(apart, -mean, atol=1e-12)


@pytest.mark.parametrize("make", ALL)
def test_repeats(make):
    first, second = made(make), made(make)
    assert_frame_equal(first.data, second.data)
    assert_series_equal(first.target, second.target)
    other = made(make, random_state=1)
    assert (first.target != other.target).any()


@pytest.mark.parametrize("make", ALL)
def test_a_law_can_be_pickled(make):
    design = made(make)
    law = pickle.loads(pickle.dumps(design.law))
    assert_array_equal(law.target(design.data), design.noise_free_target)


@pytest.mark.parametrize("make", GRIDS)
def test_noise_on_a_grid_is_in_target_units(make):
    design = made(make, n_side=60, noise=0.7)
    errors = design.target - design.noise_free_target
    assert_allclose(errors.std(), 0.7, rtol=0.05)
    assert_allclose(errors.mean(), 0, atol=0.05)
    assert_array_equal(made(make, noise=0.0).target, made(make).noise_free_target)


def test_mgwr_surfaces():
    grid = make_mgwr_grid(noise=0.0, random_state=0)
    assert len(grid.data) == 625
    assert set(grid.data["u"]) == set(grid.data["v"]) == set(map(float, range(25)))
    at = grid.data.set_index(["u", "v"]).index.get_loc
    # The values printed with the method: a plane from 1 to 5, a hill from 1 to 5.
    expected = {(0, 0): (1, 1), (24, 24): (5, 1), (12, 12): (3, 5), (24, 0): (3, 1)}
    for place, slopes in expected.items():
        assert_allclose(grid.local_effects.iloc[at(place)], slopes)
    assert_allclose(
        grid.local_effects.iloc[at((1, 1))], [1 + 2 / 12, 1 + 33.0625 / 324]
    )
    assert_array_equal(grid.law.intercept(grid.data), 3)


def test_geoshapley_surfaces():
    grid = make_geoshapley_grid(noise=0.0, random_state=0)
    assert len(grid.data) == 2_500
    at = grid.data.set_index(["u", "v"]).index.get_loc
    intercept = grid.law.intercept(grid.data)
    expected = {(0, 0): (0, 0, 3), (49, 0): (0, 3, 6), (0, 49): (0, 3, 0)}
    for place, (f0, b1, b2) in expected.items():
        here = at(place)
        x4 = grid.data["x4"].iloc[here]
        assert_allclose(grid.local_effects.iloc[here], [b1, b2, 2, 2 * x4], atol=1e-12)
        # Nearly: 49 / 2 is not quite the far side of the hill.
        assert_allclose(intercept[here], f0, atol=1e-9)
    assert_allclose(intercept.max(), 6.0, atol=1e-9)
    x = grid.data[["x1", "x2", "x3", "x4"]]
    assert x.min().between(-2, -1.95).all()
    assert x.max().between(1.95, 2).all()


@pytest.fixture(scope="module")
def regional():
    return make_regional_globe(40_000, 2_000, random_state=0)


def test_the_regional_feature_matters_in_its_region_and_season(regional):
    slope = regional.local_effects["monsoon"]
    X = regional.data
    india = X["lat"].between(15, 25) & X["lon"].between(75, 85)
    summer = X["time"].dt.month == 7
    winter = X["time"].dt.month.isin([12, 1, 2])
    assert (slope[india & summer] > 1.5).all()
    assert (slope[winter] == 0).all()
    assert (slope[(X["lat"] < -20) | (X["lon"] < 0)] == 0).all()
    assert slope.max() <= 2
    assert 0.03 < (slope != 0).mean() < 0.07


def test_the_irrelevant_feature_does_nothing(regional):
    assert (regional.local_effects["irrelevant"] == 0).all()
    assert (regional.contributions["irrelevant"] == 0).all()
    assert abs(np.corrcoef(regional.target, regional.data["irrelevant"])[0, 1]) < 0.02


def test_the_copies_share_what_their_driver_does(regional):
    """Least squares of what the other features leave finds the stated slopes."""
    others = ["everywhere", "monsoon"]
    rest = regional.target - regional.contributions[others].sum(axis=1)
    rest = rest - regional.law.intercept(regional.data)
    copies = regional.data[["copy_a", "copy_b"]]
    found = np.linalg.lstsq(copies.to_numpy(), rest.to_numpy(), rcond=None)[0]
    assert_allclose(found, 1 / 2.25, atol=0.01)
    assert_allclose(np.corrcoef(copies.T)[0, 1], 1 / 1.25, atol=0.01)
    # Noise, and the third of the driver that the copies do not tell.
    errors = regional.target - regional.noise_free_target
    assert_allclose(errors.std(), np.hypot(0.2, 1 / 3), rtol=0.02)


def test_drifting_slopes():
    globe = make_drifting_globe(20_000, 1_000, random_state=0)
    slopes, year = globe.local_effects, globe.data["time"].dt.year
    first, last = year == 2001, year == 2020
    assert_allclose(slopes.loc[first, "growing"].mean(), 0.24, atol=0.02)
    assert_allclose(slopes.loc[last, "growing"].mean(), 1.76, atol=0.02)
    assert (slopes.loc[first, "switching"] > 1.19).all()
    assert (slopes.loc[last, "switching"] < 0.21).all()
    assert slopes["turning"].min() < -0.9
    assert slopes["turning"].max() > 0.9
    # What rises at a place does so all the time.
    start = slopes.loc[first, "turning"].groupby(globe.location).mean()
    end = slopes.loc[last, "turning"].groupby(globe.location).mean()
    assert np.corrcoef(*(start.align(end, join="inner")))[0, 1] < -0.95
    steady = slopes["steady"].groupby(globe.location)
    assert (steady.max() - steady.min() < 1e-12).all()


@pytest.mark.parametrize("make", GLOBES)
def test_globes_do_not_know_the_date_line(make):
    law = made(make).law
    X = pd.DataFrame({"lat": 10.0, "lon": [-180.0, 180.0]})
    X = law.features(X.assign(time=pd.Timestamp("2003-07-15")), random_state=0)
    west, east = law.coefficients(X).to_numpy()
    assert_allclose(west, east, atol=1e-12)


@pytest.mark.parametrize("make", GLOBES)
def test_rows_are_shared_out_evenly(make):
    globe = made(make)
    assert set(globe.location.value_counts()) == {10}
    places = globe.data.groupby(globe.location)[["lat", "lon"]].nunique()
    assert (places == 1).all(axis=None)
    assert globe.data["time"].min() >= pd.Timestamp("2001-01-01")


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (make_mgwr_grid, {"n_side": 1}),
        (make_mgwr_grid, {"noise": -1.0}),
        (make_geoshapley_grid, {"noise": float("nan")}),
        (make_regional_globe, {"n_samples": 1}),
        (make_regional_globe, {"n_locations": 0}),
        (make_drifting_globe, {"n_years": 201}),
    ],
)
def test_refuses(make, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make(**wrong)
