"""The history: the losses of the model, and where validation was best."""

import matplotlib as mpl
import numpy as np
import pytest

from spatialheteroreg import STCGRegressor
from spatialheteroreg.inspection.training_history import TrainingHistoryDisplay

from .conftest import make_table

mpl.use("Agg")

draw = TrainingHistoryDisplay.from_predictions


@pytest.fixture(autouse=True)
def _close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def test_lines_are_the_losses_of_the_model():
    X, y = make_table(100)
    model = STCGRegressor(
        n_nodes=4, max_iter=4, early_stopping="rows", random_state=0
    ).fit(X, y)
    display = TrainingHistoryDisplay.from_estimator(model)
    for line, name in (
        (display.train_line_, "train_loss"),
        (display.valid_line_, "valid_loss"),
    ):
        losses = [epoch[name] for epoch in model.history_]
        assert line.get_ydata().tolist() == losses
        assert line.get_xdata().tolist() == list(range(1, len(losses) + 1))
    best = min(model.history_, key=lambda epoch: epoch["valid_loss"])
    assert display.best_.get_xdata() == [best["epoch"]]


def test_without_rows_held_out_there_is_one_line():
    display = TrainingHistoryDisplay.from_history(
        [{"epoch": 3, "train_loss": 0.5}, {"epoch": 4, "train_loss": 0.4}]
    )
    assert display.train_line_.get_xdata().tolist() == [3, 4]
    assert display.valid_line_ is display.best_ is display.legend_ is None


def test_a_wide_range_of_losses_has_a_logarithmic_scale():
    assert draw([1.0, 0.5]).ax_.get_yscale() == "linear"
    assert draw([1.0, 0.01]).ax_.get_yscale() == "log"
    assert draw([1.0, 0.01], scale="linear").ax_.get_yscale() == "linear"
    assert draw([1.0, 0.0]).ax_.get_yscale() == "linear"


def test_one_epoch_and_missing_losses_are_drawn():
    display = draw([1.0], [np.nan])
    display.figure_.canvas.draw()
    assert display.best_ is None
    assert draw([1.0, 0.9], [np.nan, 0.8]).best_.get_xdata() == [2]


def test_draws_on_the_axes_it_is_given():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    display = draw([1.0, 0.9], ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        (([],), {}, "no rows"),
        (([1, 2], [1]), {}, "valid_loss 1"),
        (([1],), {"scale": "root"}, "scale"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(arguments, options, match):
    with pytest.raises(ValueError, match=match):
        draw(*arguments, **options)


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="empty"):
        TrainingHistoryDisplay.from_history([])
