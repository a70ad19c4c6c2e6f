"""Regression where the law changes over space and time."""

from .cubes import predict_dataset
from .partitions import predict_partitions
from .regressor import STCGRegressor

__version__ = "0.1.0"

__all__ = ["STCGRegressor", "__version__", "predict_dataset", "predict_partitions"]
