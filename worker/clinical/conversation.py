"""A text as a conversation: which sentences ask, and which answer them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from worker.clinical.questions import LEADS
from worker.clinical.reading import Reading
from worker.clinical.replies import polarity
from worker.clinical.sentences import SentencePart
from worker.clinical.turns import Speaker, Turn

_YOU = re.compile(r"(?<!\w)(?:you|your|you're|you've|usted|su|le|te|tu|tiene|ha|toma|es|bother|any|is)(?!\w)")
_I = re.compile(r"(?<!\w)(?:i|i'm|i've|i'd|my|me|mi|tengo|tomo|soy|estoy|he|nada|no,|yes,|yeah|si,)(?!\w)")
_LED = rf"(?:{LEADS}[\s,.]+)*"
DOINGS = "use|take|come|see|do|go|try|start|check|get|follow|keep|call|weigh|work|continue|schedule|make|stop|wear"
"""Behind "have you" these tell what is to be done: I'm gonna have you check your weight."""
_THIRD = r"(?:it|that|he|she|the|your)"
_ASKS = re.compile(
    rf"{_LED}(?:any|does|do you|have you(?! (?:{DOINGS})(?!\w))|are you|were you|did you|had you|can you|could you|"
    rf"did {_THIRD}|is {_THIRD}|"
    rf"has (?:{_THIRD}|there|any\w*)|have (?:they|there|your|any\w*)|(?:is|was|did|are|were) any(?:one|body|thing)|"
    rf"(?:is|are|was|were) there|"
    r"how (?:about|is|are|long|often|much|many|bad|do|did|have|has)|"
    r"how's|what about|what (?:is|are|do|did|kind|brings)|when did|when was|where (?:is|does|do)|"
    r"tiene (?!que)|ha tenido|toma(?! de)|es alergic|le duele|ha notado|cuanto|desde cuando|nota(?! que))(?!\w)"
)
"""How a question begins; recognisers do not always write the question mark."""
_CHECKS = re.compile(
    r"\w[ ,]+(?:okay|ok|alright|all right|sound good|you know|vale|de acuerdo|entendido|me entiende)\s*\?$"
)
"""Asked only to hear whether the listener follows: what stands before is a statement."""
_VERB = re.compile(
    r"(?<!\w)(?:i|i'm|i'll|i've|you(?! know)|you're|we|we'll|it|it's|he|she|they|there|there's|that's|is|are|was|were|"
    r"have|has|had|looks?|shows?|sounds?|let's|let|no|not|so|because|for|continue|"
    r"start|stop|take|keep|will|can|yes|yeah|si|no|es|esta|"
    r"hay|tiene|vamos|voy|le|se|tome|siga|denies|denied|negative|without|call|return|come|go|try|use|get|give|if|when|see|"
    r"make|avoid|drink|eat|ice|rest|follow|tell|feels?|say|says|seems?|appears?|do|does|did|(?<!you )know|"
    r"think|would|could|should|might|may|that|this|which|than|niega|sin)(?!\w)"
)
_OR = re.compile(r"(?<!\w)(?:or|o)(?!\w)")
_FEWEST_TOLD = 4
"""Words that a statement before such a check has at least."""
_BARE = re.compile(r"(?:no|si|yes|nope|nunca|never)[.!]?")
"""An answer that is no more than that."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a conversation; `group` counts the rounds of question and answer, 0 before the first."""

    part: SentencePart
    speaker: Speaker | None
    asks: bool
    group: int = 0
    lists: bool = False
    """Whether it has no verb."""
    offers: bool = False
    """Whether it says "or"."""
    first: bool = False
    """Whether it is the first or second sentence of an answer."""


def lines(reading: Reading, parts: Sequence[SentencePart], turns: Sequence[Turn]) -> list[Line]:
    """The sentences with who says them and which round they belong to; empty where the text is no conversation."""
    if turns:
        return _rounds(_of_turns(reading, parts, turns))
    said = [Line(part, None, _asks(reading.text, part, None)) for part in parts]
    return _rounds(said) if _is_talk(reading, said) else []


def _is_talk(reading: Reading, said: Sequence[Line]) -> bool:
    """Somebody asks and somebody speaks of themselves; where no question mark stands, both do so twice."""
    marked = any(line.part.asks and _YOU.search(reading.text, line.part.start, line.part.end) for line in said)
    asked = sum(1 for line in said if line.asks)
    told = sum(1 for line in said if not line.asks and _I.search(reading.text, line.part.start, line.part.end))
    told += sum(1 for line in said if _BARE.fullmatch(reading.text, line.part.start, line.part.end))
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
        lists = not _VERB.search(reading.text, part.start, part.end)
        offers = _OR.search(reading.text, part.start, part.end) is not None
        found.append(Line(part, speaker, _asks(reading.text, part, speaker), lists=lists, offers=offers))
    return found


def _rounds(said: Sequence[Line]) -> list[Line]:
    """A round begins with a question that follows something other than a question by the same person."""
    said = _with_lists(said)
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


def _with_lists(said: Sequence[Line]) -> list[Line]:
    """Any other symptoms? Muscle aches, chest pain ... What a clinician only lists behind a question is asked too."""
    result: list[Line] = []
    for line in said:
        before = result[-1] if result else None
        follows = before is not None and before.asks and before.speaker == line.speaker
        asks = line.lists and line.speaker == "clinician" and (follows or line.offers)
        result.append(replace(line, asks=True) if asks else line)
    return result


def _asks(text: str, part: SentencePart, speaker: Speaker | None) -> bool:
    """Whether a sentence asks for facts, with or without its mark."""
    words = text[part.start : part.end]
    if speaker in {"patient", "relative"}:
        return part.asks and (len(words.split()) < _FEWEST_TOLD or polarity(text, part.start, part.end)[1] is None)
    if part.asks and _CHECKS.search(words) and len(words.split()) > _FEWEST_TOLD:
        return _ASKS.match(words) is not None
    return part.asks or _ASKS.match(words) is not None
