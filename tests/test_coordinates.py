"""Reading places and times, and saying what cannot be read."""

import datetime as dt
import sys

import numpy as np
import pandas as pd
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spatialheteroreg.columns import Table
from spatialheteroreg.coordinates import read_place, read_time

from .conftest import make_table, roles_of


class Julian:
    """Stands for a date of cftime, which is not needed for the test."""

    __module__ = "cftime._cftime"


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

    @pytest.mark.parametrize(("there", "absent"), [("lat", "lon"), ("lon", "lat")])
    def test_one_of_the_two_alone_is_refused(self, there, absent):
        X = pd.DataFrame({there: [1.0, 2.0]})
        with pytest.raises(
            ValueError,
            match=f"{there}= is column '{there}', {absent}= is missing.*{there}=None",
        ):
            read_place(Table(X), roles_of(X))

    def test_bare_coordinates_have_a_largest_size(self):
        X = pd.DataFrame({"lat": [0.0, 1e101], "lon": 0.0})
        with pytest.raises(ValueError, match=r"'lat': northing is beyond 1e[+]100 in"):
            read_place(Table(X), roles_of(X), geographic=False)

    def test_suspects_swapped_coordinates(self):
        with pytest.raises(ValueError, match="swapped"):
            self.read(lat=[170.0, 171.0, 172.0])


class TestReferenceSystems:
    """Easting and northing in a stated system become degrees."""

    X = pd.DataFrame({"lat": [3210000.0, 3300000.0], "lon": [4321000.0, 4400000.0]})

    def read(self, X, crs, **parameters):
        return read_place(Table(X), roles_of(X), crs=crs, **parameters)

    @pytest.mark.parametrize("crs", [3035, "EPSG:3035", pyproj.CRS(3035)], ids=str)
    def test_are_taken_as_pyproj_takes_them(self, crs):
        lat, lon = self.read(self.X, crs)
        # The origin of the system lies at 52 N 10 E, false easting and northing.
        assert (lat[0], lon[0]) == (pytest.approx(52.0), pytest.approx(10.0))
        assert lat[1] > lat[0]
        assert lon[1] > lon[0]

    @pytest.mark.parametrize("crs", [4326, "EPSG:4258", "OGC:CRS84"])
    def test_degrees_stay_degrees_latitude_first(self, crs):
        lat, lon = self.read(pd.DataFrame({"lat": [47.0], "lon": [370.0 - 360]}), crs)
        assert (lat[0], lon[0]) == (pytest.approx(47.0), pytest.approx(10.0))

    @given(
        st.floats(-89, 89), st.floats(-180, 179.9), st.sampled_from([3857, 8857, 3395])
    )
    def test_there_and_back(self, lat, lon, crs):
        to = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
        east, north = to.transform(lon, lat)
        read = self.read(pd.DataFrame({"lat": [north], "lon": [east]}), crs)
        np.testing.assert_allclose(read, [[lat], [lon]], atol=1e-6)

    @pytest.mark.parametrize(
        ("crs", "X", "message"),
        [
            ("moon", X, "crs='moon' is no coordinate reference system"),
            ({"proj": "nowhere"}, X, "no coordinate reference system that pyproj kno"),
            ("EPSG:5703", X, "no northing and easting"),  # heights
            ("EPSG:4978", X, "no northing and easting"),  # from the Earth's centre
            ("EPSG:3035", X * 1e9, "'lat': no place of the .* in rows 0, 1"),
            ("EPSG:4326", X, r"latitude must lie.*another coordinate reference system"),
            ("EPSG:3035", X.assign(lon=np.nan), "longitude is missing or infinite in"),
        ],
    )
    def test_says_what_is_wrong(self, crs, X, message):
        with pytest.raises(ValueError, match=message):
            self.read(X, crs)

    def test_bare_coordinates_have_none(self):
        with pytest.raises(ValueError, match=r"crs= is for degrees.*Drop one"):
            self.read(self.X, 3035, geographic=False)

    def test_pyproj_missing_is_told_with_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyproj", None)
        with pytest.raises(ImportError, match=r'pip install "spatialheteroreg\[geo\]"'):
            self.read(self.X, 3035)


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
            ([0.0, -1e101], "time is beyond 1e[+]100 in row 1"),
            (["today", "2003"], "cannot be read in row 0, for example 'today'"),
            (["02/07/2003"], r"ISO 8601 strings.*pd\.to_datetime\(column, format="),
            (["2003-01-01", 5], "cannot be read in row 1, for example 5"),
            ([True, False], "cannot be read in rows 0, 1, for example"),
            (pd.to_timedelta([1, 2], unit="D"), "holds durations.*no points in time"),
            ([dt.time(1)], "holds times of day"),
            (
                np.array([10**15], dtype="datetime64[s]"),
                "more than 290,000 years from the year 0 in row 0",
            ),
            ([Julian()], "cftime dates have no counterpart here; pass fractional"),
        ],
    )
    def test_says_what_cannot_be_read(self, values, message):
        with pytest.raises(ValueError, match=message):
            self.read(values)

    @pytest.mark.parametrize(
        "text",
        [
            *("2003.5", "2003.10", "2003/5", "2003.5.1", "2003-5-1", "2003 07 02"),
            *("2003-7", "200307", "2003-183", "2003-07 12:00", "2003T12", "1e3"),
            *("2003-13-01", "2003-02-30", "2003-07-02T25:00", "+2003-07-02"),
            *("2003-07-02 12:00 UTC", "03-07-02", "July 2003", "nan", ""),
        ],
    )
    def test_strings_of_other_forms_are_never_guessed(self, text):
        with pytest.raises(ValueError, match="'when': time cannot be read in row 1"):
            self.read(["2003-07-02", text])

    def test_numbers_in_strings_are_told_to_become_numbers(self):
        with pytest.raises(ValueError, match=r"'2003\.5'\. Pass.*astype\(float\)"):
            self.read(["2003.5", "2003.10"])

    @pytest.mark.parametrize(
        ("text", "date"),
        [
            ("2003", dt.datetime(2003, 1, 1)),
            ("2003-07", dt.datetime(2003, 7, 1)),
            ("2003-07-02", dt.datetime(2003, 7, 2)),
            ("20030702", dt.datetime(2003, 7, 2)),
            (" 2003-07-02 12", dt.datetime(2003, 7, 2, 12)),
            ("2003-07-02T12:30", dt.datetime(2003, 7, 2, 12, 30)),
            ("20030702T123015", dt.datetime(2003, 7, 2, 12, 30, 15)),
            ("2003-07-02T12:30:15,25", dt.datetime(2003, 7, 2, 12, 30, 15, 250_000)),
            ("2003-07-02 12:30:15.250Z", dt.datetime(2003, 7, 2, 12, 30, 15, 250_000)),
            ("20030702T1230+02:00", dt.datetime(2003, 7, 2, 10, 30)),
            ("2003-07-02T12:30-0230", dt.datetime(2003, 7, 2, 15, 0)),
            ("2003-07-02T12+02", dt.datetime(2003, 7, 2, 10)),
            ("2001-W01-3", dt.datetime(2001, 1, 3)),
        ],
    )
    def test_forms_of_iso_8601(self, text, date):
        assert self.read([text]).tolist() == self.read([date]).tolist()

    @given(st.datetimes(), st.sampled_from(["T", " "]))
    def test_what_datetime_writes_is_read(self, date, between):
        assert self.read([date.isoformat(between)]) == self.read([date])

    def test_dates_of_any_age(self):
        texts = ["0900-01-01", "2900-01-01T00:00+00:00", "1000-01-01"]
        objects = [dt.date(900, 1, 1), dt.datetime(2900, 1, 1, tzinfo=dt.UTC)]
        assert self.read(texts).tolist() == [900.0, 2900.0, 1000.0]
        assert self.read(pd.Series(objects, dtype=object)).tolist() == [900.0, 2900.0]

    def test_weeks_of_iso_8601(self):
        assert self.read(["2001-W01", "2001-01-01"]).tolist() == [2001.0, 2001.0]

    def test_categories_of_dates_are_dates(self):
        text = pd.Categorical(["2003-01-01", "2004-01-01"], ordered=True)
        assert self.read(text).tolist() == [2003.0, 2004.0]
        assert self.read(pd.Categorical(pd.to_datetime(text))).tolist() == [2003, 2004]
        assert self.read(pd.Categorical([5, 7])).tolist() == [5.0, 7.0]

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
