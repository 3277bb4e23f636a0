"""Transcribes recordings with a scripted recogniser, and tells the peak of this process's memory after each."""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

from shared.case import Case, Origin
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.worker.scripted import Scripted
from worker.stages.transcribe import Options, Transcribe


def main(paths: list[str]) -> None:
    """One line of JSON for each recording: peak in MB, chunks that were kept, seconds of speech."""
    options = Options(roles=("clinician", "patient"), fewest_words=4, medicines={})
    for path in paths:
        engine = Scripted(["One two three four."] * 500)
        desk = RecordingDesk(Path(path))
        origin = Origin("0199d0a0-0000-7000-8000-000000000001", "default", datetime(2026, 3, 1, tzinfo=UTC))
        [case] = Transcribe(ModelVersion("scripted", "faster-whisper"), engine, options).run([Case(origin)], desk)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told = {
            "peak_mb": peak_mb,
            "kept": len(desk.kept),
            "heard_s": sum(engine.seconds),
            "last_s": case.segments[-1].end_s,
        }
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
