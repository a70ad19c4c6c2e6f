"""The network: torch modules that know nothing of scikit-learn or pandas."""

from .condition import ConditionEncoder
from .output import NetworkOutput
from .stcg import STCGNetwork
from .tokens import FeatureTokens

__all__ = ["ConditionEncoder", "FeatureTokens", "NetworkOutput", "STCGNetwork"]
