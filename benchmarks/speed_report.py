"""Write results of the speed benchmark as a page with tables and a figure.

python -m benchmarks.speed_report speed.csv --out docs/benchmarks
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.gpu_rows import fits_table
from benchmarks.gpu_rows import table as gpu_table
from benchmarks.report import list_table, machine
from benchmarks.speed_bounds import OPEN, bounds_table
from benchmarks.speed_cases import CASE, Case
from benchmarks.speed_figure import draw_growth
from benchmarks.speed_profile import limit_table, stage_table, work_table
from benchmarks.speed_tables import speed_tables

TEXTS = ["note", "details", "settings", "of", "unit", "nodes", "steps", "folds"]

HEAD = """\
Speed
=====

.. Written by ``python -m benchmarks.speed_report``; a change by hand is lost.

Seconds and memory of a fit, and rows a second of its answers. The models of a size were
measured one after the other, those of other days apart, each in a process of its own,
with the same rows and cores; brackets hold the ratio of seconds to those of LightGBM.
Medians over the seeds. :doc:`/benchmarks` says what the models are and how each figure
is measured.

Along the rows STCGRegressor has its default parameters. Along another size the others
stay at 20,000 rows, 8 features, 200 nodes, 12 steps and 3 networks. Memory is the
peak that a fit adds to its table; "over the matrix" divides it by the size of the table
as a matrix of float32. Costs are taken to grow with a power of the size; the exponent
is 1 where they are in proportion.

.. code-block:: console

   $ python -m benchmarks.speed --out speed.csv
   $ python -m benchmarks.speed --bounds --data PATH --out bounds.csv
   $ python -m benchmarks.speed_profile --out speed_profile.csv
   $ python -m benchmarks.gpu_rows --set max_iter=6 --set krige_residuals=False \\
       --out gpu.csv
   $ python -m benchmarks.speed_report speed.csv bounds.csv \\
       --profile speed_profile.csv --gpu gpu.csv --out docs/benchmarks
"""

FIGURE = """\
.. figure:: {name}
   :alt: Seconds and memory of a fit against rows, nodes, steps and features
   :class: on-white

   Seconds and memory of a fit over those of the smallest size, one size varied at a
   time. Lines are power laws through the sizes in the upper half of the range; where
   the dotted line is, costs grow in proportion.
"""

ABOUT = """\
A fit to {rows:,} generated rows of {features} features, then {asked:,} rows predicted
and explained, on {cores}. Stages are nested, and time counts for the innermost one.
Limits were measured in the same process. Operations are those of matrix products: in
training of a row in an epoch, forward and backward, all networks together. The last
column is their share of what the machine does with large matrices of float32.
"""

NO_GPU = """\
Fifty million rows on a GPU: not measured yet, since no such GPU was at hand. The
command above measures them.
"""


ON_GPU = """\
{device}, {date}, Python {python}, torch {torch}. Rows of {features} features are made
where they are fitted, and handed over as arrays on the host. The first table is of the
last line of the second, with ``{settings}``. ``explain`` takes predictions apart, so
that its rows add up to them; seconds of both are counted. :doc:`/processes` says what
has changed since.
"""


def page(
    rows: pd.DataFrame,
    figure: str,
    profile: pd.DataFrame | None = None,
    gpu: pd.DataFrame | None = None,
) -> str:
    """Write the page.

    Parameters
    ----------
    rows : DataFrame
        Results of the speed benchmark.
    figure : str
        Name of the picture, beside the page.
    profile : DataFrame, default=None
        Figures of :mod:`benchmarks.speed_profile`.
    gpu : DataFrame, default=None
        Figures of :mod:`benchmarks.gpu_rows`; the last line counts.

    Returns
    -------
    str
        The page, as reStructuredText.
    """
    parts = [HEAD]
    bounds = bounds_table(rows)
    if (bounds["Result"] != OPEN).any():
        parts += [_title("Bounds"), as_rst(bounds)]
    parts.append(FIGURE.format(name=figure))
    for title, table in speed_tables(rows).items():
        parts += [_title(title), as_rst(table)]
    if profile is not None:
        parts += [_title("Where the time goes"), _about(profile)]
        tables = (stage_table, limit_table, work_table)
        parts += [as_rst(make(profile)) for make in tables]
    parts.append(_title("On a GPU"))
    if gpu is None:
        parts.append(NO_GPU)
    else:
        last = gpu.iloc[-1]
        about = ON_GPU.format(
            device=last["device"],
            date=last["date"][:10],
            python=last["python"],
            torch=last["torch"],
            features=last["features"],
            settings=last["settings"],
        )
        parts += [about, as_rst(gpu_table(last)), as_rst(fits_table(gpu))]
    if (rows["note"] != "").any():
        parts += [_title("Not measured"), _notes(rows)]
    parts += [_title("Machine and versions"), machine(rows)]
    return "\n".join(parts)


def as_rst(table: pd.DataFrame) -> str:
    """Write a table of text as a list table.

    Parameters
    ----------
    table : DataFrame
        Cells of text.

    Returns
    -------
    str
        As reStructuredText.
    """
    cells = table.astype(object).fillna("").astype(str)
    return list_table([list(table), *cells.values.tolist()])


def read(path: Path) -> pd.DataFrame:
    """Read a file of results, empty texts as such.

    Parameters
    ----------
    path : Path
        CSV file.

    Returns
    -------
    DataFrame
        Its rows.
    """
    table = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
    return table.fillna({name: "" for name in TEXTS if name in table})


def main(arguments: Sequence[str] | None = None) -> Path:
    """Write what the command line asks for; return the path of the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed_report")
    parser.add_argument(
        "results", type=Path, nargs="+", help="CSV files of benchmarks.speed"
    )
    parser.add_argument(
        "--profile", type=Path, help="CSV file of benchmarks.speed_profile"
    )
    parser.add_argument("--gpu", type=Path, help="CSV file of benchmarks.gpu_rows")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("docs/benchmarks"),
        help="folder for speed.rst and speed.png (default: docs/benchmarks)",
    )
    options = parser.parse_args(arguments)
    more = [path for path in (options.profile, options.gpu) if path is not None]
    for path in [*options.results, *more]:
        if not path.exists():
            parser.error(f"there is no file {path}.")
    rows = pd.concat([read(path) for path in options.results], ignore_index=True)
    options.out.mkdir(parents=True, exist_ok=True)
    draw_growth(rows).savefig(options.out / "speed.png", dpi=120)
    profile, gpu = (
        None if path is None else read(path) for path in (options.profile, options.gpu)
    )
    path = options.out / "speed.rst"
    path.write_text(page(rows, "speed.png", profile, gpu), encoding="utf-8")
    print(f"{path} and its figure are written.")
    return path


def _title(text: str) -> str:
    return f"{text}\n{'-' * len(text)}\n"


def _about(profile: pd.DataFrame) -> str:
    first = profile.iloc[0]
    cores = "one core" if first["cores"] == 1 else f"{first['cores']} cores"
    return ABOUT.format(**first[["rows", "features", "asked"]], cores=cores)


def _notes(rows: pd.DataFrame) -> str:
    """List what models could not do, and why."""
    noted = rows[rows["note"] != ""]
    lines = []
    for (model, note), part in noted.groupby(["model", "note"], sort=False):
        where = [Case(*row).label for row in part[CASE].itertuples(index=False)]
        lines.append(f"- {model}: {', '.join(dict.fromkeys(where))}. ``{note}``")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
