"""What can be wrong with a fit: one check each, from arrays to a finding."""

from __future__ import annotations

import numpy as np

from ..sphere import FloatArray, IntArray
from .findings import Finding, grade, make_finding

FEW_ROWS = 5
"""A node with fewer training rows than this has few."""


def check_graph(n_components: int) -> Finding:
    """Look whether the graph fell into parts.

    Parameters
    ----------
    n_components : int
        Parts before they were joined.

    Returns
    -------
    Finding
        "graph".
    """
    if n_components == 1:
        text = "Every node of the graph reaches every other."
    else:
        text = f"The graph fell into {n_components} parts, joined by single edges."
    return make_finding(
        "graph",
        "ok" if n_components == 1 else "note",
        n_components,
        text,
        "Raise n_neighbors if these regions should share more of what they learn; "
        "leave it if they have nothing in common.",
    )


def check_nodes(node_rows: IntArray) -> Finding:
    """Look for nodes with few training rows.

    Parameters
    ----------
    node_rows : ndarray of shape (n_nodes,)
        Training rows nearest to each node.

    Returns
    -------
    Finding
        "rows per node"; the value is the share of nodes with few.
    """
    share = float(np.mean(node_rows < FEW_ROWS))
    return make_finding(
        "rows per node",
        grade(share, 0.1, 0.3),
        share,
        f"{share:.0%} of the {len(node_rows)} nodes have fewer than {FEW_ROWS} "
        f"training rows, the median node {np.median(node_rows):.0f}.",
        "Lower n_nodes: the law of a place cannot be learned from so few rows.",
    )


def check_reach(far_share: float, widths: float) -> Finding:
    """Look for training rows far from every node.

    Parameters
    ----------
    far_share : float
        Share of the rows that are far.
    widths : float
        What far is, in kernel widths.

    Returns
    -------
    Finding
        "distance to nodes".
    """
    return make_finding(
        "distance to nodes",
        grade(far_share, 0.05, 0.2),
        far_share,
        f"{far_share:.0%} of the training rows lie more than {widths:g} kernel widths "
        "from every node.",
        "Raise n_nodes, or bandwidth: what is local is taken back at these rows.",
    )


def check_importances(importances: FloatArray) -> Finding | None:
    """Look whether all columns count nearly the same.

    Parameters
    ----------
    importances : ndarray of shape (p,)
        Shares of the columns; sum to 1.

    Returns
    -------
    Finding or None
        "importances"; the value is the number of equal columns with the same
        entropy, over the number of columns. None where fewer than 3 columns
        count at all.
    """
    p = importances[importances > 0]
    if len(p) < 3:
        return None
    evenness = float(np.exp(-p @ np.log(p)) / len(p))
    near = evenness > 0.98
    return make_finding(
        "importances",
        "warning" if near else "ok",
        evenness,
        f"The {len(p)} columns "
        + ("count nearly the same" if near else "differ in importance")
        + f" (evenness {evenness:.2f}; 1 is all the same).",
        "A model that has learned little looks like this: look at the loss in "
        "history_, raise max_iter, and lower dropout and weight_decay.",
    )


def check_training(losses: FloatArray, unit: float, which: str = "training") -> Finding:
    """Look whether the loss still falls, or never fell.

    Parameters
    ----------
    losses : ndarray of shape (n_epochs,)
        Loss of each epoch, in units of the target's variance.
    unit : float
        Loss of a model that predicts the mean.
    which : {"training", "validation"}, default="training"
        On which rows.

    Returns
    -------
    Finding
        "training"; the value is the share by which the loss fell over the last
        tenth of the epochs, or the loss where it is near that of the mean.
    """
    # With early stopping the weights of the best epoch are kept.
    last = float((losses[-1] if which == "training" else losses.min()) / unit)
    reached = f"The {which} loss reached {last:.3g} of the target's variance"
    if last > 0.9:
        return Finding(
            "training",
            "warning",
            last,
            f"{reached}: the model says little more than the mean.",
            "Raise max_iter or learning_rate, lower dropout and weight_decay; and "
            "look whether X can tell y at all.",
        )
    window = max(len(losses) // 10, 1)
    before, after = losses[-2 * window : -window], losses[-window:]
    # The mean of each window: the loss of one epoch is noisy.
    fall = float(1.0 - after.mean() / before.mean()) if len(before) else 0.0
    falling = fall > 0.1  # the end of the one-cycle schedule alone gives 5 %
    span = "epoch" if window == 1 else f"{window} epochs"
    return make_finding(
        "training",
        "note" if falling else "ok",
        fall,
        f"{reached} and "
        + (
            f"still fell, by {fall:.0%}, in the last {span}." if falling else "settled."
        ),
        "Raise max_iter.",
    )


def check_validation(
    training: FloatArray, validation: FloatArray, unit: float
) -> Finding:
    """Look whether held-out rows are predicted much worse than training rows.

    Parameters
    ----------
    training, validation : ndarray of shape (n_epochs,)
        Losses of each epoch, in units of the target's variance.
    unit : float
        Training loss of a model that predicts the mean; that on validation is 1.

    Returns
    -------
    Finding
        "validation"; the value is the validation loss over the training loss in
        the best epoch.
    """
    best = int(np.argmin(validation))
    # A loss near 0 is divided by what does not matter any more.
    ratio = float(validation[best] / max(training[best] / unit, 1e-3))
    rose = float(validation[-1] / validation[best] - 1.0)
    tail = f", and rose by {rose:.0%} after it" if rose > 0.05 else ""
    return make_finding(
        "validation",
        grade(ratio, 1.5, 3.0),
        ratio,
        f"In the best epoch, {best + 1} of {len(validation)}, the loss on held-out "
        f"rows is {ratio:.2g} times that on training rows{tail}.",
        "The model knows its rows by heart: raise dropout, weight_decay or "
        "place_dropout, or lower n_nodes.",
    )


def check_explained(share: float) -> Finding:
    """Look how much of the prediction the weights of the dual head explain.

    Parameters
    ----------
    share : float
        `explanation_r2_`.

    Returns
    -------
    Finding
        "explanation".
    """
    return make_finding(
        "explanation",
        grade(-share, -0.95, -0.8),
        share,
        f"The weights explain {share:.0%} of the variance of the predictions.",
        "Raise importance_loss_weight, or take head='additive', whose explanations "
        "are the prediction.",
    )
