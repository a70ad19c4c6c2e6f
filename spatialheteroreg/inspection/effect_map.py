"""Draw the local effect of a feature, or the dominant feature, over the globe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..sphere import FloatArray
from .effect_places import average_places, dominant_places, read_coordinates
from .effect_rows import read_effects, read_places
from .map_artists import draw_categories, draw_numbers
from .map_canvas import MapStyle
from .map_frame import MapFrame
from .plotting import MAP_SIZE, as_floats, check_lengths, fit_height, load_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..regressor import STCGRegressor

_KINDS = ("slope", "contribution", "dominant")


class EffectMapDisplay:
    """Map of the effect of one feature, or of the feature that matters most.

    Made by :meth:`from_estimator` or :meth:`from_predictions`; the constructor
    only keeps what it is given. Rows at the same place are averaged.

    Parameters
    ----------
    lat, lon : ndarray of shape (n_places,)
        Distinct places, in degrees (or bare coordinates).
    values : ndarray of shape (n_places,)
        Effect at each place; or the name of the dominant feature.
    significant : ndarray of shape (n_places,), bool, default=None
        Where the sign is known; None where nobody tells.
    label : str, default="Effect"
        Text of the colour bar or the legend.
    metric : {"haversine", "euclidean"}, default="haversine"
        Whether places are degrees or bare coordinates.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The map.
    figure_ : matplotlib Figure
        Its figure.
    artists_ : list of matplotlib Artist
        Points, or the cells of a grid, of each category or of all.
    insignificant_ : matplotlib Artist or None
        The points or the hatching where the sign is not known.
    coastlines_ : LineCollection or None
        Coastlines.
    colorbar_ : matplotlib Colorbar or None
        The colour bar of an effect.
    legend_ : matplotlib Legend or None
        The legend of dominant features, or of the significance.

    See Also
    --------
    STCGRegressor.local_effects : Computes the effects.

    Examples
    --------
    >>> from spatialheteroreg import STCGRegressor
    >>> from spatialheteroreg.datasets import make_heterogeneous_globe
    >>> globe = make_heterogeneous_globe(150, 30, random_state=0)
    >>> model = STCGRegressor(max_iter=2, random_state=0)
    >>> model = model.fit(globe.data, globe.target)
    >>> display = EffectMapDisplay.from_estimator(model, globe.data, "temperature")
    >>> display.colorbar_.ax.get_xlabel()
    'Change of the target per unit of temperature'

    Without a feature the map shows which one matters most:

    >>> display = EffectMapDisplay.from_estimator(model, globe.data)
    >>> display.values.shape
    (30,)
    """

    def __init__(
        self,
        lat: FloatArray,
        lon: FloatArray,
        values: NDArray[Any],
        *,
        significant: NDArray[np.bool_] | None = None,
        label: str = "Effect",
        metric: str = "haversine",
    ) -> None:
        self.lat = lat
        self.lon = lon
        self.values = values
        self.significant = significant
        self.label = label
        self.metric = metric

    @classmethod
    def from_estimator(
        cls,
        model: STCGRegressor,
        X: Any,
        feature: str | int | Sequence[str | int] | None = None,
        *,
        kind: str | None = None,
        significance: bool | str = "auto",
        alpha: float = 0.1,
        ax: Axes | None = None,
        **options: Any,
    ) -> EffectMapDisplay:
        """Compute the effects of a fitted model and draw them.

        Parameters
        ----------
        model : STCGRegressor
            A fitted model.
        X : DataFrame or array_like of shape (n, p)
            Rows to explain; columns as in fit.
        feature : str, int, sequence of these or None, default=None
            Name or position of the feature. Several, or None for all: the map
            shows which of them matters most, by the mean absolute contribution at
            each place.
        kind : {"slope", "contribution", "dominant"} or None, default=None
            What to draw. None means slopes of one feature, or the dominant one of
            several.
        significance : {"auto", True, False}, default="auto"
            Whether to mark where the sign is not known; "auto" where the model has
            uncertainty, see `n_members`. A place counts as significant where most
            of its rows do.
        alpha : float, default=0.1
            False-discovery rate among the rows.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        EffectMapDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the feature is unknown, holds categories and slopes are asked for,
            or the model knows no coordinates.
        """
        one = isinstance(feature, (str, int, np.integer))
        kind = kind or ("slope" if one else "dominant")
        if kind != "dominant" and not one:
            raise ValueError(
                f"kind={kind!r} draws one feature: pass its name as feature=, or "
                "kind='dominant'."
            )
        features: Any = [feature] if one else feature
        lat, lon = read_places(model, X)
        effect, significant = read_effects(
            model,
            X,
            features,
            "contribution" if kind == "dominant" else kind,
            significance,
            alpha,
        )
        return cls.from_predictions(
            lat,
            lon,
            effect if kind == "dominant" else effect.iloc[:, 0],
            significant=significant,
            feature=effect.columns[0],
            kind=kind,
            metric=model.metric,
            ax=ax,
            **options,
        )

    @classmethod
    def from_predictions(
        cls,
        lat: ArrayLike,
        lon: ArrayLike,
        values: Any,
        *,
        significant: Any = None,
        feature: str = "the feature",
        kind: str = "slope",
        metric: str = "haversine",
        ax: Axes | None = None,
        **options: Any,
    ) -> EffectMapDisplay:
        """Draw effects that were computed before, by this package or another.

        Parameters
        ----------
        lat, lon : array_like of shape (n,)
            Places of the rows in degrees; any longitudes from -180 to 360.
        values : array_like of shape (n,), or DataFrame of shape (n, k)
            Effect of each row; NaN is left out. With `kind="dominant"`
            contributions of k features, or the name of the dominant one.
        significant : array_like like `values`, bool, default=None
            Where the sign is known.
        feature : str, default="the feature"
            Name of the feature for the label.
        kind : {"slope", "contribution", "dominant"}, default="slope"
            What the values are.
        metric : {"haversine", "euclidean"}, default="haversine"
            "euclidean" takes the coordinates as bare northing and easting.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`.

        Returns
        -------
        EffectMapDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If lengths differ, or nothing is left to draw.
        """
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}, got {kind!r}.")
        lat, lon = read_coordinates(lat, lon, metric)
        if kind == "dominant":
            label = "Dominant feature"
            effect = values if isinstance(values, pd.DataFrame) else np.asarray(values)
            certain = None if significant is None else np.asarray(significant, bool)
            check_lengths(lat=lat, lon=lon, values=effect, significant=certain)
            found = dominant_places(lat, lon, effect, certain)
        else:
            label = (
                f"Change of the target per unit of {feature}"
                if kind == "slope"
                else f"Contribution of {feature} to the prediction"
            )
            effect = as_floats(values, "values")
            certain = None if significant is None else np.ravel(significant)
            check_lengths(lat=lat, lon=lon, values=effect, significant=certain)
            found = average_places(lat, lon, effect, certain)
        display = cls(
            found.lat,
            found.lon,
            found.values,
            significant=found.significant,
            label=label,
            metric=metric,
        )
        return display.plot(ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        as_grid: bool | str = "auto",
        insignificant: str = "auto",
        coastlines: bool | str = "auto",
        cmap: Any = None,
        vmax: float | None = None,
        quantile: float = 0.98,
        colors: Sequence[Any] | None = None,
        size: float | None = None,
        label: str | None = None,
        colorbar: bool = True,
    ) -> EffectMapDisplay:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Plain axes, axes with a projection of matplotlib (such as "mollweide"),
            or of cartopy. None makes a figure.
        as_grid : {"auto", True, False}, default="auto"
            Whether to draw cells. "auto" where the places form a grid, gaps
            allowed.
        insignificant : {"auto", "fade", "hatch", "show"}, default="auto"
            How to draw places where the sign is not known: faded, hatched (cells)
            or crossed (points), or like the others. "auto" hatches cells and fades
            points.
        coastlines : {"auto", True, False}, default="auto"
            Coastlines from the data of cartopy. "auto" draws them if it is
            installed and has its data at hand; True may download these.
        cmap : str, Colormap or None, default=None
            Diverging colours of an effect, with zero in the middle; None takes blue
            to red.
        vmax : float or None, default=None
            Where the colours end on both sides; None takes `quantile`.
        quantile : float, default=0.98
            Share of the absolute effects within the colours.
        colors : sequence of colour or None, default=None
            Colours of dominant features.
        size : float or None, default=None
            Area of a point in square points; None fits their number.
        label : str or None, default=None
            Text of colour bar or legend, for example with units.
        colorbar : bool, default=True
            Draw a colour bar, or the legend of dominant features.

        Returns
        -------
        EffectMapDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing; with `coastlines=True` if cartopy is.
        ValueError
            If the places form no grid and `as_grid=True`, or an option is unknown.
        """
        plt = load_pyplot("EffectMapDisplay")
        axes: Any = ax
        if ax is None:
            _, axes = plt.subplots(figsize=MAP_SIZE, layout="constrained")
        style = MapStyle(as_grid, insignificant, coastlines, size, colorbar)
        style.check()
        frame = MapFrame.of(axes, self.lon, self.metric)
        text = self.label if label is None else label
        named = np.asarray(self.values).dtype.kind not in "fiu"
        arrays = (self.lat, self.lon, self.values, self.significant)
        drawn = (
            draw_categories(axes, frame, style, *arrays, text, colors)
            if named
            else draw_numbers(axes, frame, style, *arrays, text, cmap, vmax, quantile)
        )
        self.ax_, self.figure_ = axes, axes.figure
        self.artists_, self.insignificant_ = drawn.artists, drawn.insignificant
        self.coastlines_ = drawn.coastlines
        self.colorbar_, self.legend_ = drawn.colorbar, drawn.legend
        if ax is None:
            fit_height(axes, 1.0 if colorbar else 0.3)
        return self
