"""What later sentences of a conversation add to a thing that an earlier one named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from worker.clinical import answers, attributes, doses, questions
from worker.clinical.conversation import Line
from worker.clinical.finding import Finding
from worker.clinical.reading import Reading
from worker.clinical.replies import polarity

LOOSE_SENTENCES = 3
"""How many sentences behind a symptom may still describe it without naming it."""
DOSE_SENTENCES = 3
"""The same for a drug and how it is taken."""
_IT = re.compile(r"(?<!\w)(?:it|it's|that|that's|this|them|those|one|lo|la|los|las|es|son)(?!\w)")
_TAKES = re.compile(
    r"(?<!\w)(?:take|takes|taking|took|use|uses|using|apply|put|dose|mg|milligrams?|micrograms?|mcg|grams?|units?|tablets?|pills?|"
    r"capsules?|puffs?|drops?|once|twice|times|daily|tom[aeo]|tomar|tomas|veces|pastillas?|comprimidos?|miligramos|gotas)(?!\w)"
)
"""Words of a sentence that tells how a drug is taken."""
_HOW_MUCH = re.compile(
    r"(?<!\w)(?:how (?:much|often|many)|what (?:dose|dosage|strength|amount)|which dose|what are you taking|"
    r"how (?:do|should|would) (?:you|i|he|she) (?:take|give|use)|que dosis|cuant[oa]s?|cada cuanto|como l[oa] toma)"
    r"(?!\w)"
)
_SHOULD_I = re.compile(r"(?<!\w)(?:should|can|may|do|could|will|puedo|debo|tengo que|sigo)(?!\w)")
_CORRECTS = re.compile(
    r"(?:(?:wait|oh|actually|sorry|no|i mean|i meant|i'm sorry|perdon|digo|mejor dicho)[\s,.]+)+"
    r"[^.]{0,30}?(?<!\w)(?:left|right|both|derech[oa]s?|izquierd[oa]s?)(?!\w)"
)
"""My left knee hurts. Wait, no, it's the right."""
_KEEP = re.compile(r"(?<!\w)(?:keep|continue|still|stay on|seguir|sigo|continuar|continuo)(?!\w)")


def described(reading: Reading, talk: Sequence[Line], said: Sequence[list[Finding]]) -> Sequence[list[Finding]]:
    """It's on the right side. I'd call it moderate: what a patient says of the symptom that he has named before."""
    owner: list[Finding] | None = None
    age, how_long = 0, False
    topic: set[str] = set()
    for line, found in zip(talk, said, strict=True):
        start, end = line.part.start, line.part.end
        symptoms = [each for each in found if each.kind == "symptom"]
        if line.asks and any(not questions.known(reading.text, start, each) for each in symptoms):
            owner = None
        topic = {each.concept for each in symptoms} if line.asks and symptoms else topic
        if symptoms and not line.asks and symptoms[-1].assertion == "present":
            owner, age, topic = found, 0, set()
        elif owner is not None and not found and not line.asks and line.speaker in {None, "patient", "relative"}:
            age += 1
            meant = [n for n, each in enumerate(owner) if each.concept in topic]
            place = max(meant or [n for n, each in enumerate(owner) if each.kind == "symptom"])
            corrected = _CORRECTS.match(reading.text, start, end)
            if age <= LOOSE_SENTENCES and corrected:
                owner[place] = _without(owner[place], "laterality")
            if age <= LOOSE_SENTENCES:
                owner[place] = owner[place].with_traits(*attributes.loose(reading, start, end))
                if how_long:
                    owner[place] = owner[place].with_traits(*attributes.how_long(reading, start, end))
        elif found and not line.asks:
            owner = None
        if line.asks or line.speaker == "clinician":
            how_long = line.asks and answers.HOW_LONG.search(reading.text, start, end) is not None
    return said


def _without(finding: Finding, name: str) -> Finding:
    return replace(finding, traits=tuple(each for each in finding.traits if each.name != name))


def dosed(reading: Reading, talk: Sequence[Line], said: Sequence[list[Finding]]) -> Sequence[list[Finding]]:
    """I'm prescribing ibuprofen. You can take that twice a day: how the drug that was named last is taken."""
    owner: list[Finding] | None = None
    age, asked = 0, False
    for line, found in zip(talk, said, strict=True):
        start, end = line.part.start, line.part.end
        if any(each.kind == "medication" for each in found):
            owner, age, asked = found, 0, False
        elif owner is not None and not line.asks:
            age += 1
            told = asked or _TAKES.search(reading.text, start, end) is not None
            stop = min([end, *(each.start for each in found)])
            if age <= DOSE_SENTENCES and told and (asked or _IT.search(reading.text, start, stop)):
                place = max(n for n, each in enumerate(owner) if each.kind == "medication")
                owner[place] = owner[place].with_traits(*doses.taken(reading, start, stop))
        elif owner is not None and line.asks:
            asked = _HOW_MUCH.search(reading.text, start, end) is not None
    return said


def confirmed(reading: Reading, talk: Sequence[Line], said: Sequence[list[Finding]]) -> Iterator[Finding]:
    """Should I keep taking it? Yes: what a patient asks and the clinician answers with yes or no."""
    for (line, found), (after, named) in pairwise(zip(talk, said, strict=True)):
        if not found or not line.asks or line.speaker != "patient" or after.speaker != "clinician" or after.asks:
            continue
        answer, word = polarity(reading.text, after.part.start, after.part.end)
        again = {each.concept for each in named}
        question = reading.text[line.part.start : line.part.end]
        for finding in found:
            if word is None or answer == "maybe" or finding.concept in again:
                continue
            sure = replace(finding, cues=(*finding.cues, word), settled=True)
            if finding.kind in {"symptom", "condition"}:
                yield replace(sure, assertion="present" if answer == "yes" else "absent")
            elif answer == "yes" and _SHOULD_I.search(question):
                yield replace(sure, assertion="present", temporality="current" if _KEEP.search(question) else "planned")
