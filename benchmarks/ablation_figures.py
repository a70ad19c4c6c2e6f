"""Figures of the ablations, for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.ablation_report import (
    NOT_FEATURES,
    TASK_TITLES,
    ratios_to,
    reference_of,
    rows_of,
)
from benchmarks.ablation_studies import CLIMATES, DEFAULT

COLORS = ["#2f6db3", "#b3622d", "#2e7d5b", "#8a4fa3", "#5a6270"]
MARKERS = ["o", "s", "^", "D", "v"]
BANDS = ["elsewhere", "date line", "poles"]
CHANGES = ["attention", "parts", "head", "loss"]


def draw_all(results: pd.DataFrame, studies: Sequence[str], folder: Path) -> None:
    """Draw what was measured.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.
    studies : sequence of str
        Names of studies.
    folder : Path
        Where the files ``ablation-*.png`` go.
    """
    style = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    for name, draw in FIGURES.items():
        chosen = [study for study in SOURCES[name] if study in studies]
        parts = [rows_of(results, study) for study in chosen]
        if not parts:
            continue
        rows = pd.concat([part.astype({"variant": str}) for part in parts])
        rows = rows.drop_duplicates(["place", "variant", "seed", *LEVELS])
        if name == "sphere":
            rows = rows[rows["task"] == "edges"]
        if rows["variant"].nunique() < 2:
            continue
        with plt.rc_context(style):
            figure = draw(rows)
            figure.savefig(folder / f"ablation-{name}.png", dpi=130)
        plt.close(figure)


def draw_sphere(rows: pd.DataFrame) -> Figure:
    """Errors of both metrics near the edges of a plane map, and elsewhere."""
    splits = list(rows["split"].unique())
    figure, axes = plt.subplots(
        1, len(splits), figsize=(7.2, 2.9), sharey=True, layout="constrained"
    )
    for axis, split in zip(np.atleast_1d(axes), splits, strict=True):
        for k, variant in enumerate([DEFAULT, "planar"]):
            here = rows[(rows["split"] == split) & (rows["variant"] == variant)]
            errors = here.groupby("where")["rmse"].mean().reindex(BANDS)
            x = np.arange(len(BANDS)) + 0.36 * (k - 0.5)
            name = "on the sphere" if variant == DEFAULT else "on the plane"
            bars = axis.bar(x, errors, 0.34, color=COLORS[k], label=name)
            axis.bar_label(bars, fmt="%.3f", padding=2, fontsize=8)
        axis.set_xticks(np.arange(len(BANDS)), BANDS)
        axis.set_title(f"{split} split")
    first = np.atleast_1d(axes)[0]
    first.set_ylabel("RMSE")
    first.margins(y=0.25)
    first.legend(frameon=False, loc="upper left")
    return figure


def draw_nodes(rows: pd.DataFrame) -> Figure:
    """Error, seconds and memory against the number of nodes."""
    rows = rows[rows["where"] == "all"]
    rows = rows.assign(nodes=rows["variant"].str.split().str[0].astype(int))
    shown = {
        "RMSE": "rmse",
        "seconds of the fit": "fit_seconds",
        "memory of the fit, MiB": "memory_mib",
    }
    figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.7), layout="constrained")
    for axis, (title, column) in zip(axes, shown.items(), strict=True):
        for k, (place, here) in enumerate(rows.groupby("place", sort=False)):
            mean = here.groupby("nodes")[column].mean()
            axis.plot(mean, color=COLORS[k], marker=MARKERS[k], label=place)
            axis.scatter(here["nodes"], here[column], 8, COLORS[k], alpha=0.5)
        axis.set_xscale("log")
        ticks = sorted(rows["nodes"].unique())
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.set_ylim(0, 1.08 * rows[column].max() or 1.0)
        axis.set_xlabel("nodes")
        axis.set_title(title)
    axes[0].legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def draw_parts(rows: pd.DataFrame) -> Figure:
    """Error of each variant over that of the default, a marker a task and split."""
    reference = reference_of(rows["variant"])
    errors = ratios_to(rows[rows["where"] == "all"], reference)
    variants = [name for name in errors["variant"].unique() if name != reference]
    places = list(errors["place"].unique())
    height = 1.2 + 0.42 * len(variants)
    figure, axis = plt.subplots(figsize=(7.2, height), layout="constrained")
    for k, place in enumerate(places):
        here = errors[errors["place"] == place]
        y = np.arange(len(variants)) + 0.14 * (k - (len(places) - 1) / 2)
        mean = here.groupby("variant")["ratio"].mean().reindex(variants)
        axis.scatter(mean, y, 26, COLORS[k], marker=MARKERS[k], label=place, zorder=3)
        for position, variant in zip(y, variants, strict=True):
            seeds = here.loc[here["variant"] == variant, "ratio"]
            axis.scatter(seeds, np.full(len(seeds), position), 5, COLORS[k], alpha=0.5)
    for k in range(1, len(variants)):
        axis.axhline(k - 0.5, color="#dddddd", linewidth=0.8)
    axis.axvline(1.0, color="#4a5260", linewidth=1)
    axis.set_xscale("log")
    low, high = errors["ratio"].min(), errors["ratio"].max()
    ticks = [t for t in TICKS if 0.97 * low <= t <= 1.03 * high]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_yticks(np.arange(len(variants)), variants)
    axis.set_ylim(len(variants) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(f"RMSE / RMSE of {reference} (right of 1: worse)")
    figure.legend(*axis.get_legend_handles_labels(), **LEGEND, ncols=len(places))
    return figure


def draw_drivers(rows: pd.DataFrame) -> Figure:
    """Mean shares of the features by climate; the leader of each has a frame."""
    rows = rows[(rows["variant"] == DEFAULT) & ~rows["feature"].isin(NOT_FEATURES)]
    tasks = list(rows["task"].unique())
    figure, axes = plt.subplots(
        1, len(tasks), figsize=(4.6 * len(tasks), 3.9), layout="constrained"
    )
    for axis, task in zip(np.atleast_1d(axes), tasks, strict=True):
        here = rows[rows["task"] == task]
        shares = here.pivot_table("share", "feature", "where", sort=False)
        climates = [name for name in CLIMATES if name in shares]
        shares = shares[climates]
        sites = here.groupby("where")["n_sites"].first()
        image = axis.imshow(100 * shares, cmap="Blues", vmin=0, aspect="auto")
        for column, climate in enumerate(climates):
            leader = int(np.argmax(shares[climate]))
            for row, share in enumerate(shares[climate]):
                dark = share > 0.6 * shares.to_numpy().max()
                color = "white" if dark else "#1d2430"
                axis.text(
                    column,
                    row,
                    f"{100 * share:.0f}",
                    color=color,
                    ha="center",
                    va="center",
                )
            axis.add_patch(_frame(column, leader))
        labels = [f"{name}\n{sites[name]:.0f} sites" for name in climates]
        axis.set_xticks(np.arange(len(climates)), labels, fontsize=8)
        axis.set_yticks(np.arange(len(shares)), list(shares.index))
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        axis.set_title(TASK_TITLES[task])
        figure.colorbar(image, ax=axis, label="mean share of the prediction, %")
    return figure


def _frame(column: int, row: int) -> Any:
    return plt.Rectangle(
        (column - 0.48, row - 0.47), 0.96, 0.94, fill=False, color="#b3622d", lw=2
    )


TICKS = [0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.5, 2.0, 3.0]
LEGEND: dict[str, Any] = {
    "loc": "outside upper center",
    "frameon": False,
    "columnspacing": 1.0,
    "handletextpad": 0.1,
}
LEVELS = ["where", "feature"]
SOURCES = {
    "sphere": ["sphere"],
    "nodes": ["nodes"],
    "parts": CHANGES,
    "drivers": ["drivers"],
}
FIGURES = {
    "sphere": draw_sphere,
    "nodes": draw_nodes,
    "parts": draw_parts,
    "drivers": draw_drivers,
}
