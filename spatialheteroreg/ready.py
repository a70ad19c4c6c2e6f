"""What a fitted model keeps ready between its calls."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from .predictor import Predictor


class ReadyPredictor:
    """Holds a predictor once one was asked for.

    To copy the networks and run their graphs over time takes longer than to predict
    a row. A pickle or a deep copy holds none, and makes its own when it is asked.

    Examples
    --------
    >>> import copy
    >>> ready, made = ReadyPredictor(), []
    >>> def make():
    ...     made.append("a predictor")
    ...     return made[-1]
    >>> [ready.get(make), ready.get(make), copy.deepcopy(ready).get(make)]
    ['a predictor', 'a predictor', 'a predictor']
    >>> len(made)
    2
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._predictor: Predictor | None = None

    def get(self, make: Callable[[], Predictor]) -> Predictor:
        """Return the predictor that is held.

        Parameters
        ----------
        make : callable
            Makes it where none is held; of several threads one does.

        Returns
        -------
        Predictor
            The predictor.
        """
        with self._lock:
            if self._predictor is None:
                self._predictor = make()
            return self._predictor

    def __reduce__(self) -> tuple[type[ReadyPredictor], tuple[()]]:
        return type(self), ()
