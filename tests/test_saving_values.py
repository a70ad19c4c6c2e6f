"""Plain values come back bit for bit; others are refused."""

import datetime as dt
import json
import zoneinfo
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spatialheteroreg.saving.kinds import KINDS
from spatialheteroreg.saving.values import NUMBERS, Reader, UnstorableError, Writer


def there_and_back(value):
    writer = Writer(KINDS)
    text = json.dumps(writer.write(value, ("value",)), allow_nan=False)
    return Reader(KINDS, writer.tensors).read(json.loads(text), ("value",))


def assert_same(one, other):
    """The same type, and the same value to the last bit."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        if one.dtype == object:
            assert_same(one.ravel().tolist(), other.ravel().tolist())
        else:
            assert one.tobytes() == other.tobytes()
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    elif isinstance(one, dict):
        assert_same(list(one.items()), list(other.items()))
    elif isinstance(one, (float, np.floating)):
        assert np.float64(one).tobytes() == np.float64(other).tobytes()
    else:
        assert one == other


ZONES = [None, dt.UTC, dt.timezone(dt.timedelta(hours=-3, minutes=-30))]
ZONES += [zoneinfo.ZoneInfo("UTC")]
DATES = st.datetimes(
    dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1), timezones=st.sampled_from(ZONES)
)
ATOMS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.text(), st.binary()),
    st.floats(allow_nan=False),
    st.just(float("nan")),
    st.decimals(allow_nan=False),
    *(DATES, st.dates(), st.times(timezones=st.sampled_from(ZONES)), st.timedeltas()),
    DATES.map(pd.Timestamp),
    st.timedeltas(dt.timedelta(-9000), dt.timedelta(9000)).map(pd.Timedelta),
    st.sampled_from(NUMBERS).flatmap(
        lambda name: hnp.from_dtype(np.dtype(name), allow_nan=False)
    ),
    hnp.from_dtype(np.dtype("M8[ms]"), allow_nan=False),
    hnp.from_dtype(np.dtype("m8[D]"), allow_nan=False),
    hnp.arrays(st.sampled_from(NUMBERS), hnp.array_shapes(min_dims=0, min_side=0)),
    hnp.arrays("M8[us]", 3),
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_every_plain_value_comes_back_bit_for_bit(value):
    assert_same(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        float("inf"),
        -0.0,
        "\ud800 lone surrogate",
        np.str_("lat"),
        Decimal("1.50"),
        Path("a", "b"),
        pd.Period("2003-05", freq="M"),
        pd.Interval(0, 1.5, closed="left"),
        pd.Interval(pd.Timestamp("2001"), pd.Timestamp("2002")),
        pd.Timestamp("2003-07-26 02:30", tz="Europe/Berlin"),
        pd.Timestamp("9999-01-01").as_unit("s"),
        # An hour that a clock shows twice.
        pd.Timestamp("2003-10-26T00:30Z").tz_convert("Europe/Berlin"),
        pd.Timestamp("2003-10-26T01:30Z").tz_convert("Europe/Berlin"),
        pd.Timestamp("2003-10-26T01:30Z").tz_convert(zoneinfo.ZoneInfo("Asia/Tokyo")),
        dt.datetime(2003, 10, 26, 2, 30, tzinfo=dt.UTC, fold=1),
        np.array(["lat", 3, None, (1, 2)], dtype=object),
        np.array([["a", "bc"]]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::2],
        np.array(1.5),
    ],
    ids=repr,
)
def test_unusual_values_come_back(value):
    back = there_and_back(value)
    assert_same(back, value)
    assert getattr(back, "fold", 0) == getattr(value, "fold", 0)
    assert getattr(back, "unit", None) == getattr(value, "unit", None)
    assert getattr(back, "tz", None) == getattr(value, "tz", None)


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["crop", "forest"], dtype=object),
        pd.Index(["lat", "lon"]),
        pd.Index([1, True, "x", pd.Timestamp("2003")], dtype=object, name="kind"),
        pd.Index([1.5, np.inf]),
        pd.Index([], dtype=object),
    ],
    ids=repr,
)
def test_an_index_comes_back(index):
    back = there_and_back(index)
    assert back.dtype == index.dtype
    assert back.name == index.name
    assert_same(list(back), list(index))


class TestRandomState:
    def test_goes_on_as_the_original(self):
        random = np.random.RandomState(5)
        random.normal(size=7)  # an odd number leaves one in store
        back = there_and_back(random)
        assert back is not random
        np.testing.assert_array_equal(back.normal(size=700), random.normal(size=700))

    def test_numpys_own_stays_numpys_own(self):
        random = np.random.mtrand._rand
        assert there_and_back(random) is random

    def test_one_in_two_places_stays_one(self):
        random = np.random.RandomState(0)
        one, other, third = there_and_back(
            [random, (random,), np.random.RandomState(0)]
        )
        assert one is other[0]
        assert third is not one


def test_arrays_that_come_back_can_be_written_to():
    array = there_and_back(np.zeros(2))
    array[0] = 1.0
    assert array[0] == 1.0


class Plot(str):
    __slots__ = ()


class OtherZone(dt.tzinfo):
    pass


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        len,
        1j,
        Plot("a"),
        OrderedDict(),
        np.zeros(2, dtype=complex),
        np.zeros(2, dtype="i4,f8"),
        np.ma.masked_array([1.0]),
        np.random.default_rng(0),
        np.random.RandomState(np.random.PCG64(0)),
        pd.CategoricalIndex(["a"]),
        pd.NaT,
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_with_their_place(value):
    with pytest.raises(UnstorableError) as refusal:
        Writer(KINDS).write({"a": [1, value]}, ("here",))
    assert refusal.value.value is value
    assert refusal.value.path == ("here", 0, 1, 1)


def test_a_zone_of_another_library_is_refused():
    date = dt.datetime(2003, 1, 1, tzinfo=OtherZone())
    with pytest.raises(UnstorableError) as refusal:
        Writer(KINDS).write(date, ("here",))
    assert refusal.value.path == ("here", 2)


@pytest.mark.parametrize(
    "written",
    [
        {"function": "os.system"},
        {"number": ["object", 1]},
        {"number": ["O", 1]},
        {"moment": ["O", 1]},
        {"index": ["category", None, ["a"]]},
        {"tensor": "absent"},
        {"same": "absent"},
        {"tuple": [1], "list": [2]},
        {},
    ],
    ids=str,
)
def test_what_was_never_written_is_not_read(written):
    with pytest.raises((KeyError, ValueError, TypeError)):
        Reader(KINDS, {}).read(written, ("value",))
