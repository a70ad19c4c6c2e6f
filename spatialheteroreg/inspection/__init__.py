"""Explanations of predictions, their comparison, and where to trust them."""

from .autocorrelation import MoranTest, moran_test
from .comparison import ImportanceComparison, compare_importances
from .deletion import DeletionCurves, deletion_curves
from .diagnosis import Diagnosis, diagnose
from .effect_map import EffectMapDisplay
from .effect_season import EffectSeasonDisplay
from .explanation import RowEffects, make_explanation, normalized_weights
from .findings import Finding
from .float_view import FloatView
from .graph_display import ConditionGraphDisplay
from .importance_comparison import ImportanceComparisonDisplay
from .training_history import TrainingHistoryDisplay

__all__ = [
    "ConditionGraphDisplay",
    "DeletionCurves",
    "Diagnosis",
    "EffectMapDisplay",
    "EffectSeasonDisplay",
    "Finding",
    "FloatView",
    "ImportanceComparison",
    "ImportanceComparisonDisplay",
    "MoranTest",
    "RowEffects",
    "TrainingHistoryDisplay",
    "compare_importances",
    "deletion_curves",
    "diagnose",
    "make_explanation",
    "moran_test",
    "normalized_weights",
]
