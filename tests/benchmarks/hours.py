"""How the cost of hearing grows with a recording: some seconds of speech in each of its minutes, 1 to 60 minutes."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile

from shared import registry
from shared.case import Case, Origin
from shared.job import StageName
from shared.settings import Settings
from tests.conftest import FIXTURES, RecordingDesk
from worker.audio.decode import decode
from worker.audio.engine import SAMPLE_RATE_HZ
from worker.stage import Device
from worker.stages.transcribe import Transcribe, load

MINUTES = (1, 5, 15, 30, 60)
SPOKEN_S = 5
"""Of each minute: the engine's work grows with what is spoken, that of decoder and gate with the whole."""
LABEL = f"transcribe, CPU s: decoder, speech gate, Whisper base int8; {SPOKEN_S} s of speech in each minute"


def transcriber(engine: str = "faster-whisper") -> Transcribe:
    """The stage as the embedded profile runs it, on one thread."""
    settings = Settings()
    plan = registry.plan(
        registry.read(settings.manifest), "embedded", settings.models_dir, {StageName.TRANSCRIBE: engine}
    )
    return load(plan[StageName.TRANSCRIBE], Device())


def hear(stage: Transcribe, recording: Path, language: str = "en") -> Case:
    """Transcribe a file."""
    origin = Origin("0199d0a0-0000-7000-8000-000000000001", "default", datetime(2026, 3, 1, tzinfo=UTC))
    [case] = stage.run([Case(origin, language=language)], RecordingDesk(recording))
    return case


def cpu_s(stage: Transcribe, minutes: int) -> float:
    """CPU seconds that the whole stage takes for a recording of so many minutes, from the file to the segments."""
    (spoken,) = decode(FIXTURES / "demo_dictation.flac")
    minute = np.zeros(60 * SAMPLE_RATE_HZ, np.int16)
    minute[: SPOKEN_S * SAMPLE_RATE_HZ] = spoken[: SPOKEN_S * SAMPLE_RATE_HZ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.flac"
        with soundfile.SoundFile(path, "w", SAMPLE_RATE_HZ, 1) as file:
            for _ in range(minutes):
                file.write(minute)
        began = time.process_time()
        hear(stage, path)
        return time.process_time() - began
