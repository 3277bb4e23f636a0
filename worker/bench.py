"""The loaded stages of one worker process, and what each of them fell back to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from shared.case import Case, Fallback
from shared.errors import ModelUnavailableError, RetryableError
from shared.job import StageName
from shared.registry import ModelVersion
from worker.stage import Desk, Device, Stage, load

log = structlog.get_logger()


class StageUnavailableError(RetryableError):
    """This worker has no engine for a stage; another one may."""

    code = "model_unavailable"


@dataclass(frozen=True, slots=True)
class Bench:
    """Stages that are ready to run."""

    stages: Mapping[StageName, Stage]
    fallbacks: Mapping[StageName, Fallback]

    def run(self, name: StageName, case: Case, desk: Desk) -> Case:
        """One stage over one case, with its time, its model and its fallback noted in the case."""
        stage = self.stages.get(name)
        if stage is None:
            raise StageUnavailableError(f"no model for {name.value} here: run `clinq models pull`, then `clinq doctor`")
        began = time.perf_counter()
        [done] = stage.run([case], desk)
        fallback = self.fallbacks.get(name)
        return replace(
            done,
            models=(*done.models, stage.model.used_by(name)),
            timings=(*done.timings, (name, time.perf_counter() - began)),
            degraded=done.degraded if fallback is None else (*done.degraded, fallback),
        )


def set_up(plan: Mapping[StageName, ModelVersion], device: Device) -> Bench:
    """Load every stage once, each with its rules engine where its weights cannot load."""
    stages: dict[StageName, Stage] = {}
    fallbacks: dict[StageName, Fallback] = {}
    for name, model in plan.items():
        try:
            stages[name] = load(name, model, device)
        except ModelUnavailableError:
            log.warning("stage falls back to rules", stage=name.value, model=model.name, engine=model.engine)
            fallbacks[name] = Fallback(name, "rules", f"the model {model.name} could not be loaded")
            if name is not StageName.TRANSCRIBE:  # speech has no rules engine
                stages[name] = load(name, ModelVersion(name="rules", engine="rules"), device)
        log.info("stage loaded", stage=name.value, model=model.name, engine=model.engine)
    return Bench(stages, fallbacks)
