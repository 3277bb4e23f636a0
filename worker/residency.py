"""Which models are in memory: each measured as it loads, none beyond the budget, none that nobody has used for long.

Without a budget and without an idle time, all models of a worker stay as they were loaded.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from weakref import WeakSet

import structlog

from shared.case import Case
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from worker import stage as stages
from worker.memory import free
from worker.stage import Desk, Device, Stage
from worker.turnstile import Turnstile

log = structlog.get_logger()
Load = Callable[[StageName, ModelVersion, Device], Stage]
MB = 1 << 20
LONGEST_LOOK_S = 30.0  # between two looks for what is idle


class NoRoomError(ModelUnavailableError):
    """A model alone is larger than this worker's budget; another one may have room for it."""


class Residency:
    """Loads a worker's models, and knows what each takes."""

    def __init__(
        self,
        *,
        budget_mb: float = 0.0,
        idle_s: float = 0.0,
        load: Load = stages.load,
        measure: Callable[[Device], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`measure` tells the MB that this process takes on a device; 0 as budget or idle time means none."""
        self.budget_mb = budget_mb
        self.idle_s = idle_s
        self.clock = clock
        self.sizes_mb: dict[str, float] = {}
        """What each stage's model took as it was loaded last, in MB; kept up to date, for those who watch."""
        self._load = load
        self._measure = measure or taken_mb
        self._residents: WeakSet[Resident] = WeakSet()  # one that was replaced is forgotten

    def load(self, name: StageName, model: ModelVersion, device: Device) -> Stage:
        """The stage, measured; where there is a budget or an idle time, one whose model can be let go.

        Raises NoRoomError when the model alone is larger than the budget.
        """
        if model.path is None or not (self.budget_mb or self.idle_s):
            return self.measured(name, model, device)
        resident = Resident(self, name, model, device)
        resident.bring()
        self._residents.add(resident)
        return resident

    def measured(self, name: StageName, model: ModelVersion, device: Device) -> Stage:
        """The stage as it is loaded, its size noted."""
        before = self._measure(device)
        made = self._load(name, model, device)
        self.sizes_mb[name.value] = round(max(0.0, self._measure(device) - before), 1)
        log.info("model measured", stage=name.value, model=model.name, megabytes=self.sizes_mb[name.value])
        return made

    def make_room(self, needed_mb: float, but: Resident) -> None:
        """Let models go, the one first that was used least lately, until so much more fits into the budget."""
        held = sorted(
            (each for each in self._residents if each.loaded and each is not but), key=lambda one: one.used_at
        )
        while self.budget_mb and held and sum(each.size_mb for each in held) + needed_mb > self.budget_mb:
            held.pop(0).let_go("no room")

    def sweep(self) -> int:
        """Let go what was idle for too long; how many that were."""
        idle = [each for each in self._residents if each.loaded and self.clock() - each.used_at >= self.idle_s]
        for each in idle:
            each.let_go("idle")
        return len(idle)

    def begin(self, turnstile: Turnstile) -> None:
        """Look for idle models from now on, between two rounds, in a thread of its own."""
        if self.idle_s:
            threading.Thread(target=self._watch, args=(turnstile,), name="residency", daemon=True).start()

    def _watch(self, turnstile: Turnstile) -> None:
        while True:
            time.sleep(min(self.idle_s / 4, LONGEST_LOOK_S))
            with turnstile.change():
                self.sweep()


class Resident:
    """A stage whose model comes back when a case comes."""

    def __init__(self, residency: Residency, name: StageName, model: ModelVersion, device: Device) -> None:
        self.model = model
        self.batch = 1
        self.size_mb = 0.0
        self.used_at = residency.clock()
        self._residency = residency
        self._name = name
        self._device = device
        self._stage: Stage | None = None

    @property
    def loaded(self) -> bool:
        """Whether its model is in memory."""
        return self._stage is not None

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """The cases as the stage gives them back; its model is loaded first where it was let go."""
        try:
            return self.bring().run(cases, desk)
        finally:
            self.used_at = self._residency.clock()

    def bring(self) -> Stage:
        """The stage with its model in memory, others let go for it where the budget asks for that."""
        if (held := self._stage) is not None:  # read once: another thread that needs room may let it go just now
            return held
        self._residency.make_room(self.size_mb, self)
        made = self._residency.measured(self._name, self.model, self._device)
        # A second time it may find room that this process holds already, and seem smaller.
        self.size_mb = max(self.size_mb, self._residency.sizes_mb[self._name.value])
        self._stage, self.batch, self.used_at = made, made.batch, self._residency.clock()
        budget_mb = self._residency.budget_mb
        if budget_mb and self.size_mb > budget_mb:
            self.let_go("larger than the budget")
            raise NoRoomError(
                f"{self.model.name} takes {self.size_mb:.0f} MB, more than CLINQ_MEMORY_BUDGET_MB allows: raise it, or "
                "choose a smaller model"
            )
        self._residency.make_room(self.size_mb, self)  # what it takes was not known before
        return made

    def let_go(self, reason: str) -> None:
        """Free the model; the next case brings it back."""
        self._stage = None
        free()
        log.info("model let go", stage=self._name.value, model=self.model.name, reason=reason)


def taken_mb(device: Device) -> float:
    """What this process takes on a device now, in MB: resident memory, or what torch holds on a GPU."""
    torch = sys.modules.get("torch")
    if device.name != "cpu" and torch is not None:
        return float(torch.cuda.memory_allocated(device.name)) / MB
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB
