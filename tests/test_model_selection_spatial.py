"""Splits by place keep what they promise, for every table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spatialheteroreg.model_selection import (
    BufferedKFold,
    LeaveRegionOut,
    SpatialBlockKFold,
)
from spatialheteroreg.model_selection.places import balanced_folds, sphere_cells
from spatialheteroreg.sphere import (
    EARTH_RADIUS_KM,
    great_circle_distance,
    wrap_longitude,
)

from .splitting import ON_ARRAY, clone_with, folds_of, globe, may_refuse

latitudes = st.one_of(st.sampled_from([-90.0, 90.0, 89.999, 0.0]), st.floats(-90, 90))
longitudes = st.one_of(
    st.sampled_from([-180.0, 180.0, 179.999, 0.0, 360.0]), st.floats(-180, 360)
)


@st.composite
def tables(draw, min_places=2, max_places=25):
    """Draw rows of two columns, latitude and longitude, some of them repeated."""
    places = draw(
        st.lists(
            st.tuples(latitudes, longitudes),
            min_size=min_places,
            max_size=max_places,
            unique=True,
        )
    )
    again = draw(st.lists(st.sampled_from(places), max_size=15))
    return np.array(places + again)


def place_of(X):
    """Number of the place of each row; a pole is one place."""
    lat, lon = np.round(X[:, 0], 9), wrap_longitude(X[:, 1])
    lon[np.abs(lat) == 90] = 0.0
    places = np.stack([lat, lon], axis=1)
    return np.unique(places, axis=0, return_inverse=True)[1].ravel()


def are_together(groups, fold):
    """Whether the rows of each group have one fold."""
    return len(set(zip(groups, fold, strict=True))) == len(set(groups))


SPATIAL = [
    SpatialBlockKFold(2, block_size=3000, **ON_ARRAY),
    SpatialBlockKFold(2, block_size=3000, shuffle=True, random_state=0, **ON_ARRAY),
    LeaveRegionOut(2, random_state=0, **ON_ARRAY),
    BufferedKFold(2, radius=0, **ON_ARRAY),
    BufferedKFold(2, radius=0, shuffle=True, random_state=0, **ON_ARRAY),
    BufferedKFold(2, radius=0, block_size=3000, **ON_ARRAY),
]


class TestEverySpatialSplitter:
    @settings(max_examples=200)
    @given(cv=st.sampled_from(SPATIAL), X=tables())
    def test_tests_every_row_once_and_keeps_places_together(self, cv, X):
        with may_refuse("fewer than n_|too close"):
            fold = folds_of(cv, X)
        assert set(fold) == set(range(cv.get_n_splits()))
        for train, test in cv.split(X):
            assert sorted([*train, *test]) == list(range(len(X)))
        assert are_together(place_of(X), fold)

    @settings(max_examples=200)
    @given(cv=st.sampled_from(SPATIAL), X=tables())
    def test_the_turn_of_the_longitude_does_not_matter(self, cv, X):
        X = np.round(X, 6)
        east = np.where(X[:, 1] < 0, X[:, 1] + 360, X[:, 1])
        west = np.where(X[:, 1] >= 180, X[:, 1] - 360, X[:, 1])
        one, other = (np.stack([X[:, 0], lon], axis=1) for lon in (east, west))
        with may_refuse("fewer than n_|too close"):
            fold = folds_of(cv, one)
        assert (fold == folds_of(cv, other)).all()

    @settings(max_examples=200)
    @given(cv=st.sampled_from(SPATIAL), X=tables(), seed=st.integers(0, 99))
    def test_the_order_of_the_rows_does_not_matter(self, cv, X, seed):
        order = np.random.RandomState(seed).permutation(len(X))
        with may_refuse("fewer than n_|too close"):
            fold = folds_of(cv, X)
        assert (fold[order] == folds_of(cv, X[order])).all()

    @pytest.mark.parametrize("cv", SPATIAL, ids=lambda cv: type(cv).__name__)
    def test_a_pole_is_one_place_up_to_rounding(self, cv):
        X = np.array([[90.0, 12.0], [90.0, 250.0], [90 - 1e-12, 100.0], [-70.0, 0.0]])
        assert are_together([0, 0, 0, 1], folds_of(cv, X))

    @pytest.mark.parametrize("cv", SPATIAL, ids=lambda cv: type(cv).__name__)
    def test_a_polars_frame_gives_the_same_folds(self, cv):
        polars = pytest.importorskip("polars")
        X = globe(60)
        frame = polars.DataFrame({"rain": X[:, 0], "lat": X[:, 0], "lon": X[:, 1]})
        by_name = clone_with(cv, lat="auto", lon="auto")
        assert (folds_of(by_name, frame) == folds_of(cv, X)).all()

    @pytest.mark.parametrize("cv", SPATIAL, ids=lambda cv: type(cv).__name__)
    def test_other_columns_and_dtypes_do_not_matter(self, cv):
        X = globe(60).round(2)
        fold = folds_of(cv, X)
        frame = pd.DataFrame(
            {"rain": "a", "Longitude": X[:, 1], "Latitude": X[:, 0]}
        ).astype({"Latitude": "Float64", "Longitude": object})
        by_name = clone_with(cv, lat="auto", lon="auto")
        assert (fold == folds_of(by_name, frame)).all()
        by_name = clone_with(cv, lat="Latitude", lon="Longitude")
        assert (fold == folds_of(by_name, frame)).all()
        assert (fold == folds_of(cv, X.tolist())).all()

    @pytest.mark.parametrize("cv", SPATIAL, ids=lambda cv: type(cv).__name__)
    def test_says_how_to_name_the_columns(self, cv):
        message = r"needs the place of each row.*Pass lat= and lon="
        with pytest.raises(ValueError, match=message):
            next(clone_with(cv, lat="auto", lon="auto").split(globe(20)))

    @pytest.mark.parametrize("cv", SPATIAL, ids=lambda cv: type(cv).__name__)
    @pytest.mark.parametrize(("there", "absent"), [("lat", "lon"), ("lon", "lat")])
    def test_one_coordinate_alone_is_no_place(self, cv, there, absent):
        frame = pd.DataFrame({"rain": 0.0, there: np.arange(20.0)})
        message = f"found {there}= alone, in column '{there}'. Pass {absent}= with its"
        with pytest.raises(ValueError, match=message):
            next(clone_with(cv, lat="auto", lon="auto").split(frame))

    @pytest.mark.parametrize("cv", SPATIAL, ids=lambda cv: type(cv).__name__)
    def test_refuses_what_is_no_degree(self, cv):
        with pytest.raises(ValueError, match="latitude must lie in"):
            next(cv.split([[91.0, 0.0], [0.0, 0.0]]))


class TestSpatialBlockKFold:
    @given(X=tables(), size=st.floats(300, 9000), shuffle=st.booleans())
    def test_keeps_blocks_together_and_folds_balanced(self, X, size, shuffle):
        cv = SpatialBlockKFold(
            3,
            block_size=size,
            shuffle=shuffle,
            random_state=0 if shuffle else None,
            **ON_ARRAY,
        )
        with may_refuse("fewer than n_|too close"):
            fold = folds_of(cv, X)
        lat = np.round(X[:, 0], 9)  # first: what rounds to a pole is the pole
        lon = np.where(np.abs(lat) == 90, 0.0, wrap_longitude(X[:, 1]))
        cells = sphere_cells(lat, lon, size)
        block = np.unique(cells, axis=0, return_inverse=True)[1].ravel()
        assert are_together(block, fold)
        rows = np.bincount(fold)
        assert rows.max() - rows.min() <= np.bincount(block).max()

    @given(
        st.lists(st.integers(1, 50), min_size=2, max_size=30),
        st.integers(2, 6),
        st.none() | st.integers(0, 99),
    )
    def test_folds_differ_by_no_more_than_the_largest_block(self, rows, n, seed):
        assume(len(rows) >= n)
        random = None if seed is None else np.random.RandomState(seed)
        fold = balanced_folds(np.array(rows), n, random)
        dealt = np.bincount(fold, weights=rows, minlength=n)
        assert dealt.min() > 0
        assert dealt.max() - dealt.min() <= max(rows)

    def test_even_rows_make_even_folds(self):
        lat, lon = np.meshgrid(np.arange(-60, 61, 2.0), np.arange(-180, 180, 2.0))
        X = np.stack([lat.ravel(), lon.ravel()], axis=1)
        for shuffle in (False, True):
            cv = SpatialBlockKFold(
                5,
                block_size=700,
                shuffle=shuffle,
                random_state=0 if shuffle else None,
                **ON_ARRAY,
            )
            rows = np.bincount(folds_of(cv, X))
            assert rows.max() <= 1.02 * rows.min()

    @given(
        st.floats(50, 3000),
        st.lists(st.tuples(latitudes, st.floats(-180, 179.9)), min_size=2, max_size=2),
    )
    def test_blocks_are_no_wider_than_squares(self, size, two):
        # Rows of one block are less than two sides apart, wherever it lies. The
        # second row is brought close to the first, so that they often share one.
        (lat, lon), (other_lat, other_lon) = two
        degrees = size / 111.2
        other_lat = np.clip(lat + (other_lat / 90) * degrees, -90, 90)
        width = degrees / max(np.cos(np.deg2rad(lat)), 0.01)
        other_lon = wrap_longitude(lon + other_lon / 180 * min(width, 180))
        cells = sphere_cells(
            np.array([lat, other_lat]), np.array([lon, other_lon]), size
        )
        if (cells[0] == cells[1]).all():
            assert great_circle_distance(lat, lon, other_lat, other_lon) < 2 * size

    @pytest.mark.parametrize("size", [500.0, 1000.0, 2500.0])
    def test_blocks_have_nearly_equal_areas(self, size):
        # Count points that lie evenly on the sphere.
        n = 400_000
        rank = np.arange(n) + 0.5
        lat = np.rad2deg(np.arcsin(1 - 2 * rank / n))
        lon = wrap_longitude(rank * 180.0 * (3 - np.sqrt(5)))
        cells = sphere_cells(lat, lon, size)
        _, points = np.unique(cells, axis=0, return_counts=True)
        area = points / n * 4 * np.pi * EARTH_RADIUS_KM**2
        assert area.min() > 0.8 * size**2
        assert area.max() < 1.25 * size**2

    def test_tiny_blocks_are_places(self):
        X = globe(50)
        cv = SpatialBlockKFold(50, block_size=1e-3, **ON_ARRAY)
        assert len(set(folds_of(cv, X))) == 50

    @pytest.mark.parametrize("size", [1e-7, 1e-4, 1e5, 1e300])
    def test_blocks_of_any_size_have_all_rows(self, size):
        X = globe(50)
        block = sphere_cells(*X.T, size)
        n_blocks = len(np.unique(block, axis=0))
        assert n_blocks == (50 if size < 1 else 1)

    def test_bare_coordinates_too_large_for_such_blocks(self):
        cv = SpatialBlockKFold(2, block_size=1e-320, metric="euclidean", **ON_ARRAY)
        with pytest.raises(ValueError, match="too small for coordinates up to 2"):
            next(cv.split([[1.0, 2.0], [0.0, 1.0]]))

    def test_both_sides_of_the_date_line_differ_as_any_two_blocks_do(self):
        # A block ends at the date line: these rows are 2 km and 4 blocks apart.
        X = np.array([[0.0, 179.99], [0.0, -179.99], [0.0, 170.0], [0.0, -170.0]])
        fold = folds_of(SpatialBlockKFold(2, block_size=2000, **ON_ARRAY), X)
        assert fold[0] == fold[2]
        assert fold[1] == fold[3]
        assert fold[0] != fold[1]

    def test_shuffles_by_its_random_state(self):
        X = globe()
        folds = [
            folds_of(
                SpatialBlockKFold(
                    block_size=1500, shuffle=True, random_state=seed, **ON_ARRAY
                ),
                X,
            )
            for seed in (0, 0, 1)
        ]
        assert (folds[0] == folds[1]).all()
        assert (folds[0] != folds[2]).any()

    def test_a_running_random_state_shuffles_anew(self):
        cv = SpatialBlockKFold(
            block_size=1500,
            shuffle=True,
            random_state=np.random.RandomState(0),
            **ON_ARRAY,
        )
        X = globe()
        assert (folds_of(cv, X) != folds_of(cv, X)).any()

    def test_too_few_blocks(self):
        cv = SpatialBlockKFold(5, block_size=12_000, **ON_ARRAY)
        message = r"in 4 blocks of 12000 km.*n_splits=5.*smaller block_size"
        with pytest.raises(ValueError, match=message):
            next(cv.split(globe()))

    def test_a_coordinate_reference_system_is_converted_to_degrees(self):
        pyproj = pytest.importorskip("pyproj")
        X = globe()
        X = X[np.abs(X[:, 0]) < 85]
        to_meters = pyproj.Transformer.from_crs(4326, 3395)
        projected = np.stack(to_meters.transform(*X.T)[::-1], axis=1)
        cv = SpatialBlockKFold(block_size=1500, **ON_ARRAY)
        there = clone_with(cv, crs="EPSG:3395")
        assert (folds_of(there, projected) == folds_of(cv, X)).all()

    def test_points_of_a_geodataframe(self):
        geopandas = pytest.importorskip("geopandas")
        X = globe()
        points = geopandas.points_from_xy(X[:, 1], X[:, 0], crs=4326)
        frame = geopandas.GeoDataFrame({"rain": X[:, 0]}, geometry=points)
        cv = SpatialBlockKFold(block_size=1500)
        assert (folds_of(cv, frame) == folds_of(clone_with(cv, **ON_ARRAY), X)).all()

    def test_projected_coordinates(self):
        X = np.array([[1e6, 4e5], [1.05e6, 4.05e5], [-1.0, 4e5], [-1.0, 4.9e5]])
        cv = SpatialBlockKFold(2, block_size=1e5, metric="euclidean", **ON_ARRAY)
        assert folds_of(cv, X).tolist() == [1, 1, 0, 0]


class TestLeaveRegionOut:
    def test_finds_clusters_across_the_date_line_and_the_pole(self):
        random = np.random.RandomState(0)
        around = [(0.0, 180.0), (88.0, 0.0), (-40.0, 20.0)]
        X, cluster = [], []
        for number, (lat, lon) in enumerate(around):
            X += zip(
                np.clip(lat + random.normal(0, 4, 30), -90, 90),
                wrap_longitude(
                    lon + random.uniform(-1, 1, 30) * (180 if lat > 80 else 5)
                ),
                strict=True,
            )
            cluster += [number] * 30
        cv = LeaveRegionOut(3, random_state=0, **ON_ARRAY)
        fold = folds_of(cv, np.array(X))
        assert are_together(cluster, fold)

    @given(X=tables(max_places=12), n=st.integers(2, 12), seed=st.integers(0, 99))
    def test_no_region_is_empty(self, X, n, seed):
        cv = LeaveRegionOut(n, random_state=seed, **ON_ARRAY)
        with may_refuse("fewer than n_|too close"):
            fold = folds_of(cv, X)
        assert len(set(fold)) == n

    def test_rows_do_not_pull(self):
        X = globe(80)
        fold = folds_of(LeaveRegionOut(4, random_state=0, **ON_ARRAY), X)
        again = np.concatenate([X, np.repeat(X[:3], 100, axis=0)])
        repeated = folds_of(LeaveRegionOut(4, random_state=0, **ON_ARRAY), again)
        assert (repeated[:80] == fold).all()

    def test_too_few_places(self):
        X = np.repeat(globe(3), 10, axis=0)
        message = "3 distinct places, fewer than n_regions=5"
        with pytest.raises(ValueError, match=message):
            next(LeaveRegionOut(5, **ON_ARRAY).split(X))

    def test_projected_coordinates(self):
        X = np.array([[1e6, 0.0], [1.1e6, 1e5], [-1e6, 0.0], [-1.2e6, 0.0]])
        cv = LeaveRegionOut(2, metric="euclidean", random_state=0, **ON_ARRAY)
        assert are_together([0, 0, 1, 1], folds_of(cv, X))


class TestBufferedKFold:
    @given(
        X=tables(),
        radius=st.floats(0, 6000),
        block_size=st.none() | st.floats(500, 5000),
    )
    def test_drops_the_rows_within_the_radius_and_no_others(
        self, X, radius, block_size
    ):
        cv = BufferedKFold(2, radius=radius, block_size=block_size, **ON_ARRAY)
        with may_refuse("fewer than n_splits|no rows to train"):
            splits = list(cv.split(X))
        tested = np.concatenate([test for _, test in splits])
        assert sorted(tested) == list(range(len(X)))
        for train, test in splits:
            dropped = np.setdiff1d(np.arange(len(X)), [*train, *test])
            # 1 cm for rounding.
            assert (nearest(X, train, test) > radius - 1e-5).all()
            assert (nearest(X, dropped, test) < radius + 1e-5).all()

    def test_reaches_across_the_date_line_and_the_pole(self):
        X = np.array([[0.0, 179.9], [0.0, -179.9], [89.9, 0.0], [89.9, 180.0]])
        splits = list(BufferedKFold(4, radius=30, **ON_ARRAY).split(X))
        assert {(tuple(train), *test) for train, test in splits} == {
            ((2, 3), 0),
            ((2, 3), 1),
            ((0, 1), 2),
            ((0, 1), 3),
        }

    def test_blocks_keep_more_than_places(self):
        X = globe()
        kept = [
            np.mean([len(train) for train, _ in cv.split(X)])
            for cv in (
                BufferedKFold(5, radius=1000, **ON_ARRAY),
                BufferedKFold(5, radius=1000, block_size=4000, **ON_ARRAY),
            )
        ]
        assert kept[1] > 1.5 * kept[0]

    def test_leaves_one_place_out(self):
        X = np.repeat(globe(12), 2, axis=0)
        splits = list(BufferedKFold(12, radius=1000, **ON_ARRAY).split(X))
        assert sorted(tuple(test) for _, test in splits) == [
            (2 * j, 2 * j + 1) for j in range(12)
        ]

    def test_nothing_left_to_train_on(self):
        message = r"split 1 of 5 leaves no rows.*smaller radius.*block_size"
        with pytest.raises(ValueError, match=message):
            list(BufferedKFold(5, radius=9000, **ON_ARRAY).split(globe()))

    def test_too_few_places(self):
        message = r"2 distinct places, fewer than n_splits=3.*smaller n_splits"
        with pytest.raises(ValueError, match=message):
            next(BufferedKFold(3, radius=1, **ON_ARRAY).split([[0, 0], [1, 1], [1, 1]]))

    def test_projected_coordinates(self):
        X = np.array([[0.0, 0.0], [300.0, 0.0], [700.0, 0.0]])
        cv = BufferedKFold(3, radius=300, metric="euclidean", **ON_ARRAY)
        assert [train.tolist() for train, _ in cv.split(X)] == [[2], [2], [0, 1]]


def nearest(X, rows, others):
    """Great-circle distance of each row to the nearest of the others."""
    lat, lon = X.T
    return great_circle_distance(
        lat[rows, None], lon[rows, None], lat[others], lon[others]
    ).min(axis=1, initial=np.inf)


times = st.lists(st.integers(0, 12), min_size=2, max_size=60)
