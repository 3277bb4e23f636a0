"""One stage of a worker: its engine, and what takes over while that engine fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from shared.case import Case, Fallback
from shared.errors import JobStoppedError, ModelUnavailableError, PermanentError, RetryableError
from shared.job import StageName
from shared.registry import ModelVersion
from worker.breaker import Breaker, Circuit
from worker.hearsay import HeardDesk
from worker.memory import OutOfMemoryError, Room, let_go, ran_out
from worker.stage import Desk, Device, Stage

log = structlog.get_logger()
Load = Callable[[StageName, ModelVersion, Device], Stage]
Outcome = Case | Exception
RULES = ModelVersion(name="rules", engine="rules")
SHORT_OF_MEMORY = 2  # single cases that did not fit onto the GPU before the CPU takes over
NO_ROOM = "one job alone did not fit into the worker's memory: give it more, or send a shorter input"
KEEPS_FAILING = "its engine failed for one job after the other, and is tried again soon"
SMALL_GPU = "the GPU ran out of memory, and is tried again soon"


class StageUnavailableError(RetryableError):
    """This worker has no engine for a stage, or leaves it alone for now; another worker may have one."""

    code = "model_unavailable"

    def __init__(self, message: str, *, pause_s: float = 0.0) -> None:
        """Trying again is of no use here before `pause_s` seconds are over."""
        super().__init__(message)
        self.pause_s = pause_s


@dataclass(frozen=True, slots=True)
class Tolerance:
    """When an engine is left alone, and what may take over; the settings of these names say more."""

    breaker_failures: int = 3
    breaker_pause_s: float = 60.0
    cpu_fallback: bool = False

    def may_move(self, device: Device) -> bool:
        """Whether a stage that does not fit onto this device may run on the CPU."""
        return self.cpu_fallback and device.name.startswith("cuda")


@dataclass(frozen=True, slots=True)
class Server:
    """Who serves now; `fallback` says so in the result where it is not the stage's own engine."""

    stage: Stage
    fallback: Fallback | None
    last: bool = False
    """Whether nothing is left to take over from it."""


class Post:
    """Runs one stage over as many cases as fit into one call; a case that fails never hurts the others."""

    def __init__(self, name: StageName, own: Server, tolerance: Tolerance, device: Device, load: Load) -> None:
        self._name = name
        self._own = own
        self._load = load
        self._slow = Device("cpu", device.threads)
        self._room = Room(own.stage.batch)
        self._may_move = tolerance.may_move(device)
        self._on_cpu: Server | None = None
        self._rules: Server | None = None
        self._gpu = Breaker(failures=SHORT_OF_MEMORY, pause_s=tolerance.breaker_pause_s)
        self._engine = Breaker(failures=tolerance.breaker_failures, pause_s=tolerance.breaker_pause_s)
        self._short = 0

    @property
    def stage(self) -> Stage:
        """The engine that was planned for it, or the rules where that could not be loaded."""
        return self._own.stage

    @property
    def as_planned(self) -> bool:
        """Whether the engine that was planned for this stage serves."""
        return self._own.fallback is None and self._engine.circuit is self._gpu.circuit is Circuit.CLOSED

    @property
    def serving(self) -> str:
        """Who serves now, as engine:model, for those who watch."""
        server = self._server()
        return "none" if server is None else f"{_engine(server)}:{_model(server.stage.model)}"

    def run(self, cases: Sequence[Case], desk: Desk) -> list[Outcome]:
        """What becomes of each case, in their order: the case with more in it, or what was raised over it."""
        heard = HeardDesk(desk)
        outcomes: list[Outcome] = []
        alone_until = 0
        while (at := len(outcomes)) < len(cases):
            server = self._server()
            if server is None:
                outcomes.append(self._unavailable())
                continue
            chunk = cases[at : at + (1 if at < alone_until else self._size(server))]
            done = self._try(server, chunk, heard)
            if not isinstance(done, Exception):
                self._succeeded(server, len(chunk))
                outcomes += done
            elif len(chunk) > 1:
                if isinstance(done, OutOfMemoryError):
                    self._room.halve(len(chunk))
                else:
                    alone_until = at + len(chunk)
            elif not self._hands_over(server, chunk[0], done, heard):
                outcomes.append(done)
        return outcomes

    def _server(self) -> Server | None:
        if self._engine.circuit is Circuit.OPEN:
            return self._rules
        return self._on_cpu if self._on_cpu is not None and self._gpu.circuit is Circuit.OPEN else self._own

    def _size(self, server: Server) -> int:
        tried = Circuit.HALF_OPEN in {self._engine.circuit, self._gpu.circuit}
        return 1 if tried else min(max(server.stage.batch, 1), self._room.cases)

    def _try(self, server: Server, chunk: Sequence[Case], desk: Desk) -> list[Case] | Exception:
        began = time.perf_counter()
        try:
            done = server.stage.run(chunk, desk)
            return self._noted(server, chunk, done, time.perf_counter() - began)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hurt the other cases
            if not ran_out(error):
                return error
            log.warning("out of memory", stage=self._name.value, cases=len(chunk), error=type(error).__name__)
            let_go(error)
            return OutOfMemoryError(NO_ROOM)

    def _noted(self, server: Server, chunk: Sequence[Case], done: Sequence[Case], seconds: float) -> list[Case]:
        """The new cases with who made them, and each one's share of the time by its length."""
        lengths = [len(case.text or "") for case in chunk]
        whole = sum(lengths) if all(lengths) else 0
        shares = [length / whole if whole else 1.0 / len(chunk) for length in lengths]
        made_by = server.stage.model.used_by(self._name)
        return [
            replace(
                case,
                models=(*case.models, made_by),
                timings=(
                    *case.timings,
                    (self._name, seconds * share + (given.reached.seconds if given.reached else 0.0)),
                ),
                degraded=case.degraded if server.fallback is None else (*case.degraded, server.fallback),
            )
            for case, given, share in zip(done, chunk, shares, strict=True)
        ]

    def _succeeded(self, server: Server, cases: int) -> None:
        self._room.went_well(cases)
        if server.last:
            return
        if server is self._own and self._gpu.circuit is Circuit.HALF_OPEN:
            self._gpu.succeeded()
            log.info("GPU serves again", stage=self._name.value)
        if self._engine.succeeded():
            log.info("circuit closes", stage=self._name.value)

    def _hands_over(self, server: Server, case: Case, error: Exception, heard: HeardDesk) -> bool:
        """Count the failure; True when another engine is to try this case at once."""
        if server.last or isinstance(error, PermanentError | JobStoppedError) or heard.raised(error):
            return False
        job_id = case.origin.job_id
        if self._may_move and server is self._own and isinstance(error, OutOfMemoryError):
            self._short += 1
            return self._gpu.failed(f"{job_id}/{self._short}") and self._moves()
        if not self._engine.failed(job_id):
            return False
        log.warning("circuit opens", stage=self._name.value, error=type(error).__name__)
        return self._steps_back()

    def _moves(self) -> bool:
        """Let the CPU serve; False where the weights do not load there."""
        model = self._own.stage.model
        log.warning("stage moves to the CPU", stage=self._name.value, model=model.name)
        if self._on_cpu is None:
            stage = self._loaded(model)
            if stage is None:
                self._may_move = False
                self._gpu.succeeded()
                return False
            self._on_cpu = Server(stage, Fallback(self._name, on_cpu(model), SMALL_GPU))
        return True

    def _steps_back(self) -> bool:
        """Let the rules serve; False where there are none."""
        if self._rules is None and self._name is not StageName.TRANSCRIBE:  # speech has no rules engine
            stage = self._loaded(RULES)
            if stage is None or type(stage) is type(self._own.stage):
                # Its own engine is the rules': what fails is the job, and there is nothing better to wait for.
                self._own = replace(self._own, last=True)
                self._engine.succeeded()
                return False
            self._rules = Server(stage, Fallback(self._name, "rules", KEEPS_FAILING), last=True)
        return self._rules is not None

    def _loaded(self, model: ModelVersion) -> Stage | None:
        try:
            return self._load(self._name, model, self._slow)
        except Exception as error:
            if not isinstance(error, ModelUnavailableError) and not ran_out(error):
                raise
            let_go(error)
            log.warning("nothing takes over", stage=self._name.value, model=model.name, error=type(error).__name__)
            return None

    def _unavailable(self) -> StageUnavailableError:
        return StageUnavailableError(
            f"the engine of {self._name.value} keeps failing here; it is tried again soon: see the worker's log",
            pause_s=self._engine.left_s,
        )


def on_cpu(model: ModelVersion) -> str:
    """How a result names the engine of a model that moved."""
    return f"{model.engine} on cpu"


def _engine(server: Server) -> str:
    return server.stage.model.engine if server.fallback is None else server.fallback.engine


def _model(model: ModelVersion) -> str:
    return model.name if model.id is None else f"{model.name}@{model.version}"
