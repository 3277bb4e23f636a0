"""A text as a conversation: which sentences ask, and which answer them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from worker.clinical.answers import looks_like_question
from worker.clinical.reading import Reading
from worker.clinical.sentences import SentencePart
from worker.clinical.turns import Speaker, Turn

_YOU = re.compile(r"(?<!\w)(?:you|your|you're|you've|usted|su|le|te|tu|tiene|ha|toma|es|bother|any|is)(?!\w)")
_I = re.compile(r"(?<!\w)(?:i|i'm|i've|i'd|my|me|mi|tengo|tomo|soy|estoy|he|nada|no,|yes,|yeah|si,)(?!\w)")


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a conversation; `group` counts the rounds of question and answer, 0 before the first."""

    part: SentencePart
    speaker: Speaker | None
    asks: bool
    group: int = 0
    first: bool = False
    """Whether it is the first or second sentence of an answer."""


def lines(reading: Reading, parts: Sequence[SentencePart], turns: Sequence[Turn]) -> list[Line]:
    """The sentences with who says them and which round they belong to; empty where the text is no conversation."""
    if turns:
        return _rounds(_of_turns(reading, parts, turns))
    said = [Line(part, None, looks_like_question(reading.text, part.start, marked=part.asks)) for part in parts]
    return _rounds(said) if _is_talk(reading, said) else []


def _is_talk(reading: Reading, said: Sequence[Line]) -> bool:
    """Somebody asks and somebody speaks of themselves; where no question mark stands, both do so twice."""
    marked = any(line.part.asks and _YOU.search(reading.text, line.part.start, line.part.end) for line in said)
    asked = sum(1 for line in said if line.asks)
    told = sum(1 for line in said if not line.asks and _I.search(reading.text, line.part.start, line.part.end))
    return told > 0 if marked else asked > 1 and told > 1


def _of_turns(reading: Reading, parts: Sequence[SentencePart], turns: Sequence[Turn]) -> list[Line]:
    found: list[Line] = []
    number = 0
    for part in parts:
        while number < len(turns) and turns[number].end <= part.start:
            number += 1
        if number == len(turns) or part.end <= turns[number].start:
            continue
        speaker = turns[number].speaker
        asks = part.asks or (speaker == "clinician" and looks_like_question(reading.text, part.start, marked=part.asks))
        found.append(Line(part, speaker, asks))
    return found


def _rounds(said: Sequence[Line]) -> list[Line]:
    """A round begins with a question that follows something other than a question by the same person."""
    result: list[Line] = []
    group, answered, count = 0, True, 0
    for line in said:
        if line.asks and line.speaker != "patient":
            group, count = (group + 1, 0) if answered else (group, 0)
            answered = False
        elif line.speaker != "clinician" and group:
            answered, count = True, count + 1
        result.append(replace(line, group=group, first=0 < count <= 2 and not line.asks and group > 0))
    return result
