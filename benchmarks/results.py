"""A file of results: one row for each measurement, with where it was made."""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

KEY = ["task", "split", "model", "seed", "settings"]
"""What a row measures; another row with the same is a repetition."""
TEXTS = ["settings", "details", "note"]
PACKAGES = ["spatialheteroreg", "torch", "scikit-learn", "lightgbm", "numpy", "pandas"]

Key = tuple[Any, ...]


def environment(cores: int | None = None) -> dict[str, Any]:
    """Say where and with what a row was measured."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit(),
        "python": platform.python_version(),
        **{name: package_version(name) for name in PACKAGES},
        "cores": cores or joblib.cpu_count(),
        "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def read_results(path: Path | None) -> pd.DataFrame:
    """Rows of a file of results; none where there is no file yet."""
    if path is None or not path.exists():
        return pd.DataFrame(columns=[*KEY, "note"])
    table = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
    return table.fillna(dict.fromkeys(TEXTS, ""))


def read_groups(
    path: Path | None, key: list[str], texts: list[str]
) -> dict[Key, pd.DataFrame]:
    """Rows of a file where several belong to one fit, by what was fitted."""
    if path is None or not path.exists():
        return {}
    table = pd.read_csv(path, dtype=dict.fromkeys(texts, str))
    table = table.fillna(dict.fromkeys(texts, ""))
    return dict(iter(table.groupby(key, sort=False)))


def append_rows(path: Path | None, rows: pd.DataFrame) -> None:
    """Add the rows of a fit at once, so that a run that is stopped loses nothing."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    if not is_new:
        _check_columns(path, list(rows))
    rows.to_csv(path, mode="a", header=is_new, index=False)


def by_key(rows: pd.DataFrame) -> dict[Key, dict[str, Any]]:
    """Rows by what they measure."""
    return {key_of(row): row for row in rows.to_dict("records")}


def key_of(row: dict[str, Any]) -> Key:
    """Say what a row measures."""
    return tuple(row[name] for name in KEY)


def write_result(path: Path | None, row: dict[str, Any]) -> None:
    """Put a row into a file at once, so that a run that is stopped loses nothing.

    It takes the place of a row that measures the same.
    """
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = pd.DataFrame([row])
    if not path.exists():
        new.to_csv(path, index=False)
        return
    _check_columns(path, list(row))
    # As text, so that the other rows stay as they are to the last digit.
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    is_same = (table[KEY] == [str(part) for part in key_of(row)]).all(axis=1)
    if not is_same.any():
        new.to_csv(path, mode="a", header=False, index=False)
        return
    scratch = path.with_name(path.name + ".part")
    table[~is_same].to_csv(scratch, index=False)
    new.to_csv(scratch, mode="a", header=False, index=False)
    os.replace(scratch, path)


def _check_columns(path: Path, columns: list[str]) -> None:
    if list(pd.read_csv(path, nrows=0)) != columns:
        raise ValueError(
            f"{path} has other columns than this version writes. Name a new file."
        )


def parse_setting(text: str) -> tuple[str, Any]:
    """Read ``name=value``; a value that is no Python literal is a string."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value.")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Let a command be told parameters of STCGRegressor."""
    parser.add_argument(
        "--set",
        action="append",
        type=parse_setting,
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of STCGRegressor; may be repeated",
    )


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Stop what takes longer, where the system has an alarm."""
    if seconds is None or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"stopped after {seconds:g} s.")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def first_line(error: Exception) -> str:
    """Say what went wrong in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


@cache
def package_version(package: str) -> str:
    """Version of a package, or nothing where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def commit() -> str:
    """Short hash of the checkout, marked when files differ; empty outside of git."""
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()
