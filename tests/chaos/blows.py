"""The blows that a run deals: which process is struck when, drawn from the seed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from random import Random

from tests.chaos.processes import APIS, REAPERS, STRICT_ATTEMPTS, Processes
from tests.postgres import Postgres

CHOOSE_S = 20.0  # how long a blow waits for a worker that holds a job
POSTGRES_AWAY_S = 2.0
STOP_S = 60.0  # for a worker that was told to stop


class Blow(StrEnum):
    """What is done to whom."""

    TREE = "worker tree"
    PARENT = "worker parent"
    LEAF = "worker"
    FREEZE = "freeze"
    TERM = "SIGTERM"
    REDIS = "Redis"
    EMPTIED = "Redis emptied"
    API = "API"
    REAPER = "reaper"
    POSTGRES = "PostgreSQL"


OTHERS = {Blow.REDIS: ("redis",), Blow.EMPTIED: ("redis",), Blow.API: APIS, Blow.REAPER: REAPERS}
ON_WORKERS = {Blow.TREE, Blow.PARENT, Blow.LEAF, Blow.FREEZE, Blow.TERM}


@dataclass(frozen=True, slots=True)
class Death:
    """A job that a worker held when it was killed."""

    job_id: str
    attempt: int
    at: float
    """Seconds since the epoch."""


def plan(counts: Mapping[Blow, int], seconds: float, random: Random) -> list[tuple[float, Blow]]:
    """When each blow falls, in seconds, and on whom.

    Each kind is spread over the whole time, so that the second reaper is not killed while the first one starts.
    """
    blows = []
    for blow, count in counts.items():
        phase = random.uniform(0.0, 0.5)
        blows += [(seconds * (number + phase + random.uniform(0.0, 0.5)) / count, blow) for number in range(count)]
    return sorted(blows)


@dataclass
class Striker:
    """Deals blows, and remembers who held which job when it died."""

    processes: Processes
    random: Random
    freeze_s: float
    postgres: Postgres | None = None
    dealt: Counter[Blow] = field(default_factory=Counter)
    deaths: list[Death] = field(default_factory=list)
    undrained: list[str] = field(default_factory=list)
    """What workers that were told to stop did wrong."""
    _spared: set[str] = field(default_factory=set)
    _later: list[threading.Thread] = field(default_factory=list)
    _outages: int = 0

    def deal(self, plan: list[tuple[float, Blow]], stop: threading.Event) -> None:
        """Deal each blow at its time, counted from now; after one that came late, the next ones are late too."""
        before, ready = 0.0, time.monotonic()
        for at_s, blow in plan:
            if stop.wait(max(0.0, ready + at_s - before - time.monotonic())):
                break
            before, ready = at_s, time.monotonic()
            self.strike(blow)
        for thread in self._later:
            thread.join()

    def strike(self, blow: Blow) -> None:
        """Deal one blow now."""
        self.dealt[blow] += 1
        if blow in ON_WORKERS:
            role, pid = self._victim()
            self._note(blow, role)
            self._strike_worker(blow, role, pid)
        elif blow is Blow.POSTGRES:
            self._note(blow, "server")
            self._restart_postgres()
        else:
            role = self.random.choice(OTHERS[blow])
            self._note(blow, role)
            self._take_down(role)
            if blow is Blow.EMPTIED:
                self.processes.home.empty_redis()
            self.processes.keeping.let_up(role)

    def take_redis(self, *, hangs: bool) -> None:
        """Kill Redis, or let it hang, until `give_redis_back`."""
        self.dealt[Blow.REDIS] += 1
        self._note(Blow.REDIS, "hangs" if hangs else "dies")
        if hangs:
            self.processes.home.processes["redis"].send_signal(signal.SIGSTOP)
        else:
            self._take_down("redis")

    def give_redis_back(self) -> None:
        """Let Redis answer again."""
        self.processes.keeping.let_up("redis")
        self.processes.home.processes["redis"].send_signal(signal.SIGCONT)

    def _strike_worker(self, blow: Blow, role: str, pid: int) -> None:
        parent = self.processes.home.processes[role]
        if blow is Blow.FREEZE:
            os.kill(pid, signal.SIGSTOP)
            self._afterwards(role, lambda: self._thaw(pid))
            return
        if blow is Blow.TERM:
            parent.terminate()
            self._afterwards(role, lambda: self._see_off(role, pid))
            return
        if blow in {Blow.TREE, Blow.PARENT}:
            parent.kill()
        if blow in {Blow.TREE, Blow.LEAF}:
            _signal(pid, signal.SIGKILL)
        at = time.time()
        _until(lambda: not _lives(pid))
        self.deaths += [Death(row.id, row.attempt, at) for row in self.processes.ledger.held_by(pid)]

    def _victim(self) -> tuple[str, int]:
        """A living worker; one that holds a job, where there is one within some seconds."""
        deadline = time.monotonic() + CHOOSE_S
        while True:
            living = {
                pid: role for role in self.processes.workers if role not in self._spared and (pid := self._pid(role))
            }
            holding = {int((row.worker or "-0").rpartition("-")[2]) for row in self.processes.ledger.held()} & set(
                living
            )
            if holding or (living and time.monotonic() > deadline):
                pid = self.random.choice(sorted(holding or living))
                return living[pid], pid
            time.sleep(0.03)

    def _pid(self, role: str) -> int | None:
        with contextlib.suppress(FileNotFoundError, ValueError):
            pid = int((self.processes.home.home / f"{role}.pid").read_text())
            return pid if _lives(pid) else None
        return None

    def _note(self, blow: Blow, role: str) -> None:
        with (self.processes.home.home / "blows.log").open("a") as log:
            log.write(f"{datetime.now(UTC):%H:%M:%S.%f} {blow.value}: {role}\n")

    def _take_down(self, role: str) -> None:
        self.processes.keeping.hold_down(role)
        self.processes.home.kill(role)

    def _restart_postgres(self) -> None:
        if self.postgres is None:
            raise ValueError("this run has no PostgreSQL of its own")
        self._outages += 1
        self.postgres.stop()
        time.sleep(POSTGRES_AWAY_S)
        self.postgres.start()

    def _afterwards(self, role: str, act: Callable[[], None]) -> None:
        def run() -> None:
            act()
            self._spared.discard(role)

        self._spared.add(role)
        thread = threading.Thread(target=run)
        self._later.append(thread)
        thread.start()

    def _thaw(self, pid: int) -> None:
        time.sleep(self.freeze_s)
        _signal(pid, signal.SIGCONT)

    def _see_off(self, role: str, pid: int) -> None:
        outages = self._outages
        if not _until(lambda: not _lives(pid), STOP_S):
            self.undrained.append(f"{role} did not stop within {STOP_S:.0f} s of SIGTERM")
        elif outages == self._outages:
            # poison may kill a worker while it drains
            left = [row.id for row in self.processes.ledger.held_by(pid) if row.max_attempts > STRICT_ATTEMPTS]
            self.undrained += [f"{role} left {job_id} running when it stopped on SIGTERM" for job_id in left]


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _lives(pid: int) -> bool:
    """Whether the process is there; one that nobody has waited for yet is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def _until(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return answer
