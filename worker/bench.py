"""The stages of one worker process: loaded once, then run over cases whatever becomes of an engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from typing import cast

import structlog

from shared.case import Case, Fallback, ModelUse
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.registry import ModelVersion
from worker.canary import Canary
from worker.memory import free, let_go, ran_out
from worker.post import RULES, SMALL_GPU, Load, Outcome, Post, Server, StageUnavailableError, Tolerance, on_cpu
from worker.stage import Desk, Device, Stage, load

log = structlog.get_logger()

MISSING_PAUSE_S = 30.0  # for another worker to have the model, or for somebody to put it in


@dataclass(frozen=True)
class Bench:
    """Stages that are ready to run; what runs them changes between two rounds only (worker/lineup.py)."""

    stages: Mapping[StageName, Stage]
    fallbacks: Mapping[StageName, Fallback]
    """Stages whose planned engine could not be loaded."""
    tolerance: Tolerance = field(default_factory=Tolerance)
    device: Device = field(default_factory=Device)
    load: Load = load
    """Brings the engines that take over, when they are first needed."""
    serving: dict[str, str] = field(init=False, default_factory=dict)
    """Who serves each stage now, as engine:model; kept up to date, for those who watch."""
    canaries: dict[StageName, Canary] = field(init=False, default_factory=dict)
    shadows: dict[StageName, Stage] = field(init=False, default_factory=dict)
    """Stages that run behind finished jobs, to be compared with who served."""
    _posts: dict[StageName, Post] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Put each stage to its post."""
        object.__setattr__(self, "stages", dict(self.stages))
        for name, stage in self.stages.items():
            self._place(name, stage, self.fallbacks.get(name))

    def put(self, name: StageName, stage: Stage, fallback: Fallback | None = None) -> None:
        """Let this stage serve from now on, in place of who did; what that one held is freed."""
        cast("dict[StageName, Stage]", self.stages)[name] = stage
        self._place(name, stage, fallback)
        free()

    def dismiss(self, name: StageName) -> None:
        """Let nobody serve this stage any more."""
        cast("dict[StageName, Stage]", self.stages).pop(name, None)
        self._posts.pop(name, None)
        self.serving.pop(name.value, None)
        free()

    def _place(self, name: StageName, stage: Stage, fallback: Fallback | None) -> None:
        post = Post(name, Server(stage, fallback), self.tolerance, self.device, self.load)
        self._posts[name] = post
        self.serving[name.value] = post.serving

    def try_out(self, name: StageName, stage: Stage, version_id: str, share: float) -> None:
        """Let this stage serve a share of the jobs, 0 to 1; it steps back after as many failures as a breaker waits."""
        careful = replace(self.tolerance, breaker_failures=0)  # no rules take over from it: the live version does
        post = Post(name, Server(stage, None), careful, self.device, self.load)
        patience = self.tolerance.breaker_failures
        self.canaries[name] = Canary(name, post, version_id, share, patience=patience)

    @property
    def batches(self) -> bool:
        """Whether a model here reads or writes several texts for less than they cost one by one; rules do not."""
        return any(stage.batch > 1 and stage.model.path is not None for stage in list(self.stages.values()))

    def version_of(self, name: StageName, served: Case, *, trying: bool) -> str | None:
        """The registry's id of the version that served this case last; None: the manifest's own model."""
        canary = self.canaries.get(name) if trying else None
        by_canary = canary is not None and canary.post.stage.model.used_by(name) == served.models[-1]
        return canary.version_id if canary is not None and by_canary else self.stages[name].model.id

    def draw(self, stages: Iterable[StageName]) -> frozenset[StageName]:
        """The stages at which a job that begins now is the canary's."""
        return frozenset(name for name in stages if name in self.canaries and self.canaries[name].takes_next())

    def run(
        self, name: StageName, cases: Sequence[Case], desk: Desk, *, trying: Collection[str] = frozenset()
    ) -> list[Outcome]:
        """One stage over several cases: for each, in their order, the new case or what was raised over it.

        A new case carries the stage's model, its share of the time, and what served in place of the planned engine.
        `trying` names the jobs that are the canary's at this stage.
        """
        post = self._posts.get(name)
        if post is None:
            missing = f"no model for {name.value} here: run `clinq models pull`, then `clinq doctor`"
            return [StageUnavailableError(missing, pause_s=MISSING_PAUSE_S) for _ in cases]
        try:
            return self._divided(name, post, cases, desk, trying)
        finally:
            self.serving[name.value] = post.serving

    def _divided(
        self, name: StageName, post: Post, cases: Sequence[Case], desk: Desk, trying: Collection[str]
    ) -> list[Outcome]:
        canary = self.canaries.get(name)
        its = [canary is not None and case.origin.job_id in trying for case in cases]
        if canary is None or not any(its):
            return post.run(cases, desk)
        by_canary = iter(canary.run([case for case, mine in zip(cases, its, strict=True) if mine], desk, post))
        by_live = iter(post.run([case for case, mine in zip(cases, its, strict=True) if not mine], desk))
        return [next(by_canary if mine else by_live) for mine in its]

    def plan_hash(
        self,
        stages: Iterable[StageName],
        trying: Collection[StageName] = frozenset(),
        *,
        by: Collection[ModelUse] | None = None,
    ) -> str | None:
        """SHA-256 over all that decides what these stages make of a text, where the canary serves those of `trying`.

        None while one of them is degraded, and where another version than that did the work: `by` says who did.
        """
        plan = []
        for name in stages:
            post = self.canaries[name].post if name in trying else self._posts.get(name)
            if post is None or not post.as_planned:
                return None
            model = post.stage.model
            if by is not None and model.used_by(name) not in by:
                return None
            plan.append((name.value, *_identity(model)))
        return hashlib.sha256(json.dumps([_clinq(), plan]).encode()).hexdigest()


def set_up(
    plan: Mapping[StageName, ModelVersion], device: Device, tolerance: Tolerance | None = None, load: Load = load
) -> Bench:
    """Load every stage once; where its weights cannot load, it falls back to the CPU if allowed, else to its rules."""
    tolerance = tolerance or Tolerance()
    stages: dict[StageName, Stage] = {}
    fallbacks: dict[StageName, Fallback] = {}
    for name, model in plan.items():
        stage, fallback = loaded(name, model, device, may_move=tolerance.may_move(device), load=load)
        if fallback is not None:
            log.warning("stage falls back", stage=name.value, model=model.name, engine=fallback.engine)
            fallbacks[name] = fallback
        if stage is not None:
            log.info("stage loaded", stage=name.value, model=stage.model.name, engine=stage.model.engine)
            stages[name] = stage
    return Bench(stages, fallbacks, tolerance, device, load)


def loaded(
    name: StageName, model: ModelVersion, device: Device, *, may_move: bool, load: Load = load
) -> tuple[Stage | None, Fallback | None]:
    """One stage that is ready to run, and what it fell back to where its weights cannot load; None: nothing is left."""
    try:
        return load(name, model, device), None
    except Exception as error:
        short = ran_out(error)
        if not short and not isinstance(error, ModelUnavailableError):
            raise
        let_go(error)
    if short and may_move:
        stage, fallback = loaded(name, model, Device("cpu", device.threads), may_move=False, load=load)
        return stage, fallback or Fallback(name, on_cpu(model), SMALL_GPU)
    fallback = Fallback(name, RULES.engine, f"the model {model.name} could not be loaded")
    return None if name is StageName.TRANSCRIBE else load(name, RULES, device), fallback  # no rules read speech


def _identity(model: ModelVersion) -> tuple[object, ...]:
    adapter = model.adapter and model.adapter.name
    return model.engine, model.name, model.version, model.sha256, adapter, sorted(model.options.items())


@cache
def _clinq() -> str:
    return version("clinq")
