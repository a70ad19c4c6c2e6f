"""What the tests of splitters share: tables to split and folds to look at."""

import pickle
import re
from contextlib import contextmanager

import numpy as np
from hypothesis import assume

from spatialheteroreg.sphere import to_lat_lon

ON_ARRAY = {"lat": 0, "lon": 1}


def globe(n_rows=400, random_state=0):
    """Spread rows evenly over the globe."""
    vectors = np.random.RandomState(random_state).normal(size=(n_rows, 3))
    return np.stack(to_lat_lon(vectors), axis=1)


def folds_of(cv, X):
    """Fold in which each row is tested; every row once, the rest in training."""
    fold = np.full(len(X), -1)
    for number, (train, test) in enumerate(cv.split(X)):
        assert len(test) > 0
        assert (fold[test] == -1).all()
        assert not set(train) & set(test)
        fold[test] = number
    assert (fold >= 0).all()
    return fold


def clone_with(cv, **parameters):
    """Make a copy with other parameters."""
    copy = pickle.loads(pickle.dumps(cv))
    vars(copy).update(parameters)
    return copy


@contextmanager
def may_refuse(reason):
    """Give up an example that is refused for this reason, and for no other."""
    try:
        yield
    except ValueError as error:
        if not re.search(reason, str(error)):
            raise
        assume(False)
