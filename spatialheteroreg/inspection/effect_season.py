"""Draw the effect of a feature through the seasons, by latitude or region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import ArrayLike

from ..columns import Table
from ..coordinates import holds_dates, read_time
from .effect_bins import season_tables
from .effect_rows import read_effects, read_places, read_row_times
from .map_colors import diverging_colors
from .plotting import as_floats, check_step, effect_label, load_pyplot
from .season_artists import draw_cells, draw_lines, dress_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..regressor import STCGRegressor


class EffectSeasonDisplay:
    """Effect of one feature by season, for belts of latitude or regions.

    Made by :meth:`from_estimator` or :meth:`from_predictions`; the constructor
    only keeps what it is given.

    Parameters
    ----------
    mean, std, count : DataFrame of shape (n_bands, n_bins)
        Mean effect, its standard deviation and the number of rows, with bands as
        index and bins of time as columns.
    time_label : str, default="Month"
        Name of the axis of time.
    label : str, default="Effect"
        Name of the effect.
    ordered : bool, default=True
        Whether the bands have an order, as latitudes do.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        Its figure.
    lines_, ribbons_ : dict of str to Artist
        Line and ribbon of each band, with `style="lines"`.
    mesh_ : QuadMesh or None
        The cells, with `style="heatmap"`.
    colorbar_ : matplotlib Colorbar or None
        Their colour bar.
    legend_ : matplotlib Legend or None
        The legend of the lines.

    See Also
    --------
    STCGRegressor.local_effects : Computes the effects.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(200, 30, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> display = EffectSeasonDisplay.from_estimator(
    ...     model, globe.data, "temperature", bands=[-90, 0, 90]
    ... )
    >>> display.mean.shape
    (2, 12)
    >>> list(display.mean.index)
    ['0–90°N', '0–90°S']
    """

    def __init__(
        self,
        mean: pd.DataFrame,
        std: pd.DataFrame,
        count: pd.DataFrame,
        *,
        time_label: str = "Month",
        label: str = "Effect",
        ordered: bool = True,
    ) -> None:
        self.mean = mean
        self.std = std
        self.count = count
        self.time_label = time_label
        self.label = label
        self.ordered = ordered

    @classmethod
    def from_estimator(
        cls,
        model: STCGRegressor,
        X: Any,
        feature: str | int,
        *,
        kind: str = "slope",
        step: float = 1.0,
        by: Any = "latitude",
        bands: ArrayLike | str = "auto",
        period: float | str | None = "auto",
        n_bins: int = 12,
        ax: Axes | None = None,
        **options: Any,
    ) -> EffectSeasonDisplay:
        """Compute the effect with a fitted model and draw it.

        Parameters
        ----------
        model : STCGRegressor
            A fitted model.
        X : DataFrame or array_like of shape (n, p)
            Rows to explain; columns as in fit.
        feature : str or int
            Name or position of the feature.
        kind : {"slope", "contribution"}, default="slope"
            What to draw.
        step : float, default=1.0
            Change of the feature, in its unit, that a slope is given for.
        by : "latitude", str, array_like of shape (n,), or None, default="latitude"
            Belts of latitude; a column of X; the region of each row; None draws
            all rows together.
        bands : array_like of float or "auto", default="auto"
            Edges of the belts. "auto": 30 degrees wide, narrower where the rows
            span less.
        period : float, "auto" or None, default="auto"
            Length of the cycle. "auto" takes that of the model: a year of dates,
            which is drawn by month. None draws along the whole span of time.
        n_bins : int, default=12
            Bins of time other than months.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        EffectSeasonDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the feature is unknown, holds categories and slopes are asked for,
            or the model knows no time, or no latitude to draw by.
        """
        effect, _ = read_effects(model, X, [feature], kind)
        time, dates = read_row_times(model, X)
        lat = None
        if isinstance(by, str):
            if by == "latitude":
                lat, _ = read_places(model, X)
            else:
                by = _column(X, by)
        if isinstance(period, str):
            _check_auto(period)
            period = model.period if model.period is not None or not dates else 1.0
        return cls._of(
            _label(kind, str(effect.columns[0]), step),
            time,
            dates,
            step * effect.iloc[:, 0].to_numpy(),
            lat=lat,
            by=by,
            bands=bands,
            period=period,
            n_bins=n_bins,
            metric=model.metric,
        ).plot(ax, **options)

    @classmethod
    def from_predictions(
        cls,
        time: ArrayLike,
        values: ArrayLike,
        *,
        lat: ArrayLike | None = None,
        by: Any = "latitude",
        bands: ArrayLike | str = "auto",
        period: float | str | None = "auto",
        n_bins: int = 12,
        feature: str = "the feature",
        kind: str = "slope",
        step: float = 1.0,
        metric: str = "haversine",
        ax: Axes | None = None,
        **options: Any,
    ) -> EffectSeasonDisplay:
        """Draw effects that were computed before, by this package or another.

        Parameters
        ----------
        time : array_like of shape (n,)
            Dates or numbers.
        values : array_like of shape (n,)
            Effect of each row; NaN is left out.
        lat : array_like of shape (n,), default=None
            Latitudes, for belts.
        by : "latitude", array_like of shape (n,), or None, default="latitude"
            Belts of latitude; the region of each row; None draws all rows together.
        bands : array_like of float or "auto", default="auto"
            Edges of the belts.
        period : float, "auto" or None, default="auto"
            Length of the cycle. "auto": a year of dates, none of numbers. None
            draws along the whole span of time.
        n_bins : int, default=12
            Bins of time other than months.
        feature : str, default="the feature"
            Name of the feature for the label.
        kind : {"slope", "contribution"}, default="slope"
            What the values are, for the label.
        step : float, default=1.0
            Slopes are per unit; they are drawn for a change of so many.
        metric : {"haversine", "euclidean"}, default="haversine"
            "euclidean" takes `lat` as bare northing.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        EffectSeasonDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If lengths differ, or latitudes are missing.
        """
        column = pd.Series(time).reset_index(drop=True)
        dates = holds_dates(column)
        if isinstance(period, str):
            _check_auto(period)
            period = 1.0 if dates else None
        return cls._of(
            _label(kind, feature, step),
            read_time(column, "time"),
            dates,
            step * as_floats(values, "values"),
            lat=None if lat is None else as_floats(lat, "lat"),
            by=by,
            bands=bands,
            period=period,
            n_bins=n_bins,
            metric=metric,
        ).plot(ax, **options)

    @classmethod
    def _of(cls, label: str, *rows: Any, **options: Any) -> EffectSeasonDisplay:
        mean, std, count, time_label = season_tables(*rows, **options)
        ordered = isinstance(options["by"], str)
        return cls(
            mean, std, count, time_label=time_label, label=label, ordered=ordered
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        style: str = "lines",
        min_rows: int = 3,
        cmap: Any = None,
        vmax: float | None = None,
        colors: Any = None,
        label: str | None = None,
        legend: bool = True,
    ) -> EffectSeasonDisplay:
        """Draw lines with ribbons, or a heat map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        style : {"lines", "heatmap"}, default="lines"
            Mean of each band with a ribbon of one standard deviation of its rows
            to both sides; or the means as colours.
        min_rows : int, default=3
            Cells with fewer rows stay empty.
        cmap : str, Colormap or None, default=None
            Diverging colours of the heat map; None takes blue to red.
        vmax : float or None, default=None
            Where its colours end on both sides; None takes the largest mean.
        colors : sequence of colour, dict of str to colour or None, default=None
            Colours of the lines, from the first band on or by band.
        label : str or None, default=None
            Name of the effect, for example with units.
        legend : bool, default=True
            Draw the legend of the lines, or the colour bar of the heat map.

        Returns
        -------
        EffectSeasonDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        ValueError
            If the style is unknown.
        """
        if style not in {"lines", "heatmap"}:
            raise ValueError(f"style must be 'lines' or 'heatmap', got {style!r}.")
        plt = load_pyplot("EffectSeasonDisplay")
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        mean = self.mean.where(self.count >= min_rows)
        text = self.label if label is None else label
        drawn = (
            draw_lines(ax, mean, self.std, text, self.ordered, colors, legend)
            if style == "lines"
            else draw_cells(ax, mean, text, diverging_colors(cmap), vmax, legend)
        )
        self.lines_, self.ribbons_ = drawn.lines, drawn.ribbons
        self.mesh_, self.colorbar_ = drawn.mesh, drawn.colorbar
        self.legend_ = drawn.legend
        dress_time(ax, self.mean.columns.to_numpy(dtype=float), self.time_label)
        return self


def _label(kind: str, feature: str, step: float) -> str:
    if kind not in {"slope", "contribution"}:
        raise ValueError(f"kind must be 'slope' or 'contribution', got {kind!r}.")
    check_step(step, kind)
    return effect_label(kind, feature, step, "\n")


def _check_auto(period: str) -> None:
    if period != "auto":
        raise ValueError(f"period must be a number, 'auto' or None, got {period!r}.")


def _column(X: Any, name: str) -> pd.Series:
    table = Table(X)
    if table.names is None or name not in table.names:
        raise ValueError(
            f"by={name!r} is no column of X. Pass 'latitude', a column, the region of "
            "each row, or None."
        )
    return table.column(table.names.index(name))
