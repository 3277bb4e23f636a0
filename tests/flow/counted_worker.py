"""A real worker that counts what its models compute: a line of its log for each stage, ended or left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from shared import log
from shared.case import Case
from shared.errors import JobStoppedError
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.counted import Count, CountedNative, count_layers
from worker import run
from worker.audio.faster import FasterWhisper
from worker.bench import Bench
from worker.generate.llama import Llama
from worker.stage import Desk, Stage
from worker.stages.recommend import Assisted
from worker.stages.transcribe import Transcribe

LOOK_BACK_S = 5.0  # the line names when each call of the last seconds began


@dataclass
class Counted:
    """The real stage, its model counted."""

    stage: Stage
    name: str
    batch: int = 1
    count: Count = field(default_factory=Count)

    def __post_init__(self) -> None:
        if isinstance(self.stage, Transcribe) and isinstance(self.stage.engine, FasterWhisper):
            whisper = self.stage.engine._model
            whisper.model = CountedNative(whisper.model, self.count)
        if isinstance(self.stage, Assisted) and isinstance(self.stage.writer, Llama):
            count_layers(self.stage.writer.model, self.count)

    @property
    def model(self) -> ModelVersion:
        return self.stage.model

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        self.count.forget()
        self.count.stopped = lambda: _is_stopped(desk)
        try:
            return self.stage.run(cases, desk)
        finally:
            structlog.get_logger().info(
                "computed",
                job_id=cases[0].origin.job_id,
                stage=self.name,
                calls=self.count.begun,
                late=self.count.late.total(),
                running=self.count.running,
                begun_at=[round(at, 3) for at in self.count.times if at > time.time() - LOOK_BACK_S],
            )


def _is_stopped(desk: Desk) -> bool:
    try:
        desk.listen()
    except JobStoppedError:
        return True
    return False


if __name__ == "__main__":
    settings = Settings()
    log.configure(level="INFO", as_json=True, role="worker")
    worker = run.start(settings)
    counted = {name: Counted(stage, name.value) for name, stage in worker.bench.stages.items()}
    run.work(replace(worker, bench=Bench(counted, worker.bench.fallbacks)))
