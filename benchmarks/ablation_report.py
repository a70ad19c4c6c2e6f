"""Tables of the ablations: on the screen, and as files for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.ablation_studies import CLIMATES, DEFAULT, FLUX, STUDIES

TASK_TITLES = {
    FLUX: "towers",
    "fluxnet_weather": "towers, weather alone",
    "globe": "globe",
    "globe-dense": "dense globe",
    "edges": "edges",
}
NOT_FEATURES = ["lat", "lon", "time"]
SOLAR = "SW_IN_F"

Figures = dict[str, Any]


def tables(results: pd.DataFrame, studies: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Make the table of each study; its cells are text.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark, of one choice of settings.
    studies : sequence of str
        Names of studies.

    Returns
    -------
    dict of str to DataFrame
        By study, those without results left out.
    """
    return {
        name: MAKERS.get(name, changed_parts)(rows_of(results, name))
        for name in studies
        if len(rows_of(results, name))
    }


def rows_of(results: pd.DataFrame, name: str) -> pd.DataFrame:
    """Take the rows of a study, its variants in their order.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.
    name : str
        The study.

    Returns
    -------
    DataFrame
        Its rows, with a column ``place`` that names task and split.
    """
    study = STUDIES[name]
    place = pd.MultiIndex.from_frame(results[["task", "split"]])
    mine = (
        (results["measures"] == study.measures)
        & results["variant"].isin(study.variants)
        & place.isin(study.places)
    )
    rows = results[mine]
    title = rows["task"].map(TASK_TITLES) + ", " + rows["split"]
    order = pd.Categorical(rows["variant"], study.variants, ordered=True)
    return rows.assign(place=title, variant=order)


def sphere(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors of both metrics, by band."""
    errors = ratios_to(rows, DEFAULT)
    keys = ["task", "split", "where"]
    lines = []
    for (task, split, where), group in errors.groupby(keys, sort=False):
        planar = group[group["variant"] == "planar"]
        lines.append(
            {
                "Task": TASK_TITLES[task],
                "Split": split,
                "Where": where,
                "Test rows": f"{group['n_test'].iloc[0]:.0f}",
                "Sphere": spread(group.loc[group["variant"] == DEFAULT, "rmse"], 3),
                "Plane": spread(planar["rmse"], 3),
                "Plane / sphere": spread(planar["ratio"], 3),
            }
        )
    return pd.DataFrame(lines)


def nodes(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors, seconds and memory, by the number of nodes."""
    keys = ["task", "split", "variant"]
    lines = [
        {
            "Task": TASK_TITLES[task],
            "Split": split,
            "Nodes": variant.split()[0],
            "RMSE": spread(group["rmse"], 3),
            "R2": spread(group["r2"], 3),
            "Fit, s": spread(group["fit_seconds"], 0),
            "Memory, MiB": spread(group["memory_mib"], 0),
        }
        for (task, split, variant), group in rows[rows["where"] == "all"].groupby(
            keys, sort=False, observed=True
        )
    ]
    return pd.DataFrame(lines)


def changed_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """Error of each variant over that of the one left as it is, a column a place."""
    reference = reference_of(rows["variant"])
    errors = ratios_to(rows[rows["where"] == "all"], reference)
    dual = errors["explanation_r2"].lt(1 - 1e-9).any()
    lines = []
    for variant, group in errors.groupby("variant", observed=True):
        line: Figures = {"Variant": variant}
        for place in errors["place"].unique():
            here = group[group["place"] == place]
            line[place] = (
                f"RMSE {spread(here['rmse'], 3)}"
                if variant == reference
                else spread(here["ratio"], 3)
            )
        if dual:
            line["Explained"] = f"{group['explanation_r2'].mean():.2f}"
        lines.append(line)
    return pd.DataFrame(lines)


def drivers(rows: pd.DataFrame) -> pd.DataFrame:
    """What leads in which climate, by share, by slope and by site."""
    lines = []
    keys = ["task", "variant", "where"]
    order = pd.Categorical(rows["where"], CLIMATES, ordered=True)
    grouped = rows.assign(where=order).groupby(keys, sort=True, observed=True)
    for (task, variant, climate), group in grouped:
        mean = group.groupby("feature", sort=False)[DRIVERS].mean()
        features = mean.drop(index=NOT_FEATURES, errors="ignore")
        ranked = {
            name: features[name].sort_values(ascending=False)
            for name in ("share", "within", "slope_size")
        }
        ranks = [str(list(values.index).index(SOLAR) + 1) for values in ranked.values()]
        lines.append(
            {
                "Task": TASK_TITLES[task],
                "Head": "dual" if "dual" in variant else "additive",
                "Climate": climate,
                "Sites": f"{group['n_sites'].iloc[0]:.0f}",
                "Rows": f"{group['n_test'].iloc[0]:.0f}",
                "Lead by share": _two_first(ranked["share"]),
                "Lead within sites": _two_first(ranked["within"]),
                "Lead by slope": _two_first(ranked["slope_size"]),
                f"Ranks of {SOLAR}": ", ".join(ranks),
                "It leads at": f"{100 * features.loc[SOLAR, 'leads']:.0f} %",
                "Its slope": f"{features.loc[SOLAR, 'slope']:.2f}",
                "Its r": f"{features.loc[SOLAR, 'correlation']:.2f}",
                "Place, time": f"{mean['share'].reindex(NOT_FEATURES).sum():.2f}",
            }
        )
    return pd.DataFrame(lines)


DRIVERS = ["share", "within", "leads", "slope", "slope_size", "correlation"]
MAKERS = {"sphere": sphere, "nodes": nodes, "drivers": drivers}


def reference_of(variants: pd.Series) -> str:
    """Name the variant that others are compared with."""
    return DEFAULT if DEFAULT in set(variants) else "dual head"


def ratios_to(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Add the error of each row over that of a variant with the same seed.

    Parameters
    ----------
    rows : DataFrame
        Rows of a study.
    reference : str
        The variant.

    Returns
    -------
    DataFrame
        With a column ``ratio``; NaN where the reference was not measured.
    """
    keys = ["task", "split", "where", "seed"]
    base = rows[rows["variant"] == reference].set_index(keys)["rmse"]
    at = pd.MultiIndex.from_frame(rows[keys])
    return rows.assign(ratio=rows["rmse"].to_numpy() / base.reindex(at).to_numpy())


def spread(values: pd.Series, digits: int) -> str:
    """Write the mean over seeds, with the standard deviation where there are more.

    Parameters
    ----------
    values : Series
        One for each seed.
    digits : int
        After the point.

    Returns
    -------
    str
        Empty where nothing was measured.

    Examples
    --------
    >>> spread(pd.Series([1.0]), 2), spread(pd.Series([1.0, 2.0]), 2)
    ('1.00', '1.50 ± 0.71')
    """
    values = values.dropna()
    if values.empty:
        return ""
    text = f"{values.mean():,.{digits}f}"
    return text if len(values) == 1 else f"{text} ± {values.std():,.{digits}f}"


def to_markdown(results: pd.DataFrame, studies: Sequence[str]) -> str:
    """Write the tables for the screen.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.
    studies : sequence of str
        Names of studies.

    Returns
    -------
    str
        One markdown table a study.
    """
    parts = []
    for name, table in tables(results, studies).items():
        lines = [name, "", f"| {' | '.join(table)} |", "|" + "---|" * table.shape[1]]
        lines += [
            f"| {' | '.join(map(str, row))} |" for row in table.itertuples(index=False)
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def write_report(results: pd.DataFrame, studies: Sequence[str], docs: Path) -> None:
    """Write tables and figures where the page of the documentation looks for them.

    Parameters
    ----------
    results : DataFrame
        Rows of the benchmark.
    studies : sequence of str
        Names of studies.
    docs : Path
        Folder of the documentation: tables go to ``ablations``, figures to
        ``_static``.
    """
    # Imported here: measuring needs no matplotlib.
    from benchmarks.ablation_figures import draw_all

    (docs / "ablations").mkdir(parents=True, exist_ok=True)
    (docs / "_static").mkdir(exist_ok=True)
    for name, table in tables(results, studies).items():
        table.to_csv(docs / "ablations" / f"{name}.csv", index=False)
    draw_all(results, studies, docs / "_static")


def _two_first(values: pd.Series) -> str:
    first = values.dropna().head(2)
    return ", ".join(f"{name} {value:.2f}" for name, value in first.items())
