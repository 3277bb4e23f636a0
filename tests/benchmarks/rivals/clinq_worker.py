"""A real worker whose stages do nothing, or leave a mark; with the name of a file, its profile goes there."""

from __future__ import annotations

import cProfile
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shared import log
from shared.case import Case
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.benchmarks.rivals.jobs import MARK, mark
from worker import run
from worker.bench import Bench
from worker.stage import Desk

LAST = StageName.ASSEMBLE
BATCH = 64
NOTHING = ModelVersion("nothing", "benchmark")


@dataclass
class Nothing:
    """Hands back the cases; the last stage leaves a mark for a note that asks for one."""

    name: StageName
    batch: int = BATCH
    model: ModelVersion = NOTHING

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        if self.name is LAST:
            for case in cases:
                kind, number, *_ = (case.text or "").split()
                if kind == MARK:
                    mark(int(number))
        return cases


def main(profile: str | None) -> None:
    """Work until SIGTERM; with a profile, write there where the time went."""
    settings = Settings(manifest=Path(__file__).with_name("nothing.toml"), profile="nothing")
    log.configure(level=settings.log_level, as_json=True, role="worker")
    worker = replace(run.start(settings), bench=Bench({name: Nothing(name) for name in StageName}, {}))
    if profile is None:
        run.work(worker)
        return
    profiler = cProfile.Profile()
    profiler.runcall(run.work, worker)
    profiler.dump_stats(profile)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
