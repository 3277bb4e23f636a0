"""Rows about queues: the speed of each with one worker and with two, and what a kill -9 costs it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import sqlalchemy as sa

from shared import tables
from shared.database import Database
from tests.benchmarks.rivals import kills, rivals, throughput
from tests.benchmarks.rivals.crew import System
from tests.benchmarks.rivals.jobs import NOTHING
from tests.benchmarks.rivals.ours import Clinq, Singly
from tests.benchmarks.table import Row
from tests.house import House, house

JOBS = 400  # a round
ROUNDS = 3
SEED = 1
QUIET = {"LOG_LEVEL": "WARNING", "MAX_QUEUE": "1000000"}
Rates = dict[str, list[float]]
"""Jobs a second of each system, round by round."""


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Run all systems over one Redis, one after the other in each round; kill them all at the end."""
    with house("redis", "api", "reaper", **QUIET) as home, ExitStack() as stack:
        home.env["BENCH_REDIS_URL"] = f"redis://127.0.0.1:{home.redis_port}"
        clinq = Clinq(home)
        others = rivals.installed(home, tell, stack)
        rows = []
        for workers in (1, 2):
            rows += _speed(clinq, Singly(clinq, home), others, workers, tell)
        return rows + _tolls(home, [clinq, *others, rivals.retried(home, stack)], tell)


def _speed(
    clinq: System, singly: System, others: Sequence[System], workers: int, tell: Callable[[str], None]
) -> list[Row]:
    ends: Rates = defaultdict(list)
    drains: Rates = defaultdict(list)
    systems = (clinq, *others)
    try:
        for each in systems:
            each.crew.start(each.workers(workers))
        for each in systems:
            each.submit(NOTHING, JOBS // 5)
            throughput.drained(each)
        for _ in range(ROUNDS):
            for each in (clinq, singly, *others):
                ends[each.name].append(throughput.end_to_end(each, JOBS))
            for each in systems:
                drains[each.name].append(throughput.drain(each, JOBS))
    finally:
        for each in systems:
            each.crew.stop()
    crew = f"{workers} worker{'s' if workers > 1 else ''}"
    rows = [
        _row(f"no-op jobs end to end, {crew}: clinq / plain RQ SimpleWorker", ends, clinq, others[0], goal=1.0),
        _row(f"no-op jobs that wait already, {crew}: clinq / plain RQ SimpleWorker", drains, clinq, others[0]),
    ]
    for row in rows:
        tell(f"{row.what} {row.figure:.2f}: {row.note}")
    return rows


def _row(what: str, rates: Rates, clinq: System, rival: System, goal: float | None = None) -> Row:
    ratio = statistics.median(ours / theirs for ours, theirs in zip(rates[clinq.name], rates[rival.name], strict=True))
    note = ", ".join(f"{name} {statistics.median(each):.0f}" for name, each in rates.items()) + " a second"
    if goal is None:
        return Row(what, ratio, "", met=True, note=note)
    return Row(what, ratio, f">= {goal:.0f}", ratio >= goal, note)


def _tolls(home: House, systems: Sequence[System], tell: Callable[[str], None]) -> list[Row]:
    with ThreadPoolExecutor(len(systems)) as pool:
        tolls = list(pool.map(lambda system: kills.measure(system, SEED), systems))
    rows = []
    for system, toll in zip(systems, tolls, strict=True):
        ours = system is systems[0]
        again = f"begun again, {_written_twice(home)} results written twice" if ours else "done twice"
        note = f"{toll.late} not done {kills.PATIENCE_S:.0f} s after, {toll.twice} {again}"
        what = f"lost of {kills.JOBS} jobs under {toll.kills} kill -9 of the worker: {system.name}"
        rows.append(Row(what, toll.lost, "0" if ours else "", met=toll.lost == 0 or not ours, note=note))
        tell(f"{what} {toll.lost}, {note}")
    return rows


def _written_twice(home: House) -> int:
    written = sa.select(tables.audit.c.job_id).where(tables.audit.c.action == "result_written")
    twice = written.group_by(tables.audit.c.job_id).having(sa.func.count() > 1).subquery()
    database = Database(home.database)
    with database.read() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(twice)).scalar_one()
    database.close()
    return int(found)
