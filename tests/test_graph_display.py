"""Maps of a graph: each edge once, and none across the map."""

import sys
from types import ModuleType, SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spatialheteroreg import STCGRegressor
from spatialheteroreg.graph import ConditionGraph
from spatialheteroreg.inspection.graph_display import ConditionGraphDisplay
from spatialheteroreg.inspection.map_frame import middle_longitude
from spatialheteroreg.inspection.map_lines import cut_lines, great_circles
from spatialheteroreg.sphere import great_circle_distance

from .conftest import make_table

mpl.use("Agg")

draw = ConditionGraphDisplay.from_predictions


@pytest.fixture(autouse=True)
def _close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    X, y = make_table(120)
    return STCGRegressor(n_nodes=9, max_iter=1, random_state=0).fit(X, y), X


@pytest.fixture(scope="module")
def globe():
    random = np.random.RandomState(0)
    sine = random.uniform(-1, 1, 300)
    graph = ConditionGraph(40, random_state=0)
    return graph.fit(np.degrees(np.arcsin(sine)), random.uniform(-180, 180, 300))


places = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


# --- lines -------------------------------------------------------------------


@settings(max_examples=200)
@example(one=(0.0, 179.0), two=(0.0, -180.0), center=0.0)
@example(one=(80.0, 10.0), two=(80.0, -170.0), center=0.0)  # over the pole
@example(one=(90.0, 0.0), two=(-90.0, 0.0), center=0.0)  # every way is as short
@example(one=(10.0, 20.0), two=(10.0, 20.0), center=0.0)
@given(one=places, two=places, center=st.floats(-180, 180))
def test_no_line_runs_across_the_map(one, two, center):
    lat, lon = np.array([one, two]).T
    (way,) = great_circles(lat, lon, [[0], [1]])
    ends = great_circle_distance(way[0][[0, -1]], way[1][[0, -1]], lat, lon)
    assert ends.max() < 0.1
    for piece in cut_lines([way], center):
        assert (np.abs(piece[:, 0] - center) <= 180 + 1e-9).all()
        assert (np.abs(piece[:, 1]) <= 90).all()
        assert (np.abs(np.diff(piece[:, 0])) <= 90).all()


@settings(max_examples=50)
@given(one=places, two=places)
def test_edges_take_the_shortest_way(one, two):
    lat, lon = np.array([one, two]).T
    (way,) = great_circles(lat, lon, [[0], [1]])
    steps = great_circle_distance(way[0][1:], way[1][1:], way[0][:-1], way[1][:-1])
    straight = great_circle_distance(*one, *two)
    assert steps.sum() == pytest.approx(straight, abs=0.5)


def test_a_line_across_the_date_line_goes_on_at_the_other_edge():
    pieces = cut_lines([(np.array([10.0, 20.0]), np.array([170.0, -160.0]))])
    first, second = (piece.tolist() for piece in pieces)
    assert first == [[170, 10], [180, pytest.approx(10 + 10 / 3)]]
    assert second == [[-180, pytest.approx(10 + 10 / 3)], [-160, 20]]


# --- graphs ------------------------------------------------------------------


def test_every_edge_of_the_globe_is_drawn_once(globe):
    display = ConditionGraphDisplay.from_graph(globe)
    assert display.edges.shape == (2, globe.n_edges)
    segments = display.edges_.get_segments()
    assert len(segments) >= globe.n_edges
    assert max(np.abs(np.diff(part[:, 0])).max() for part in segments) <= 90
    assert len(display.nodes_.get_offsets()) == globe.n_nodes
    assert display.colorbar_ is display.legend_ is None


def test_light_edges_are_fainter():
    display = draw([0, 0, 0], [0, 10, 20], [[0, 1], [1, 2]], weight=[1.0, 0.01])
    heavy, light = display.edges_.get_colors()[:, 3]
    assert heavy > light > 0.2


def test_both_directions_and_loops_make_one_edge():
    display = draw([0, 5], [0, 10], [[0, 1, 0], [1, 0, 0]], weight=[0.5, 0.5, 1])
    assert display.edges.tolist() == [[0], [1]]
    assert display.weight.tolist() == [0.5]


def test_rows_of_a_model_set_the_size_of_its_nodes(fitted):
    model, X = fitted
    display = ConditionGraphDisplay.from_estimator(model, X)
    assert display.rows.sum() == len(X)
    sizes = display.nodes_.get_sizes()
    assert (np.argsort(sizes) == np.argsort(display.rows, kind="stable")).all() or (
        sizes[display.rows.argmax()] == sizes.max()
    )
    assert display.legend_.get_title().get_text() == "Rows at the node:"
    plain = ConditionGraphDisplay.from_estimator(model)
    assert plain.rows is None


def test_values_of_rows_are_averaged_at_their_node(fitted):
    model, X = fitted
    node = model.graph_.attach(X.lat, X.lon).index[:, 0]
    display = ConditionGraphDisplay.from_estimator(
        model, X, values=X.heat, label="heat"
    )
    expected = X.heat.groupby(node).mean()
    np.testing.assert_allclose(display.nodes_.get_array(), expected)
    assert display.colorbar_.ax.get_xlabel() == "heat"
    nodes = ConditionGraphDisplay.from_estimator(model, values=np.arange(9.0))
    assert nodes.nodes_.get_array().tolist() == list(range(9))


@pytest.mark.parametrize("projection", ["mollweide", "hammer"])
def test_draws_on_projected_axes(globe, projection):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(subplot_kw={"projection": projection})
    display = ConditionGraphDisplay.from_graph(globe, ax=ax)
    display.figure_.canvas.draw()
    reach = max(np.abs(part[:, 0]).max() for part in display.edges_.get_segments())
    assert reach <= np.pi + 1e-9


def test_a_graph_across_the_date_line_is_drawn_in_one_piece():
    display = draw([-10, -12, -14], [178, -178, -175], [[0, 1], [1, 2]])
    assert len(display.edges_.get_segments()) == 2
    left, right = display.ax_.get_xlim()
    assert right - left < 15
    assert middle_longitude([178, -178]) in {180, -180}


def test_planar_graphs_have_straight_edges():
    display = draw([0, 5e5], [1e5, 9e5], [[0], [1]], metric="euclidean")
    assert display.edges_.get_segments()[0].tolist() == [[1e5, 0], [9e5, 5e5]]


@pytest.mark.parametrize("lat", [0.0, 90.0])
def test_one_node_is_drawn(lat):
    display = draw([lat], [0.0], np.empty((2, 0)), rows=[4])
    display.figure_.canvas.draw()
    assert len(display.nodes_.get_offsets()) == 1
    assert display.edges_.get_segments() == []


def test_coastlines_at_hand_are_drawn_and_cut(monkeypatch, tmp_path):
    path = tmp_path / "shapefiles/natural_earth/physical"
    path.mkdir(parents=True)
    (path / "ne_110m_coastline.shp").touch()
    coast = SimpleNamespace(coords=[(170.0, 0.0), (-170.0, 0.0), (-160.0, 5.0)])
    reader = SimpleNamespace(geometries=lambda: [coast])
    cartopy, files = ModuleType("cartopy"), ModuleType("cartopy.io.shapereader")
    cartopy.config = dict.fromkeys(
        ("pre_existing_data_dir", "data_dir", "repo_data_dir"), str(tmp_path)
    )
    files.Reader = lambda path: reader
    monkeypatch.setitem(sys.modules, "cartopy", cartopy)
    monkeypatch.setitem(sys.modules, "cartopy.io", ModuleType("cartopy.io"))
    monkeypatch.setitem(sys.modules, "cartopy.io.shapereader", files)
    display = draw([0, 50, -50], [-120, 0, 120], [[0], [1]])
    pieces = [part.tolist() for part in display.coastlines_.get_segments()]
    assert pieces == [[[170, 0], [180, 0]], [[-180, 0], [-170, 0], [-160, 5]]]
    assert draw([0, 1], [2, 3], [[0], [1]], coastlines=False).coastlines_ is None


def test_models_without_a_graph_or_a_place_are_told(table):
    X, y = table
    without = STCGRegressor(condition="none", max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="without a graph"):
        ConditionGraphDisplay.from_estimator(without)
    bare = X.drop(columns=["lat", "lon"])
    placeless = STCGRegressor(max_iter=1, random_state=0).fit(bare, y)
    with pytest.raises(ValueError, match="without coordinates"):
        ConditionGraphDisplay.from_estimator(placeless)


@pytest.mark.parametrize(
    ("edges", "options", "match"),
    [
        ([[0], [2]], {}, "2 nodes"),
        ([0, 1], {}, "shape"),
        ([[0], [1]], {"rows": [1]}, "rows 1"),
        ([[0], [1]], {"values": [1, 2, 3]}, "values 3"),
        ([[0, 0], [1, 1]], {"weight": [1]}, "weight"),
    ],
)
def test_what_is_no_graph_is_refused_in_words(edges, options, match):
    with pytest.raises(ValueError, match=match):
        draw([0, 1], [0, 1], edges, **options)
