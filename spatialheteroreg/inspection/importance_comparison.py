"""Draw the importances of several methods side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .comparison import ImportanceComparison, compare_importances
from .deletion import RANDOM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..regressor import STCGRegressor

_LABELS = {
    "native": "native",
    "shap": "SHAP",
    "permutation": "permutation",
    "lightgbm": "SHAP of LightGBM",
}
# Colours of Okabe and Ito: told apart by the colour-blind, and in grey.
_COLORS = {
    "native": "#0072B2",
    "shap": "#E69F00",
    "permutation": "#009E73",
    "lightgbm": "#CC79A7",
    RANDOM: "#7F7F7F",
}


class ImportanceComparisonDisplay:
    """Importances of several methods as bars, and their deletion curves.

    Made by :meth:`from_estimator` or :meth:`from_comparison`; the constructor
    only keeps what it is given.

    Parameters
    ----------
    comparison : ImportanceComparison
        What :func:`compare_importances` found.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the bars.
    deletion_ax_ : matplotlib Axes or None
        The axes of the deletion curves; None where they were not asked for.
    figure_ : matplotlib Figure
        The figure of the bars.
    bars_ : dict of str to BarContainer
        Bars of each method.
    lines_ : dict of str to Line2D
        Deletion curve of each method and of the random order.

    See Also
    --------
    compare_importances : Makes the comparison.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(150, 30, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> display = ImportanceComparisonDisplay.from_estimator(
    ...     model, globe.data, n_rows=10, n_background=5, random_state=0, deletion=True
    ... )
    >>> sorted(display.bars_)
    ['native', 'permutation', 'shap']
    >>> len(display.figure_.axes)
    2
    """

    def __init__(self, comparison: ImportanceComparison) -> None:
        self.comparison = comparison

    @classmethod
    def from_estimator(
        cls,
        model: STCGRegressor,
        X: Any,
        y: ArrayLike | None = None,
        methods: Sequence[str] = ("native", "shap", "permutation"),
        *,
        deletion: bool = False,
        max_display: int | None = 12,
        ax: Axes | Sequence[Axes] | None = None,
        **options: Any,
    ) -> ImportanceComparisonDisplay:
        """Compare the methods and draw the comparison.

        Parameters
        ----------
        model : STCGRegressor
            A fitted model.
        X : DataFrame or array_like of shape (n, p)
            Rows to explain; columns as in fit.
        y : array_like of shape (n,), default=None
            Target, as :func:`compare_importances` uses it.
        methods : sequence of str, default=("native", "shap", "permutation")
            As for :func:`compare_importances`.
        deletion : bool, default=False
            Draw the deletion curves as well.
        max_display : int or None, default=12
            As for :meth:`plot`.
        ax : matplotlib Axes, pair of Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :func:`compare_importances`.

        Returns
        -------
        ImportanceComparisonDisplay
            The drawn display.
        """
        comparison = compare_importances(model, X, y, methods, **options)
        return cls.from_comparison(
            comparison, deletion=deletion, max_display=max_display, ax=ax
        )

    @classmethod
    def from_comparison(
        cls,
        comparison: ImportanceComparison,
        *,
        deletion: bool = False,
        max_display: int | None = 12,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> ImportanceComparisonDisplay:
        """Draw a comparison that was made before.

        Parameters
        ----------
        comparison : ImportanceComparison
            What :func:`compare_importances` found.
        deletion : bool, default=False
            Draw the deletion curves as well.
        max_display : int or None, default=12
            As for :meth:`plot`.
        ax : matplotlib Axes, pair of Axes or None, default=None
            As for :meth:`plot`.

        Returns
        -------
        ImportanceComparisonDisplay
            The drawn display.
        """
        return cls(comparison).plot(ax, deletion=deletion, max_display=max_display)

    def plot(
        self,
        ax: Axes | Sequence[Axes] | None = None,
        *,
        deletion: bool = False,
        max_display: int | None = 12,
    ) -> ImportanceComparisonDisplay:
        """Draw the bars, and the deletion curves if asked.

        Parameters
        ----------
        ax : matplotlib Axes, pair of Axes or None, default=None
            Where to draw; a pair with `deletion=True`: bars and curves. None makes
            a figure.
        deletion : bool, default=False
            Draw the deletion curves as well.
        max_display : int or None, default=12
            Units to draw, the most important by the first method; None for all.

        Returns
        -------
        ImportanceComparisonDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` is not one axes, or with `deletion=True` not two.
        """
        bar_ax, curve_ax = self._axes(ax, deletion, max_display)
        self.ax_, self.deletion_ax_, self.figure_ = bar_ax, curve_ax, bar_ax.figure
        self.bars_ = self._draw_bars(bar_ax, max_display)
        self.lines_ = {} if curve_ax is None else self._draw_curves(curve_ax)
        return self

    def _axes(
        self, ax: Axes | Sequence[Axes] | None, deletion: bool, max_display: int | None
    ) -> tuple[Axes, Axes | None]:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "ImportanceComparisonDisplay draws with matplotlib. Install it with "
                'pip install "spatialheteroreg[plot]".'
            ) from error
        n_panels = 2 if deletion else 1
        if ax is None:
            n_shown = len(self.comparison.importances.iloc[:max_display])
            n_methods = self.comparison.importances.shape[1]
            height = max(3.2, 0.8 + 0.13 * n_shown * (n_methods + 1))
            _, grid = plt.subplots(
                1,
                n_panels,
                figsize=(5.5 * n_panels, height),
                layout="constrained",
                squeeze=False,
            )
            ax = list(grid[0])
        axes = list(np.atleast_1d(np.asarray(ax, dtype=object)))
        if len(axes) != n_panels:
            wanted = "two axes (bars, curves)" if deletion else "one axes"
            raise ValueError(
                f"ax holds {len(axes)} axes, but deletion={deletion} needs {wanted}."
            )
        return axes[0], axes[1] if deletion else None

    def _draw_bars(self, ax: Axes, max_display: int | None) -> dict[str, Any]:
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        shares = self.comparison.importances.iloc[:max_display]
        thickness = 0.8 / shares.shape[1]
        position = np.arange(len(shares))
        bars = {}
        for k, method in enumerate(shares):
            bars[method] = ax.barh(
                position + (k - (shares.shape[1] - 1) / 2) * thickness,
                shares[method],
                height=thickness,
                color=_COLORS[method],
                label=_LABELS[method],
            )
        ax.set_yticks(position, shares.index)
        ax.invert_yaxis()  # the most important is at the top
        ax.set_xlabel("Share of the importance")
        ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.grid(axis="x", alpha=0.3)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="lower right")
        return bars

    def _draw_curves(self, ax: Axes) -> dict[str, Any]:
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        deletion = self.comparison.deletion
        lines = {}
        for method, curve in deletion.curves.items():
            label = "random order" if method == RANDOM else _LABELS[method]
            (lines[method],) = ax.plot(
                curve.index,
                curve,
                color=_COLORS[method],
                linestyle="--" if method == RANDOM else "-",
                marker=None if method == RANDOM else "o",
                markersize=4,
                label=f"{label} (area {deletion.areas[method]:.2f})",
            )
        ax.set_xlabel("Removed, the most important first")
        ax.set_ylabel("Left of the prediction's\ndistance to the base value")
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlim(0, len(deletion.curves) - 1)
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
        return lines
