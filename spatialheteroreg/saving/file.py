"""The file of a saved model: tensors, JSON, a checksum; written at once or not.

It is a safetensors file. The JSON is the one entry of its metadata, and holds the
format version and the SHA-256 of the whole file, taken with zeros in its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from .values import Tensors

ENTRY = "spatialheteroreg"
"""Name of the JSON in the metadata."""

FORMAT_VERSION = 4
"""Grows by one with each change of what a file holds."""

MAX_HEADER = 100_000_000
"""Bytes of JSON that safetensors reads."""

_BLANK = b"0" * 64
# As it stands within the metadata, which are a string within JSON. It is written
# before any name or value of the model, so its first occurrence is the one.
_MARK = rb"\"sha256\": \""


def pack(document: dict[str, Any], tensors: Tensors) -> bytes:
    """Make the content of a file.

    Parameters
    ----------
    document : dict
        What JSON knows.
    tensors : dict of str to ndarray
        Arrays of numbers.

    Returns
    -------
    bytes
        The content; the same for the same arguments.

    Raises
    ------
    ValueError
        If the JSON is longer than safetensors reads.
    """
    head = {"format_version": FORMAT_VERSION, "sha256": _BLANK.decode()}
    text = json.dumps({**head, "model": document}, allow_nan=False)
    # safetensors reads memory as it lies, so it has to lie in C order.
    arrays = {name: np.array(array, order="C") for name, array in tensors.items()}
    data = save(arrays, {ENTRY: text})
    if int.from_bytes(data[:8], "little") > MAX_HEADER:
        raise ValueError(
            "The model has too many categories for a file of save_model. Leave out "
            "categorical columns that name single rows, or use joblib.dump."
        )
    start = data.index(_MARK) + len(_MARK)
    digest = _digest(data, start).encode()
    return data[:start] + digest + data[start + len(digest) :]


def unpack(data: bytes, path: str | os.PathLike[str]) -> tuple[dict[str, Any], Tensors]:
    """Read the content of a file, and see that it is whole.

    Parameters
    ----------
    data : bytes
        The content.
    path : path-like
        Where it comes from; for messages.

    Returns
    -------
    document : dict
        As it was packed.
    tensors : dict of str to ndarray
        The arrays; they cannot be written to.

    Raises
    ------
    ValueError
        If the content is none of ours, of another format version, or altered.
    """
    head = _read_head(data)
    if head is None:
        raise ValueError(
            f"{os.fspath(path)!r} is not a file that save_model wrote, or its end is "
            "missing. Models saved with pickle or joblib are loaded with these."
        )
    version, document = head["format_version"], head["model"]
    if version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        raise ValueError(
            f"{os.fspath(path)!r} has format version {version!r}, "
            f"{'newer than' if newer else 'which is not'} the version "
            f"{FORMAT_VERSION} that is read here. It was written by "
            f"{written_by(document)}: load it with that version."
        )
    start = data.index(_MARK) + len(_MARK)
    whole = data[start : start + len(_BLANK)] == _digest(data, start).encode()
    try:
        tensors = load(data) if whole else {}
    except (SafetensorError, KeyError, ValueError):
        whole = False
    if not whole:
        raise ValueError(
            f"{os.fspath(path)!r} is damaged: it is not as save_model wrote it. Copy "
            "it again from where it came, or save the model again."
        )
    return document, tensors


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that at any time it is the old or the new one.

    Parameters
    ----------
    path : path-like
        The file. A link is followed.
    data : bytes
        Its content.

    Raises
    ------
    OSError
        If it cannot be written; the old file is then as it was.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.tmp")
    try:
        # "x" makes the file with the usual rights, and only if it is not there.
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def written_by(document: dict[str, Any]) -> str:
    """Name the versions that wrote a file.

    Parameters
    ----------
    document : dict
        With "versions" by the names of the packages.

    Returns
    -------
    str
        Names and versions.

    Examples
    --------
    >>> written_by({"versions": {"spatialheteroreg": "0.1.0", "torch": "2.13.0"}})
    'spatialheteroreg 0.1.0, torch 2.13.0'
    """
    versions = document.get("versions")
    if not isinstance(versions, dict):
        return "an unknown version"
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _read_head(data: bytes) -> dict[str, Any] | None:
    """Find the JSON; None where there is none of ours."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= min(MAX_HEADER, len(data) - 8):
        return None
    try:
        head = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][ENTRY])
        ours = isinstance(head["model"], dict) and "format_version" in head
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return head if ours and _MARK in data else None


def _digest(data: bytes, start: int) -> str:
    """SHA-256 of the content, its own place taken as zeros."""
    content = memoryview(data)
    digest = hashlib.sha256(content[:start])
    digest.update(_BLANK)
    digest.update(content[start + len(_BLANK) :])
    return digest.hexdigest()
