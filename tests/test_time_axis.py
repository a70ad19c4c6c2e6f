"""Steps, positions between them, encodings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialheteroreg.time_axis import TimeAxis


@pytest.fixture
def cycle() -> TimeAxis:
    return TimeAxis(1.0, kind="cycle").fit(np.linspace(2000, 2010, 50))


@pytest.fixture
def sequence() -> TimeAxis:
    return TimeAxis(1.0, kind="sequence").fit(2000 + np.arange(48) / 12)


@given(st.floats(1900, 2100))
def test_the_cycle_repeats_and_is_joined_at_its_end(time):
    axis = TimeAxis(1.0, kind="cycle").fit([1900.0, 2005.0])
    place, later = axis.locate([time]), axis.locate([time + 1])
    assert 0 <= place.lower[0] < 12
    assert place.upper[0] == (place.lower[0] + 1) % 12
    position, shifted = (p.lower[0] + p.fraction[0] for p in (place, later))
    distance = abs(position - shifted) % 12
    assert min(distance, 12 - distance) < 1e-6


def test_a_sequence_has_a_step_for_every_month(sequence):
    assert sequence.n_steps_ == 48
    place = sequence.locate([2000.0, 2000 + 1 / 24, 2000 + 47 / 12])
    np.testing.assert_allclose(
        place.lower + place.fraction, [0.0, 0.5, 47.0], atol=1e-6
    )


def test_times_after_training_roll_on(sequence):
    place = sequence.locate([2005.0])
    assert place.lower[0] + place.fraction[0] == pytest.approx(60.0)
    with pytest.warns(
        UserWarning, match="1 rows lie more than one training span after"
    ):
        assert sequence.locate([2050.0]).upper[0] == sequence.n_steps_max - 1


def test_times_before_training_clamp_with_a_warning(sequence):
    with pytest.warns(UserWarning, match="2 rows lie well before the first"):
        place = sequence.locate([1990.0, 1999.0, 2000.0])
    assert place.lower.tolist() == [0, 0, 0]


def test_a_cycle_warns_of_earlier_times_and_keeps_their_season(cycle):
    with pytest.warns(UserWarning, match="1 rows lie well before"):
        place = cycle.locate([1950.5])
    assert place.lower.tolist() == [6]


def test_one_training_time_teaches_no_trend_and_says_so():
    axis = TimeAxis().fit([5.0, 5.0])
    assert axis.encode([4.0, 5.0, 9.0]).ravel().tolist() == [0.0, 0.0, 0.0]
    with pytest.warns(UserWarning, match="more than one training span after"):
        axis.locate([9.0])


def test_the_number_of_steps_does_not_choose_their_kind():
    months = np.repeat(2000 + np.arange(240) / 12, 10)
    for n_steps in ("auto", 12):
        assert TimeAxis(1.0, n_steps=n_steps).fit(months).kind_ == "cycle"


def test_interpolation_is_continuous(sequence):
    times = np.linspace(2000, 2004, 5001)
    place = sequence.locate(times)
    position = place.lower + place.fraction
    assert np.abs(np.diff(position)).max() < 0.02


def test_auto_lays_a_sequence_only_where_rows_are_plenty():
    months = 2000 + np.arange(72) / 12
    assert TimeAxis(1.0).fit(np.repeat(months, 500)).kind_ == "sequence"
    assert TimeAxis(1.0).fit(np.repeat(months, 10)).kind_ == "cycle"
    assert TimeAxis(1.0).fit(np.repeat(months, 500), n_places=900).kind_ == "sequence"
    assert TimeAxis(1.0).fit(np.repeat(months, 500), n_places=1100).kind_ == "cycle"


def test_without_a_period_steps_run_along_the_span():
    axis = TimeAxis().fit(np.arange(1000.0))
    assert axis.kind_ == "sequence"
    assert axis.n_encoded == 1
    assert axis.encode([0.0, 499.5, 999.0]).ravel().tolist() == [-1.0, 0.0, 1.0]


def test_one_time_makes_one_step():
    axis = TimeAxis(1.0).fit(np.full(10, 2003.4))
    assert axis.n_steps_ == 1
    assert axis.locate([2003.4]).fraction[0] == 0.0


def test_the_encoding_holds_its_trend_beyond_training_and_keeps_the_season(cycle):
    encoded = cycle.encode([2010.0, 2020.0, 2020.5])
    assert encoded[:, 0].tolist() == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(encoded[0, 1:], encoded[1, 1:], atol=1e-9)
    assert np.abs(encoded[1, 1:] - encoded[2, 1:]).max() > 1


def test_step_times_have_the_encoding_of_their_place(cycle, sequence):
    for axis in (cycle, sequence):
        times = axis.step_times(axis.n_steps_)
        place = axis.locate(times)
        np.testing.assert_allclose(
            (place.lower + place.fraction) % axis.n_steps_,
            np.arange(axis.n_steps_),
            atol=1e-6,
        )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kind": "cycles"}, "kind='cycles' must be 'auto', 'cycle' or 'sequence'"),
        ({"kind": "cycle"}, "kind='cycle' needs a period"),
        ({"period": -1.0}, "period == -1.0, must be > 0"),
        ({"period": np.nan}, "period == nan, must be finite"),
        ({"n_steps": 0}, "n_steps == 0, must be >= 1"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        TimeAxis(**parameters)
