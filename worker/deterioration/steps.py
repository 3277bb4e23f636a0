"""Measurements at odd times as the even steps that the network reads."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from shared.series import Measurement, Series

DAYS = 7
STEP_H = 4
STEPS = DAYS * 24 // STEP_H  # 42
NAMES = ("heart_rate", "respiratory_rate", "systolic", "temperature", "spo2", "oxygen", "consciousness")
USUAL = np.array([80.0, 16.0, 125.0, 36.8, 97.0, 0.0, 0.0], dtype=np.float32)
"""What an adult at rest has; stands where nothing was measured yet."""
SPREAD = np.array([18.0, 4.0, 20.0, 0.7, 3.0, 1.0, 1.0], dtype=np.float32)
STALE_H = 48.0  # a value this old tells as little as one that is older
CHANNELS = 2 * len(NAMES)
"""For each name its value, and how old it is."""

Steps = NDArray[np.float32]


def values_of(measurement: Measurement) -> dict[str, float]:
    """The values by name, as numbers: oxygen 1 where it was given, consciousness 1 where anything but alert."""
    found = {name: getattr(measurement, name) for name in NAMES}
    if found["consciousness"] is not None:
        found["consciousness"] = found["consciousness"] != "alert"
    return {name: float(value) for name, value in found.items() if value is not None}


def read(series: Series) -> tuple[Steps, dict[str, float], float]:
    """The steps, the last known value of each name, and the hours from the first to the last measurement read.

    The last step ends with the last measurement; what was measured more than seven days before it is not read.
    """
    ordered = sorted(series.measurements, key=lambda each: each.at)
    end = ordered[-1].at
    read_from = end - timedelta(days=DAYS)
    kept = [each for each in ordered if each.at > read_from]
    table = np.full((STEPS, len(NAMES)), np.nan, dtype=np.float32)
    seen: list[list[list[float]]] = [[[] for _ in NAMES] for _ in range(STEPS)]
    last: dict[str, float] = {}
    for each in kept:
        step = STEPS - 1 - int((end - each.at).total_seconds() // (STEP_H * 3600))
        for name, value in values_of(each).items():
            seen[step][NAMES.index(name)].append(value)
            last[name] = value
    for step, row in enumerate(seen):
        for place, found in enumerate(row):
            if found:
                table[step, place] = np.mean(found)
    return channels(table), last, (end - kept[0].at).total_seconds() / 3600


def channels(table: NDArray[np.float32]) -> Steps:
    """(..., steps, names) values with NaN where nothing was measured -> (..., steps, channels), scaled.

    A gap keeps the last value; beside it stands its age as a share of STALE_H. Before the first value stands the usual
    one, as old as can be.
    """
    measured = ~np.isnan(table)
    steps = np.arange(table.shape[-2])[:, None]
    latest = np.maximum.accumulate(np.where(measured, steps, -1), axis=-2)
    known = latest >= 0
    held = np.take_along_axis(np.nan_to_num(table), np.maximum(latest, 0), axis=-2)
    scaled = np.where(known, (held - USUAL) / SPREAD, 0.0)
    age = np.where(known, np.minimum((steps - latest) * STEP_H / STALE_H, 1.0), 1.0)
    return np.concatenate([scaled, age], axis=-1).astype(np.float32)
