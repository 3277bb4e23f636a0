"""How many jobs that do nothing each system brings to their end in a second."""

from __future__ import annotations

import signal
import time

from tests.benchmarks.rivals.crew import System
from tests.benchmarks.rivals.jobs import NOTHING

LOOK_EVERY_S = 0.02
LONGEST_S = 60.0


def end_to_end(system: System, count: int) -> float:
    """Jobs a second from the first submission to the last result that can be read, with workers that wait for them."""
    began = time.perf_counter()
    system.submit(NOTHING, count)
    drained(system)
    return count / (time.perf_counter() - began)


def drain(system: System, count: int) -> float:
    """Jobs a second of the workers alone: frozen until all jobs are accepted, then let go."""
    system.crew.signal(signal.SIGSTOP)
    system.submit(NOTHING, count)
    began = time.perf_counter()
    system.crew.signal(signal.SIGCONT)
    drained(system)
    return count / (time.perf_counter() - began)


def drained(system: System) -> None:
    """Wait until every job has its result."""
    until = time.monotonic() + LONGEST_S
    while (left := system.left()) > 0:
        if time.monotonic() > until:
            raise TimeoutError(f"{system.name} left {left} jobs without a result")
        time.sleep(LOOK_EVERY_S)
