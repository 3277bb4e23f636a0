"""Gathers spoken words into lines, one speaker and about one sentence each, and lays the lines out as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from shared.case import Segment, Word
from worker.audio.engine import Doubts, Spoken

SENTENCE_PAUSE_S = 0.2  # a sentence that ends with this pause ends its line: the next may be another speaker's
LONGEST_PAUSE_S = 2.0  # this pause ends a line in mid-sentence
LONGEST_LINE = 120  # words
FORGOTTEN = Doubts(avg_logprob=0.0, no_speech=0.0, compression=1.0)
SAME_WORDS = 0.8  # share of two lines in common above which one is the echo of the other

_SENTENCE_END = re.compile(r"[.?!…][\"'”»)]*$")
_ABBREVIATIONS = frozenset({"dr.", "dra.", "mr.", "mrs.", "ms.", "sr.", "sra.", "srta.", "st.", "vs.", "no."})


@dataclass(frozen=True, slots=True)
class Said:
    """A word at its time in the recording, and how sure the recogniser was of the phrase around it."""

    word: Spoken
    doubts: Doubts
    continues: bool = False
    """Whether it is the rest of the word before it."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one speaker said in one go."""

    speaker: str | None
    said: tuple[Said, ...]

    @property
    def start_s(self) -> float:
        """When its first word begins."""
        return self.said[0].word.start_s

    @property
    def end_s(self) -> float:
        """When its last word ends."""
        return self.said[-1].word.end_s

    @property
    def probability(self) -> float:
        """The mean of its words' probabilities."""
        return sum(each.word.probability for each in self.said) / len(self.said)

    @property
    def words(self) -> tuple[str, ...]:
        """Its words in lower case without punctuation."""
        return tuple(re.sub(r"\W+", "", each.word.text).casefold() for each in self.said)


def gather(speaker: str | None, said: Iterable[Said]) -> Iterator[Line]:
    """Lines in order; each comes as soon as the first word behind it is known."""
    line: list[Said] = []
    for each in said:
        if line and each.continues:
            line[-1] = replace(line[-1], word=_join(line[-1].word, each.word))
            continue
        if line and _ends(line, each.word.start_s - line[-1].word.end_s):
            yield Line(speaker, tuple(line))
            line = []
        line.append(each)
    if line:
        yield Line(speaker, tuple(line))


def without_echoes(lines: Iterable[Line]) -> Iterator[Line]:
    """Drop a line that repeats another speaker's words at the same time: one microphone heard both."""
    held: Line | None = None
    for line in lines:
        if held is None:
            held = line
        elif _echoes(held, line):
            held = max(held, line, key=lambda each: each.probability)
        else:
            yield held
            held = line
    if held is not None:
        yield held


def lay_out(line: Line, start: int, flags: tuple[str, ...]) -> tuple[str, Segment]:
    """The line's text and its segment, where the text begins at code point `start` of the case's text."""
    text = ""
    words: list[Word] = []
    for each in line.said:
        spoken = each.word.text.strip()
        if not spoken:
            continue
        if text and each.word.text[:1].isspace():
            text += " "
        begin = start + len(text)
        text += spoken
        words.append(
            Word(begin, start + len(text), each.word.start_s, each.word.end_s, round(each.word.probability, 3))
        )
    return text, Segment(start, start + len(text), line.start_s, line.end_s, line.speaker, tuple(words), flags)


def recalled(text: str, segment: Segment) -> Line:
    """The line from which a segment of a text was laid out; of its doubts, only the probabilities are known."""
    said = (
        Said(Spoken(f" {text[word.start : word.end]}", word.start_s, word.end_s, word.probability), FORGOTTEN)
        for word in segment.words
    )
    return Line(segment.speaker, tuple(said))


def _join(word: Spoken, rest: Spoken) -> Spoken:
    """One word from two pieces, such as follow and -up."""
    return replace(
        word, text=word.text + rest.text, end_s=rest.end_s, probability=min(word.probability, rest.probability)
    )


def _ends(line: list[Said], pause_s: float) -> bool:
    last = line[-1].word.text.strip().casefold()
    sentence = bool(_SENTENCE_END.search(last)) and last not in _ABBREVIATIONS
    return pause_s >= LONGEST_PAUSE_S or len(line) >= LONGEST_LINE or (sentence and pause_s >= SENTENCE_PAUSE_S)


def _echoes(line: Line, other: Line) -> bool:
    shared_s = min(line.end_s, other.end_s) - max(line.start_s, other.start_s)
    shorter_s = min(line.end_s - line.start_s, other.end_s - other.start_s)
    if line.speaker == other.speaker or shared_s <= shorter_s / 2:
        return False
    return SequenceMatcher(None, line.words, other.words, autojunk=False).ratio() >= SAME_WORDS
