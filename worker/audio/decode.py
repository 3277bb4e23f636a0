"""Decodes a recording to 16 kHz, one array of samples a channel, as a stream or whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from shared import sound
from worker.audio.engine import SAMPLE_RATE_HZ, Sound
from worker.stage import Listen, undisturbed

Channel = NDArray[np.int16]
"""16-bit samples at SAMPLE_RATE_HZ: an hour takes 115 MB, half of what floats take, and Whisper hears no difference."""

FULL_SCALE = 32_768.0
Number = TypeVar("Number", np.int16, np.float64)


def decode(path: Path, listen: Listen = undisturbed) -> tuple[Channel, ...]:
    """One channel, or two where the recording has two; more are mixed to one. Raises BadAudioError.

    It listens between blocks of some seconds: four hours take seven seconds.
    """
    return joined(list(stream(path, listen)))


def stream(path: Path, listen: Listen = undisturbed) -> Iterator[tuple[Channel, ...]]:
    """The same in order, some seconds at a time, however long it is. Raises BadAudioError where it cannot go on."""
    with FileIO(path) as file, sound.open_sound(file) as opened:
        for block in _resample(opened, opened.channels if opened.channels <= 2 else 1):
            listen()
            yield tuple(block)


def evenly(blocks: Iterable[tuple[Channel, ...]], samples: int) -> Iterator[tuple[Channel, ...]]:
    """The stream in pieces of so many samples, the last one shorter."""
    held: list[tuple[Channel, ...]] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block[0])
        while size >= samples:
            whole = joined(held)
            yield tuple(channel[:samples] for channel in whole)
            held = [tuple(channel[samples:].copy() for channel in whole)]
            size -= samples
    if size:
        yield joined(held)


def joined(pieces: Sequence[tuple[NDArray[Number], ...]]) -> tuple[NDArray[Number], ...]:
    """Pieces that follow each other as one."""
    return tuple(np.concatenate(channel) for channel in zip(*pieces, strict=True))


def as_floats(channel: Channel) -> Sound:
    """Samples as the recognisers want them."""
    return channel.astype(np.float32) / FULL_SCALE


def _resample(opened: sound.Sound, channels: int) -> Iterator[Channel]:
    layout = "mono" if channels == 1 else "stereo"
    resampler = AudioResampler(format="s16p", layout=layout, rate=SAMPLE_RATE_HZ)
    for block in opened.blocks:
        kept = block if opened.channels == channels else block.mean(axis=1, keepdims=True)
        planes = np.nan_to_num(np.ascontiguousarray(kept.T), posinf=1.0, neginf=-1.0)
        frame = AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = opened.sample_rate_hz
        yield from _planes(resampler, frame)
    yield from _planes(resampler, None)


def _planes(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[Channel]:
    for even in resampler.resample(frame):
        yield np.asarray(even.to_ndarray(), dtype=np.int16)
