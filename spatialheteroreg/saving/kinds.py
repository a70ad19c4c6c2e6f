"""Kinds of plain values, as a table: what a saved model may hold."""

from __future__ import annotations

import datetime as dt
import pathlib
import zoneinfo
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from .values import NUMBERS, Kind, NotPlainError

INDEX_DTYPES = ("object", "str", "string", "bool", "int64", "float64")
"""Data types of an index that are kept."""


def _require(plain: bool) -> None:
    if not plain:
        raise NotPlainError


def _array_parts(array: NDArray[Any]) -> list[Any]:
    _require(array.dtype.kind in "OUmM")
    flat = array.ravel()
    if array.dtype.kind in "mM":
        flat = flat.view(np.int64)
    return [array.dtype.str, list(array.shape), flat.tolist()]


def _array(parts: list[Any]) -> NDArray[Any]:
    dtype, shape, items = np.dtype(parts[0]), parts[1], parts[2]
    if dtype.kind in "mM":
        return np.array(items, dtype=np.int64).view(dtype).reshape(shape)
    flat = np.empty(len(items), dtype)
    for k, item in enumerate(items):  # one by one: an item may be a list
        flat[k] = item
    return flat.reshape(shape)


def _moment_parts(moment: np.datetime64 | np.timedelta64) -> list[Any]:
    return [moment.dtype.str, int(moment.view(np.int64))]


def _moment(parts: list[Any]) -> Any:
    return np.array(parts[1], dtype=np.int64).view(parts[0])[()]


def _timestamp_parts(stamp: pd.Timestamp) -> list[Any]:
    # A zone of pytz has a name, by which pandas finds it again.
    return [*_moment_parts(stamp.asm8), getattr(stamp.tz, "zone", None) or stamp.tz]


def _timestamp(parts: list[Any]) -> pd.Timestamp:
    stamp = pd.Timestamp(_moment(parts[:2]))
    zone = parts[2]
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def _clock_parts(clock: dt.datetime | dt.time) -> list[Any]:
    # The ISO string knows neither the fold nor the name of the zone.
    return [clock.replace(tzinfo=None, fold=0).isoformat(), clock.fold, clock.tzinfo]


def _clock(kind: type[dt.datetime] | type[dt.time], parts: list[Any]) -> Any:
    return kind.fromisoformat(parts[0]).replace(fold=parts[1], tzinfo=parts[2])


def _zone_parts(zone: zoneinfo.ZoneInfo) -> str:
    _require(zone.key is not None)
    return zone.key


def _index_parts(index: pd.Index) -> list[Any]:
    dtype = str(index.dtype)
    _require(dtype in INDEX_DTYPES and pd.Index([], dtype=dtype).dtype == index.dtype)
    return [dtype, index.name, list(index)]


def _index(parts: list[Any]) -> pd.Index:
    dtype, name, items = parts
    if dtype not in INDEX_DTYPES:
        raise ValueError(f"{dtype!r} is no data type of an index")
    return pd.Index(items, dtype=dtype, name=name)


def _number(parts: list[Any]) -> Any:
    name, number = parts
    if name not in NUMBERS:
        raise ValueError(f"{name!r} is no data type of a number")
    return np.dtype(name).type(number)


def _random_parts(random: np.random.RandomState) -> dict[str, Any] | None:
    if random is check_random_state(None):
        return None  # NumPy's own generator, whatever its state will be
    state: Any = random.get_state(legacy=False)
    _require(state["bit_generator"] == "MT19937")
    return {
        "key": state["state"]["key"],
        "pos": int(state["state"]["pos"]),
        "has_gauss": int(state["has_gauss"]),
        "gauss": float(state["gauss"]),
    }


def _random(parts: dict[str, Any] | None) -> np.random.RandomState:
    if parts is None:
        return check_random_state(None)
    random = np.random.RandomState(0)
    legacy = (parts["key"], parts["pos"], parts["has_gauss"], parts["gauss"])
    random.set_state(("MT19937", *legacy))
    return random


KINDS = {
    # Only NaN and the infinities: JSON knows the others.
    "float": Kind((float,), repr, float),
    "tuple": Kind((tuple,), list, tuple),
    "dict": Kind((dict,), lambda d: [list(item) for item in d.items()], dict),
    "bytes": Kind((bytes,), bytes.hex, bytes.fromhex),
    "decimal": Kind((Decimal,), str, Decimal),
    "path": Kind((type(pathlib.Path()),), str, pathlib.Path),
    "date": Kind((dt.date,), dt.date.isoformat, dt.date.fromisoformat),
    "datetime": Kind((dt.datetime,), _clock_parts, partial(_clock, dt.datetime)),
    "clock": Kind((dt.time,), _clock_parts, partial(_clock, dt.time)),
    "duration": Kind(
        (dt.timedelta,),
        lambda d: [d.days, d.seconds, d.microseconds],
        lambda parts: dt.timedelta(*parts),
    ),
    "offset": Kind(
        (dt.timezone,),
        lambda zone: list(zone.__getinitargs__()),
        lambda parts: dt.timezone(*parts),
    ),
    "zone": Kind((zoneinfo.ZoneInfo,), _zone_parts, zoneinfo.ZoneInfo),
    "number": Kind(
        tuple(np.dtype(name).type for name in NUMBERS),
        lambda number: [number.dtype.name, number.item()],
        _number,
    ),
    "numpy_str": Kind((np.str_,), str, np.str_),
    "moment": Kind((np.datetime64, np.timedelta64), _moment_parts, _moment),
    "array": Kind((np.ndarray,), _array_parts, _array),
    "timestamp": Kind((pd.Timestamp,), _timestamp_parts, _timestamp),
    "timedelta": Kind(
        (pd.Timedelta,),
        lambda d: _moment_parts(d.asm8),
        lambda parts: pd.Timedelta(_moment(parts)),
    ),
    "period": Kind(
        (pd.Period,),
        lambda period: [period.ordinal, period.freqstr],
        lambda parts: pd.Period(ordinal=parts[0], freq=parts[1]),
    ),
    "interval": Kind(
        (pd.Interval,),
        lambda interval: [interval.left, interval.right, interval.closed],
        lambda parts: pd.Interval(*parts),
    ),
    "index": Kind((pd.Index,), _index_parts, _index),
    "random_state": Kind((np.random.RandomState,), _random_parts, _random, shared=True),
}
"""What is kept beside what JSON knows, by its name in the JSON."""
