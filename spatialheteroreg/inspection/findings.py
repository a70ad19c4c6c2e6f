"""Findings on a fitted model, and how they are graded."""

from __future__ import annotations

from dataclasses import dataclass

SEVERITIES = ("ok", "note", "warning")
"""From nothing to do to something to do."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What was looked at.
    severity : {"ok", "note", "warning"}
        Whether there is something to do.
    value : float
        What was measured.
    sentence : str
        What it means.
    advice : str
        What to do; empty where there is nothing to do.
    """

    name: str
    severity: str
    value: float
    sentence: str
    advice: str = ""


def grade(value: float, note: float, warning: float) -> str:
    """Grade a value that is better the smaller it is.

    Parameters
    ----------
    value : float
        The value.
    note, warning : float
        What it has to exceed for either.

    Returns
    -------
    {"ok", "note", "warning"}
        The severity.
    """
    return SEVERITIES[int(value > note) + int(value > warning)]


def make_finding(
    name: str, severity: str, value: float, text: str, advice: str
) -> Finding:
    """Make a finding; where all is well there is nothing to advise.

    Parameters
    ----------
    name, severity : str
        As in :class:`Finding`.
    value : float
        What was measured.
    text, advice : str
        Its sentence, and its advice where the severity is not "ok".

    Returns
    -------
    Finding
        The finding.
    """
    return Finding(
        name, severity, float(value), text, "" if severity == "ok" else advice
    )
