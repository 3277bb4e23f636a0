"""Even steps out of measurements at odd times."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from shared.series import Measurement, Series
from tests.worker.measured import END, series
from worker.deterioration.steps import CHANNELS, NAMES, STALE_H, STEP_H, STEPS, read

PULSE = NAMES.index("heart_rate")


def test_values_of_one_step_are_averaged_and_the_order_of_sending_does_not_matter():
    first = Measurement(at=END - timedelta(hours=1), heart_rate=80)
    last = Measurement(at=END, heart_rate=116)
    tables = [read(Series(measurements=sent))[0] for sent in ((first, last), (last, first))]
    assert np.array_equal(*tables)
    assert tables[0].shape == (STEPS, CHANNELS)
    assert tables[0][-1, PULSE] == 1.0  # (98 - 80) / 18


def test_a_gap_keeps_the_last_value_and_tells_how_old_it_is():
    sent = (
        Measurement(at=END - timedelta(hours=5 * STEP_H), heart_rate=98),
        Measurement(at=END, temperature=36.8),
    )
    table, last, hours = read(Series(measurements=sent))
    assert table[-6:, PULSE].tolist() == [1.0] * 6
    age = table[-6:, len(NAMES) + PULSE]
    assert np.allclose(age, [step * STEP_H / STALE_H for step in range(6)])
    assert table[0, len(NAMES) + PULSE] == 1.0  # never measured before
    assert last == {"heart_rate": 98.0, "temperature": 36.8}
    assert hours == 20.0


def test_what_is_older_than_seven_days_is_not_read():
    week = series()
    old = Measurement(at=END - timedelta(days=7, seconds=1), heart_rate=200)
    longer = week.model_copy(update={"measurements": (old, *week.measurements)})
    assert np.array_equal(read(longer)[0], read(week)[0])
