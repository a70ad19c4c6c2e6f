"""Explanations of predictions."""

from .explanation import RowEffects, make_explanation, normalized_weights

__all__ = ["RowEffects", "make_explanation", "normalized_weights"]
