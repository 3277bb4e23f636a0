"""Tells whether two channels are two speakers, gives each its role and takes out what one hears of the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.audio.decode import Channel
from worker.audio.engine import SAMPLE_RATE_HZ
from worker.stage import Listen, undisturbed

FRAME = SAMPLE_RATE_HZ // 20  # 50 ms
ALIKE = 0.5
"""Above this correlation of loudness over time, two channels are one scene heard twice."""
DEAD = 10 ** (-45 / 20)  # a channel 45 dB below the other carries nobody
BLEED = 10 ** (-15 / 20)
"""A voice 15 dB below the other channel's, each measured by its own speech level, is the other's voice bleeding in."""
SPEAKING = 0.1  # share of a channel's speech level above which somebody speaks on it

Loudness = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Voice:
    """Samples in which one person speaks, or nobody knows how many."""

    speaker: str | None
    samples: Channel


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is heard on the channels of a whole recording, so that each part of it is told apart in the same way."""

    speakers: tuple[str | None, ...]
    loudest: int
    """The channel that is heard where there is one voice."""
    relative: tuple[Loudness, ...]
    """Where there are two: loudness of each FRAME of the recording, by the channel's own speech level."""

    def voices(self, channels: tuple[Channel, ...], start: int, listen: Listen = undisturbed) -> tuple[Voice, ...]:
        """The voices of a part of the recording that begins at sample `start`, a multiple of FRAME."""
        if len(self.speakers) == 1:
            return (Voice(self.speakers[0], channels[self.loudest]),)
        frames = slice(start // FRAME, (start + len(channels[0])) // FRAME)
        return tuple(
            Voice(
                role,
                _without_bleed(channels[place], self.relative[place][frames], self.relative[1 - place][frames], listen),
            )
            for place, role in enumerate(self.speakers)
        )


def voices(channels: tuple[Channel, ...], roles: tuple[str, ...], listen: Listen = undisturbed) -> tuple[Voice, ...]:
    """The voices of a whole recording; it listens before each pass over a channel."""
    loudness = tuple(loudness_of(channel, listen) for channel in channels) if len(channels) > 1 else ()
    return scene(loudness, roles).voices(channels, 0, listen)


def scene(loudness: tuple[Loudness, ...], roles: tuple[str, ...]) -> Scene:
    """One voice a channel with its role where the channels differ; one voice of unknown speakers where they do not.

    Loudness is compared, not samples: it bears the delay and turned polarity between two microphones in one room.
    Of a recording with one channel none is needed.
    """
    if len(loudness) <= 1:
        return Scene((None,), 0, ())
    levels = [_speech_level(each) for each in loudness]
    loudest = int(np.argmax(levels))
    if min(levels) <= DEAD * max(levels) or _correlation(*loudness) >= ALIKE:
        return Scene((None,), loudest, ())
    relative = tuple(each / level for each, level in zip(loudness, levels, strict=True))
    return Scene(roles[: len(relative)], loudest, relative)


def loudness_of(channel: Channel, listen: Listen = undisturbed) -> Loudness:
    """Root mean square of each FRAME; it listens once: over four hours it takes a second."""
    listen()
    whole = len(channel) // FRAME
    frames = channel[: whole * FRAME].reshape(whole, FRAME)
    power: Loudness = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / FRAME
    return np.sqrt(power)


def _speech_level(loudness: Loudness) -> float:
    return float(np.quantile(loudness, 0.95)) if len(loudness) else 0.0


def _correlation(left: Loudness, right: Loudness) -> float:
    if not left.any() or not right.any() or left.std() == 0 or right.std() == 0:
        return 1.0
    return float(np.corrcoef(left, right)[0, 1])


def _without_bleed(channel: Channel, own: Loudness, other: Loudness, listen: Listen) -> Channel:
    listen()
    quiet = (other > SPEAKING) & (own < BLEED * other)
    kept = channel.copy()
    kept[: len(quiet) * FRAME].reshape(len(quiet), FRAME)[quiet] = 0
    return kept
