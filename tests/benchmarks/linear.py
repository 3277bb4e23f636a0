"""How cost grows: 1 to 1,000 queued notes, and 1 to 60 minutes of a recording; drawn in docs/img."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

from shared import registry
from shared.job import StageName
from shared.settings import Settings
from tests.benchmarks import bursts, chart, text
from tests.benchmarks.table import Row
from tests.house import house
from worker.audio.decode import Channel, decode
from worker.audio.faster import load
from worker.audio.speech import find, pack
from worker.stage import Device

NOTES = (1, 10, 100, 1_000)
GATED_MIN = (1, 5, 15, 60)
HEARD_MIN = (1, 2, 4)
LONGEST_CHARS = 900
STRAIGHT = 0.98
IMAGES = Path(__file__).parents[2] / "docs" / "img"
SPOKEN = Path(__file__).parents[1] / "fixtures" / "demo_consultation.flac"
RATE_HZ = 16_000


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Rows of slope and straightness, one for each kind of work."""
    return [_notes(tell), *_recordings(tell)]


def _notes(tell: Callable[[str], None]) -> Row:
    some = [each for each in bursts.texts() if len(each) <= LONGEST_CHARS]
    seconds = []
    with house("redis", "api", "reaper", "worker", LOG_LEVEL="WARNING") as home:
        text.burst(home, [f"{each} Warming up." for each in some[:8]])
        for count in NOTES:
            notes = [f"{some[at % len(some)]}\nRoom {at} of {count}." for at in range(count)]
            seconds.append(text.burst(home, notes).seconds)
            tell(f"{count} notes: {seconds[-1]:.2f} s")
    line = chart.draw(IMAGES / "notes.svg", "Queued notes, one worker", "notes", "seconds", NOTES, seconds)
    how = (
        f"{line.slope * 1000:.1f} ms a note, from submission to the last result; profile rules (no weights), one worker"
    )
    return _row("1 to 1,000 queued notes: R2 of seconds over notes", line, how)


def _recordings(tell: Callable[[str], None]) -> list[Row]:
    settings = Settings(profile="embedded")
    plan = registry.plan(registry.read(settings.manifest), "embedded", settings.models_dir)
    engine = load(plan[StageName.TRANSCRIBE], Device())
    gated, heard = [], []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in GATED_MIN:
            path = _recording(Path(folder), minutes)
            began = time.process_time()
            [channel] = decode(path)
            windows = list(pack(find(channel)))
            gated.append(time.process_time() - began)
            tell(f"{minutes} min decoded and gated: {gated[-1]:.2f} CPU s, {len(windows)} windows")
        for minutes in HEARD_MIN:
            [channel] = decode(_recording(Path(folder), minutes))
            began = time.process_time()
            _hear(engine, channel)
            heard.append(time.process_time() - began)
            tell(f"{minutes} min heard: {heard[-1]:.1f} CPU s")
    return [
        _drawn("gate", "decoded and cut at pauses", GATED_MIN, gated),
        _drawn("speech", "heard by Whisper base in int8", HEARD_MIN, heard),
    ]


def _hear(engine: object, channel: Channel) -> None:
    for window in pack(find(channel)):
        list(engine.hear(window.sound(channel), "en").phrases)  # type: ignore[attr-defined]  # worker/audio/engine.py


def _recording(folder: Path, minutes: int) -> Path:
    """So many minutes of one consultation, again and again."""
    sound, rate = soundfile.read(SPOKEN, dtype="int16")
    if rate != RATE_HZ:
        raise RuntimeError("the recording has another rate than the others")
    path = folder / f"{minutes}.flac"
    soundfile.write(path, np.resize(sound, minutes * 60 * RATE_HZ), RATE_HZ)
    return path


def _drawn(name: str, what: str, minutes: Sequence[int], seconds: Sequence[float]) -> Row:
    title = f"A recording, {what}, one thread"
    line = chart.draw(IMAGES / f"{name}.svg", title, "minutes of recording", "CPU seconds", minutes, seconds)
    how = f"{line.slope:.2f} CPU s a minute"
    return _row(f"{minutes[0]} to {minutes[-1]} minutes {what}: R2 of CPU seconds over minutes", line, how)


def _row(what: str, line: chart.Line, how: str) -> Row:
    return Row(what, line.r2, f">= {STRAIGHT}", line.r2 >= STRAIGHT, how)
