"""A real worker whose stages are those of the small pipeline: they sleep, and poison makes them fail or die."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared import log
from shared.case import Case, Sentence
from shared.errors import RetryableError
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.chaos.small import STAGES, Poison, bundle, link, sleep_s
from worker import run
from worker.stage import Desk

STEP_S = 0.025  # between two words to the desk
SMALL = ModelVersion("small", "small")


@dataclass
class Small:
    """One stage."""

    name: StageName
    batch: int = 1
    model: ModelVersion = SMALL

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        return [self._one(case, desk) for case in cases]

    def _one(self, case: Case, desk: Desk) -> Case:
        text = case.text or ""
        seconds = sleep_s(text, self.name)
        _work(case, desk, seconds / 2)
        if self.name is StageName.SUMMARIZE:
            _suffer(text.rpartition(" ")[2])
        _work(case, desk, seconds / 2)
        last = link(case.summary[-1].text if case.summary else text, self.name)
        case = replace(case, summary=(*case.summary, Sentence(last, section=self.name.value, evidence=())))
        return replace(case, bundle=json.dumps(bundle(last))) if self.name is StageName.ASSEMBLE else case


def _work(case: Case, desk: Desk, seconds: float) -> None:
    began = time.monotonic()
    while (spent := time.monotonic() - began) < seconds:
        desk.tell(case, spent / seconds)
        time.sleep(STEP_S)


def _suffer(poison: str) -> None:
    match poison:
        case Poison.RAISES:
            raise RetryableError("this text is poison: take it out of the batch")
        case Poison.KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        case Poison.EXITS:
            os._exit(17)
        case Poison.SEGFAULTS:
            ctypes.string_at(0)


if __name__ == "__main__":
    settings = Settings()
    log.configure(level=settings.log_level, as_json=True, role="worker")
    worker = run.start(settings)
    small = {name: Small(name) for name in STAGES}
    run.work(replace(worker, bench=replace(worker.bench, stages=small)))
