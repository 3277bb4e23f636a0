"""Word error rates of the shipped recogniser, with and without drug names to listen for, and words nobody said."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from shared import registry
from shared.case import Case, Origin
from shared.job import StageName
from shared.settings import Settings
from tests.conftest import RecordingDesk
from tests.quality.report import Gate, Part, Table
from tests.quality.spoken_words import NAMES, Errors, compare
from worker.stage import Device
from worker.stages.transcribe import Transcribe, load

JFK = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
RATE_HZ = 16_000
NOISES_S = 15
HEADINGS = ("recording", "words", "WER without", "WER with", "drug names wrong", "numbers wrong", "CPU a second")
TEXT = """
The recordings of `speech/` through the whole stage as a worker runs it ({model}, int8, one thread): speech gate,
windows, recogniser, detectors; the spoken language is not told. Reference and transcript are spelled alike by
openai-whisper's own `EnglishTextNormalizer` and, for Spanish, `BasicTextNormalizer`, which keeps accents; Spanish
cardinal numbers are written in digits on both sides (*ciento cuarenta y dos*, *140 y 2* and *142* are one). Words are
aligned by jiwer. "With" is what ships: what resembles one of {names:,} names of medicines
(worker/audio/medicine_names.toml) is heard again with these names as hot words; "without" is the same stage with an
empty list. A drug name, or a number, is wrong unless it is aligned to itself; {invented} drug names were heard that
nobody said, {before} without.

How far to trust it: all recordings but `jfk.flac` are synthetic voices of natural quality (Kokoro-82M), a few minutes
in all, and the beam, the temperatures and the thresholds of the second hearing were chosen on these very recordings
(the eight sentences among them), so the figures say what holds, not how it generalises. On `jfk.flac` (a real voice,
1961) nothing was chosen. The stereo consultation is the mono one on two channels and does not count twice in the sums.
Of {noises} recordings without speech, three are of `speech/` (silence, noise, a hold tone: the gate was chosen on the
first two), the others are made by this part and nothing was chosen on them: hum, pink and white noise, a dial tone, a
ringing tone, a melody, clicks. The CPU seconds for each second of recording are shown and are no goal.
"""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording with what is said in it."""

    path: Path
    language: str
    said: str
    counts: bool
    """Whether it goes into the sums."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is wrong in one recording without and with drug names, and seconds of CPU for one of sound."""

    recording: Recording
    without: Errors
    with_names: Errors
    cpu: float


def measure(data: Path) -> Part:
    """The gates of transcription."""
    settings = Settings()
    plan = registry.plan(registry.read(settings.manifest), "embedded", settings.models_dir)
    stage = load(plan[StageName.TRANSCRIBE], Device())
    plain = replace(stage, options=replace(stage.options, medicines={}))
    heard = [_heard(each, plain, stage) for each in recordings(data / "speech")]
    with tempfile.TemporaryDirectory() as folder:
        quiet = [*_unspoken(data / "speech"), *_made(Path(folder))]
        invented = {path.stem: len((_transcribe(stage, path).text or "").split()) for path in quiet}
    return _part(stage, heard, invented)


def recordings(folder: Path) -> list[Recording]:
    """Those with words in them, by the manifest's order."""
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    spoken = [
        Recording(folder / each["file"], each["language"], each["text"], counts=each["channels"] == 1)
        for each in listed
        if each["language"]
    ]
    return [*spoken, Recording(folder / "jfk.flac", "en", JFK, counts=True)]


def _part(stage: Transcribe, heard: Sequence[Heard], invented: dict[str, int]) -> Part:
    counted = [each for each in heard if each.recording.counts]
    without, after = _sums(counted, None)
    gates = []
    for language, name, goal in (("en", "English", 0.07), ("es", "Spanish", 0.10)):
        errors = _sums(counted, language)[1]
        gates.append(Gate(f"word error rate, {name}", errors.rate, goal, at_most=True, of=errors.said))
    gates += [
        Gate("word error rate that hot words add", after.rate - without.rate, 0.005, at_most=True, of=after.said),
        Gate("drug names wrong, of those said", _share(after), 0.15, at_most=True, of=after.names_said),
        Gate("drug names wrong with hot words / without", _share(after) / _share(without), 0.5, at_most=True),
        Gate("drug names heard that nobody said", after.names_invented, 0, at_most=True),
        Gate("words where nobody speaks", sum(invented.values()), 0, at_most=True, of=len(invented)),
    ]
    rows = [_row(each.recording.path.stem, each.without, each.with_names, f"{each.cpu:.2f}") for each in heard]
    for spoken, name in (("en", "English"), ("es", "Spanish"), (None, "all")):
        rows.append(_row(f"**{name}**", *_sums(counted, spoken), ""))
    text = TEXT.format(
        model=stage.model.name,
        names=len(frozenset[str]().union(*NAMES.values())),
        invented=after.names_invented,
        before=without.names_invented,
        noises=len(invented),
    )
    return Part("Speech", text, gates, [Table(HEADINGS, rows, "Without / with drug names to listen for")])


def _sums(heard: Iterable[Heard], language: str | None) -> tuple[Errors, Errors]:
    chosen = [each for each in heard if language in {None, each.recording.language}]
    return sum((each.without for each in chosen), Errors()), sum((each.with_names for each in chosen), Errors())


def _share(errors: Errors) -> float:
    return errors.names_wrong / errors.names_said


def _row(name: str, without: Errors, after: Errors, cpu: str) -> tuple[str, ...]:
    names = f"{without.names_wrong} / {after.names_wrong} of {after.names_said}"
    numbers = f"{without.numbers_wrong} / {after.numbers_wrong} of {after.numbers_said}"
    return name, str(after.said), f"{without.rate:.3f}", f"{after.rate:.3f}", names, numbers, cpu


def _heard(recording: Recording, plain: Transcribe, stage: Transcribe) -> Heard:
    without = compare(recording.said, _transcribe(plain, recording.path).text or "", recording.language)
    began = time.process_time()
    case = _transcribe(stage, recording.path)
    cpu_s = time.process_time() - began
    after = compare(recording.said, case.text or "", recording.language)
    return Heard(recording, without, after, cpu_s / float(soundfile.info(recording.path).duration))


def _transcribe(stage: Transcribe, path: Path) -> Case:
    origin = Origin("0199d0a0-0000-7000-8000-000000000001", "default", datetime(2026, 3, 1, tzinfo=UTC))
    return stage.run([Case(origin)], RecordingDesk(path))[0]


def _unspoken(folder: Path) -> Iterator[Path]:
    listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
    yield from (folder / each["file"] for each in listed if each["kind"] == "non_speech")


def _made(folder: Path) -> Iterator[Path]:
    """Recordings in which nobody speaks, the same in each run."""
    for name, samples in _noises():
        soundfile.write(folder / f"{name}.wav", samples.astype(np.float32), RATE_HZ)
        yield folder / f"{name}.wav"


def _noises() -> Iterator[tuple[str, NDArray[np.float64]]]:
    chance = np.random.default_rng(1961)
    at = np.arange(NOISES_S * RATE_HZ) / RATE_HZ
    white = chance.normal(size=len(at))
    pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(len(at) // 2 + 1), 1)), len(at))
    yield "white_noise", 0.1 * white
    yield "pink_noise", 0.3 * pink / np.abs(pink).max()
    yield "hum", 0.2 * (np.sin(2 * np.pi * 50 * at) + np.sin(2 * np.pi * 150 * at) / 3)
    yield "dial_tone", 0.2 * (np.sin(2 * np.pi * 350 * at) + np.sin(2 * np.pi * 440 * at))
    yield "ringing_tone", 0.3 * np.sin(2 * np.pi * 425 * at) * (at % 5 < 1)
    notes = 220 * 2 ** (chance.integers(0, 13, size=NOISES_S * 4) / 12)
    yield "melody", 0.2 * np.sin(2 * np.pi * np.cumsum(np.repeat(notes, RATE_HZ // 4)) / RATE_HZ)
    clicks = np.zeros(len(at))
    clicks[chance.integers(0, len(at), size=60)] = 0.9
    yield "clicks", clicks
