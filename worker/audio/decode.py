"""Decodes a recording to 16 kHz, one array of samples a channel, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from shared import sound
from worker.audio.engine import SAMPLE_RATE_HZ, Sound
from worker.stage import Listen, undisturbed

Channel = NDArray[np.int16]
"""16-bit samples at SAMPLE_RATE_HZ: an hour takes 115 MB, half of what floats take, and Whisper hears no difference."""

FULL_SCALE = 32_768.0


def decode(path: Path, listen: Listen = undisturbed) -> tuple[Channel, ...]:
    """One channel, or two where the recording has two; more are mixed to one. Raises BadAudioError.

    It listens between blocks of some seconds: four hours take seven seconds.
    """
    with FileIO(path) as file, sound.open_sound(file) as opened:
        channels = opened.channels if opened.channels <= 2 else 1
        pieces: list[bytearray] = [bytearray() for _ in range(channels)]
        for block in _resample(opened, channels):
            listen()
            for piece, samples in zip(pieces, block, strict=True):
                piece += samples.tobytes()
    return tuple(np.frombuffer(piece, dtype=np.int16) for piece in pieces)


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
