"""Effects by season: every row in its month and belt, means as computed by hand."""

import datetime as dt

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spatialheteroreg import STCGRegressor
from spatialheteroreg.coordinates import read_time
from spatialheteroreg.inspection.effect_bins import latitude_bands, months_of
from spatialheteroreg.inspection.effect_season import EffectSeasonDisplay

from .conftest import make_table

mpl.use("Agg")

draw = EffectSeasonDisplay.from_predictions


@pytest.fixture(autouse=True)
def _close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(200)
    return STCGRegressor(n_nodes=5, max_iter=2, random_state=0).fit(X, y), X


def rows(n=400):
    random = np.random.RandomState(0)
    days = pd.to_timedelta(random.randint(0, 1400, n), unit="D")
    time = pd.Series(pd.Timestamp("2001-01-01") + days)
    return time, random.uniform(-90, 90, n), random.normal(size=n)


def test_cells_hold_mean_deviation_and_number_of_their_rows():
    time, lat, values = rows()
    display = draw(time, values, lat=lat, bands=[-90, 0, 90])
    belt = np.where(lat >= 0, "0–90°N", "0–90°S")
    table = pd.Series(values).groupby([belt, time.dt.month.astype(float)])
    for shown, expected in (
        (display.mean, table.mean()),
        (display.std, table.std(ddof=0)),
        (display.count, table.count()),
    ):
        np.testing.assert_allclose(shown, expected.unstack().loc[shown.index])


def test_lines_and_ribbons_show_the_cells():
    time, lat, values = rows()
    display = draw(time, values, lat=lat, bands=[-90, 0, 90], feature="rain")
    line = display.lines_["0–90°N"]
    np.testing.assert_allclose(line.get_ydata(), display.mean.loc["0–90°N"])
    top = display.ribbons_["0–90°N"].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx((display.mean + display.std).loc["0–90°N"].max())
    assert "per unit of rain" in display.ax_.get_ylabel()
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == ["0–90°N", "0–90°S"]  # north at the top


def test_a_heat_map_is_centred_at_zero_with_the_north_at_the_top():
    time, lat, values = rows()
    display = draw(time, values, lat=lat, style="heatmap")
    np.testing.assert_allclose(display.mesh_.get_array(), display.mean)
    assert display.mesh_.norm.vmin == -display.mesh_.norm.vmax
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    assert display.ax_.get_yticklabels()[0].get_text() == "60–90°N"
    assert display.lines_ == {}


def test_the_legend_may_be_left_out():
    time, lat, values = rows()
    display = draw(time, values, lat=lat, legend=False)
    assert display.legend_ is None
    assert display.ax_.get_legend() is None
    assert display.plot(style="heatmap", legend=False).colorbar_ is None
    assert display.plot(style="heatmap").colorbar_ is not None


def test_a_slope_may_be_drawn_for_a_larger_step(fitted):
    one, ten = (
        EffectSeasonDisplay.from_estimator(*fitted, "heat", step=step)
        for step in (1, 10)
    )
    np.testing.assert_allclose(ten.mean, 10 * one.mean)
    np.testing.assert_allclose(ten.std, 10 * one.std)
    assert ten.ax_.get_ylabel() == "Change of the target\nfor 10 of heat"
    time, _, values = rows()
    drawn = draw(time, values, by=None, step=10)
    np.testing.assert_allclose(drawn.mean, 10 * draw(time, values, by=None).mean)


def test_cells_of_few_rows_stay_empty():
    display = draw([0.1, 0.1, 0.1, 0.9], [1.0, 2, 3, 9], by=None, period=1.0, n_bins=2)
    assert display.mean.iloc[0].tolist() == [2, 9]
    assert np.isnan(display.lines_["all rows"].get_ydata()).tolist() == [False, True]
    display.plot(min_rows=1)
    assert display.lines_["all rows"].get_ydata().tolist() == [2, 9]


@example(dt.date(2004, 2, 29))
@example(dt.date(2004, 3, 1))
@given(st.dates())
def test_a_fractional_year_has_the_month_of_its_date(date):
    time = read_time(pd.Series([date.isoformat()]), "'time'")
    assert months_of(time)[0] == date.month - 1


@example([90.0])
@example([-90.0])
@example([89.98, 90.0])
@given(st.lists(st.floats(-90, 90), min_size=1, max_size=30))
def test_every_latitude_has_a_belt_that_holds_it(latitudes):
    lat = np.array(latitudes)
    band, labels = latitude_bands(lat, "auto", "haversine")
    assert (band >= 0).all()
    assert (band < len(labels)).all()
    order = np.argsort(lat)
    assert (np.diff(band[order]) <= 0).all()  # the north comes first


def test_belts_are_named_by_hemisphere():
    _, labels = latitude_bands(np.array([0.0]), [-60, -30, 10, 30.5], "haversine")
    assert labels == ["10–30.5°N", "30°S–10°N", "30–60°S"]


def test_northings_are_written_as_ranges_even_below_zero():
    _, labels = latitude_bands(np.array([0.0]), [-10, -5, 2.5], "euclidean")
    assert labels == ["-5 to 2.5", "-10 to -5"]


def test_a_small_region_has_narrow_belts():
    _, labels = latitude_bands(np.array([47.1, 49.0, 51.9]), "auto", "haversine")
    assert labels == ["50–52°N", "48–50°N", "46–48°N"]


def test_effects_of_a_model_are_drawn_by_month_and_region(fitted):
    model, X = fitted
    display = EffectSeasonDisplay.from_estimator(model, X, "heat", by="cover")
    effects = model.local_effects(X)["heat"]
    expected = effects.groupby([X.cover, X.time.dt.month], observed=True).mean()
    np.testing.assert_allclose(
        display.mean.stack().to_numpy(), expected.to_numpy(), atol=1e-12
    )
    assert list(display.mean.index) == ["crop", "forest", "grass"]
    belts = EffectSeasonDisplay.from_estimator(model, X, "cover", kind="contribution")
    assert belts.count.to_numpy().sum() == len(X)
    assert [text.get_text() for text in belts.ax_.get_xticklabels()] == [
        *"JFMAMJJASOND"
    ]


def test_regions_may_be_labels_of_rows_with_some_missing(fitted):
    model, X = fitted
    region = np.where(X.lon > 0, "east", "west").astype(object)
    region[0] = None
    display = EffectSeasonDisplay.from_estimator(model, X, "heat", by=region)
    assert display.count.to_numpy().sum() == len(X) - 1
    assert list(display.mean.index) == ["east", "west"]


def test_numbers_are_drawn_over_their_period_or_their_span(fitted):
    X, y = make_table(120)
    X["time"] = np.linspace(0, 47.9, 120)  # hours
    model = STCGRegressor(n_nodes=3, period=24.0, max_iter=1, random_state=0)
    display = EffectSeasonDisplay.from_estimator(
        model.fit(X, y), X, "heat", by=None, n_bins=4
    )
    assert display.mean.columns.tolist() == [3, 9, 15, 21]
    assert display.count.iloc[0].tolist() == [30, 30, 30, 30]
    span = EffectSeasonDisplay.from_estimator(
        model, X, "heat", by=None, n_bins=4, period=None
    )
    assert span.mean.columns[-1] == pytest.approx(47.9 * 7 / 8)
    years = EffectSeasonDisplay.from_estimator(*fitted, "heat", period=None, by=None)
    assert years.ax_.get_xlabel() == "Year"
    assert years.mean.columns.min() > 2000


def test_the_period_of_dates_is_the_one_of_the_model():
    X, y = make_table(60)
    model = STCGRegressor(n_nodes=3, period=0.5, max_iter=1, random_state=0).fit(X, y)
    display = EffectSeasonDisplay.from_estimator(model, X, "heat", by=None)
    assert display.mean.columns.max() < 0.5


def test_what_is_missing_is_named(fitted):
    model, X = fitted
    with pytest.raises(ValueError, match="rain"):
        EffectSeasonDisplay.from_estimator(model, X, "snow")
    with pytest.raises(ValueError, match="kind='contribution'"):
        EffectSeasonDisplay.from_estimator(model, X, "cover")
    with pytest.raises(ValueError, match="no column of X"):
        EffectSeasonDisplay.from_estimator(model, X, "heat", by="biome")
    X, y = make_table(60)
    bare = STCGRegressor(max_iter=1, random_state=0)
    place_less = X.drop(columns=["lat", "lon"])
    with pytest.raises(ValueError, match="coordinates"):
        EffectSeasonDisplay.from_estimator(bare.fit(place_less, y), place_less, "heat")
    assert EffectSeasonDisplay.from_estimator(bare, place_less, "heat", by=None)
    time_less = X.drop(columns="time")
    with pytest.raises(ValueError, match="time="):
        EffectSeasonDisplay.from_estimator(bare.fit(time_less, y), time_less, "heat")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "lat="),
        ({"lat": [1]}, "lat 1"),
        ({"lat": [1, np.nan]}, "missing"),
        ({"by": ["a"]}, "by 1"),
        ({"by": "region"}, "by='region'"),
        ({"by": [None, None]}, "nothing to draw"),
        ({"lat": [1, 2], "bands": [3, 1]}, "rise"),
        ({"lat": [1, 2], "bands": "narrow"}, "bands"),
        ({"by": None, "period": -1}, "period"),
        ({"by": None, "period": "year"}, "period"),
        ({"by": None, "n_bins": 0}, "n_bins"),
        ({"by": None, "style": "bars"}, "style"),
        ({"by": None, "kind": "weight"}, "kind"),
        ({"by": None, "step": -1}, "step"),
        ({"by": None, "kind": "contribution", "step": 2}, "for slopes"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(options, match):
    with pytest.raises(ValueError, match=match):
        draw([2001.0, 2002.0], [1.0, 2.0], **options)
