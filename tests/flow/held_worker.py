"""A real worker whose stages wait, each as long as a file `hold-<stage>` lies in the home: to be killed there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shared import log
from shared.case import Case
from shared.registry import ModelVersion
from shared.settings import Settings
from worker import run
from worker.bench import Bench
from worker.stage import Desk, Stage


@dataclass
class Held:
    """The real stage behind a gate; `at-<stage>` tells that the gate is reached."""

    stage: Stage
    name: str
    home: Path
    batch: int = 1

    @property
    def model(self) -> ModelVersion:
        return self.stage.model

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        (self.home / f"at-{self.name}").touch()
        while (self.home / f"hold-{self.name}").exists():
            desk.tell(cases[0], 0.1)
            time.sleep(0.05)
        return self.stage.run(cases, desk)


if __name__ == "__main__":
    settings = Settings()
    log.configure(level="INFO", as_json=True, role="worker")
    worker = run.start(settings)
    held = {name: Held(stage, name.value, settings.home) for name, stage in worker.bench.stages.items()}
    run.work(replace(worker, bench=Bench(held, worker.bench.fallbacks)))
