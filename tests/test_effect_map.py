"""Maps of effects: every place in its cell or point, zero in the middle."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection.effect_map import EffectMapDisplay
from spatialheteroreg.inspection.map_colors import COLORS, OTHER_COLOR, centred_norm
from spatialheteroreg.inspection.map_frame import MapFrame
from spatialheteroreg.inspection.map_grid import find_grid

from .conftest import make_table

mpl.use("Agg")

draw = EffectMapDisplay.from_predictions


@pytest.fixture(autouse=True)
def _close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(120)
    return STCGRegressor(n_nodes=5, max_iter=2, random_state=0).fit(X, y), X


@pytest.fixture(scope="module")
def ensemble():
    X, y = make_table(240)
    model = STCGRegressor(n_nodes=5, n_members=2, max_iter=2, random_state=0)
    return model.fit(X, y), X


@pytest.fixture
def grid():
    lat, lon = np.meshgrid(
        np.arange(-85, 90, 10.0), np.arange(-180, 180, 10.0), indexing="ij"
    )
    lat, lon = lat.ravel(), lon.ravel()
    return lat, lon, np.sin(np.radians(lat)) + 0.1


def colours(display):
    """Colours in the legend, and of what is drawn on the map, by name."""
    from matplotlib.colors import to_hex

    drawn = [to_hex(artist.cmap(0.0)) for artist in display.artists_]
    texts = [text.get_text() for text in display.legend_.get_texts()]
    handles = [to_hex(patch.get_facecolor()) for patch in display.legend_.get_patches()]
    assert handles == drawn
    return dict(zip(texts, [color.upper() for color in drawn], strict=True))


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


# --- what is drawn -----------------------------------------------------------


def test_points_show_the_slopes_of_the_model(fitted):
    model, X = fitted
    display = EffectMapDisplay.from_estimator(model, X, "heat")
    slopes = pd.Series(model.local_effects(X)["heat"].to_numpy())
    drawn = pd.DataFrame(
        display.artists_[0].get_offsets().data, columns=["lon", "lat"]
    ).assign(value=display.artists_[0].get_array())
    rows = X.assign(value=slopes)[["lon", "lat", "value"]]
    np.testing.assert_allclose(
        drawn.sort_values("lat").to_numpy(), rows.sort_values("lat").to_numpy()
    )
    assert display.colorbar_.ax.get_xlabel() == "Change of the target per unit of heat"
    assert display.legend_ is None  # without uncertainty nothing is marked


def test_rows_at_one_place_are_averaged_whatever_turn_their_longitude_has():
    display = draw([10, 10, 20], [-170, 190, 30], [1.0, 3.0, np.nan])
    assert (display.lat, display.lon, display.values) == ([10], [-170], [2])


def test_colours_are_even_around_zero_and_not_taken_by_a_few_large_values():
    values = np.append(np.linspace(-1, 1, 99), 1000.0)
    display = draw(np.linspace(-80, 80, 100), np.linspace(-170, 170, 100), values)
    norm = display.artists_[0].norm
    assert norm.vmin == -norm.vmax
    assert norm.vmax < 1.1
    assert display.colorbar_.extend in {"max", "both"}
    red, green, blue, _ = display.artists_[0].cmap(norm(0.0))
    assert min(red, green, blue) > 0.9
    assert draw([1, 2], [3, 4], [1, 2], vmax=5).artists_[0].norm.vmax == 5


@given(st.lists(st.floats(-1e300, 1e300), min_size=1), st.floats(0.01, 1))
def test_every_list_of_values_has_a_scale(values, quantile):
    norm = centred_norm(values, quantile, None)
    assert norm.vmin == -norm.vmax < 0


def test_dominant_feature_has_the_largest_mean_contribution_at_its_place():
    contributions = pd.DataFrame(
        {"rain": [0.1, 0.2, -3.0], "heat": [1.0, -1.0, 0.5], "wind": [0.9, 0.9, np.nan]}
    )
    display = draw([10, 10, 50], [20, 20, 60], contributions, kind="dominant")
    assert display.values.tolist() == ["heat", "rain"]
    assert display.colorbar_ is None
    texts = {text.get_text() for text in display.legend_.get_texts()}
    assert texts == {"heat", "rain"}


def test_dominant_features_of_a_model_are_among_those_asked_for(fitted):
    model, X = fitted
    everything = EffectMapDisplay.from_estimator(model, X)
    assert set(everything.values) <= {"rain", "heat", "cover"}
    some = EffectMapDisplay.from_estimator(model, X, ["heat", "cover"])
    size = model.local_effects(X, output="contribution")[["heat", "cover"]].abs()
    expected = size.assign(lat=X.lat).set_index("lat").idxmax(axis=1)
    assert some.values.tolist() == expected[some.lat].tolist()


def test_names_are_taken_as_dominant_features():
    display = draw([1, 1, 1], [2, 2, 2], ["b", "a", "b"], kind="dominant")
    assert display.values.tolist() == ["b"]


def test_more_features_than_colours_share_grey():
    names = [f"f{k}" for k in range(14)]
    display = draw(np.arange(14), np.arange(14) ** 2 % 50, names, kind="dominant")
    assert len(display.artists_) == 14
    table = pd.DataFrame(np.eye(30)[[29, 29, 28]], columns=[f"f{k}" for k in range(30)])
    few = colours(draw([1, 2, 3], [1, 5, 2], table, kind="dominant"))
    assert few == {"f29": COLORS[0], "f28": COLORS[1]}  # none is left without colour


def test_one_feature_has_one_colour_on_all_maps():
    table = pd.DataFrame({"wind": [9, 1, 1], "heat": [2, 2, 0], "rain": [1, 1, 5]})
    everywhere = colours(draw([1, 2, 3], [1, 5, 2], table, kind="dominant"))
    assert list(everywhere) == ["wind", "heat", "rain"]  # the order of the columns
    part = draw([1, 1, 5], [1, 2, 2], table.iloc[[2, 2, 1]], kind="dominant")
    assert colours(part) == {name: everywhere[name] for name in ["heat", "rain"]}
    named = pd.Categorical(["rain", "rain", "heat"], categories=table.columns)
    assert colours(draw([1, 1, 5], [1, 2, 2], named, kind="dominant")) == colours(part)


def test_colours_of_features_may_be_given_by_name_or_in_order():
    table = pd.DataFrame({"wind": [1, 1, 1], "heat": [2, 2, 0], "rain": [1, 1, 5]})
    for given_colors in (
        {"rain": "#0000ff", "heat": "#ff0000", "snow": "#ffffff"},
        ["#000000", "#ff0000", "#0000ff"],
    ):
        display = draw([1, 2, 3], [1, 5, 2], table, kind="dominant")
        display.plot(colors=given_colors)
        assert colours(display) == {"heat": "#FF0000", "rain": "#0000FF"}
    display.plot(colors={"rain": "blue"})
    assert colours(display)["heat"] == OTHER_COLOR


def test_maps_of_a_model_share_the_colours_of_its_features(fitted):
    model, X = fitted
    assert EffectMapDisplay.from_estimator(model, X).features == [
        name for name in X if name in {"rain", "heat", "cover"}
    ]
    some = EffectMapDisplay.from_estimator(model, X, ["heat", "cover"])
    assert some.features == ["heat", "cover"]


# --- scale and step ----------------------------------------------------------


def test_a_scale_of_one_sign_runs_from_vmin_to_vmax():
    lat, values = np.arange(5.0), np.array([2.0, 3, 4, 5, 40])
    norm = draw(lat, lat**2, values, vmin=1, vmax=5).artists_[0].norm
    assert (norm.vmin, norm.vmax) == (1, 5)
    display = draw(lat, lat**2, -values, vmin=-50, vmax=0)
    assert (display.colorbar_.vmin, display.colorbar_.vmax) == (-50, 0)
    assert display.artists_[0].cmap.name == "viridis"
    open_ended = draw(lat, lat**2, values, vmin=0, quantile=0.75)
    assert open_ended.artists_[0].norm.vmax == 5
    assert open_ended.colorbar_.extend == "max"


def test_a_slope_may_be_drawn_for_a_larger_step(fitted):
    model, X = fitted
    one = EffectMapDisplay.from_estimator(model, X, "heat")
    ten = EffectMapDisplay.from_estimator(model, X, "heat", step=10)
    np.testing.assert_allclose(ten.values, 10 * one.values)
    assert ten.colorbar_.ax.get_xlabel() == "Change of the target for 10 of heat"
    half = draw([1], [2], [3.0], feature="rain", step=0.5)
    assert (half.values, half.label) == ([1.5], "Change of the target for 0.5 of rain")


# --- grids -------------------------------------------------------------------


def test_a_grid_is_drawn_as_cells_that_hold_their_places(grid):
    lat, lon, values = grid
    display = draw(lat, lon, values)
    (mesh,) = display.artists_
    cells = mesh.get_array()
    assert cells.shape == (18, 37)  # the cell across the date line is cut in two
    assert mesh.get_coordinates()[..., 0].min() == -180
    assert mesh.get_coordinates()[..., 0].max() == 180
    np.testing.assert_allclose(cells[:, 0], cells[:, -1])
    np.testing.assert_allclose(cells[:, 3], values[lon == -150])


@settings(max_examples=30)
@given(st.integers(2, 9), st.integers(3, 12), st.floats(0.05, 9), st.randoms())
def test_a_grid_with_gaps_puts_every_place_into_its_own_cell(
    n_rows, n_columns, step, random
):
    keep = np.array([random.random() < 0.8 for _ in range(n_rows * n_columns)])
    keep[:n_columns] = keep[::n_columns] = True
    rows, columns = np.divmod(np.flatnonzero(keep), n_columns)
    lat, lon = (-40 + step * rows).astype("f4"), (-60 + step * columns).astype("f4")
    found = find_grid(lon.astype(float), lat.astype(float), (-180.0, 180.0))
    if keep.sum() < 6:
        return
    for edges, position, values in (
        (found.x_edges, found.column, lon),
        (found.y_edges, found.row, lat),
    ):
        assert (edges[position] < values).all()
        assert (values < edges[position + 1]).all()
    assert len(set(zip(found.row, found.column, strict=True))) == keep.sum()


@given(st.lists(st.booleans(), min_size=1, max_size=72))
def test_strips_hold_the_chosen_cells_and_no_others(flags):
    lat, lon = np.divmod(np.arange(72.0), 12)
    found = find_grid(lon * 15 - 90, lat * 10, (-180.0, 180.0))
    chosen = np.resize(flags, 72)
    covered = [
        (row, column)
        for row, first, last in zip(*found.strips(chosen), strict=True)
        for column in range(first, last + 1)
    ]
    expected = zip(found.row[chosen], found.column[chosen], strict=True)
    assert sorted(covered) == sorted(expected)


def test_scattered_places_are_no_grid(grid):
    random = np.random.RandomState(0)
    lat, lon = random.uniform(-80, 80, 300), random.uniform(-180, 180, 300)
    assert find_grid(lon, lat, (-180.0, 180.0)) is None
    with pytest.raises(ValueError, match="form no grid"):
        draw(lat, lon, lat, as_grid=True)
    assert hasattr(draw(*grid, as_grid=False).artists_[0], "get_offsets")


# --- significance ------------------------------------------------------------


def test_cells_whose_sign_is_not_known_are_hatched_and_no_others(grid):
    lat, lon, values = grid
    display = draw(lat, lon, values, significant=lat > 0)
    hatched = display.insignificant_
    assert hatched.get_hatch()
    boxes = [path.get_extents() for path in hatched.get_paths()]
    assert max(box.y1 for box in boxes) <= 0
    area = sum(box.width * box.height for box in boxes)
    assert area == pytest.approx(360 * 90)
    assert len(boxes) < 100  # cells side by side are hatched together
    assert display.legend_.get_texts()[0].get_text() == "sign not known"
    display.figure_.canvas.draw()
    key = display.legend_.get_window_extent()
    assert key.y1 <= display.colorbar_.ax.xaxis.label.get_window_extent().y0
    assert key.y0 >= 0  # under the bar, where no title can be, but on the figure
    assert draw(lat, lon, values, significant=lat > -99).insignificant_ is None


def test_points_whose_sign_is_not_known_are_faded_or_crossed():
    lat, lon = np.arange(9.0), np.arange(9.0) ** 2
    sure = np.arange(9) > 3
    faded = draw(lat, lon, lat, significant=sure)
    assert len(faded.insignificant_.get_offsets()) == 4
    assert faded.insignificant_.get_alpha() < 1
    assert faded.insignificant_.get_sizes()[0] < faded.artists_[0].get_sizes()[0]
    crossed = draw(lat, lon, lat, significant=sure, insignificant="hatch")
    assert len(crossed.insignificant_.get_offsets()) == 4
    assert len(crossed.artists_[0].get_offsets()) == 9
    shown = draw(lat, lon, lat, significant=sure, insignificant="show")
    assert shown.insignificant_ is None


def test_a_place_is_significant_where_most_of_its_rows_are():
    display = draw(
        [1, 1, 1, 5], [2, 2, 2, 6], [1, 1, 1, 1], significant=[True, True, False, False]
    )
    assert display.significant.tolist() == [True, False]


def test_significance_comes_from_the_members(ensemble, fitted):
    model, X = ensemble
    display = EffectMapDisplay.from_estimator(
        model, X, "heat", kind="contribution", alpha=0.3
    )
    found = model.local_effects(X, output="contribution", return_std=True, alpha=0.3)
    expected = found.significant.set_index(X.lat)["heat"]
    assert display.significant.tolist() == expected[display.lat].tolist()
    plain = EffectMapDisplay.from_estimator(model, X, "heat", significance=False)
    assert plain.significant is None
    assert EffectMapDisplay.from_estimator(model, X).significant is not None
    with pytest.raises(ValueError, match="n_members"):
        EffectMapDisplay.from_estimator(*fitted, "heat", significance=True)


# --- the frame ---------------------------------------------------------------


def test_a_region_across_the_date_line_is_drawn_in_one_piece():
    lon = np.array([175.0, 179, -179, -172])
    display = draw([-20, -18, -16, -15], lon, lon)
    x = display.artists_[0].get_offsets()[:, 0]
    assert np.ptp(x) == pytest.approx(13)
    left, right = display.ax_.get_xlim()
    assert right - left < 20
    display.figure_.canvas.draw()
    assert "180°" in labels(display.ax_.xaxis)
    assert "177°W" in labels(display.ax_.xaxis)


def test_the_globe_is_drawn_whole_with_degrees_of_equal_length(grid):
    ax = draw(*grid).ax_
    assert (ax.get_xlim(), ax.get_ylim()) == ((-180, 180), (-90, 90))
    assert ax.get_aspect() == 1
    assert labels(ax.yaxis) == ["90°S", "60°S", "30°S", "0°", "30°N", "60°N", "90°N"]


def test_a_region_is_as_wide_as_it_is_on_the_ground():
    ax = draw([59, 61, 60], [10, 14, 12], [1, 2, 3]).ax_
    assert ax.get_aspect() == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("lat", [0.0, 90.0, -90.0])
def test_one_place_is_drawn(lat):
    display = draw([lat], [180.0], [1.0])
    display.figure_.canvas.draw()
    low, high = display.ax_.get_ylim()
    assert low <= lat <= high
    assert high - low >= 0.9
    assert len(display.artists_[0].get_offsets()) == 1


def test_draws_on_axes_of_matplotlib_with_a_projection(grid):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(subplot_kw={"projection": "mollweide"})
    lat, lon, values = grid
    display = draw(lat, lon, values, significant=lat > 0, ax=ax)
    assert display.ax_ is ax
    edges = display.artists_[0].get_coordinates()
    np.testing.assert_allclose(np.abs(edges[..., 0]).max(), np.pi)
    display.figure_.canvas.draw()
    points = draw(lat[::7], lon[::7], values[::7], as_grid=False, ax=ax)
    assert np.abs(points.artists_[0].get_offsets()).max() <= np.pi


def test_projected_coordinates_are_drawn_as_they_are():
    X, y = make_table(60)
    X[["lat", "lon"]] = X[["lat", "lon"]] * 1000 + 5e6
    model = STCGRegressor(metric="euclidean", n_nodes=3, max_iter=1, random_state=0)
    display = EffectMapDisplay.from_estimator(model.fit(X, y), X, "heat")
    points = display.artists_[0].get_offsets()
    assert sorted(points[:, 0]) == sorted(X.lon)
    assert display.ax_.get_xlabel() == "Easting"
    with pytest.raises(ValueError, match="coastlines=False"):
        display.plot(coastlines=True)


def test_axes_have_the_names_of_the_coordinate_columns(fitted):
    X, y = make_table(60)
    X = X.rename(columns={"lat": "v", "lon": "u"})
    options = {"metric": "euclidean", "n_nodes": 3, "max_iter": 1, "random_state": 0}
    model = STCGRegressor(lat="v", lon="u", **options).fit(X, y)
    ax = EffectMapDisplay.from_estimator(model, X, "heat").ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")
    chosen = EffectMapDisplay.from_estimator(model, X, "heat", axis_labels=("E", "N"))
    assert chosen.ax_.get_xlabel() == "E"
    numbers = X[["v", "u", "heat"]].to_numpy()
    nameless = STCGRegressor(lat=0, lon=1, **options).fit(numbers, y)
    ax = EffectMapDisplay.from_estimator(nameless, numbers, 2).ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Easting", "Northing")
    assert EffectMapDisplay.from_estimator(*fitted, "heat").ax_.get_xlabel() == ""


@pytest.mark.parametrize("metric", ["haversine", "euclidean"])
def test_a_map_of_cells_ends_at_their_edges(metric):
    lat, lon = (part.ravel() for part in np.mgrid[40:50:2.0, 0:20:2.0])
    ax = draw(lat, lon, lat, metric=metric).ax_
    assert ax.get_xlim() == (-1, 19)
    assert ax.get_ylim() == (39, 49)


def test_axes_that_hold_no_map_are_refused():
    import matplotlib.pyplot as plt

    _, (ax, globe) = plt.subplots(1, 2, subplot_kw={"projection": "polar"})
    with pytest.raises(ValueError, match="'polar'"):
        draw([1], [2], [3], ax=ax)
    globe = plt.figure().add_subplot(projection="hammer")
    with pytest.raises(ValueError, match="plain axes"):
        MapFrame.of(globe, [0], "euclidean")


def test_the_bar_is_no_longer_than_the_map(grid):
    display = draw(*grid)
    display.figure_.canvas.draw()
    bar, ax = (part.get_window_extent() for part in (display.colorbar_.ax, display.ax_))
    assert ax.x0 <= bar.x0 < bar.x1 <= ax.x1
    assert bar.y1 < ax.y0
    names = display.ax_.xaxis.get_tightbbox()
    assert bar.y1 <= names.y0
    assert display.colorbar_.ax.get_tightbbox().y0 >= 0
    assert draw(*grid, colorbar=False).colorbar_ is None


# --- coastlines --------------------------------------------------------------


def test_coastlines_name_the_package_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cartopy", None)
    assert draw([1], [2], [3]).coastlines_ is None
    with pytest.raises(ImportError, match="pip install cartopy"):
        draw([1], [2], [3], coastlines=True)


# --- what is refused ---------------------------------------------------------


def test_unknown_features_are_answered_with_the_known_ones(fitted):
    with pytest.raises(ValueError, match="rain"):
        EffectMapDisplay.from_estimator(*fitted, "rainfall")
    with pytest.raises(ValueError, match="kind='contribution'"):
        EffectMapDisplay.from_estimator(*fitted, "cover")
    display = EffectMapDisplay.from_estimator(*fitted, "cover", kind="contribution")
    assert display.label == "Contribution of cover to the prediction"
    by_position = EffectMapDisplay.from_estimator(*fitted, 4)
    assert by_position.label.endswith("heat")


def test_a_model_without_numbers_has_no_slopes():
    X, y = make_table(60)
    X = X.drop(columns=["rain", "heat"])
    model = STCGRegressor(n_nodes=3, max_iter=1, random_state=0).fit(X, y)
    assert set(EffectMapDisplay.from_estimator(model, X).values) == {"cover"}
    with pytest.raises(ValueError, match="no numeric features"):
        EffectMapDisplay.from_estimator(model, X, "heat")


def test_a_model_without_places_is_told_what_is_missing():
    X, y = make_table(60)
    X = X.drop(columns=["lat", "lon"])
    model = STCGRegressor(max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"lat= and lon="):
        EffectMapDisplay.from_estimator(model, X, "heat")


def test_a_model_that_reads_no_place_still_has_a_map():
    X, y = make_table(60)
    model = STCGRegressor(condition="none", max_iter=1, random_state=0).fit(X, y)
    display = EffectMapDisplay.from_estimator(model, X, "heat")
    assert len(display.lat) == 60


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        (([1, 2], [1, 2], [1]), {}, "values 1"),
        (([], [], []), {}, "no rows"),
        (([1], [2], [np.nan]), {}, "all missing"),
        (([np.nan], [2], [1]), {}, "missing or infinite"),
        (([95], [2], [1]), {}, "metric='euclidean'"),
        (([1], [2], ["a"]), {}, "numbers"),
        (([1], [2], [1]), {"kind": "weight"}, "kind must be"),
        (([1], [2], [[1, 2]]), {"kind": "dominant"}, "DataFrame"),
        (([1], [2], [1]), {"insignificant": "grey"}, "insignificant"),
        (([1], [2], [1]), {"coastlines": "always"}, "coastlines"),
        (([1], [2], [1]), {"as_grid": "no"}, "as_grid"),
        (([1], [2], [1]), {"vmax": -1}, "vmax"),
        (([1], [2], [1]), {"vmin": 3, "vmax": 2}, "vmin must lie below vmax"),
        (([1], [2], [1]), {"vmin": 3}, "vmin must lie below vmax"),
        (([1], [2], [1]), {"vmin": 0, "quantile": 2}, "quantile"),
        (([1], [2], [1]), {"step": 0}, "step must be a positive"),
        (([1], [2], [1]), {"step": 2, "kind": "contribution"}, "for slopes"),
        (([1], [2], [1]), {"quantile": 0}, "quantile"),
        (([1], [2], [1]), {"metric": "manhattan"}, "metric"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(arguments, options, match):
    with pytest.raises(ValueError, match=match):
        draw(*arguments, **options)


def test_several_features_have_no_single_slope(fitted):
    with pytest.raises(ValueError, match="one feature"):
        EffectMapDisplay.from_estimator(*fitted, kind="slope")


def test_matplotlib_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"spatialheteroreg\[plot\]"):
        draw([1], [2], [3])
