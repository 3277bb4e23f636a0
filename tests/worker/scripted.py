"""A recogniser for tests that says what it was told to, one script line a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from worker.audio.engine import SAMPLE_RATE_HZ, Doubts, Heard, Phrase, Sound, Spoken
from worker.stage import Listen, undisturbed

SURE = Doubts(avg_logprob=-0.2, no_speech=0.05, compression=1.4)


def phrase(text: str, start_s: float = 0.0, end_s: float = 2.0, *, doubts: Doubts = SURE, sure: float = 0.95) -> Phrase:
    """The words of a text, evenly spread over its time."""
    words = text.split()
    step = (end_s - start_s) / len(words)
    return Phrase(
        tuple(
            Spoken(f" {word}", start_s + place * step, start_s + (place + 1) * step, sure)
            for place, word in enumerate(words)
        ),
        doubts,
    )


@dataclass
class Scripted:
    """An engine that says the next script line at each call, and keeps what it was asked."""

    script: list[str]
    language: str = "en"
    sure: float = 0.99
    doubts: Doubts = SURE
    seconds: list[float] = field(default_factory=list)
    languages: list[str | None] = field(default_factory=list)
    hints: list[tuple[str, ...]] = field(default_factory=list)

    def hear(
        self, sound: Sound, language: str | None, hints: Sequence[str] = (), listen: Listen = undisturbed
    ) -> Heard:
        listen()
        self.seconds.append(len(sound) / SAMPLE_RATE_HZ)
        self.languages.append(language)
        self.hints.append(tuple(hints))
        return Heard(language or self.language, self.sure, self._say(len(sound) / SAMPLE_RATE_HZ))

    def _say(self, seconds: float) -> Iterator[Phrase]:
        sentences = self.script.pop(0).split("|") if self.script else [""]
        step = seconds / len(sentences)
        for place, text in enumerate(sentences):
            if text:
                lasts = min(0.8 * step, 0.4 * len(text.split()))
                yield phrase(text, place * step, place * step + lasts, doubts=self.doubts)
