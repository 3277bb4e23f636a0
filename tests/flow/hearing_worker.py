"""A real worker whose recogniser says a numbered line a call, and waits while `hold-<n>` lies in the home."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shared import log
from shared.job import StageName
from shared.registry import ModelVersion
from shared.settings import Settings
from tests.worker.scripted import phrase
from worker import run
from worker.audio.engine import SAMPLE_RATE_HZ, Heard, Sound
from worker.bench import Bench
from worker.stage import Listen, undisturbed
from worker.stages.transcribe import Options, Transcribe


@dataclass
class Numbered:
    """Each call is one line of the file `heard`, over all workers: the seconds that it heard."""

    home: Path

    def hear(
        self, sound: Sound, language: str | None, hints: Sequence[str] = (), listen: Listen = undisturbed
    ) -> Heard:
        heard = self.home / "heard"
        with heard.open("a", encoding="utf-8") as file:
            file.write(f"{len(sound) / SAMPLE_RATE_HZ}\n")
        call = len(heard.read_text(encoding="utf-8").splitlines())
        while (self.home / f"hold-{call}").exists():
            listen()
            time.sleep(0.02)
        return Heard(language or "en", 0.9, iter([phrase(f"Call {call} says chest pain.", 0.2, 1.0)]))


if __name__ == "__main__":
    settings = Settings()
    log.configure(level="INFO", as_json=True, role="worker")
    worker = run.start(settings)
    options = Options(("clinician", "patient"), 4, {}, settings.transcribe_chunk_s)
    hearing = Transcribe(ModelVersion("numbered", "test"), Numbered(settings.home), options)
    stages = {**worker.bench.stages, StageName.TRANSCRIBE: hearing}
    run.work(replace(worker, bench=Bench(stages, worker.bench.fallbacks)))
