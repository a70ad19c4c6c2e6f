"""Unit vectors, distances, neighbors and k-means on the sphere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import haversine_distances
from sklearn.neighbors import BallTree

from spatialheteroreg.sphere import (
    EARTH_RADIUS_KM,
    SphericalKMeans,
    chord_to_km,
    great_circle_distance,
    nearest_neighbors,
    to_lat_lon,
    unit_vectors,
    wrap_longitude,
)

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 360)


@pytest.fixture
def places() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    lat = np.rad2deg(np.arcsin(random.uniform(-1, 1, 500)))
    return lat, random.uniform(-180, 180, 500)


@given(latitudes, longitudes)
def test_unit_vectors_have_length_one_and_come_back(lat, lon):
    vector = unit_vectors([lat], [lon])
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-12)
    back_lat, back_lon = to_lat_lon(vector)
    assert back_lat[0] == pytest.approx(lat, abs=1e-6)
    if abs(lat) < 89.9:
        turn = (back_lon[0] - lon + 180) % 360 - 180
        assert turn == pytest.approx(0.0, abs=1e-5)


@given(longitudes)
def test_wrapping_forgets_the_turn_bit_for_bit(lon):
    lon = round(lon, 6)
    once = wrap_longitude([lon])
    assert once == wrap_longitude([lon + 360]) == wrap_longitude([lon - 360])
    assert -180 <= once[0] < 180


def test_the_pole_is_one_place_whatever_its_longitude():
    vectors = unit_vectors(np.full(5, 90.0), np.linspace(0, 300, 5))
    assert np.unique(vectors, axis=0).shape == (1, 3)


def test_distance_agrees_with_haversine(places):
    lat, lon = places
    ours = great_circle_distance(lat[:100], lon[:100], lat[100:200], lon[100:200])
    rad = np.deg2rad(np.stack(places, axis=1))
    theirs = np.diag(haversine_distances(rad[:100], rad[100:200])) * EARTH_RADIUS_KM
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distance_is_symmetric_and_bounded(lat1, lon1, lat2, lon2):
    there = great_circle_distance(lat1, lon1, lat2, lon2)
    assert there == pytest.approx(great_circle_distance(lat2, lon2, lat1, lon1))
    assert 0 <= there <= np.pi * EARTH_RADIUS_KM + 1e-6


def test_distance_to_the_antipode_and_over_a_millimeter():
    assert great_circle_distance(10, 20, -10, -160) == pytest.approx(
        np.pi * EARTH_RADIUS_KM
    )
    step = 1e-8  # degrees, about a millimeter
    expected = EARTH_RADIUS_KM * np.deg2rad(step)
    assert great_circle_distance(45, 0, 45 + step, 0) == pytest.approx(
        expected, rel=1e-6
    )


def test_chord_matches_arc():
    a, b = unit_vectors([0, 0], [0, 60])
    expected = great_circle_distance(0, 0, 0, 60)
    assert chord_to_km(np.linalg.norm(a - b)) == pytest.approx(expected)


def test_neighbors_agree_with_a_ball_tree(places):
    lat, lon = places
    vectors = unit_vectors(lat, lon)
    distance, index = nearest_neighbors(vectors[:50], vectors, 5)
    rad = np.deg2rad(np.stack([lat, lon], axis=1))
    expected_distance, expected = BallTree(rad, metric="haversine").query(rad[:50], k=5)
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(distance, expected_distance * EARTH_RADIUS_KM, atol=1e-4)


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        ([0.0, 0.0, 0.0], [179.9, -179.9, 170.0]),
        ([89.9, 89.9, 80.0], [0.0, 180.0, 0.0]),
    ],
    ids=["date line", "pole"],
)
def test_neighbors_cross_the_date_line_and_the_pole(lat, lon):
    vectors = unit_vectors(lat, lon)
    _, index = nearest_neighbors(vectors[:1], vectors, 2)
    assert index.tolist() == [[0, 1]]


class TestSphericalKMeans:
    def test_centers_are_unit_vectors_and_rows_go_to_the_nearest(self, places):
        vectors = unit_vectors(*places)
        kmeans = SphericalKMeans(20, random_state=0).fit(vectors)
        np.testing.assert_allclose(
            np.linalg.norm(kmeans.cluster_centers_, axis=1), 1.0, atol=1e-12
        )
        cosine = vectors @ kmeans.cluster_centers_.T
        np.testing.assert_array_equal(kmeans.labels_, cosine.argmax(axis=1))

    def test_finds_clusters_over_the_date_line_and_the_poles(self):
        random = np.random.RandomState(0)
        lat = np.concatenate([random.normal(c, 1, 30) for c in (0, 88, -88)])
        lon = np.concatenate([random.normal(180, 1, 30), random.uniform(0, 360, 60)])
        lat = np.clip(lat, -90, 90)
        kmeans = SphericalKMeans(3, random_state=0).fit(unit_vectors(lat, lon))
        assert [len(set(kmeans.labels_[i : i + 30])) for i in (0, 30, 60)] == [1, 1, 1]
        assert len(set(kmeans.labels_)) == 3

    def test_weights_pull_centers(self):
        vectors = unit_vectors([0.0, 0.0], [0.0, 10.0])
        heavy = SphericalKMeans(1, random_state=0).fit(vectors, sample_weight=[1, 99])
        _, lon = to_lat_lon(heavy.cluster_centers_)
        assert lon[0] == pytest.approx(9.9, abs=0.01)

    def test_is_at_least_as_good_as_a_random_choice_of_centers(self, places):
        vectors = unit_vectors(*places)
        kmeans = SphericalKMeans(10, random_state=0).fit(vectors)
        fitted = (vectors @ kmeans.cluster_centers_.T).max(axis=1).mean()
        random = np.random.RandomState(1)
        for _ in range(20):
            chosen = vectors[random.choice(len(vectors), 10, replace=False)]
            assert fitted > (vectors @ chosen.T).max(axis=1).mean()

    def test_refuses_more_clusters_than_places(self):
        vectors = unit_vectors([0.0, 0.0, 1.0], [0.0, 0.0, 1.0])
        with pytest.raises(ValueError, match="distinct points, 2"):
            SphericalKMeans(3).fit(vectors)


def test_latitudes_beyond_the_poles_are_refused():
    with pytest.raises(ValueError, match=r"\[-90, 90\] degrees, and holds 95"):
        great_circle_distance(95.0, 0.0, 85.0, 0.0)
    with pytest.raises(ValueError, match="holds -91"):
        unit_vectors([0.0, -91.0, 120.0], [0.0, 1.0, 2.0])
