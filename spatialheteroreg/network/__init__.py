"""The network: torch modules that know nothing of scikit-learn or pandas."""

from .condition import ConditionEncoder, ConditionTable
from .cross_fitted import CrossFitted, inputs_of, seen_first, seen_rows
from .output import NetworkOutput
from .stcg import STCGNetwork
from .tokens import FeatureTokens

__all__ = [
    "ConditionEncoder",
    "ConditionTable",
    "CrossFitted",
    "FeatureTokens",
    "NetworkOutput",
    "STCGNetwork",
    "inputs_of",
    "seen_first",
    "seen_rows",
]
