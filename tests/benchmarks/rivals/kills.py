"""What each system loses, and what it does twice, when its worker is killed in mid-work and comes back."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.rivals.crew import System
from tests.benchmarks.rivals.jobs import MARK

JOBS = 150
KILLS = 5
LOOK_EVERY_S = 0.02
START_S = 20.0  # a worker that has left no mark by then found nothing to do
PATIENCE_S = 15.0  # after the last kill; the gate for noticing a dead worker
QUIET_S = 12.0  # without a mark: Celery looks for what it may restore every 10 s
REVIVALS = 3


@dataclass(frozen=True, slots=True)
class Toll:
    """What became of the jobs."""

    late: int
    """Not done PATIENCE_S after the worker's last start."""
    lost: int
    """Not done either after all leases were put forward and workers started again."""
    twice: int
    """Left more than one mark: run to the end of their work more than once."""
    kills: int


def measure(system: System, seed: int) -> Toll:
    """Submit jobs that leave marks, kill the worker again and again, let it work, and count."""
    chance = random.Random(seed)
    before = len(system.crew.marks())
    system.submit(MARK, JOBS)
    kills = 0
    try:
        system.crew.start(system.workers(1))
        while kills < KILLS and _works(system):
            time.sleep(chance.uniform(0.05, 0.3))
            system.crew.kill()
            kills += 1
            system.crew.start(system.workers(1))
        _until(lambda: _missing(system, before) == 0, PATIENCE_S)
        late = _missing(system, before)
        for _ in range(REVIVALS):
            if _missing(system, before):
                _revive(system)
        _until(lambda: system.left() <= _missing(system, before), PATIENCE_S)
    finally:
        system.crew.stop()
    counts = Counter(system.crew.marks()[before:])
    return Toll(late, JOBS - len(counts), sum(count > 1 for count in counts.values()), kills)


def _works(system: System, *, within_s: float = START_S) -> bool:
    """Wait until the worker leaves another mark."""
    seen = len(system.crew.marks())
    return _until(lambda: len(system.crew.marks()) > seen, within_s)


def _missing(system: System, before: int) -> int:
    return JOBS - len(set(system.crew.marks()[before:]))


def _revive(system: System) -> None:
    """Start the worker anew with all leases at their end, and wait until it does no more."""
    system.crew.stop()
    system.expire()
    system.crew.start(system.workers(1))
    while system.left() and _works(system, within_s=QUIET_S):
        pass


def _until(true: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(LOOK_EVERY_S)
    return true()
