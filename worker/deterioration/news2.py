"""NEWS2, the National Early Warning Score of the Royal College of Physicians (London, 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

Bands = tuple[tuple[float, int], ...]
"""(upper limit, points): the first band whose limit is not passed counts."""

RESPIRATION: Bands = ((8, 3), (11, 1), (20, 0), (24, 2), (inf, 3))
SATURATION: Bands = ((91, 3), (93, 2), (95, 1), (inf, 0))
SATURATION_LOW_TARGET: Bands = ((83, 3), (85, 2), (87, 1), (inf, 0))
SATURATION_ON_OXYGEN: Bands = ((83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (inf, 3))
PRESSURE: Bands = ((90, 3), (100, 2), (110, 1), (219, 0), (inf, 3))
PULSE: Bands = ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (inf, 3))
TEMPERATURE: Bands = ((35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (inf, 2))
ON_OXYGEN = 2
NOT_ALERT = 3
MEDIUM, HIGH = 5, 7
"""From so many points on, an urgent and an emergency response are due."""


def score(values: Mapping[str, float], *, hypercapnic: bool = False) -> int:
    """Points, 0 to 20, of the values that are there; one that was not measured gives none.

    `values` holds heart_rate and respiratory_rate (/min), systolic (mm[Hg]), temperature (Cel), spo2 (%), oxygen (0 or
    1) and consciousness (0 alert, 1 anything else). A rate or saturation between two whole numbers is rounded.
    """
    points = 0
    for name, bands in (("respiratory_rate", RESPIRATION), ("systolic", PRESSURE), ("heart_rate", PULSE)):
        points += _points(round(values[name]), bands) if name in values else 0
    oxygen = values.get("oxygen", 0.0) > 0.5
    if "spo2" in values:
        points += _points(round(values["spo2"]), _saturation(hypercapnic=hypercapnic, oxygen=oxygen))
    if "temperature" in values:
        points += _points(round(values["temperature"], 1), TEMPERATURE)
    return points + ON_OXYGEN * oxygen + NOT_ALERT * (values.get("consciousness", 0.0) > 0.5)


def _saturation(*, hypercapnic: bool, oxygen: bool) -> Bands:
    if not hypercapnic:
        return SATURATION
    return SATURATION_ON_OXYGEN if oxygen else SATURATION_LOW_TARGET


def _points(value: float, bands: Bands) -> int:
    return next(points for limit, points in bands if value <= limit)
