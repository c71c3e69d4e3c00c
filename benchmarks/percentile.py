"""Percentiles that are values which were measured."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that is not below ``part`` of them (nearest rank); 0 where none is."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)] if values else 0.0
