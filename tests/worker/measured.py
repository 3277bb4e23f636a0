"""Measurements for tests: a patient who stays well, and one who slides into sepsis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.series import Measurement, Series

END = datetime(2026, 3, 8, 8, tzinfo=UTC)
WELL = {"heart_rate": 72, "respiratory_rate": 15, "systolic": 124, "temperature": 36.7, "spo2": 98}
AWAKE = {"oxygen": False, "consciousness": "alert"}


def series(*, falling_h: int = 0, every_h: int = 4, days: int = 7, **more: Any) -> Series:
    """Seven even days, or such whose last `falling_h` hours go steadily down to NEWS2 of 6."""
    measurements = []
    for hours in range(0, days * 24, every_h):
        ill = max(0.0, 1 - hours / falling_h) if falling_h else 0.0
        values = {
            "heart_rate": 72 + 40 * ill,
            "respiratory_rate": 15 + 8 * ill,
            "systolic": 124 - 20 * ill,
            "temperature": 36.7 + 1.8 * ill,
            "spo2": 98 - 3 * ill,
        }
        measurements.append(Measurement(at=END - timedelta(hours=hours), **values, **AWAKE))
    return Series(measurements=tuple(measurements), **more)
