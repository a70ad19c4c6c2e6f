"""The simulated planet keeps what its docstring promises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal, assert_series_equal

from spatialheteroreg.datasets import make_heterogeneous_globe
from spatialheteroreg.sphere import great_circle_distance

NUMERIC = ["temperature", "radiation", "precipitation", "vpd", "soil_moisture", "lai"]
JULY = np.datetime64("2003-07-15")
JANUARY = np.datetime64("2003-01-15")


@pytest.fixture(scope="module")
def globe():
    return make_heterogeneous_globe(20_000, 2_000, random_state=0)


def effects_at(law, lat, lon, date=JULY):
    """True effects at places, the features being the same at all of them."""
    frame = law.features(lat, lon, np.full(len(lat), date))
    frame = frame.assign(**frame[NUMERIC].mean())
    return law.local_effects(frame)


def test_contents(globe):
    assert list(globe.data) == ["lat", "lon", "time", *NUMERIC, "land_cover"]
    assert globe.feature_names == [*NUMERIC, "land_cover"]
    assert list(globe.local_effects) == NUMERIC
    assert len(globe.data) == len(globe.target) == len(globe.local_effects) == 20_000
    assert globe.location.nunique() == 2_000
    assert np.issubdtype(globe.data["time"].dtype, np.datetime64)
    assert set(globe.data["land_cover"].cat.categories) == set(globe.data["land_cover"])
    assert "2000 places" in globe.DESCR
    for frame in (globe.data, globe.local_effects):
        assert not frame.isna().any(axis=None)


@pytest.mark.parametrize("nonlinear", [True, False])
@pytest.mark.parametrize("interaction", [True, False])
def test_local_effects_are_the_derivatives(nonlinear, interaction):
    globe = make_heterogeneous_globe(
        500,
        100,
        nonlinear=nonlinear,
        interaction=interaction,
        target_scale=7.0,
        random_state=1,
    )
    for name in NUMERIC:
        step = 1e-3 * globe.data[name].std()
        up = globe.data.assign(**{name: globe.data[name] + step})
        down = globe.data.assign(**{name: globe.data[name] - step})
        slope = (globe.law.target(up) - globe.law.target(down)) / (2 * step)
        assert_allclose(
            slope, globe.local_effects[name], atol=1e-7 * np.abs(slope).max()
        )


def mixed_difference(law, data, first, second):
    """Change of the change: zero when the two features only add."""
    moved = {first: data[first] + 2.0, second: data[second] + 2.0}
    one, other = (data.assign(**{name: moved[name]}) for name in moved)
    both = data.assign(**moved)
    return law.target(both) - law.target(one) - law.target(other) + law.target(data)


@pytest.mark.parametrize("nonlinear", [True, False])
@pytest.mark.parametrize("interaction", [True, False])
def test_terms_can_be_switched_off(nonlinear, interaction):
    globe = make_heterogeneous_globe(
        300, 100, nonlinear=nonlinear, interaction=interaction, random_state=2
    )
    law, data = globe.law, globe.data
    crossed = mixed_difference(law, data, "radiation", "lai")
    assert (np.abs(crossed).max() > 1e-4) == interaction
    assert_allclose(mixed_difference(law, data, "temperature", "vpd"), 0, atol=1e-10)

    warmer, colder = (
        law.target(data.assign(temperature=data["temperature"] + step))
        for step in (5.0, -5.0)
    )
    bend = warmer + colder - 2 * law.target(data)
    assert (np.abs(bend).max() > 1e-3) == nonlinear
    assert np.all(bend < 1e-10)  # an optimum, not a pit


def test_switches_leave_the_planet_as_it_is():
    full = make_heterogeneous_globe(200, 50, random_state=3)
    plain = make_heterogeneous_globe(200, 50, nonlinear=False, random_state=3)
    assert_frame_equal(full.data, plain.data)


@pytest.mark.parametrize("scale", [1.0, 12.5])
def test_standard_deviation_and_noise(scale):
    globe = make_heterogeneous_globe(
        20_000, 500, noise=0.3, target_scale=scale, random_state=4
    )
    truth = globe.noise_free_target
    assert_allclose(truth.std(ddof=0), scale)
    assert_allclose(truth.mean(), 0, atol=1e-10 * scale)
    scatter = globe.target - truth
    assert_allclose(scatter.std(), 0.3 * scale, rtol=0.03)
    assert abs(np.corrcoef(scatter, truth)[0, 1]) < 0.03


def test_no_noise_is_no_noise():
    globe = make_heterogeneous_globe(100, 10, noise=0, random_state=0)
    assert_series_equal(globe.target, globe.noise_free_target)


def test_law_reproduces_the_table(globe):
    assert_array_equal(globe.law.target(globe.data), globe.noise_free_target)
    assert_frame_equal(globe.law.local_effects(globe.data), globe.local_effects)
    shuffled = globe.data.sample(100, random_state=0)
    assert_frame_equal(
        globe.law.local_effects(shuffled), globe.local_effects.loc[shuffled.index]
    )


def test_random_state_decides_everything():
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    one = make_heterogeneous_globe(300, 30, random_state=6)
    same = np.random.RandomState(6)
    two = make_heterogeneous_globe(300, 30, random_state=same)
    other = make_heterogeneous_globe(300, 30, random_state=7)
    assert_array_equal(np.random.get_state()[1], before)
    assert_frame_equal(one.data, two.data)
    assert_series_equal(one.target, two.target)
    assert_frame_equal(one.local_effects, two.local_effects)
    assert not one.target.equals(other.target)


def test_planet_does_not_depend_on_the_number_of_rows():
    small = make_heterogeneous_globe(2_000, 200, random_state=8)
    large = make_heterogeneous_globe(5_000, 400, random_state=8)
    one = small.law.local_effects(small.data)
    two = large.law.local_effects(small.data)
    # Standardizing on other rows rescales the law, and does nothing else.
    ratio = (one / two).to_numpy()
    assert_allclose(ratio, ratio[0, 0])
    assert 0.8 < ratio[0, 0] < 1.25


def test_places_are_uniform_by_area():
    globe = make_heterogeneous_globe(20_000, 20_000, random_state=9)
    # Equal areas are equal intervals of sin(latitude) and of longitude.
    height = np.sin(np.deg2rad(globe.data["lat"]))
    for share, low, high in ((height, -1, 1), (globe.data["lon"], -180, 180)):
        counts, _ = np.histogram(share, bins=10, range=(low, high))
        assert counts.sum() == 20_000
        assert np.all(np.abs(counts - 2_000) < 5 * np.sqrt(2_000))


def test_rows_are_shared_out_evenly(globe):
    assert globe.location.value_counts().between(10, 10).all()
    places = globe.data.groupby(globe.location)[["lat", "lon"]].nunique()
    assert places.eq(1).all(axis=None)
    alone = make_heterogeneous_globe(50, 1_000, random_state=0)
    assert alone.location.nunique() == 50


def test_dates_cover_the_years():
    time = make_heterogeneous_globe(20_000, 10, n_years=3, random_state=0).data["time"]
    assert time.min() >= pd.Timestamp("2001-01-01")
    assert time.max() < pd.Timestamp("2004-01-01")
    assert set(time.dt.year) == {2001, 2002, 2003}
    assert time.dt.month.value_counts(normalize=True).between(0.06, 0.11).all()


@pytest.mark.parametrize("length", [1_000.0, 2_000.0])
def test_effects_vary_over_the_correlation_length(length):
    """Correlation near 0.61 at one length and 0.14 at two, over five planets."""
    rng = np.random.default_rng(0)
    near, far = [], []
    for seed in range(5):
        law = make_heterogeneous_globe(
            2_000, 200, correlation_length=length, random_state=seed
        ).law
        start = rng.standard_normal((3_000, 3))
        start /= np.linalg.norm(start, axis=1, keepdims=True)
        side = np.cross(start, rng.standard_normal((3_000, 3)))
        side /= np.linalg.norm(side, axis=1, keepdims=True)
        effects = []
        for distance in (0.0, length, 2 * length):
            angle = distance / 6371.0088
            x, y, z = (np.cos(angle) * start + np.sin(angle) * side).T
            lat, lon = np.rad2deg(np.arcsin(z)), np.rad2deg(np.arctan2(y, x))
            # Temperature's effect also follows the latitude.
            effects.append(effects_at(law, lat, lon)[NUMERIC[1:]])
        near.append(effects[0].corrwith(effects[1]).mean())
        far.append(effects[0].corrwith(effects[2]).mean())
    assert 0.45 < np.mean(near) < 0.75
    assert np.mean(far) < 0.35


def test_no_seam_at_the_date_line_and_the_poles(globe):
    lat = np.linspace(-89, 89, 50)
    assert_allclose(
        effects_at(globe.law, lat, np.full(50, 180.0)),
        effects_at(globe.law, lat, np.full(50, -180.0)),
    )
    west = effects_at(globe.law, lat, np.full(50, 179.999))
    east = effects_at(globe.law, lat, np.full(50, -179.999))
    assert_allclose(west, east, atol=1e-3 * np.abs(west).to_numpy().max())
    lon = np.linspace(-180, 180, 50)
    for pole in (-90.0, 90.0):
        at_pole = effects_at(globe.law, np.full(50, pole), lon)
        around = effects_at(globe.law, np.full(50, pole * 0.9999), lon)
        assert_allclose(at_pole, at_pole.iloc[[0] * 50])
        assert_allclose(at_pole, around, atol=0.02 * at_pole.abs().to_numpy().max())


def test_neighbors_are_alike_and_distant_places_are_not(globe):
    place = globe.data.drop_duplicates(["lat", "lon"])
    effect = effects_at(globe.law, place["lat"], place["lon"])["radiation"].to_numpy()
    lat, lon = place["lat"].to_numpy(), place["lon"].to_numpy()
    first, second = np.triu_indices(len(place), 1)
    km = great_circle_distance(lat[first], lon[first], lat[second], lon[second])
    half_variogram = (effect[first] - effect[second]) ** 2 / 2
    close = half_variogram[km < 500].mean()
    distant = half_variogram[km > 6_000].mean()
    assert close < 0.1 * distant


def test_place_and_season_matter(globe):
    effects, spread = globe.local_effects, globe.data[NUMERIC].std()
    # Each feature matters on average, and each effect differs between rows.
    assert (effects.mean().abs() * spread > 0.05).all()
    assert (effects.std() * spread > 0.1).all()
    assert (effects["precipitation"] > 0).all()
    assert (effects["precipitation"] * spread["precipitation"] < 0.05).mean() > 0.05
    # Warmth helps somewhere and harms elsewhere; helps more where it is cold.
    assert 0.2 < (effects["temperature"] > 0).mean() < 0.8
    assert np.corrcoef(effects["temperature"], globe.data["temperature"])[0, 1] < -0.3
    lat = globe.data["lat"].drop_duplicates().to_numpy()
    lon = globe.data["lon"].drop_duplicates().to_numpy()
    july = effects_at(globe.law, lat, lon, JULY)
    january = effects_at(globe.law, lat, lon, JANUARY)
    change = (july - january).std() / july.std()
    assert (change > 0.3).all()


def test_seasons_flip_between_hemispheres(globe):
    lat = np.linspace(20, 70, 20)
    lon = np.linspace(-170, 170, 20)

    def july_minus_january(lat):
        july, january = (
            globe.law.features(lat, lon, np.full(20, date)) for date in (JULY, JANUARY)
        )
        return july[NUMERIC] - january[NUMERIC]

    for name in ("temperature", "radiation", "lai"):
        assert (july_minus_january(lat)[name] > 0).all()
        assert (july_minus_january(-lat)[name] < 0).all()


def test_features_are_plausible_and_correlated(globe):
    data = globe.data
    limits = {
        "temperature": (-60, 55),
        "radiation": (0, 500),
        "precipitation": (0, 25),
        "vpd": (0, 90),
        "soil_moisture": (0.05, 0.45),
        "lai": (0, 6),
    }
    for name, (low, high) in limits.items():
        assert data[name].between(low, high).all(), name
    corr = data[NUMERIC].corr()
    assert corr.loc["temperature", "vpd"] > 0.4
    assert corr.loc["precipitation", "vpd"] < -0.2
    assert corr.loc["precipitation", "soil_moisture"] > 0.2
    assert data["land_cover"].value_counts(normalize=True).min() > 0.05


@settings(max_examples=30, deadline=None)
@given(
    n_samples=st.integers(2, 200),
    n_locations=st.integers(1, 300),
    noise=st.floats(0, 5),
    n_years=st.integers(1, 200),
    nonlinear=st.booleans(),
    interaction=st.booleans(),
    correlation_length=st.floats(200, 1e6),
    target_scale=st.floats(1e-6, 1e6),
    random_state=st.integers(0, 2**32 - 1),
)
def test_any_valid_parameters(n_samples, n_locations, target_scale, **params):
    globe = make_heterogeneous_globe(
        n_samples, n_locations, target_scale=target_scale, **params
    )
    assert globe.data.shape == (n_samples, 10)
    assert globe.location.nunique() == min(n_samples, n_locations)
    assert globe.data["lat"].between(-90, 90).all()
    assert globe.data["lon"].between(-180, 180).all()
    assert_allclose(globe.noise_free_target.std(ddof=0), target_scale)
    for values in (globe.target, globe.local_effects):
        assert np.isfinite(values).all(axis=None)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"n_samples": 1}, ValueError, "n_samples == 1, must be >= 2"),
        ({"n_samples": 10.5}, TypeError, "n_samples must be an instance of"),
        ({"n_locations": 0}, ValueError, "n_locations == 0, must be >= 1"),
        ({"noise": -0.1}, ValueError, "noise == -0.1, must be >= 0"),
        ({"noise": np.nan}, ValueError, "noise == nan, must be finite"),
        ({"noise": "loud"}, TypeError, "noise must be an instance of"),
        ({"n_years": 201}, ValueError, "n_years == 201, must be <= 200"),
        ({"correlation_length": 50}, ValueError, "must be >= 200"),
        ({"correlation_length": np.inf}, ValueError, "must be finite"),
        ({"target_scale": 0.0}, ValueError, "target_scale == 0.0"),
        ({"nonlinear": 1}, TypeError, "nonlinear must be an instance of"),
        ({"interaction": "no"}, TypeError, "interaction must be an instance of"),
        ({"random_state": "a"}, ValueError, "cannot be used to seed"),
    ],
)
def test_wrong_parameters(params, error, message):
    with pytest.raises(error, match=message):
        make_heterogeneous_globe(**{"n_samples": 10, "n_locations": 5, **params})
