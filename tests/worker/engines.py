"""Small engines for tests of the bench: they count, fail as they are told, and run out of memory as torch does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import torch

from shared.case import Case, Origin
from shared.job import StageName
from shared.registry import ModelVersion
from worker.stage import Desk, Device, Stage

EXTRACT, SUMMARIZE, TRANSCRIBE = StageName.EXTRACT, StageName.SUMMARIZE, StageName.TRANSCRIBE
Act = Callable[[Sequence[Case], Desk], None]


def cases(*names: str, text: str = "Mild headache.") -> list[Case]:
    """A case for each job."""
    return [Case(Origin(name, "default", datetime(2026, 3, 1, tzinfo=UTC)), text=text) for name in names]


def ids(outcomes: Sequence[Case | Exception]) -> list[str]:
    """The jobs of the cases among the outcomes, or the type of what was raised."""
    return [each.origin.job_id if isinstance(each, Case) else type(each).__name__ for each in outcomes]


@dataclass
class Engine:
    """Adds its name to the warnings of each case, after it did what a test tells it."""

    act: Act = lambda _cases, _desk: None
    batch: int = 1
    model: ModelVersion = field(default_factory=lambda: ModelVersion("small", "test"))
    calls: list[list[str]] = field(default_factory=list)
    """The jobs of each call."""

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        self.calls.append([case.origin.job_id for case in cases])
        self.act(cases, desk)
        return [replace(case, warnings=(*case.warnings, self.model.name)) for case in cases]


class RulesEngine(Engine):
    """What takes over: of another type, as the stages' own are."""


@dataclass
class Spare:
    """Loads what takes over, and remembers what it was asked for."""

    stage: Stage = field(default_factory=lambda: RulesEngine(model=ModelVersion("rules", "rules")))
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, name: StageName, model: ModelVersion, device: Device) -> Stage:
        self.asked.append((model.engine, device.name))
        return self.stage


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def fits(most: int) -> Act:
    """An engine whose memory holds so many cases, and which fails as torch does on a GPU."""

    def act(cases: Sequence[Case], _desk: Desk) -> None:
        if len(cases) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    return act
