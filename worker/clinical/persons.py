"""Of whom a text speaks from one sentence to the next: he had a stroke too, what did your mother die of?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from worker.clinical.conversation import Line
from worker.clinical.finding import Finding
from worker.clinical.questions import LEADS
from worker.clinical.reading import Reading
from worker.clinical.relatives import FAMILY_MEMBER, MEN, WOMEN, Relative, everybody, named
from worker.clinical.sentences import SentencePart
from worker.clinical.tokens import words

OWN_CHARS = 200
"""How far before a finding the speaker may name himself."""
_MALE = frozenset({"father", "brother", "son", "uncle", "grandfather", "nephew"})
_FEMALE = frozenset({"mother", "sister", "daughter", "aunt", "grandmother", "niece"})
_PRONOUN = r"(?<!\w)(he|she|his|her|he's|she's|(?:el|ella)(?= (?:tiene|tuvo|tenia|es|era|murio|padece|toma)))(?!\w)"
_HE = re.compile(_PRONOUN)
_HE_FIRST = re.compile(rf"(?:\W|(?:and|but|so|well|yeah|yes|no|i think|i believe|um|uh|also|then|y|pero) )*{_PRONOUN}")
_I = re.compile(
    r"(?<!\w)(?:i(?:'ve|'m)?(?: (?:also|just|only|still|actually))?(?! (?:think|believe|guess|know|mean|don't|suppose|"
    r"heard|remember|was told))|myself|tengo|soy|padezco|yo|me)(?!\w)"
)
"""The patient comes back to himself."""
_I_HAVE = re.compile(
    r"(?<!\w)i(?:'m|'ve|'d)?(?: (?:am|was|have|had|got|get|take|took|also|always|used to|myself|been|diagnosed|with|to|"
    r"an?|some|really|bad|severe|mild|allergic|history|of|my|suffer|from|the|chronic|only|and))* $"
)
"""Nothing but the speaker himself stands between these and what he has."""
_TOLD = (
    "noticed|noted|seen|recommended|suggested|advised|prescribed|given|told|asked|brought|helped|found|observed|reported|"
    "concerns|questions|not|never|also|no"
)
_TELLS_ON = re.compile(
    r"(he|she)(?:'s)?(?: (?:also|still|himself|herself|has|had|was|is|been))* "
    r"(?:drinks|smokes|uses|takes|suffers|died|diagnosed|treated|hospitalized|developed|underwent|"
    rf"(?:has|had)(?! (?:{_TOLD})(?!\w)))(?!\w)"
)
"""What a note's he or she has, and not only says of the patient."""
_BACK = {"he": re.compile(r"(?<!\w)(?:she|patient|pt)(?!\w)"), "she": re.compile(r"(?<!\w)(?:he|patient|pt)(?!\w)")}
"""Where such a sentence comes back to the patient."""
_MYSELF = re.compile(r" (?:too )?myself(?!\w)")
_OTHERS = re.compile(r"(?<!\w)(?:doctor|dr|nurse|surgeon|specialist|cardiologist|therapist|medico|doctora)(?!\w)")
_OF_KIN = re.compile(
    r"(?<!\w)(?:die|died|pass|passed|health|healthy|condition|conditions|problems?|illness|illnesses|history|"
    r"what about|how about|and (?:your|his|her)|any|have|had|has|murio|enfermedad|tiene|tuvo|padece|y (?:su|tu))(?!\w)"
)
"""A question for the health of somebody else."""
_ANYBODY = re.compile(rf"(?:{LEADS}[\s,.]+)*(?:any(?:one|body)|alguien)(?: else| mas)? (?:with|have|has|had|con)(?!\w)")
"""Anyone with diabetes? The family is meant."""
_VOCATIVE = re.compile(
    r"(?:^|[.,!?]\s*|(?<!\w)(?:oh|so|hey|well),? )(dad|daddy|mom|mum|mama|papa|grandma|grandpa)"
    r"(?=,| (?:did|do|don't|you))"
)
_WHOSE_VISIT = re.compile(
    r"(?<!\w)your (\w+)(?: \w+){0,2}? (?:doing|feeling|in today|here today|in to see|today)(?!\w)"
)


def owned(reading: Reading, talk: Sequence[Line], said: Sequence[list[Finding]]) -> Sequence[list[Finding]]:
    """The findings of each line, those of a relative who is meant by "he" or by the question given to him."""
    patient = _patient(reading, talk)
    kin: Relative | None = None
    asked = False
    result = []
    for line, found in zip(talk, said, strict=True):
        text = _beside(reading, line, found)
        here = next(named(words(text)), None)
        if line.speaker == "relative":
            result.append([_patients(_speakers(each, reading, line), patient) for each in found])
        elif line.asks and line.speaker != "patient":
            asked = here is not None and _OF_KIN.search(text) is not None
            kin = here or (kin if _HE.search(text) else None)
            result.append([_somebody_s(each) for each in found] if _ANYBODY.match(text) else list(found))
        elif line.speaker == "clinician" or kin is None or here or _OTHERS.search(text):
            kin = here if here and line.speaker != "clinician" else kin
            kin, asked = (None if _OTHERS.search(text) else kin), asked and not here
            result.append([_aged(each, here) for each in found] if line.speaker != "clinician" else list(found))
        else:
            meant = (asked and line.first) or _is_meant(kin, text)
            result.append([_theirs(each, kin, reading, line) for each in found] if meant else list(found))
    return result


def told_on(reading: Reading, said: Sequence[tuple[SentencePart, list[Finding]]]) -> Sequence[list[Finding]]:
    """The findings of a note's sentences; he is the husband of a woman who was named just before: he drinks heavily."""
    gender = _gender([each for _, found in said for each in found])
    kin: Relative | None = None
    pronoun, result = "", []
    for part, found in said:
        text = reading.text[part.start : part.end]
        told = _TELLS_ON.match(text) if kin else None
        if told and kin and told.group(1) == pronoun:
            back = _BACK[pronoun].search(reading.text, part.start, part.end)
            stop = back.start() if back else part.end
            result.append([_of(each, kin) if each.start < stop else each for each in found])
            continue
        kin, pronoun = _other(words(text), gender)
        result.append(list(found))
    return result


def _other(said: Sequence[str], gender: str | None) -> tuple[Relative | None, str]:
    """The one person of a sentence whom a pronoun means that is not the patient's, and it: her father, he."""
    people = list(everybody(said))
    if len(people) != 1:
        return None, ""
    names, owner = {*said[people[0].first : people[0].last]}, {*said[max(0, people[0].first - 1) : people[0].first]}
    if names & MEN and (gender == "female" or owner == {"her"}):
        return people[0], "he"
    if names & WOMEN and (gender == "male" or owner == {"his"}):
        return people[0], "she"
    return None, ""


def _gender(findings: Sequence[Finding]) -> str | None:
    """The patient's, where the text tells one."""
    own = [each for each in findings if each.concept == "gender" and each.experiencer == "patient"]
    said = {each.trait("value") for each in own}
    return said.pop() if len(said) == 1 else None


def _of(finding: Finding, kin: Relative) -> Finding:
    ours = finding.experiencer == "patient" and finding.kind not in {"demographic", "vital"}
    return replace(finding, experiencer=kin.experiencer, relation=kin.relation) if ours else finding


def _speakers(finding: Finding, reading: Reading, line: Line) -> Finding:
    """What a parent who comes with the patient tells of himself: I'm allergic to penicillin too."""
    before = max(line.part.start, finding.start - OWN_CHARS)
    ours = finding.experiencer == "patient" and _I_HAVE.search(reading.text, before, finding.start)
    return replace(finding, experiencer="family", relation=FAMILY_MEMBER) if ours else finding


def _beside(reading: Reading, line: Line, found: Sequence[Finding]) -> str:
    """The words of a sentence without those of its findings: "cáncer de mama" names no mother."""
    edges = [line.part.start, *(edge for each in found for edge in (each.start, each.end)), line.part.end]
    return "_".join(reading.text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def own(text: str, start: int, finding: Finding) -> bool:
    """Whether the words before a finding in its sentence say that the speaker has it: I have asthma too."""
    before = max(start, finding.start - OWN_CHARS)
    return _I.search(text, before, finding.start) is not None or _MYSELF.match(text, finding.end) is not None


def _is_meant(kin: Relative, text: str) -> bool:
    """Whether a sentence begins with the pronoun of that relative, or has it and no word of the speaker."""
    pronoun = _HE_FIRST.match(text) or (_HE.search(text) if not _I.search(text) else None)
    if pronoun is None:
        return False
    wrong = _FEMALE if pronoun.group(1) in {"he", "his", "he's", "el"} else _MALE
    return kin.relation.split()[-1] not in wrong


def _somebody_s(finding: Finding) -> Finding:
    ours = finding.experiencer == "patient" and finding.kind == "condition"
    return replace(finding, experiencer="family", relation=FAMILY_MEMBER) if ours else finding


def _aged(finding: Finding, kin: Relative | None) -> Finding:
    """My brother died at fifty: the age in a sentence about a relative is his."""
    if kin is None or finding.kind != "demographic" or finding.experiencer != "patient":
        return finding
    return replace(finding, experiencer=kin.experiencer, relation=kin.relation)


def _theirs(finding: Finding, kin: Relative, reading: Reading, line: Line) -> Finding:
    fixed = finding.relation not in {None, FAMILY_MEMBER} or finding.kind == "vital"
    if fixed or own(reading.text, line.part.start, finding):
        return finding
    return replace(finding, experiencer=kin.experiencer, relation=kin.relation)


def _patient(reading: Reading, talk: Sequence[Line]) -> frozenset[str]:
    """Which relation of a relative who speaks is the patient: oh, dad, did you tell her of it?"""
    names: set[str] = set()
    for line in talk:
        text = reading.text[line.part.start : line.part.end]
        if line.speaker == "relative":
            names |= {each.group(1) for each in _VOCATIVE.finditer(text) if "you" in text}
        elif line.speaker == "clinician" and line.group <= 1:
            names |= {each.group(1) for each in _WHOSE_VISIT.finditer(text)}
    return frozenset(kin.relation for name in names for kin in named([name]))


def _patients(finding: Finding, patient: frozenset[str]) -> Finding:
    if finding.experiencer == "family" and finding.relation in patient:
        return replace(finding, experiencer="patient", relation=None)
    return finding
