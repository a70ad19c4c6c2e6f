"""Splits that hold out places or times, to validate for a model's use."""

from .spatial import BufferedKFold, LeaveRegionOut, SpatialBlockKFold
from .temporal import ForwardChaining, TimeHoldout

__all__ = [
    "BufferedKFold",
    "ForwardChaining",
    "LeaveRegionOut",
    "SpatialBlockKFold",
    "TimeHoldout",
]
