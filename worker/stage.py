"""What a stage is, what it may ask of the loop while it runs, and how it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from shared.case import Case
from shared.job import StageName
from shared.registry import ModelVersion

Listen = Callable[[], None]
"""Raises JobStoppedError once the job is cancelled or lost; called wherever a long computation can be left."""


def undisturbed() -> None:
    """What hands itself in as Listen where the work belongs to no job: it never raises."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where the weights live: cpu or cuda:N, and how many torch threads one worker may use."""

    name: str = "cpu"
    threads: int = 1


class Desk(Protocol):
    """What the loop offers a stage in mid-run; every call raises JobStoppedError once the job is cancelled or lost."""

    def audio(self, case: Case) -> Path:
        """A decrypted copy of the recording, removed when the stage ends."""
        ...

    def document(self, case: Case) -> Path:
        """The same of the document."""
        ...

    def listen(self) -> None:
        """Raise JobStoppedError if the job was stopped; nothing is published, so that any loop can afford it.

        Call it before each native call and each layer of a model, so that a cancel waits for one of them at most.
        """
        ...

    def keep(self, case: Case, share: float) -> None:
        """Store, sealed, what is known in the middle of this stage: another attempt gets this very case to go on."""
        ...

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        """Publish that `share` (0 to 1) of this stage is done, and the text that has come so far.

        With `append`, `partial` is only what came since the last call. Call it between segments and between tokens.
        """
        ...


class Stage(Protocol):
    """One clinical act by one model: takes cases, returns them with more in them, in the same order."""

    batch: int
    """How many cases one call may take; 1 where batching gains nothing."""
    model: ModelVersion
    """What does the work: it is named in the result."""

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]: ...


class StageModule(Protocol):
    """What every file in worker/stages/ offers."""

    def load(self, model: ModelVersion, device: Device) -> Stage: ...


def load(name: StageName, model: ModelVersion, device: Device) -> Stage:
    """Read one stage's weights; the stage that comes back can run at once.

    Raises ModelUnavailableError when the weights are not there or do not fit.
    """
    module = cast("StageModule", import_module(f"worker.stages.{name.value}"))
    return module.load(model, device)
