"""Draw the local effect of a feature, or the dominant feature, over the globe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..sphere import FloatArray
from .effect_rows import read_effects, read_places
from .map_artists import draw_categories, draw_numbers
from .map_canvas import MapStyle
from .map_effects import BARE_AXES, gather_effects, model_axes
from .map_frame import MapFrame
from .plotting import MAP_SIZE, fit_height, load_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..regressor import STCGRegressor


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
    features : sequence of str, default=None
        All features of which one can be dominant, in the order of their colours;
        None means those that are.
    axis_labels : tuple of two str, default=("Easting", "Northing")
        Names of the axes of bare coordinates.

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
        features: Sequence[str] | None = None,
        axis_labels: tuple[str, str] = BARE_AXES,
    ) -> None:
        self.lat = lat
        self.lon = lon
        self.values = values
        self.significant = significant
        self.label = label
        self.metric = metric
        self.features = features
        self.axis_labels = axis_labels

    @classmethod
    def from_estimator(
        cls,
        model: STCGRegressor,
        X: Any,
        feature: str | int | Sequence[str | int] | None = None,
        *,
        kind: str | None = None,
        step: float = 1.0,
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
        step : float, default=1.0
            Change of the feature, in its unit, that a slope is given for.
        significance : {"auto", True, False}, default="auto"
            Whether to mark where the sign is not known; "auto" where the model has
            uncertainty, see `n_members`. A place counts as significant where most
            of its rows do.
        alpha : float, default=0.1
            False-discovery rate among the rows.
        ax : matplotlib Axes or None, default=None
            As for :meth:`plot`.
        **options : dict
            Other arguments of :meth:`plot`; and `axis_labels`, which are the names of
            the columns, such as u and v, unless these are called lon and lat.

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
            step=step,
            metric=model.metric,
            ax=ax,
            **{"axis_labels": model_axes(model), **options},
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
        step: float = 1.0,
        metric: str = "haversine",
        axis_labels: tuple[str, str] = BARE_AXES,
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
            contributions of k features, or the name of the dominant one (as a
            categorical it knows the other ones).
        significant : array_like like `values`, bool, default=None
            Where the sign is known.
        feature : str, default="the feature"
            Name of the feature for the label.
        kind : {"slope", "contribution", "dominant"}, default="slope"
            What the values are.
        step : float, default=1.0
            Slopes are per unit; they are drawn for a change of so many.
        metric : {"haversine", "euclidean"}, default="haversine"
            "euclidean" takes the coordinates as bare northing and easting.
        axis_labels : tuple of two str, default=("Easting", "Northing")
            Names of the axes of bare coordinates.
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
        found = gather_effects(
            lat,
            lon,
            values,
            significant,
            feature=feature,
            kind=kind,
            step=step,
            metric=metric,
        )
        display = cls(**found._asdict(), metric=metric, axis_labels=axis_labels)
        return display.plot(ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        as_grid: bool | str = "auto",
        insignificant: str = "auto",
        coastlines: bool | str = "auto",
        cmap: Any = None,
        vmin: float | None = None,
        vmax: float | None = None,
        quantile: float = 0.98,
        colors: Sequence[Any] | Mapping[str, Any] | None = None,
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
            Colours of an effect; None takes blue to red, with zero in the middle, or
            "viridis" with `vmin`.
        vmin : float or None, default=None
            Where the colours begin, for effects of one sign. None centres them.
        vmax : float or None, default=None
            Where the colours end, without `vmin` on both sides; None takes `quantile`.
        quantile : float, default=0.98
            Share of the absolute effects within the colours.
        colors : sequence of colour, dict of str to colour or None, default=None
            Colours of the features of which one can be dominant, in their order or by
            name (the others are grey). One feature has one colour on all maps of the
            same features, as long as there are as many colours (ten).
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
        frame = MapFrame.of(axes, self.lon, self.metric, self.axis_labels)
        text = self.label if label is None else label
        named = np.asarray(self.values).dtype.kind not in "fiu"
        arrays = (self.lat, self.lon, self.values, self.significant)
        drawn = (
            draw_categories(axes, frame, style, *arrays, text, colors, self.features)
            if named
            else draw_numbers(
                axes, frame, style, *arrays, text, cmap, vmin, vmax, quantile
            )
        )
        self.ax_, self.figure_ = axes, axes.figure
        self.artists_, self.insignificant_ = drawn.artists, drawn.insignificant
        self.coastlines_ = drawn.coastlines
        self.colorbar_, self.legend_ = drawn.colorbar, drawn.legend
        if ax is None:
            under = 0.2 if self.colorbar_ is not None and self.legend_ else 0.0
            fit_height(axes, (1.0 if colorbar else 0.3) + under)
        return self
