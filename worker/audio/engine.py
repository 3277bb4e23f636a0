"""What a speech recogniser is: it hears up to half a minute of speech and says phrases with word times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from worker.stage import Listen, undisturbed

SAMPLE_RATE_HZ = 16_000
WINDOW_S = 29.0  # Whisper looks at 30 s at a time; a little less leaves room for its own padding
TEMPERATURES = (0.0, 0.4, 0.8)  # the later ones only where the first gave a loop or gibberish

Sound = NDArray[np.float32]
"""Mono samples at SAMPLE_RATE_HZ, -1 to 1."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One recognised word with its blank before and its punctuation; times in seconds of what was heard."""

    text: str
    start_s: float
    end_s: float
    probability: float
    mended: bool = False
    """Whether it is a medicine's name that was misheard at first."""


@dataclass(frozen=True, slots=True)
class Doubts:
    """How sure a recogniser was of a phrase (Radford et al. 2022, 4.5)."""

    avg_logprob: float
    """Mean log probability of its tokens."""
    no_speech: float
    """Probability, 0 to 1, that nobody spoke."""
    compression: float
    """Length of the text by its compressed length; above 2.4 it repeats itself."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that the recogniser said in one breath, and how sure it was."""

    words: tuple[Spoken, ...]
    doubts: Doubts

    @property
    def text(self) -> str:
        """The words as they are written."""
        return "".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a recogniser makes of one stretch of sound."""

    language: str
    """ISO 639-1."""
    language_probability: float
    phrases: Iterator[Phrase]
    """Lazy: the work is done while they are taken."""


class Engine(Protocol):
    """A recogniser of speech, loaded and ready."""

    def hear(
        self, sound: Sound, language: str | None, hints: Sequence[str] = (), listen: Listen = undisturbed
    ) -> Heard:
        """Recognise at most WINDOW_S of speech; without a language, detect it. `hints` are words to listen for.

        `listen` is asked before each step of the model; what it raises leaves the rest uncomputed.
        """
        ...


class Joined(Engine, Protocol):
    """An engine as one of several windows hears it."""

    def leave(self) -> None:
        """The window was heard; until then the others wait for it, whatever became of it."""
        ...


@runtime_checkable
class Together(Protocol):
    """An engine that may take several windows at once, each in a thread of its own."""

    at_once: int

    def join(self, listen: Listen) -> Joined:
        """The engine for one window; all windows that begin together join before the first one is heard."""
        ...


def phrase(words: Iterable[Spoken], text: str, start_s: float, end_s: float, doubts: Doubts) -> Phrase:
    """A phrase from what a recogniser returns; words that it could not align are spread evenly."""
    sure = math.exp(min(doubts.avg_logprob, 0.0))
    return Phrase(tuple(words) or _spread(text.split(), start_s, end_s, sure), doubts)


def _spread(words: list[str], start_s: float, end_s: float, probability: float) -> tuple[Spoken, ...]:
    step = (end_s - start_s) / max(len(words), 1)
    starts = [start_s + place * step for place in range(len(words))]
    return tuple(Spoken(f" {word}", at, at + step, probability) for word, at in zip(words, starts, strict=True))
