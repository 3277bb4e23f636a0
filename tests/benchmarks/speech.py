"""Speech: faster-whisper int8 beside openai-whisper, the same weights and the same recording, one thread each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from shared import registry
from shared.job import StageName
from shared.settings import Settings
from tests.benchmarks.table import Row
from worker.audio.decode import as_floats, decode
from worker.audio.engine import Engine
from worker.audio.faster import load as load_faster
from worker.audio.openai import load as load_openai
from worker.audio.speech import find, pack
from worker.stage import Device

RECORDING = Path(__file__).parents[1] / "fixtures" / "demo_dictation.flac"
ROUNDS = 3


def measure(tell: Callable[[str], None]) -> list[Row]:
    """CPU seconds of recognising one dictation, alternating."""
    settings = Settings()
    manifest = registry.read(settings.manifest)
    faster, openai = (
        load(
            registry.plan(manifest, "embedded", settings.models_dir, {StageName.TRANSCRIBE: name})[
                StageName.TRANSCRIBE
            ],
            Device(),
        )
        for name, load in (("faster-whisper", load_faster), ("openai-whisper", load_openai))
    )
    ratios, seconds = [], 0.0
    for number in range(ROUNDS + 1):
        one, seconds = _hear(faster)
        other, _ = _hear(openai)
        if number:
            ratios.append(one / other)
        tell(f"faster-whisper int8 {one:.1f} CPU s, openai-whisper {other:.1f} CPU s")
    ratio = statistics.median(ratios)
    return [
        Row(
            "faster-whisper int8 / openai-whisper, CPU time",
            ratio,
            "< 1",
            ratio < 1.0,
            f"{seconds:.0f} s of speech, 1 thread",
        ),
    ]


def _hear(engine: Engine) -> tuple[float, float]:
    [channel] = decode(RECORDING)
    windows = list(pack(find(channel)))
    began = time.process_time()
    for window in windows:
        list(engine.hear(window.sound(channel), "en").phrases)
    return time.process_time() - began, len(as_floats(channel)) / 16_000
