"""The scenarios of kills: how many jobs, and how many blows of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.chaos.blows import Blow
from tests.chaos.small import Poison


@dataclass(frozen=True)
class Scenario:
    """One way to torment the service."""

    name: str
    jobs: int
    submit_s: float
    """Seconds over which the jobs are submitted."""
    blows_s: float
    """Seconds over which the blows fall."""
    counts: Mapping[Blow, int]
    workers: int = 3
    freeze_s: float = 20.0
    poisons: tuple[Poison, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """On top of the defaults."""
    drain_s: float = 120.0
    """Seconds after the last blow and the last submission in which everything must have ended."""


WORKERS = {Blow.TREE: 7, Blow.PARENT: 6, Blow.LEAF: 7, Blow.FREEZE: 2, Blow.TERM: 3}
KILLS = Scenario(
    name="kills",
    jobs=200,
    submit_s=42.0,
    blows_s=42.0,
    counts={**WORKERS, Blow.REDIS: 5, Blow.API: 3, Blow.REAPER: 2},
    poisons=(Poison.RAISES, Poison.KILLS, Poison.EXITS),
)
EMPTIED = replace(
    KILLS,
    name="Redis emptied",
    counts={**KILLS.counts, Blow.REDIS: 3, Blow.EMPTIED: 2},
    poisons=(Poison.RAISES, Poison.KILLS, Poison.SEGFAULTS),
)
RESTARTED = replace(KILLS, name="PostgreSQL restarted", counts={**KILLS.counts, Blow.POSTGRES: 1})

FEW = {Blow.TREE: 1, Blow.PARENT: 1, Blow.LEAF: 2, Blow.FREEZE: 1, Blow.TERM: 1}
SHORT = Scenario(
    name="short",
    jobs=30,
    submit_s=9.0,
    blows_s=10.0,
    counts={**FEW, Blow.REDIS: 1, Blow.EMPTIED: 1, Blow.API: 1, Blow.REAPER: 1},
    freeze_s=6.0,
    poisons=(Poison.RAISES, Poison.KILLS, Poison.SEGFAULTS),
    settings={"LEASE_S": "4", "BEAT_S": "1", "BACKOFF_S": "0.5"},
)
SHORT_RESTARTED = replace(SHORT, name="short, PostgreSQL restarted", counts={**SHORT.counts, Blow.POSTGRES: 1})
REAL = Scenario(
    name="kills",
    jobs=10,
    submit_s=5.0,
    blows_s=30.0,
    counts={**FEW, Blow.REDIS: 1, Blow.EMPTIED: 1, Blow.API: 1, Blow.REAPER: 1},
    workers=2,
    drain_s=240.0,
)
REAL_RESTARTED = replace(REAL, name="PostgreSQL restarted", counts={**REAL.counts, Blow.POSTGRES: 1})
