"""Draw the loss of training and validation by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from ..sphere import FloatArray
from .plotting import as_floats, check_lengths, load_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..regressor import STCGRegressor


class TrainingHistoryDisplay:
    """Loss by epoch.

    Not scikit-learn's `LearningCurveDisplay`, which draws scores by the number of
    training rows. Made by :meth:`from_estimator`, :meth:`from_history` or
    :meth:`from_predictions`; the constructor only keeps what it is given.

    Parameters
    ----------
    epoch : ndarray of shape (n_epochs,)
        Numbers of the epochs.
    train_loss : ndarray of shape (n_epochs,)
        Loss of the training rows, in units of the target's variance.
    valid_loss : ndarray of shape (n_epochs,), default=None
        Loss of the rows held out; NaN where there were none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Its figure.
    train_line_ : Line2D
        Training loss.
    valid_line_ : Line2D or None
        Validation loss.
    best_ : Line2D or None
        The epoch of the least validation loss.
    legend_ : matplotlib Legend or None
        The legend.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(150, 30, random_state=0)
    >>> model = STCGRegressor(max_iter=2, early_stopping="rows", random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> display = TrainingHistoryDisplay.from_estimator(model)
    >>> display.epoch.tolist()
    [1, 2]
    """

    def __init__(
        self,
        epoch: NDArray[Any],
        train_loss: FloatArray,
        valid_loss: FloatArray | None = None,
    ) -> None:
        self.epoch = epoch
        self.train_loss = train_loss
        self.valid_loss = valid_loss

    @classmethod
    def from_estimator(
        cls, model: STCGRegressor, *, ax: Axes | None = None, **options: Any
    ) -> TrainingHistoryDisplay:
        """Draw the history of a fitted model.

        Parameters
        ----------
        model : STCGRegressor
            A fitted model.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        TrainingHistoryDisplay
            The drawn display.
        """
        check_is_fitted(model)
        return cls.from_history(model.history_, ax=ax, **options)

    @classmethod
    def from_history(
        cls,
        history: Sequence[Mapping[str, float]],
        *,
        ax: Axes | None = None,
        **options: Any,
    ) -> TrainingHistoryDisplay:
        """Draw a history.

        Parameters
        ----------
        history : sequence of dict
            As `history_` of the estimator: "epoch", "train_loss" and where rows
            were held out "valid_loss".
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        TrainingHistoryDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the history is empty.
        """
        if not history:
            raise ValueError("The history is empty: no epoch has ended yet.")
        valid = [epoch.get("valid_loss", np.nan) for epoch in history]
        return cls.from_predictions(
            [epoch["train_loss"] for epoch in history],
            valid if np.isfinite(valid).any() else None,
            epoch=[epoch["epoch"] for epoch in history],
            ax=ax,
            **options,
        )

    @classmethod
    def from_predictions(
        cls,
        train_loss: ArrayLike,
        valid_loss: ArrayLike | None = None,
        *,
        epoch: ArrayLike | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> TrainingHistoryDisplay:
        """Draw losses.

        Parameters
        ----------
        train_loss : array_like of shape (n_epochs,)
            Loss of the training rows.
        valid_loss : array_like of shape (n_epochs,), default=None
            Loss of the rows held out; NaN where there were none.
        epoch : array_like of shape (n_epochs,), default=None
            Numbers of the epochs; None counts from 1.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        TrainingHistoryDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If lengths differ, or there is no epoch.
        """
        train = as_floats(train_loss, "train_loss")
        valid = None if valid_loss is None else as_floats(valid_loss, "valid_loss")
        number = np.arange(1, len(train) + 1) if epoch is None else np.asarray(epoch)
        check_lengths(train_loss=train, valid_loss=valid, epoch=number)
        return cls(number, train, valid).plot(ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        scale: str = "auto",
        label: str = "Loss (variance of the target = 1)",
    ) -> TrainingHistoryDisplay:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        scale : {"auto", "linear", "log"}, default="auto"
            Scale of the losses. "auto" takes the logarithm where the largest is
            more than ten times the least.
        label : str, default="Loss (variance of the target = 1)"
            Name of the losses.

        Returns
        -------
        TrainingHistoryDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the scale is unknown.
        """
        if scale not in {"auto", "linear", "log"}:
            raise ValueError(f"scale must be 'auto', 'linear' or 'log', got {scale!r}.")
        plt = load_pyplot("TrainingHistoryDisplay")
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        look: dict[str, Any] = {"marker": "o", "markersize": 3, "linewidth": 1.6}
        self.train_line_ = ax.plot(
            self.epoch, self.train_loss, color="#0072B2", label="training", **look
        )[0]
        self.valid_line_ = self.best_ = self.legend_ = None
        losses = self.train_loss
        if self.valid_loss is not None:
            (self.valid_line_,) = ax.plot(
                self.epoch, self.valid_loss, color="#D55E00", label="validation", **look
            )
            losses = np.concatenate([losses, self.valid_loss])
            if np.isfinite(self.valid_loss).any():
                best = int(np.nanargmin(self.valid_loss))
                (self.best_,) = ax.plot(
                    self.epoch[best],
                    self.valid_loss[best],
                    linestyle="",
                    marker="o",
                    markersize=9,
                    markerfacecolor="none",
                    markeredgecolor="#D55E00",
                    label=f"best validation (epoch {self.epoch[best]:g})",
                )
            self.legend_ = ax.legend(frameon=False)
        losses = losses[np.isfinite(losses)]
        wide = len(losses) > 0 and 0 < losses.min() < losses.max() / 10
        ax.set_yscale(
            "log" if scale == "log" or (scale == "auto" and wide) else "linear"
        )
        ax.set(xlabel="Epoch", ylabel=label)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.grid(alpha=0.3)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        return self
