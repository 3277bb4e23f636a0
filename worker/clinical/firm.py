"""Whether a conversation bears a sentence that a model wrote freely: stricter than the guard."""

from __future__ import annotations

import re
from collections.abc import Sequence

from worker.clinical import claims, folded, sense, wording
from worker.clinical.grounds import Said, Source, values
from worker.clinical.guards import Verdict

REACH = 4
"""Sentences of the text from the first to the last that one sentence may draw together; a list may reach further."""
FEW = 3
"""Meaning words of a sentence that says one thing."""
_YES = re.compile(
    r"^[\s\-–]*+(?:\[?[a-z_]{2,15}\]?\s*+:)?[\s,]*+(?:oh,? |um,? |uh,? |well,? )?"
    r"(?:yes|yeah|yep|yup|sure|correct|right|that's right|exactly|of course|i do|i am|i have|both)\b"
)
_GRAVE = re.compile(r"(?<!\w)(?:suicid\w*|kill\w*|harm\w*|hurt\w* (?:my|him|her|them)sel\w+|homicid\w*)")
"""The rules alone speak of this: a wrong denial would be worse than none."""
_VAGUE = re.compile(
    r"(?<!\w)(?:many|few|several|couple|while|always|often|since|also|as well|childhood|recent(?:ly)?|severe|currently|"
    r"(?:past|last) (?:year|month|week|day)|in the past|by (?:another|a|the|his|her)|found to|"
    r"tobacco|referred|history of history|who are|who is|at age|at the age|daily|weekly|once|twice|"
    r"bilateral(?:ly)?|doing well)(?!\w)"
)
"""Words by which a small model joins what does not belong together, or says how long, how often and how much without a
number, of which side, and that all goes well."""
_LOOSE = re.compile(r"(?<!\w)(?:since (?:they|he|she)|a lot|(?:has|have) to|my|your)(?!\w)|^(?:his|her|their) \w+\.?$")
"""More such words, which say it wherever they stand."""
_TURNED = re.compile(r"(?<!\w)out of(?!\w)")
_THEN = re.compile(r"(?<!\w)(?:since|when|until) i was(?!\w)")
_NOT_NORMAL = re.compile(r"abnormal|not normal")
_ENDED = re.compile(r"(?<!\w)(?:removed|stopped|discontinued|no longer|anymore|used to)(?!\w)")
_AGED = re.compile(r"\d{1,3}[- ](?:year|month|week|day)s?[- ]old")
_LASTED = re.compile(r"(?<!\w)(?:for|past|last) (?:about )?\d{1,3} years?(?!\w)")
_DONE_TO = re.compile(r"(?<!\w)(?:was|were|been|got) ([a-z]{3,20}ed)(?!\w)")
_DENIES = re.compile(r"(?:(?:the patient|he|she|patient) )?(?:no|denies|denied)(?!\w)")
_PRESENT = re.compile(r"(?<!\w)(?:(?:has|have)(?! had)|is|are|takes|smokes|drinks|uses|denies)(?!\w)")
_FILLER = re.compile(r"^[\s\-–]*+(?:\[?[a-z_]{2,15}\]?\s*+:)?\s*+(?:(?:um|uh|oh|well|hm|ah)[,.]? )+")
_OPENINGS = ("office", "clinic", "emergency", "room", "presents", "evaluation", "treatment", "review", "complains")
_TELLING = ("states", "stated", "reports", "reported", "complains", "complained", "presents", "presented", "associated",
            "denies", "denied", "use", "illicit", "any", "symptoms")  # fmt: skip
_FRAME = frozenset(map(wording.stem, _OPENINGS))
"""How a note opens; nothing that the conversation has to say in these words."""
_TOLD = frozenset(map(wording.stem, _TELLING))
"""What says that somebody tells it, and no more."""
_KIN = frozenset({"kin"})
_CLAUSES = re.compile(r",? (?:and|but) (?:that )?(?:they|she|he|the patient|has|have|is|are|was|were|had)\b")


def is_firm(source: Source, text: str, verdict: Verdict) -> bool:
    """Whether nothing of the sentence is the model's own, joined from afar, or only asked and not answered."""
    plain = folded.fold(text)
    if not _is_whole(source, plain, verdict) or any(each.search(plain) for each in (_GRAVE, _CLAUSES, _LOOSE)):
        return False
    evidence = [said for said in source.sentences if said.span in verdict.evidence]
    told = " ".join(said.folded for said in evidence)
    if not all(_stands(found.group(), told) for found in _VAGUE.finditer(plain)):
        return False
    if "normal" in plain and any(_NOT_NORMAL.search(said.folded) for said in source.sentences):
        return False
    if any(each.search(told) and not each.search(plain) for each in (_ENDED, _TURNED)):
        return False
    if (_AGED.search(plain) or _LASTED.search(plain)) and any(_THEN.search(said.folded) for said in source.sentences):
        return False
    checks = (_is_near, _is_answered, _is_so, _is_done_to)
    return all(each(source, plain) for each in checks) and _is_of_the_patient(source, evidence, plain)


def _is_whole(source: Source, plain: str, verdict: Verdict) -> bool:
    """Whether the guard finds nothing amiss; what is past may be named, but not told in the present."""
    if verdict.support == "supported":
        return True
    if verdict.support != "partial":
        return False
    named = verdict.doubts == {"past"} and not _PRESENT.search(plain)
    own = wording.read(plain).stems - source.stems
    return (named and not own) or (not verdict.doubts and own <= _TOLD)


def _is_near(source: Source, plain: str) -> bool:
    """Whether a few sentences in a row say all of it; denials and lists may gather from afar."""
    if plain.count(",") > 1 or _DENIES.match(plain):
        return True
    written = wording.read(_AGED.sub("", plain))
    stems = written.stems & source.stems - _FRAME
    numbers = {each.value for each in written.numbers}
    rows = (source.sentences[at : at + REACH] for at in range(max(1, len(source.sentences) - REACH + 1)))
    return any(
        stems <= frozenset().union(*(said.wording.stems for said in row)) and numbers <= values(row) for row in rows
    )


def _is_answered(source: Source, plain: str) -> bool:
    """Whether each word that stands only in questions was answered in the sense of the sentence."""
    denied = sense.denied_stems(plain)
    written = wording.read(plain)
    kin = {wording.stem(written.words[each.at]) for each in claims.of(written.words)}
    for stem in written.stems - kin - _FRAME:
        having = [said for said in source.sentences if stem in said.wording.stems]
        if any(not said.asks for said in having) or not having:
            continue
        answers = [_FILLER.sub("", said.answer) for said in having]
        if not any(sense.says_no(each) if stem in denied else _YES.match(each) for each in answers):
            return False
    return True


def _is_so(source: Source, plain: str) -> bool:
    """Whether a sentence affirms nothing that all statements deny, and denies nothing that one states, wherever it is.

    Words are affirmed one by one in a sentence of few words alone; what is denied counts as one thing.
    """
    written = wording.read(plain).stems - _FRAME
    denied = written & sense.denied_stems(plain)
    if denied and any(_states(said, denied) for said in source.sentences):
        return False
    if len(written) > FEW or sense.says_no(plain):
        return True
    for stem in written - sense.denied_stems(plain):
        stated = [said for said in source.sentences if stem in said.wording.stems and not said.asks]
        if stated and all(stem in said.denied for said in stated):
            return False
    return True


def _states(said: Said, stems: frozenset[str]) -> bool:
    """Whether a statement says all of these words, and denies none of them."""
    return not said.asks and stems <= said.wording.stems and not stems & said.denied


def _is_done_to(source: Source, plain: str) -> bool:
    """Whether nothing that the patient did is told as done to them: I punched him does not tell who was punched."""
    for done in set(_DONE_TO.findall(plain)):
        did = any(_stands(f"i {done}", said.folded) for said in source.sentences)
        if did and not any(done in _DONE_TO.findall(said.folded) for said in source.sentences):
            return False
    return True


def _is_of_the_patient(source: Source, evidence: Sequence[Said], plain: str) -> bool:
    """Whether a sentence that names no relative rests on nothing that is said of one."""
    if any(each.claim.axis in _KIN for each in claims.of(wording.read(plain).words)) or "family" in plain:
        return True
    theirs = (each for each in source.mentions if each.experiencer != "patient")
    return not any(said.span.start <= each.start < said.span.end for each in theirs for said in evidence)


def _stands(words: str, told: str) -> bool:
    """Whether these words stand in the text as whole words."""
    at = told.find(words)
    while at >= 0:
        around = told[max(0, at - 1) : at], told[at + len(words) : at + len(words) + 1]
        if not any(each.isalnum() for each in around):
            return True
        at = told.find(words, at + 1)
    return False
