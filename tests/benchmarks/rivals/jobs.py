"""The two jobs that every system runs, and where each finds its Redis; plain Python, for environments without clinq."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

NOTHING, MARK = "nothing", "mark"
WORK_S = 0.02  # of a job that leaves a mark: long enough to be killed in its middle
RQ, RETRIED_RQ, CELERY, CELERY_RESULTS, ARQ = 1, 2, 3, 4, 5
"""Databases of the one Redis; clinq has 0."""


def nothing(number: int) -> int:
    """Answer at once."""
    return number


def mark(number: int) -> int:
    """Work a little, then append the job's number to the file of marks by one write."""
    time.sleep(WORK_S)
    with Path(os.environ["BENCH_MARKS"]).open("ab", buffering=0) as marks:
        marks.write(f"{number}\n".encode())
    return number


def redis_url(database: int) -> str:
    """One database of the benchmark's Redis."""
    return f"{os.environ['BENCH_REDIS_URL']}/{database}"


def serve(submit: Callable[[str, int], None]) -> None:
    """Submit so many jobs of a kind for each line `kind count` that comes in, and answer once all are accepted."""
    for line in sys.stdin:
        kind, count = line.split()
        submit(kind, int(count))
        sys.stdout.write("accepted\n")
        sys.stdout.flush()
