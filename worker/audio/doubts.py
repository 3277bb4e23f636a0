"""Says what may be wrong with a transcript: flags on its lines, and sentences for people that quote nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shared.case import Segment
from worker.audio.engine import Spoken
from worker.audio.lines import Line
from worker.audio.loops import is_stuck

LOW_CONFIDENCE = "low_confidence"
REPETITION = "repetition"
NO_SPEECH = "no_speech"
BOILERPLATE = "boilerplate"
MEDICINE = "medicine_heard_twice"

LOWEST_PROBABILITY = 0.5
LOWEST_LOGPROB = -1.0  # below it Whisper itself tries again (Radford et al. 2022, 4.5)
HIGHEST_NO_SPEECH = 0.6
HIGHEST_COMPRESSION = 2.4
LONGEST_HOLE_S = 4.0
"""Pauses are cut out before a recogniser listens, so that speech with no word begun for so long was left out."""
LONGEST_WORD_S = 1.5  # an aligned word that lasts longer covers what was left out behind it
LOOK_BACK = 8  # lines in which a loop over whole lines is looked for

_BOILERPLATE = (
    "thanks for watching", "thank you for watching", "please subscribe", "subtitles by", "amara.org", "transcribed by",
    "gracias por ver", "suscríbete", "subtítulos realizados", "subtítulos por",
)  # fmt: skip
_SENTENCES = {
    REPETITION: "the recogniser repeated itself and the words may not have been said",
    LOW_CONFIDENCE: "the words were hard to recognise",
    NO_SPEECH: "the words may be noise",
    BOILERPLATE: "the words are typical of a recogniser's invention",
    MEDICINE: "the name of a medicine was recognised only at a second hearing",
}


def flags(line: Line, before: Sequence[Line]) -> tuple[str, ...]:
    """What the detectors find in a line that follows others."""
    worst_logprob = min(each.doubts.avg_logprob for each in line.said)
    no_speech = max(each.doubts.no_speech for each in line.said)
    compression = max(each.doubts.compression for each in line.said)
    recent = [word for each in (*before[-LOOK_BACK:], line) if each.speaker == line.speaker for word in each.words]
    unsure = line.probability < LOWEST_PROBABILITY
    text = "".join(each.word.text for each in line.said).casefold()
    found = {
        LOW_CONFIDENCE: unsure or worst_logprob < LOWEST_LOGPROB,
        REPETITION: compression > HIGHEST_COMPRESSION or is_stuck(recent),
        NO_SPEECH: no_speech > HIGHEST_NO_SPEECH and unsure,
        BOILERPLATE: any(phrase in text for phrase in _BOILERPLATE),
        MEDICINE: any(each.word.mended for each in line.said),
    }
    return tuple(flag for flag, holds in found.items() if holds)


def holes(words: Iterable[Spoken], seconds: float) -> Iterator[tuple[float, float]]:
    """Parts of a window, in its own seconds, in which speech was heard and no word was recognised."""
    covered_s = 0.0
    for word in words:
        if word.start_s - covered_s > LONGEST_HOLE_S:
            yield covered_s, word.start_s
        covered_s = max(covered_s, min(word.end_s, word.start_s + LONGEST_WORD_S))
    if seconds - covered_s > LONGEST_HOLE_S:
        yield covered_s, seconds


def warnings(segments: Iterable[Segment], missing: Iterable[tuple[float, float]]) -> tuple[str, ...]:
    """Sentences for the result, one a kind of doubt, with times and without content."""
    places: dict[str, list[str]] = {}
    for segment in segments:
        for flag in segment.flags:
            places.setdefault(flag, []).append(clock(segment.start_s))
    doubted = [f"At {_listed(times)} {_SENTENCES[flag]}." for flag, times in places.items()]
    lost = [f"Speech from {clock(start)} to {clock(end)} may be missing from the transcript." for start, end in missing]
    return (*doubted, *lost)


def clock(seconds: float) -> str:
    """Minutes and seconds as players show them."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _listed(times: list[str]) -> str:
    shown = ", ".join(times[:10])
    return shown if len(times) <= 10 else f"{shown} and {len(times) - 10} more places"
