"""Regression where the law changes over space and time."""

from .regressor import STCGRegressor

__version__ = "0.1.0"

__all__ = ["STCGRegressor", "__version__"]
