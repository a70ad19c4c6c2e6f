"""Any table: a clear error, or a model that keeps its promises.

`PROPERTY_PROFILE=nightly` tries thousands of tables instead of 200.
"""

import os
import re
import warnings
from dataclasses import dataclass
from functools import partial

import geopandas as gpd
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from sklearn.base import clone

from spatialheteroreg import STCGRegressor
from spatialheteroreg.features import mean_and_deviation

from .test_docs import messages_of_libraries, messages_of_page, squeeze

QUICK = {
    "random_state": 0,
    "max_iter": 1,
    "n_nodes": 8,
    "d_token": 4,
    "d_condition": 8,
    "d_hidden": 8,
}

COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("quick", max_examples=200, derandomize=True, **COMMON)
settings.register_profile("nightly", max_examples=2000, print_blob=True, **COMMON)
PROFILE = settings.get_profile(os.environ.get("PROPERTY_PROFILE", "quick"))

# --- columns: the name of what they hold, and how they are made ----------------


def gaps(random, values, share=0.3):
    return np.where(random.uniform(size=len(values)) < share, np.nan, values)


NUMBERS = {
    "normal": lambda r, n: r.normal(size=n),
    "gaps": lambda r, n: gaps(r, r.normal(size=n)),
    "constant": lambda r, n: np.full(n, 3.7),
    "nearly constant": lambda r, n: 1e6 + 1e-10 * r.normal(size=n),
    "all missing": lambda r, n: np.full(n, np.nan),
    "two values": lambda r, n: r.choice([-1.0, 5.0], n),
    "huge": lambda r, n: 1e308 * r.uniform(-1, 1, n),
    "tiny": lambda r, n: 1e-308 * r.normal(size=n),
    "denormal": lambda r, n: 5e-324 * r.randint(0, 5, n),
    "all magnitudes": lambda r, n: 10.0 ** r.uniform(-300, 300, n),
    "one outlier": lambda r, n: np.where(np.arange(n) == 0, 1e200, r.normal(size=n)),
    "integers": lambda r, n: r.randint(-5, 5, n),
    "large integers": lambda r, n: r.randint(-(2**62), 2**62, n),
    "float32": lambda r, n: r.normal(size=n).astype(np.float32),
    "nullable": lambda r, n: pd.array(gaps(r, r.randint(0, 9, n)), dtype="Int64"),
    "objects": lambda r, n: [None if v > 1 else float(v) for v in r.normal(size=n)],
}
CATEGORIES = {
    "strings": lambda r, n: r.choice(["a", "b", "c"], n).astype(object),
    "missing strings": lambda r, n: [[None, "a", "b"][k] for k in r.randint(0, 3, n)],
    "digits": lambda r, n: r.choice(["1", "2", "10"], n).astype(object),
    "bools": lambda r, n: r.uniform(size=n) > 0.5,
    "categorical": lambda r, n: pd.Categorical(r.choice(["a", "z"], n)),
    "ordered numbers": lambda r, n: pd.Categorical(r.randint(0, 4, n), ordered=True),
    "one for each row": lambda r, n: [f"id {k}" for k in range(n)],
    "anything": lambda r, n: [[1, "a", None, True, 2.5][k] for k in r.randint(0, 5, n)],
    "nothing": lambda r, n: [None] * n,
}
BAD_FEATURES = {
    "infinite": lambda r, n: np.where(np.arange(n) == n // 2, np.inf, 1.0),
    "dates": lambda r, n: pd.date_range("2003", periods=n),
    "durations": lambda r, n: pd.to_timedelta(np.arange(n), unit="h"),
    "complex": lambda r, n: r.normal(size=n) + 1j,
}
PLACES = {
    "anywhere": lambda r, n: (r.uniform(-90, 90, n), r.uniform(-180, 180, n)),
    "in whole degrees": lambda r, n: (r.randint(-90, 91, n), r.randint(0, 361, n)),
    "at the poles": lambda r, n: (r.choice([-90.0, 90.0], n), r.uniform(-180, 180, n)),
    "near a pole": lambda r, n: (90 - 1e-9 * r.uniform(size=n), r.uniform(0, 360, n)),
    "at the date line": lambda r, n: (
        r.uniform(-5, 5, n),
        r.choice([-180.0, -179.9, 179.9, 180.0, 180.1], n),
    ),
    "in one place": lambda r, n: (np.full(n, 12.5), np.full(n, -7.25)),
    "in two places": lambda r, n: (r.choice([0.0, 1e-12], n), np.zeros(n)),
    "at antipodes": lambda r, n: (np.zeros(n), r.choice([0.0, 180.0], n)),
    "close together": lambda r, n: (1e-7 * r.normal(size=n), 1e-7 * r.normal(size=n)),
}
BAD_PLACES = {  # the first two are good ones for metric="euclidean"
    "in meters": lambda r, n: (r.uniform(0, 1e6, n), r.uniform(0, 1e6, n)),
    "huge": lambda r, n: (1e200 * r.normal(size=n), 1e200 * r.normal(size=n)),
    "off the globe": lambda r, n: (r.uniform(80, 100, n), r.uniform(0, 9, n)),
    "partly missing": lambda r, n: (gaps(r, r.uniform(0, 9, n)), r.uniform(0, 9, n)),
}
DATES = {
    "days": lambda r, n: np.datetime64("2001-01-01", "D") + r.randint(0, 2000, n),
    "months": lambda r, n: np.datetime64("1999-01", "M") + r.randint(0, 90, n),
    "one day": lambda r, n: np.full(n, np.datetime64("2004-02-29", "D")),
    "zoned": lambda r, n: pd.date_range("2003", periods=n, tz="Asia/Tokyo"),
    "periods": lambda r, n: pd.period_range("1950-01", periods=n, freq="Q"),
    "text": lambda r, n: pd.date_range("1800", periods=n).strftime("%Y-%m-%d"),
}
BAD_DATES = {
    "no text": lambda r, n: ["yesterday"] * n,
    "with gaps": lambda r, n: [pd.Timestamp("2003"), *[pd.NaT] * (n - 1)],
    "durations": lambda r, n: pd.to_timedelta(np.arange(n), unit="h"),
}
INSTANTS = {
    "years": lambda r, n: r.randint(1990, 2020, n),
    "hours": lambda r, n: r.uniform(0, 1000, n),
    "one": lambda r, n: np.full(n, 17.0),
    "huge": lambda r, n: 1e99 * r.uniform(-1, 1, n),
    "tiny": lambda r, n: 1e-308 * r.uniform(size=n),
    "far from zero": lambda r, n: 1e15 + r.randint(0, 9, n),
}
BAD_INSTANTS = {
    "missing": lambda r, n: gaps(r, r.uniform(size=n)),
    "infinite": lambda r, n: np.full(n, -np.inf),
    "too large": lambda r, n: np.full(n, 1e308),
}
TARGETS = {
    "normal": lambda r, n: r.normal(size=n),
    "counts": lambda r, n: r.poisson(2, n),
    "huge": lambda r, n: 1e300 * r.normal(size=n),
    "tiny": lambda r, n: 1e-300 * r.normal(size=n),
    "far from zero": lambda r, n: 1e9 + r.normal(size=n),
    "one outlier": lambda r, n: np.where(np.arange(n) == 0, 1e12, r.normal(size=n)),
}
BAD_TARGETS = {
    "constant": lambda r, n: np.ones(n),
    "missing": lambda r, n: np.where(np.arange(n) == 0, np.nan, r.normal(size=n)),
}

# --- tables --------------------------------------------------------------------


@dataclass
class Case:
    """What is fitted, and what is predicted."""

    X: object
    y: np.ndarray
    weight: np.ndarray | None
    new: object
    parameters: dict


@st.composite
def cases(draw):
    n = draw(st.integers(1, 300), label="rows")
    m = draw(st.integers(1, 60), label="new rows")
    random = np.random.RandomState(draw(st.integers(0, 2**31 - 1), label="seed"))
    # One flaw at a time, or errors would hide what lies behind them.
    flaw = draw(st.sampled_from([*[""] * 8, "lat", "time", "feature", "y", "lone"]))
    new_flaw = draw(st.sampled_from([*[""] * 8, "lat", "time", "feature"]))
    columns, new = {}, {}

    def add(names, good, bad, what):
        kinds, other = (bad if what == f else good for f in (flaw, new_flaw))
        kind = draw(st.sampled_from(sorted(kinds)), label=f"{names}")
        new_kind = draw(st.sampled_from(sorted(other)), label=f"new {names}")
        for part, values in (
            (columns, kinds[kind](random, n)),
            (new, other[new_kind](random, m)),
        ):
            part |= dict(
                zip(names, values if len(names) > 1 else [values], strict=True)
            )

    if draw(st.sampled_from([True, True, False]), label="place"):
        add(("lat", "lon"), PLACES, BAD_PLACES, "lat")
    time = draw(st.sampled_from([(DATES, BAD_DATES), (INSTANTS, BAD_INSTANTS), None]))
    if time is not None:
        add(("time",), *time, "time")
    for k in range(draw(st.integers(0, 12), label="features")):
        family = draw(st.sampled_from([NUMBERS, NUMBERS, CATEGORIES]))
        add((f"x{k}",), family, BAD_FEATURES, "feature")
    if flaw == "lone":
        columns.pop("lon", None), new.pop("lon", None)
    targets = BAD_TARGETS if flaw == "y" else TARGETS
    target = draw(st.sampled_from(sorted(targets)), label="target")
    y = targets[target](random, n)
    if draw(st.sampled_from([False, False, False, True]), label="repeat rows"):
        rows = random.randint(0, draw(st.integers(1, n), label="different rows"), n)
        columns = {name: taken(values, rows) for name, values in columns.items()}
        y = y[rows] if draw(st.booleans(), label="repeat targets") else y
    weighted = draw(st.sampled_from([False, False, True]), label="weighted")
    make, parameters = draw(st.sampled_from(sorted(MAKERS))), draw(PARAMETERS)
    return Case(
        MAKERS[make](columns, n),
        y,
        random.choice([0.0, 0.5, 2.0, 1e300], n) if weighted else None,
        MAKERS[make](new, m),
        {**parameters, **positions(columns, make)},
    )


PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "condition": st.sampled_from(["graph", "none"]),
        "head": st.sampled_from(["additive", "dual"]),
        "time_axis": st.sampled_from(["auto", "sequence", "cycle"]),
        "period": st.sampled_from([1.0, 24.0, 1e-3]),
        "early_stopping": st.sampled_from(["rows", "rows", "rows", "places"]),
        "metric": st.just("euclidean"),
        "attention": st.just("softmax"),
        "lstm_layers": st.just(0),
        "gcn_layers": st.just(0),
        "n_neighbors": st.just(1),
    },
)


def taken(values, rows):
    """Take rows of a column, and leave the kind of its values as it is."""
    if isinstance(values, list):
        return [values[row] for row in rows]
    return values[rows]


def as_frame(columns, n):
    return pd.DataFrame({name: pd.Series(v) for name, v in columns.items()})


def as_array(columns, n):
    kinds = [np.asarray(values).dtype.kind for values in columns.values()]
    dtype = float if set(kinds) <= set("fi") else object
    array = np.empty((n, len(columns)), dtype=dtype)
    for j, values in enumerate(columns.values()):
        array[:, j] = values if dtype is float else np.asarray(values, dtype=object)
    return array


def as_polars(columns, n):
    frame = {}
    for name, values in columns.items():
        values = pd.Series(values)
        if isinstance(values.dtype, pd.PeriodDtype):
            values = values.dt.to_timestamp()
        categories = getattr(values.dtype, "categories", None)
        if categories is not None and categories.dtype.kind != "O":
            # polars 1.12 takes no categories but strings.
            values = pd.Series(np.asarray(values))
        if values.dtype == object:
            plain = [None if pd.isna(v) else str(v) for v in values]
            frame[name] = pl.Series(plain, dtype=pl.String)
        elif values.dtype.kind == "c":
            frame[name] = pl.Series([[v.real, v.imag] for v in values])
        else:
            frame[name] = pl.from_pandas(values)
    return pl.DataFrame(frame)


def as_geo(columns, n, crs=None, to=None):
    frame = as_frame(columns, n)
    if not {"lat", "lon"} <= columns.keys():
        return frame
    points = gpd.points_from_xy(frame.pop("lon"), frame.pop("lat"))
    frame = gpd.GeoDataFrame(frame, geometry=points, crs=crs)
    return frame if to is None else frame.to_crs(to)


MAKERS = {
    "array": as_array,
    "frame": as_frame,
    "geo": as_geo,
    "geo in degrees": partial(as_geo, crs=4326),
    "geo projected": partial(as_geo, crs=4326, to=3857),
    "polars": as_polars,
}


def positions(columns, make):
    names = list(columns)
    if make != "array":
        return {}
    roles = ("lat", "lon", "time")
    return {role: names.index(role) if role in names else None for role in roles}


def rows_of(X, rows):
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


# --- the promises --------------------------------------------------------------

EXPECTED_WARNINGS = (
    "No coordinates found",
    "The condition graph fell into",
    ".* rows lie",
)


def pattern(message):
    return ".*".join(map(re.escape, message.split("…")))


OWN = [re.compile(pattern(message)) for message in messages_of_page()]
OTHERS = [re.compile(pattern(message)) for message in messages_of_libraries()]


def is_clear(error):
    """Tell whether the page of errors has the message, and what to do."""
    said = squeeze(str(error))
    if isinstance(error, TypeError) and "must be a string or a number" not in said:
        return False
    return any(one.fullmatch(said) for one in OWN) or any(
        one.match(said) for one in OTHERS
    )


def attempt(action, *arguments):
    """Return the result, or None after an error that is clear."""
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message, UserWarning)
        try:
            return action(*arguments)
        except (ValueError, TypeError) as error:
            note(f"refused: {error}")
            if not is_clear(error):
                raise
            return None


@PROFILE
@given(cases(), st.booleans())
def test_a_clear_error_or_a_model_that_keeps_its_promises(case, refit):
    note(f"parameters: {case.parameters}")
    model = STCGRegressor(**{**QUICK, **case.parameters})
    if attempt(model.fit, case.X, case.y, case.weight) is None:
        event("refused in fit")
        return
    _, scale = mean_and_deviation(
        case.y if case.weight is None else case.y[case.weight > 0]
    )
    if attempt(model.predict, case.new) is None:
        event("refused in predict")
        check_promises(model, case.X, scale)
    else:
        event("predicted")
        check_promises(model, case.new, scale)
    if refit:
        again = clone(model)
        attempt(again.fit, case.X, case.y, case.weight)
        predictions = [attempt(fitted.predict, case.X) for fitted in (again, model)]
        assert predictions[0] is not None
        np.testing.assert_array_equal(*predictions)


def check_promises(model, X, scale):
    n = len(X)
    prediction = attempt(model.predict, X)
    assert prediction.shape == (n,)
    assert np.isfinite(prediction).all()
    order = np.random.RandomState(0).permutation(n)
    same = {"rtol": 0.0, "atol": 1e-9 * scale}
    shuffled = attempt(model.predict, rows_of(X, order))
    np.testing.assert_allclose(shuffled, prediction[order], **same)
    half = max(1, n // 2)
    for part in (slice(half), slice(n - 1, n)):
        alone = attempt(model.predict, rows_of(X, part))
        np.testing.assert_allclose(alone, prediction[part], **same)

    explanation = attempt(model.explain, X)
    assert explanation.values.shape == (n, model.n_features_in_)
    assert np.isfinite(explanation.values).all()
    if model.head == "additive":
        # Divided first: huge targets have squares and sums that overflow.
        total = (explanation.values / scale).sum(axis=1)
        total += explanation.base_values / scale
        exact = prediction / scale
        assert (np.abs(total - exact) <= 1e-5 * (1 + np.abs(exact))).all()
    shares = attempt(model.feature_weights, X)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares >= 0).all()
    assert model.feature_importances_.sum() == pytest.approx(1.0)
    slopes = attempt(model.local_effects, X).to_numpy()
    numeric = list(model._inputs.roles.numeric)
    assert (np.isnan(slopes) == np.isnan(explanation.data[:, numeric])).all()
