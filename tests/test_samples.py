"""Labels of groups, in every form that users pass."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from spatialheteroreg.samples import number_groups

LABELS = ["b", "a", "b"]


@pytest.mark.parametrize(
    "groups",
    [
        LABELS,
        np.array(LABELS),
        np.array(LABELS)[:, None],
        [[label] for label in LABELS],
        pd.Series(LABELS, index=[7, 8, 9]),
        pd.DataFrame({"station": LABELS}),
        pd.Categorical(LABELS),
        pl.Series(LABELS),
        pl.DataFrame({"station": LABELS}),
        [("b", 1), ("a", 1), ("b", 1)],
    ],
    ids=lambda groups: type(groups).__name__,
)
def test_one_label_for_each_row_in_any_form(groups):
    assert number_groups(groups, 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (LABELS[:2], "groups has 2 labels for 3 rows"),
        (["b", None, "b"], "groups has no label in row 1"),
        (np.zeros((3, 2)), r"got an array of shape \(3, 2\).*one label for each row"),
        (pd.DataFrame({"a": LABELS, "b": LABELS}), r"of shape \(3, 2\).*ngroup"),
        ([["a", "b"]] * 3, r"of shape \(3, 2\)"),
        (np.array(3), r"of shape \(\)"),
    ],
    ids=str,
)
def test_anything_else_is_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        number_groups(groups, 3)


def test_labels_may_be_an_index_of_several_levels():
    index = pd.MultiIndex.from_arrays([[1, 1, 2], ["a", "a", "b"]])
    np.testing.assert_array_equal(number_groups(index, 3), [0, 0, 1])
