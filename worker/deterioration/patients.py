"""Made-up patients: ten days on a ward, hour by hour, with plausible vitals and courses of illness.

No real patient is in it. Each has a baseline of their own, a daily rhythm, slow drifts and noise, and a course: most
stay stable or get better; some slide into sepsis, respiratory failure, bleeding, heart failure or a falling mind, at
their own time and pace, and some of these are caught and treated. Measurements come every one to twelve hours, more
often when the patient looks ill, with single values missing, as on a ward.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from worker.deterioration.news2 import HIGH, score
from worker.deterioration.steps import NAMES, STEP_H, STEPS

HOURS = 240  # seven days that are seen, and three that are foretold
SEEN_H = STEPS * STEP_H  # 168
AHEAD_H = 24
COURSES = {
    #            share  HR   RR   SBP   T    SpO2  O2   mind : change at full severity
    "stable": (0.52, (0, 0, 0, 0.0, 0, 0.0, 0.0)),
    "recovering": (0.14, (28, 7, -18, 1.5, -5, 0.6, 0.2)),
    "sepsis": (0.10, (45, 12, -42, 2.2, -6, 0.7, 0.9)),
    "respiratory": (0.09, (30, 16, -6, 0.6, -14, 1.0, 0.6)),
    "bleeding": (0.06, (50, 8, -50, -0.6, -3, 0.3, 0.6)),
    "cardiac": (0.06, (40, 11, -35, -0.2, -8, 0.9, 0.4)),
    "mind": (0.03, (15, 4, 5, 0.4, -4, 0.3, 1.6)),
}
TREATED = 0.3  # share of those who slide and are caught in time
CHRONIC = 0.15  # share whose saturation and breathing are never those of a healthy adult
NOISE = np.array([4.5, 1.3, 6.5, 0.18, 0.9])
DRIFT = np.array([6.0, 1.2, 8.0, 0.2, 0.7])
DAILY = np.array([4.0, 0.6, 6.0, 0.25, 0.2])
LOW = np.array([30.0, 5.0, 55.0, 33.5, 60.0])
HIGHEST = np.array([190.0, 55.0, 210.0, 41.5, 100.0])


@dataclass(frozen=True, slots=True)
class Ward:
    """Patients, with what is seen of them in seven days and what becomes of them in the next three."""

    table: NDArray[np.float32]
    """(patients, steps, names), NaN where nothing was measured."""
    day: NDArray[np.int64]
    """(patients,): 1, 2 or 3, the day in which the patient deteriorates; 0 for one who does not."""
    news2: NDArray[np.int64]
    """(patients,): score of the last known values."""


def ward(patients: int, *, seed: int) -> Ward:
    """That many patients who are not critically ill at the end of the seventh day.

    A patient deteriorates in the first four hours that begin two steps in a row with NEWS2 of 7 or more.
    """
    draw = np.random.default_rng(seed)
    tables: list[NDArray[np.float64]] = []
    days, scores = list[int](), list[int]()
    while len(tables) < patients:
        values = _hours(draw)
        truth = [_news2(values[:, hour]) for hour in range(0, HOURS, STEP_H)]
        ill = [before >= HIGH and now >= HIGH for before, now in pairwise(truth)]
        if any(ill[STEPS - 7 : STEPS - 1]):
            continue  # ill already: there is nothing to foretell
        tables.append(_measured(values, draw))
        ahead = [step for step, is_ill in enumerate(ill[STEPS - 1 :]) if is_ill]
        days.append(ahead[0] * STEP_H // AHEAD_H + 1 if ahead else 0)
        scores.append(_news2(_last(tables[-1])))
    return Ward(np.stack(tables).astype(np.float32), np.array(days), np.array(scores))


def _hours(draw: Generator) -> NDArray[np.float64]:
    """(names, hours): what could be measured in each hour."""
    names = list(COURSES)
    course = draw.choice(names, p=[COURSES[name][0] for name in names])
    change = np.array(COURSES[course][1])
    severity = _severity(str(course), draw)
    base = np.array([draw.normal(80, 10), draw.normal(16, 1.6), draw.normal(126, 14), draw.normal(36.8, 0.2), 97.2])
    base[4] += draw.normal(0, 0.8)
    if draw.random() < CHRONIC:
        base += np.array([6.0, 3.0, 0.0, 0.0, -4.0])
    clock = np.arange(HOURS)
    rhythm = DAILY[:, None] * np.sin(2 * np.pi * (clock - 10) / 24)[None]
    own = change * draw.normal(1.0, 0.25, size=7)
    shaken = _drift(draw) + draw.normal(size=(5, HOURS)) * NOISE[:, None]
    values = base[:, None] + rhythm + own[:5, None] * severity + shaken
    given = draw.random() < 0.06 + 0.9 * np.clip(own[5] * severity, 0, 1)
    values[4] += 3.0 * given * (values[4] < 95)
    dull = draw.random(HOURS) < np.clip(own[6] * severity - 0.35, 0, 0.9)
    bounded = np.clip(values, LOW[:, None], HIGHEST[:, None])
    return np.vstack([bounded, given, dull])


def _severity(course: str, draw: Generator) -> NDArray[np.float64]:
    """(hours,): 0 is well, 1 critically ill."""
    hour = np.arange(HOURS)
    if course == "stable":
        bump, at = 0.35 * draw.random() ** 3, draw.uniform(0, HOURS)  # a bad day that means nothing
        rise = bump * np.exp(-(((hour - at) / 10.0) ** 2))
        return np.asarray(rise)
    if course == "recovering":
        return np.asarray(draw.uniform(0.4, 1.1) * np.exp(-hour / draw.uniform(20, 80)))
    onset = draw.uniform(40, HOURS - 20)
    pace_h = draw.lognormal(np.log(54), 0.5)  # from first signs to critical
    rise = np.clip((hour - onset) / pace_h, 0, 1.3)
    if draw.random() < TREATED:
        caught = onset + pace_h * draw.uniform(0.3, 0.8)
        worst = np.clip((caught - onset) / pace_h, 0, 1.3)
        rise = np.where(hour > caught, worst * np.exp(-(hour - caught) / 24.0), rise)
    return np.asarray(rise)


def _drift(draw: Generator) -> NDArray[np.float64]:
    """(5, hours): a random walk that comes back (AR(1), half gone after a day)."""
    keep = 0.5 ** (1 / 24)
    steps = draw.normal(size=(5, HOURS)) * DRIFT[:, None] * np.sqrt(1 - keep**2)
    walk = np.zeros((5, HOURS))
    walk[:, 0] = draw.normal(size=5) * DRIFT
    for hour in range(1, HOURS):
        walk[:, hour] = keep * walk[:, hour - 1] + steps[:, hour]
    return walk


def _measured(values: NDArray[np.float64], draw: Generator) -> NDArray[np.float64]:
    """(steps, names): the mean of what was measured in each step, NaN where nothing was."""
    every = int(draw.choice([1, 2, 4, 6, 8, 12], p=[0.08, 0.12, 0.3, 0.25, 0.15, 0.1]))
    taken = np.zeros(SEEN_H, dtype=bool)
    hour = int(draw.integers(every))
    while hour < SEEN_H:
        taken[hour] = True
        looks_ill = _news2(values[:, hour]) >= 5
        hour += max(1, every // 2) if looks_ill else every
    there = taken[None] & (draw.random((len(NAMES), SEEN_H)) > 0.06)
    seen = np.where(there, values[:, :SEEN_H], np.nan).reshape(len(NAMES), STEPS, STEP_H)
    count = (~np.isnan(seen)).sum(axis=-1)
    mean = np.nansum(seen, axis=-1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).T


def _last(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(names,): the last known value of each; NaN for one that was never measured."""
    known = ~np.isnan(table)
    at = np.where(known.any(axis=0), known.shape[0] - 1 - known[::-1].argmax(axis=0), 0)
    return table[at, np.arange(table.shape[1])]


def _news2(values: NDArray[np.float64]) -> int:
    return score({name: float(value) for name, value in zip(NAMES, values, strict=True) if not np.isnan(value)})
