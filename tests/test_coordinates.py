"""Reading places and times, and saying what cannot be read."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialheteroreg.columns import Table
from spatialheteroreg.coordinates import read_place, read_time

from .conftest import make_table, roles_of


class TestPlace:
    def read(self, **columns):
        X = pd.DataFrame({"lat": [1.0, 2.0, 3.0], "lon": [4.0, 5.0, 6.0], **columns})
        return read_place(Table(X), roles_of(X))

    def test_reads_both(self):
        lat, lon = self.read()
        assert (lat.tolist(), lon.tolist()) == ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])

    @pytest.mark.parametrize(
        ("columns", "message"),
        [
            (
                {"lat": [0, 95, 96]},
                r"'lat': latitude must lie in \[-90, 90\].*rows 1, 2 hold 95, 96",
            ),
            (
                {"lon": [0, 0, 361]},
                r"'lon': longitude must lie in \[-180, 360\].*row 2 hold 361",
            ),
            (
                {"lat": [0, np.nan, 1]},
                "'lat': latitude is missing or infinite in row 1",
            ),
            (
                {"lon": [np.inf, 0, 1]},
                "'lon': longitude is missing or infinite in row 0",
            ),
            ({"lat": ["a", "b", "c"]}, "'lat': latitude must be numeric.*'a'"),
        ],
    )
    def test_says_what_is_wrong_and_where(self, columns, message):
        with pytest.raises(ValueError, match=message):
            self.read(**columns)

    def test_suspects_swapped_coordinates(self):
        with pytest.raises(ValueError, match="swapped"):
            self.read(lat=[170.0, 171.0, 172.0])


class TestTime:
    def read(self, values):
        return read_time(pd.Series(values), "'when'")

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_every_unit_of_datetime64(self, unit):
        dates = np.array(["2004-07-02", "2005-01-01"], dtype=f"datetime64[{unit}]")
        np.testing.assert_allclose(self.read(dates), [2004.5, 2005.0])

    def test_kinds_of_dates_agree(self):
        text = ["2003-07-02T12:00:00", "2011-02-03T00:00:00"]
        dates = pd.to_datetime(pd.Series(text))
        expected = self.read(dates)
        zoned = dates.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
        objects = pd.Series([d.to_pydatetime() for d in dates], dtype=object)
        for same in (text, zoned, objects):
            np.testing.assert_array_equal(self.read(same), expected)

    def test_periods_count_from_their_start(self):
        months = pd.Series(pd.period_range("2003-01", periods=2, freq="M"))
        np.testing.assert_allclose(self.read(months), [2003.0, 2003 + 31 / 365])
        as_objects = self.read(months.astype(object))
        np.testing.assert_array_equal(as_objects, self.read(months))

    def test_python_dates(self):
        objects = pd.Series([dt.date(2003, 1, 1)], dtype=object)
        assert self.read(objects).tolist() == [2003.0]

    def test_years_far_from_now(self):
        dates = np.array(["0900-01-01", "2900-01-01"], dtype="datetime64[s]")
        assert self.read(dates).tolist() == [900.0, 2900.0]

    @pytest.mark.parametrize("numbers", [[1, 2], [0.5, 1.5]])
    def test_numbers_stay(self, numbers):
        assert self.read(numbers).tolist() == numbers

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                ["2003-01-01", "soon", "later"],
                r"'when': time cannot be read in rows 1, 2.*'soon'",
            ),
            (
                pd.to_datetime(["2003-01-01", None]),
                "time is missing or infinite in row 1",
            ),
            ([1.0, np.nan], "time is missing or infinite in row 1"),
            ([1.0, np.inf], "time is missing or infinite in row 1"),
        ],
    )
    def test_says_what_cannot_be_read(self, values, message):
        with pytest.raises(ValueError, match=message):
            self.read(values)

    @given(st.datetimes(dt.datetime(1600, 1, 1), dt.datetime(2400, 1, 1)))
    def test_fractional_years_keep_the_order_and_the_year(self, date):
        later = date + dt.timedelta(hours=1)
        one, other = self.read(pd.Series([date, later]))
        assert int(one) == date.year
        assert one < other


def test_rows_are_listed_by_position_not_by_index():
    X = make_table()[0].set_index(pd.Index(range(1000, 1120)))
    X.loc[1007, "lat"] = 99.0
    with pytest.raises(ValueError, match="row 7 hold 99"):
        read_place(Table(X), roles_of(X))
