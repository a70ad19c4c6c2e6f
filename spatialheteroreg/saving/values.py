"""Plain values as JSON and arrays, and back, bit for bit.

What JSON knows stays as it is: None, bools, integers, finite floats, strings,
lists. Every other value becomes an object with one entry, whose name tells the
kind: `{"tuple": [3, 4]}`. Arrays of numbers lie beside the JSON under the name of
the place where they stand. Reading builds values of the kinds in a table: it imports
nothing by name and runs no code from the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = dict[str, Any]
Tensors = dict[str, NDArray[Any]]
Path = tuple[str | int, ...]

NUMBERS = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"),
    *("uint64", "float16", "float32", "float64"),
)
"""Data types of the numbers of NumPy that are kept."""


class UnstorableError(TypeError):
    """A value that is not plain.

    Parameters
    ----------
    path : tuple of str or int
        Where it stands: names, and positions within what has no names.
    value : object
        The value.
    """

    def __init__(self, path: Path, value: Any) -> None:
        super().__init__(path, value)
        self.path = path
        self.value = value


class NotPlainError(Exception):
    """What `Kind.parts` raises for a value that it cannot take apart fully."""


@dataclass(frozen=True)
class Kind:
    """How values of some types are taken apart and put together.

    Attributes
    ----------
    types : tuple of type
        Exactly these; not their subclasses.
    parts : callable
        Makes of a value a list or dict of values, or one thing that JSON knows.
    whole : callable
        The reverse.
    shared : bool
        Whether a value that stands in two places is one and the same in both.
    """

    types: tuple[type, ...]
    parts: Callable[[Any], Any]
    whole: Callable[[Any], Any]
    shared: bool = False


class Writer:
    """Turn values into JSON and arrays.

    Parameters
    ----------
    kinds : mapping of str to Kind
        What is kept, by its name in the JSON.

    Attributes
    ----------
    tensors : dict of str to ndarray
        Arrays of all values written.
    """

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.tensors: Tensors = {}
        self._kinds = {
            t: (name, kind) for name, kind in kinds.items() for t in kind.types
        }
        # The values are kept: another must not get the identity of one that is gone.
        self._shared: dict[int, tuple[str, Any]] = {}

    def write(self, value: Any, path: Path) -> Any:
        """Write one value.

        Parameters
        ----------
        value : object
            The value.
        path : tuple of str or int
            Where it stands.

        Returns
        -------
        object
            What JSON knows.

        Raises
        ------
        UnstorableError
            If the value, or one within it, is of another kind.

        Examples
        --------
        >>> writer = Writer({"tuple": Kind((tuple,), list, tuple)})
        >>> writer.write((1, None, np.zeros(2)), ("sizes",))
        {'tuple': [1, None, {'tensor': 'sizes.2'}]}
        >>> writer.tensors["sizes.2"]
        array([0., 0.])
        """
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float and math.isfinite(value):
            return value
        if type(value) is list:
            return self._write_parts(value, path)
        if type(value) is np.ndarray and value.dtype.name in NUMBERS:
            name = _join(path)
            self.tensors[name] = value
            return {"tensor": name}
        name, kind = self._kinds.get(type(value), ("", None))
        if kind is None:
            raise UnstorableError(path, value)
        if id(value) in self._shared:
            return {"same": self._shared[id(value)][0]}
        try:
            parts = kind.parts(value)
        except NotPlainError:
            raise UnstorableError(path, value) from None
        if kind.shared:
            self._shared[id(value)] = (_join(path), value)
        return {name: self._write_parts(parts, path)}

    def write_fields(self, values: dict[str, Any], name: str) -> dict[str, Any]:
        """Write values by name, as a JSON object.

        Parameters
        ----------
        values : dict of str to object
            The values.
        name : str
            Where they stand.

        Returns
        -------
        dict of str to object
            What JSON knows, by the same names.
        """
        return {key: self.write(value, (name, key)) for key, value in values.items()}

    def _write_parts(self, parts: Any, path: Path) -> Any:
        if isinstance(parts, dict):
            return {key: self.write(part, (*path, key)) for key, part in parts.items()}
        if isinstance(parts, list):
            return [self.write(part, (*path, k)) for k, part in enumerate(parts)]
        return parts


class Reader:
    """Turn JSON and arrays into values.

    Parameters
    ----------
    kinds : mapping of str to Kind
        As they were written.
    tensors : dict of str to ndarray
        The arrays.
    """

    def __init__(self, kinds: Mapping[str, Kind], tensors: Tensors) -> None:
        self._kinds = kinds
        self._tensors = tensors
        self._shared: dict[str, Any] = {}

    def read(self, written: Any, path: Path) -> Any:
        """Read one value; in the order in which they were written.

        Parameters
        ----------
        written : object
            What :meth:`Writer.write` returned.
        path : tuple of str or int
            Where it stands.

        Returns
        -------
        object
            The value.
        """
        if isinstance(written, list):
            return self._read_parts(written, path)
        if not isinstance(written, dict):
            return written
        ((name, parts),) = written.items()
        if name == "tensor":
            return self._tensors[parts].copy()
        if name == "same":
            return self._shared[parts]
        kind = self._kinds[name]
        value = kind.whole(self._read_parts(parts, path))
        if kind.shared:
            self._shared[_join(path)] = value
        return value

    def read_fields(self, written: dict[str, Any], name: str) -> dict[str, Any]:
        """Read values by name.

        Parameters
        ----------
        written : dict of str to object
            What :meth:`Writer.write_fields` returned.
        name : str
            Where they stand.

        Returns
        -------
        dict of str to object
            The values.
        """
        return {key: self.read(value, (name, key)) for key, value in written.items()}

    def _read_parts(self, parts: Any, path: Path) -> Any:
        if isinstance(parts, dict):
            return {key: self.read(part, (*path, key)) for key, part in parts.items()}
        if isinstance(parts, list):
            return [self.read(part, (*path, k)) for k, part in enumerate(parts)]
        return parts


def _join(path: Path) -> str:
    return ".".join(map(str, path))
