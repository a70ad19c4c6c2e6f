"""Explanations of predictions, their comparison, and where to trust them."""

from .autocorrelation import MoranTest, moran_test
from .comparison import ImportanceComparison, compare_importances
from .deletion import DeletionCurves, deletion_curves
from .diagnosis import Diagnosis, diagnose
from .explanation import RowEffects, make_explanation, normalized_weights
from .findings import Finding
from .float_view import FloatView
from .importance_comparison import ImportanceComparisonDisplay

__all__ = [
    "DeletionCurves",
    "Diagnosis",
    "Finding",
    "FloatView",
    "ImportanceComparison",
    "ImportanceComparisonDisplay",
    "MoranTest",
    "RowEffects",
    "compare_importances",
    "deletion_curves",
    "diagnose",
    "make_explanation",
    "moran_test",
    "normalized_weights",
]
