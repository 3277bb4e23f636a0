"""A recording in chunks of some minutes, cut where nobody speaks, so that hours of it need the memory of one chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.audio import speech
from worker.audio.channels import FRAME, Loudness, Scene, Voice, loudness_of, scene
from worker.audio.decode import Channel, evenly, joined, stream
from worker.audio.engine import SAMPLE_RATE_HZ
from worker.audio.speech import Stretch, Window
from worker.stage import Listen, undisturbed

PIECE = 1200 * FRAME  # a minute is decoded at a time
REACH_S = 30.0  # a chunk is cut within its last half minute ...
REACH_SHARE = 4  # ... or within its last quarter, where that is shorter

Spoken = tuple[tuple[Voice, tuple[Window, ...]], ...]
"""Each voice with the windows in which it speaks."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Samples from `start` to before `end` of a recording, decoded and gated."""

    start: int
    end: int
    spoken: Spoken

    @property
    def seconds(self) -> float:
        """How much speech is in it, over all voices."""
        return sum(window.seconds for _, windows in self.spoken for window in windows)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of which is known how long it is and who is heard on its channels."""

    path: Path
    size: int
    """Its samples; all chunks but the last have at most `chunk` of them."""
    chunk: int
    scene: Scene
    whole: tuple[Channel, ...] | None
    """Its samples, where they are one chunk."""

    def share(self, sample: float) -> float:
        """How much of it lies before a sample, 0 to 1."""
        return min(sample / self.size, 1.0) if self.size else 1.0

    def chunks(self, start: int, pause: Callable[[int], None], listen: Listen = undisturbed) -> Iterator[Chunk]:
        """Its chunks from sample `start` on, where a chunk begins. `pause` gets the sample before each is gated."""
        if not self.size:
            yield Chunk(0, 0, ())
            return
        pieces = iter(()) if self.whole is not None else evenly(stream(self.path, listen), PIECE)
        held = [self._after(start, self.whole)] if self.whole is not None else []
        passed = 0  # samples of `pieces` before the next one
        while True:
            last = self.size - start <= self.chunk
            wanted = self.size - start if last else self.chunk
            while sum(len(piece[0]) for piece in held) < wanted:
                piece = next(pieces)
                held.append(self._after(start - passed, piece))
                passed += len(piece[0])
            channels = joined(held)
            made = self._gated(start, tuple(channel[:wanted] for channel in channels), pause, listen, last=last)
            held = [tuple(channel[made.end - start :].copy() for channel in channels)]
            del channels
            yield made
            if last:
                return
            start = made.end

    @staticmethod
    def _after(sample: int, piece: tuple[Channel, ...]) -> tuple[Channel, ...]:
        return tuple(channel[max(sample, 0) :] for channel in piece)

    def _gated(
        self,
        start: int,
        channels: tuple[Channel, ...],
        pause: Callable[[int], None],
        listen: Listen,
        *,
        last: bool,
    ) -> Chunk:
        found: list[tuple[Voice, tuple[Stretch, ...]]] = []
        for voice in self.scene.voices(channels, start, listen):
            pause(start)
            found.append((voice, speech.find(voice.samples, listen)))
        end = len(channels[0]) if last else self._cut(found)
        spoken = tuple((voice, tuple(speech.pack(speech.before(each, end), start))) for voice, each in found)
        return Chunk(start, start + end, spoken)

    def _cut(self, found: Sequence[tuple[Voice, tuple[Stretch, ...]]]) -> int:
        reach = min(int(REACH_S * SAMPLE_RATE_HZ), self.chunk // REACH_SHARE)
        stretches = [each for _, those in found for each in those]
        return speech.cut(stretches, [voice.samples for voice, _ in found], self.chunk - reach)


def survey(path: Path, roles: tuple[str, ...], chunk_s: float, listen: Listen = undisturbed) -> Recording:
    """Decode a recording once to learn its length and its voices; keep the samples only where they are one chunk.

    Raises BadAudioError for one that cannot be decoded to its end, before a word of it is heard.
    """
    chunk = int(chunk_s * SAMPLE_RATE_HZ) // FRAME * FRAME
    size = 0
    kept: list[tuple[Channel, ...]] = []
    loudness: list[tuple[Loudness, ...]] = []
    for piece in evenly(stream(path, listen), PIECE):
        size += len(piece[0])
        if len(piece) > 1:
            loudness.append(tuple(loudness_of(channel, listen) for channel in piece))
        kept = [*kept, piece] if size <= chunk else []
    return Recording(path, size, chunk, scene(joined(loudness), roles), joined(kept) if kept else None)
