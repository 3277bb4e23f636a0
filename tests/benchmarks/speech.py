"""Speech: the transcribe stage beside openai-whisper and whisper.cpp; same weights, alternating, one thread each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import soundfile
from pywhispercpp.model import Model as WhisperCpp
from whisper.model import Whisper

from tests.benchmarks import ggml
from tests.benchmarks.hours import hear, transcriber
from tests.benchmarks.table import Row
from tests.conftest import FIXTURES
from tests.quality.spoken_words import Errors, compare
from tests.worker.test_transcribe_models import CONSULTATION, DICTATION
from worker.audio import openai_weights
from worker.audio.decode import as_floats, decode
from worker.audio.engine import SAMPLE_RATE_HZ
from worker.stages.transcribe import Transcribe

SLICE = ("demo_consultation", "demo_dictation", "demo_consultation")
SAID = {"demo_consultation": CONSULTATION, "demo_dictation": DICTATION}
LONG_S = 600
GOAL = 0.45
Say = Callable[[Path], str]
OURS, PLAIN, WORDS, BARE, CPP = "clinq", "without names", "openai", "openai, no word times", "whisper.cpp"


@dataclass
class Tally:
    """CPU seconds that a recogniser took, and what it got wrong."""

    cpu_s: float = 0.0
    errors: Errors = field(default_factory=Errors)

    def add(self, say: Say, name: str) -> None:
        """One more recording, from the file to the text."""
        began = time.process_time()
        heard = say(FIXTURES / f"{name}.flac")
        self.cpu_s += time.process_time() - began
        self.errors += compare(SAID[name], heard, "en")


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Ratios of CPU time over three minutes, each with both word error rates; and ten minutes by clinq alone."""
    stage = transcriber()
    sayers = _sayers(stage)
    tallies = {name: Tally() for name in sayers}
    length_s = sum(float(soundfile.info(FIXTURES / f"{name}.flac").duration) for name in SLICE)
    for recording in SLICE:
        for name, say in sayers.items():
            tallies[name].add(say, recording)
            tell(f"{name}: {tallies[name].cpu_s:.1f} CPU s, WER so far {tallies[name].errors.rate:.3f}")
    how = f"{length_s:.0f} s of speech in {len(SLICE)} recordings, alternating, 1 thread"
    what = "transcribe as clinq runs it (gate, int8, word times, drug names heard again)"
    return [
        _ratio(tallies, OURS, WORDS, f"{what} / openai-whisper fp32 with word times, CPU time", GOAL, how),
        _ratio(tallies, OURS, BARE, f"{what} / openai-whisper fp32 without word times, CPU time", None, how),
        _ratio(tallies, PLAIN, WORDS, "the same without the second hearing / openai-whisper, CPU time", None, how),
        _ratio(tallies, PLAIN, CPP, "the same without the second hearing / whisper.cpp fp16, CPU time", 1.0, how),
        _ratio(tallies, OURS, CPP, f"{what} / whisper.cpp fp16 without word times, CPU time", None, how),
        _long(stage),
    ]


def _sayers(stage: Transcribe) -> dict[str, Say]:
    plain = replace(stage, options=replace(stage.options, medicines={}))
    folder = stage.model.path
    assert folder is not None
    openai = openai_weights.read(folder)
    with tempfile.TemporaryDirectory() as made:
        ggml.write(folder, Path(made) / "base.bin")
        cpp = WhisperCpp(
            str(Path(made) / "base.bin"), n_threads=1, print_progress=False, print_realtime=False, language="en"
        )
    return {
        OURS: lambda path: hear(stage, path).text or "",
        WORDS: lambda path: _openai(openai, path, words=True),
        PLAIN: lambda path: hear(plain, path).text or "",
        BARE: lambda path: _openai(openai, path, words=False),
        CPP: lambda path: " ".join(each.text for each in cpp.transcribe(as_floats(decode(path)[0]))),
    }


def _openai(model: Whisper, path: Path, *, words: bool) -> str:
    """By its own transcribe, as its documentation shows it."""
    heard = model.transcribe(as_floats(decode(path)[0]), language="en", fp16=False, word_timestamps=words)
    return str(heard["text"])


def _ratio(tallies: dict[str, Tally], mine: str, other: str, what: str, goal: float | None, how: str) -> Row:
    one, two = tallies[mine], tallies[other]
    ratio = one.cpu_s / two.cpu_s
    no_worse = one.errors.rate <= two.errors.rate
    rates = f"WER {one.errors.rate:.3f} / {two.errors.rate:.3f}; {one.cpu_s:.1f} / {two.cpu_s:.1f} CPU s; {how}"
    if goal is None:
        return Row(what, ratio, "", True, rates)
    return Row(
        what, ratio, f"<= {goal:g}, WER no worse" if goal < 1 else f"<= {goal:g}", _met(ratio, goal, no_worse), rates
    )


def _met(ratio: float, goal: float, no_worse: bool) -> bool:
    return ratio <= goal and (no_worse or goal >= 1)


def _long(stage: Transcribe) -> Row:
    """Ten minutes in two chunks: the recordings of the slice again and again."""
    channels = [decode(FIXTURES / f"{name}.flac")[0] for name in SLICE]
    said: list[str] = []
    heard_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.flac"
        with soundfile.SoundFile(path, "w", SAMPLE_RATE_HZ, 1) as file:
            while heard_s < LONG_S:
                place = len(said) % len(SLICE)
                file.write(channels[place])
                heard_s += len(channels[place]) / SAMPLE_RATE_HZ
                said.append(SAID[SLICE[place]])
        began = time.process_time()
        text = hear(stage, path).text or ""
        took_s = time.process_time() - began
    errors = compare(" ".join(said), text, "en")
    note = f"WER {errors.rate:.3f}; {took_s:.0f} CPU s for {heard_s:.0f} s, in chunks of 5 minutes, 1 thread"
    return Row(
        "transcribe as clinq runs it, 10 minutes of speech: CPU seconds for a second", took_s / heard_s, "", True, note
    )
