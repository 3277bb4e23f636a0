"""Where somebody speaks, and how speech is packed into windows for a recogniser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps  # type: ignore[import-untyped]  # it ships no types
from numpy.typing import NDArray

from worker.audio.decode import Channel, as_floats
from worker.audio.engine import SAMPLE_RATE_HZ, WINDOW_S, Sound
from worker.stage import Listen, undisturbed

BLOCK = 120 * SAMPLE_RATE_HZ  # the gate looks at two minutes at a time, so that a long recording costs no more memory
QUIET = 5 * SAMPLE_RATE_HZ  # a block ends at the quietest moment of its last five seconds
FRAME = SAMPLE_RATE_HZ // 10
GATE = VadOptions(min_silence_duration_ms=300, speech_pad_ms=200, max_speech_duration_s=WINDOW_S)
"""Silero VAD v6. Cuts at pauses of 0.3 s let a window end between two sentences and not in one."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples from `start` to before `end` in which somebody speaks."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Window:
    """Stretches that are heard as one, the silence between them left out."""

    stretches: tuple[Stretch, ...]
    """By samples of a channel."""
    begins: int = 0
    """The sample of the recording with which that channel begins."""

    @property
    def seconds(self) -> float:
        """How much speech is in it."""
        return sum(each.seconds for each in self.stretches)

    def sound(self, channel: Channel) -> Sound:
        """Its samples."""
        return as_floats(np.concatenate([channel[each.start : each.end] for each in self.stretches]))

    def times(self, start_s: float, end_s: float) -> tuple[float, float]:
        """The seconds of the recording for a word of the window; it stays in the stretch that holds its middle."""
        middle, passed = (start_s + end_s) / 2, 0.0
        stretch = self.stretches[-1]
        for stretch in self.stretches:
            if middle < passed + stretch.seconds or stretch is self.stretches[-1]:
                break
            passed += stretch.seconds
        first = (self.begins + stretch.start) / SAMPLE_RATE_HZ
        last = first + stretch.seconds
        shift = first - passed
        return round(min(max(start_s + shift, first), last), 3), round(min(max(end_s + shift, first), last), 3)


def find(channel: Channel, listen: Listen = undisturbed) -> tuple[Stretch, ...]:
    """Every stretch of speech, in order, each at most WINDOW_S long; it listens before each block."""
    found: list[Stretch] = []
    for start, end in _blocks(channel):
        listen()
        if not channel[start:end].any():  # a muted line, or a channel on which only the other one was heard
            continue
        marks = get_speech_timestamps(as_floats(channel[start:end]), GATE, SAMPLE_RATE_HZ)
        found += [Stretch(start + mark["start"], start + mark["end"]) for mark in marks]
    return tuple(found)


def cut(stretches: Iterable[Stretch], channels: Sequence[Channel], earliest: int) -> int:
    """Where to part these channels: behind `earliest`, in the middle of the longest pause that all of them make.

    Where there is none, at their quietest moment. The sample is a multiple of FRAME.
    """
    end = len(channels[0])
    pauses: list[tuple[int, int]] = []
    spoken_until = earliest
    for each in sorted(stretches, key=lambda stretch: stretch.start):
        if each.start >= spoken_until:
            pauses.append((spoken_until, each.start))
        spoken_until = max(spoken_until, each.end)
    if spoken_until < end:
        pauses.append((spoken_until, end))
    inside = [(first, last) for first, last in pauses if first > earliest or last > first]
    if inside:
        first, last = max(inside, key=lambda pause: pause[1] - pause[0])
        return (first + last) // 2 // FRAME * FRAME
    first = -(-earliest // FRAME) * FRAME
    return first + FRAME * int(np.argmin(sum(_levels(channel[first:]) for channel in channels)))


def before(stretches: Iterable[Stretch], end: int) -> tuple[Stretch, ...]:
    """What of the stretches lies before a sample."""
    return tuple(Stretch(each.start, min(each.end, end)) for each in stretches if each.start < end)


def pack(stretches: Sequence[Stretch], begins: int = 0) -> Iterator[Window]:
    """Windows of at most WINDOW_S of speech: a recogniser's work depends on their number, not on their length."""
    packed: list[Stretch] = []
    for stretch in stretches:
        if packed and sum(each.seconds for each in packed) + stretch.seconds > WINDOW_S:
            yield Window(tuple(packed), begins)
            packed = []
        packed.append(stretch)
    if packed:
        yield Window(tuple(packed), begins)


def _blocks(channel: Channel) -> Iterator[tuple[int, int]]:
    start = 0
    while len(channel) - start > BLOCK:
        quietest = int(np.argmin(_levels(channel[start + BLOCK - QUIET : start + BLOCK])))
        end = start + BLOCK - QUIET + quietest * FRAME + FRAME // 2
        yield start, end
        start = end
    if start < len(channel):
        yield start, len(channel)


def _levels(channel: Channel) -> NDArray[np.int64]:
    """How loud each whole FRAME is."""
    frames = channel[: len(channel) // FRAME * FRAME].reshape(-1, FRAME)
    loud: NDArray[np.int64] = np.abs(frames.astype(np.int32)).sum(axis=1, dtype=np.int64)
    return loud
