"""Explanations of predictions."""

from .explanation import RowEffects, make_explanation, normalized_weights
from .float_view import FloatView

__all__ = ["FloatView", "RowEffects", "make_explanation", "normalized_weights"]
