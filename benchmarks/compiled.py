"""What `torch.compile` would make of predictions: one network, one core.

Times the network of a fitted model as it is, compiled, and compiled with products in
bfloat16, on the same rows in turns. Run it on a machine with nothing else to do; it
needs a C++ compiler, and writes what it compiles to the folder of PyTorch's cache:

    OMP_NUM_THREADS=1 python -m benchmarks.compiled
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.accuracy import limited_to
from benchmarks.made_rows import MadeLaw, places_of
from benchmarks.speed_tables import to_markdown
from spatialheteroreg import STCGRegressor
from spatialheteroreg.columns import Table
from spatialheteroreg.inference import CHUNK_SIZE, Chunk
from spatialheteroreg.network import ConditionTable, NetworkOutput, STCGNetwork
from spatialheteroreg.row_inputs import slices

Pass = Callable[[Chunk], Tensor]


def passes(
    network: STCGNetwork, table: ConditionTable | None, backend: str
) -> dict[str, Pass]:
    """Ways through a network.

    Parameters
    ----------
    network : STCGNetwork
        The network.
    table : ConditionTable or None
        States of its nodes.
    backend : str
        Backend of `torch.compile`.

    Returns
    -------
    dict of str to callable
        Take rows, and give the predictions of the network.
    """
    compiled = torch.compile(network, backend=backend, dynamic=False)

    def go(through: Callable[..., NetworkOutput], mixed: bool) -> Pass:
        def predict(chunk: Chunk) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                return through(**chunk, table=table).prediction.float()

        return predict

    return {
        "as it is": go(network, False),
        "compiled": go(compiled, False),
        "compiled, products in bfloat16": go(compiled, True),
    }


def measure(options: argparse.Namespace) -> pd.DataFrame:
    """Time the ways in turns.

    Parameters
    ----------
    options : Namespace
        Of the command line.

    Returns
    -------
    DataFrame
        A line for each way: seconds of its first call, microseconds a row (median over
        the repeats), their ratio, and how far its predictions are from those of the
        first way, relative to their spread.
    """
    law = MadeLaw(options.features, places_of(options.train_rows))
    train, asked = law.draw(options.train_rows, seed=1), law.draw(options.rows, seed=2)
    model = STCGRegressor(device="cpu", max_iter=options.max_iter, random_state=0)
    model.fit(train.frame(), train.target())
    predictor = model._predictor()
    inputs = model._inputs.transform(Table(asked.frame()))
    part, own = next(predictor._with_inputs(inputs))
    size = min(CHUNK_SIZE, options.rows)
    # All of one length: for another `torch.compile` would compile anew.
    chunks = [
        part._chunk(own, rows) for rows in slices(options.rows // size * size, size)
    ]
    ways = passes(part.network, part._table(own), options.backend)
    first, seconds = {}, {name: [] for name in ways}
    found = {}
    with torch.no_grad(), limited_to(1):
        for name, way in ways.items():
            start = time.perf_counter()
            way(chunks[0])
            first[name] = time.perf_counter() - start
        for _ in range(options.repeats):
            for name, way in ways.items():
                start = time.perf_counter()
                said = [way(chunk) for chunk in chunks]
                seconds[name].append(time.perf_counter() - start)
                found[name] = torch.cat(said)
    pace = np.array([np.median(seconds[name]) for name in ways]) / (len(chunks) * size)
    plain = found["as it is"]
    return pd.DataFrame(
        {
            "way": list(ways),
            "first": [first[name] for name in ways],
            "microseconds": 1e6 * pace,
            "ratio": pace / pace[0],
            "error": [float((found[k] - plain).std() / plain.std()) for k in ways],
        }
    )


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Run what the command line asks for and print it; return the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compiled",
        description="Time a network as it is and compiled, on one core.",
    )
    parser.add_argument("--train-rows", type=int, default=8_000)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--max-iter", type=int, default=3, help="epochs of the fit")
    parser.add_argument("--rows", type=int, default=24_576, help="rows to predict")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    figures = measure(parser.parse_args(arguments))
    text = pd.DataFrame(
        {
            "Network": figures["way"],
            "First call, s": figures["first"].map("{:.2f}".format),
            "Microseconds a row": figures["microseconds"].map("{:.2f}".format),
            "Ratio": figures["ratio"].map("{:.2f}".format),
            "Relative difference": figures["error"].map("{:.1e}".format),
        }
    )
    print(to_markdown(text))
    return figures


if __name__ == "__main__":
    main()
