"""The stages of one worker process: loaded once, then run over cases whatever becomes of an engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version

import structlog

from shared.case import Case, Fallback
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from worker.memory import let_go, ran_out
from worker.post import RULES, SMALL_GPU, Load, Outcome, Post, Server, StageUnavailableError, Tolerance, on_cpu
from worker.stage import Desk, Device, Stage, load

log = structlog.get_logger()

MISSING_PAUSE_S = 30.0  # for another worker to have the model, or for somebody to put it in


@dataclass(frozen=True)
class Bench:
    """Stages that are ready to run."""

    stages: Mapping[StageName, Stage]
    fallbacks: Mapping[StageName, Fallback]
    """Stages whose planned engine could not be loaded."""
    tolerance: Tolerance = field(default_factory=Tolerance)
    device: Device = field(default_factory=Device)
    load: Load = load
    """Brings the engines that take over, when they are first needed."""
    serving: dict[str, str] = field(init=False)
    """Who serves each stage now, as engine:model; kept up to date, for those who watch."""
    _posts: dict[StageName, Post] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Put each stage to its post."""
        posts = {
            name: Post(name, Server(stage, self.fallbacks.get(name)), self.tolerance, self.device, self.load)
            for name, stage in self.stages.items()
        }
        object.__setattr__(self, "_posts", posts)
        object.__setattr__(self, "serving", {name.value: post.serving for name, post in posts.items()})

    def run(self, name: StageName, cases: Sequence[Case], desk: Desk) -> list[Outcome]:
        """One stage over several cases: for each, in their order, the new case or what was raised over it.

        A new case carries the stage's model, its share of the time, and what served in place of the planned engine.
        """
        post = self._posts.get(name)
        if post is None:
            missing = f"no model for {name.value} here: run `clinq models pull`, then `clinq doctor`"
            return [StageUnavailableError(missing, pause_s=MISSING_PAUSE_S) for _ in cases]
        try:
            return post.run(cases, desk)
        finally:
            self.serving[name.value] = post.serving

    def plan_hash(self, stages: Iterable[StageName]) -> str | None:
        """SHA-256 over all that decides what these stages make of a text; None while one of them is degraded."""
        plan = []
        for name in stages:
            post = self._posts.get(name)
            if post is None or not post.as_planned:
                return None
            plan.append((name.value, *_identity(self.stages[name].model)))
        return hashlib.sha256(json.dumps([_clinq(), plan]).encode()).hexdigest()


def set_up(plan: Mapping[StageName, ModelVersion], device: Device, tolerance: Tolerance | None = None) -> Bench:
    """Load every stage once; where its weights cannot load, it falls back to the CPU if allowed, else to its rules."""
    tolerance = tolerance or Tolerance()
    stages: dict[StageName, Stage] = {}
    fallbacks: dict[StageName, Fallback] = {}
    for name, model in plan.items():
        stage, fallback = _loaded(name, model, device, may_move=tolerance.may_move(device))
        if fallback is not None:
            log.warning("stage falls back", stage=name.value, model=model.name, engine=fallback.engine)
            fallbacks[name] = fallback
        if stage is not None:
            log.info("stage loaded", stage=name.value, model=stage.model.name, engine=stage.model.engine)
            stages[name] = stage
    return Bench(stages, fallbacks, tolerance, device)


def _loaded(
    name: StageName, model: ModelVersion, device: Device, *, may_move: bool
) -> tuple[Stage | None, Fallback | None]:
    try:
        return load(name, model, device), None
    except Exception as error:
        short = ran_out(error)
        if not short and not isinstance(error, ModelUnavailableError):
            raise
        let_go(error)
    if short and may_move:
        stage, fallback = _loaded(name, model, Device("cpu", device.threads), may_move=False)
        return stage, fallback or Fallback(name, on_cpu(model), SMALL_GPU)
    fallback = Fallback(name, RULES.engine, f"the model {model.name} could not be loaded")
    return None if name is StageName.TRANSCRIBE else load(name, RULES, device), fallback  # no rules read speech


def _identity(model: ModelVersion) -> tuple[object, ...]:
    adapter = model.adapter and model.adapter.name
    return model.engine, model.name, model.version, model.sha256, adapter, sorted(model.options.items())


@cache
def _clinq() -> str:
    return version("clinq")
