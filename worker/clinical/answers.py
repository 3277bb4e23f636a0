"""What a question and its answer say together: a fact comes from what is affirmed, never from the question alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from worker.clinical import attributes
from worker.clinical.allergies import TOPIC, none_known
from worker.clinical.demographics import age
from worker.clinical.doses import taken
from worker.clinical.finding import Finding, Stretch
from worker.clinical.reading import Reading
from worker.clinical.relatives import named
from worker.clinical.tokens import words

Answer = Literal["yes", "no", "other"]
ANSWER_CHARS = 240
"""How much of an answer is read for yes and no, for relatives and for a dose."""

_FILLER = re.compile(
    r"(?:(?:um|uh|er|well|oh|so|actually|hmm|okay|ok|doctor|doctora|pues|bueno|eh|ah|mira|mire|hm|you know|"
    r"a ver)(?!\w)[\s,.]*|[\s,.¡¿-]+)"
)
_YES = re.compile(
    r"(?:yes|yeah|yep|yup|yah|sure|correct|right|mm-?hmm+|uh-?huh|definitely|absolutely|exactly|of course|"
    r"that's right|i do|i am|i have|"
    r"it does|they do|it is|i did|he does|she does|he has|she has|he is|she is|a little|a bit|some|sometimes|"
    r"occasionally|a lot|every|"
    r"always|often|kind of|sort of|just a|only a|si|claro|correcto|exacto|asi es|un poco|a veces|algo|"
    r"efectivamente|bastante|much[oa]s?|siempre|alguna)(?!\w)"
)
_NO = re.compile(
    r"(?:no|nope|nah|never|none|neither|nothing|not (?:really|at all|that|any|anymore|lately|recently|since|"
    r"now|so far)|negative|nobody|no one"
    r"|i (?:don't|do not|haven't|have not|didn't|did not|am not|can't|never)|i'm not|it (?:doesn't|does not|"
    r"hasn't|isn't)|"
    r"they (?:don't|haven't)|(?:he|she) (?:doesn't|hasn't|isn't|does not)|"
    r"nunca|ningun[oa]?|nada|tampoco|para nada|que va|en absoluto|nadie)(?!\w)"
)
_WH = re.compile(
    r"(?:^|[\s,¿])(?:how (?:long|often|much|many|bad|severe|is|are|was|were|has|have|did|do|does|would|'s)|"
    r"when|where|what|which|why|who"
    r"|cuando|cuanto|cuanta|cuantos|cuantas|donde|que|como|cual|quien|por que|desde cuando)(?!\w)"
)
_KNOWN = re.compile(r"(?<!\w)(?:the|this|that|your|these|those|su|sus|ese|esa|este|esta|tu)\s$")
"""Before a finding: both know of it, the question is about something else (does that help the pain?)."""
_HOW_ABOUT = re.compile(r"(?:how|what) about|what if|how about any|que tal|que hay de")
_YOURS = re.compile(r"(?<!\w)(?:your|tu|su|sus|tus)(?: \w+)?\s+$")
HOW_LONG = re.compile(
    r"(?<!\w)(?:how long|since when|when did|cuanto tiempo|desde cuando|cuantos dias|cuando empezo)(?!\w)"
)
"""A question for a duration."""
_HOW_OLD = re.compile(r"(?<!\w)(?:how old|your age|what age|cuantos anos|que edad|su edad)(?!\w)")
_BARE_AGE = re.compile(r"(?<![\w.])(\d{1,3})(?![\w.,]\d|\w)")
_OPENLY = re.compile(
    r"[\s¿,.]*(?:(?:and|so|okay|ok|now|or|um|uh|well|y|e|entonces)[\s,.]+)*(?:any|do|does|did|have|has|had|are|"
    r"is|was|were|can|could|any|how|what|"
    r"shortness|trouble|tiene|ha|toma|es|le|alguna?|algun|nota|sufre|padece|siente|fuma|bebe|ni|hay|or)(?!\w)"
)
"""How a question begins that does not know its answer; others only want a statement confirmed."""
_NO_MARK = re.compile(
    r"(?:and |or |so |okay ,? ?|ok ,? ?|now ,? ?)*(?:any|do you|have you|are you|does|did you|is there|"
    r"are there|has|had you|how about|what about|tiene|ha tenido|toma|es alergic|le duele)(?!\w)"
)


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence as a part of a conversation, with its findings in their sense."""

    start: int
    end: int
    asks: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Questions asked in one go, and what was said to them."""

    questions: tuple[Said, ...]
    answers: tuple[Said, ...]


def looks_like_question(text: str, start: int, *, marked: bool) -> bool:
    """Whether a sentence of the clinician asks; recognisers do not always write the question mark."""
    return marked or _NO_MARK.match(text, start) is not None


def wants_allergies(text: str, questions: Sequence[Stretch]) -> bool:
    """Whether one of the questions asks for allergies."""
    return any(TOPIC.search(text, *each) for each in questions)


def polarity(text: str, start: int, end: int) -> tuple[Answer, Stretch | None]:
    """Whether an answer begins with a yes or a no, and the word that says so."""
    place, stop = start, min(end, start + ANSWER_CHARS)
    while filler := _FILLER.match(text, place, stop):
        place = filler.end()
    for answer, pattern in (("no", _NO), ("yes", _YES)):
        found = pattern.match(text, place, stop)
        if found:
            return ("no" if answer == "no" else "yes"), Stretch(*found.span())
    return "other", None


def settle(exchange: Exchange, reading: Reading) -> Iterator[Finding]:
    """The findings of an exchange: those of the answers as they are, those of the questions as the answers say."""
    given = [finding for said in exchange.answers for finding in said.findings]
    yield from given
    answer, word = _answer(exchange, reading)
    asked = [finding for said in exchange.questions for finding in said.findings]
    open_ = [each for each in asked if not any(_same(each, other) for other in given)]
    for said in exchange.questions:
        for finding in said.findings:
            if finding in open_:
                yield from _settled(finding, said, exchange, reading, answer=answer, word=word, alone=len(open_) == 1)
    yield from _without_name(exchange, reading, answer, word, given)


def _answer(exchange: Exchange, reading: Reading) -> tuple[Answer, Stretch | None]:
    if not exchange.answers:
        return "other", None
    return polarity(reading.text, exchange.answers[0].start, exchange.answers[0].end)


def _same(one: Finding, other: Finding) -> bool:
    codes = {each.code for each in other.codes}
    near = any(each.code in codes for each in one.codes)
    closer = f" {other.concept} ".endswith(f" {one.concept} ")
    return one.kind == other.kind and (near or closer)


def _settled(
    finding: Finding,
    said: Said,
    exchange: Exchange,
    reading: Reading,
    *,
    answer: Answer,
    word: Stretch | None,
    alone: bool,
) -> Iterator[Finding]:
    if finding.kind == "vital":
        yield finding
        return
    question = reading.text[said.start : said.end]
    open_question = _WH.search(question[:60]) and not _HOW_ABOUT.search(question[:60])
    if open_question or word is None or answer == "other":
        if _YOURS.search(reading.text[max(said.start, finding.start - 30) : finding.start]):
            yield replace(finding, confidence=min(finding.confidence, 0.7))
        return
    finding = replace(finding, cues=(*finding.cues, word), settled=True)
    if answer == "no":
        if _KNOWN.search(reading.text[max(said.start, finding.start - 12) : finding.start]):
            return
        absent = finding.kind != "demographic" and finding.assertion in {"present", "absent", "possible"}
        if absent:
            yield replace(finding, assertion="absent", temporality="current")
    elif (alone and len(exchange.questions) == 1) or not _OPENLY.match(question):
        yield _affirmed(finding, exchange, reading)
    elif not alone and _all_meant(question) and finding.kind != "demographic":
        yield replace(_affirmed(finding, exchange, reading), assertion="possible", confidence=0.5)


def _all_meant(question: str) -> bool:
    """Several things asked at once and a bare yes: which one is meant stays open."""
    return " or " in question or " o " in question or "," in question


def _affirmed(finding: Finding, exchange: Exchange, reading: Reading) -> Finding:
    said = exchange.answers[0]
    stop = min(exchange.answers[-1].end, said.start + ANSWER_CHARS)
    assertion = "present" if finding.assertion == "absent" else finding.assertion
    finding = replace(finding, assertion=assertion)
    if finding.experiencer == "family":
        kin = next(named(words(reading.text[said.start : stop])), None)
        return replace(finding, relation=kin.relation) if kin else finding
    if finding.kind == "medication":
        return finding.with_traits(*taken(reading, said.start, stop))
    if finding.kind not in attributes.DESCRIBED or said.findings:
        return finding
    told = (*attributes.how_long(reading, said.start, said.end), *attributes.loose(reading, said.start, said.end))
    return finding.with_traits(*told)


def _without_name(
    exchange: Exchange, reading: Reading, answer: Answer, word: Stretch | None, given: Sequence[Finding]
) -> Iterator[Finding]:
    """How old are you? Fifty-seven. - Are you allergic to anything? No."""
    for said in exchange.questions:
        stretch = Stretch(said.start, said.end)
        allergy = TOPIC.search(reading.text, *stretch)
        named_ones = any(each.kind == "allergy" for each in (*said.findings, *given))
        if allergy and answer == "no" and word and not named_ones:
            yield none_known(Stretch(allergy.start(), _last_word(reading.text, allergy.end(), said.end)), word)
        if _HOW_OLD.search(reading.text, *stretch) and exchange.answers and not _has_age(given):
            found = _BARE_AGE.search(reading.text, exchange.answers[0].start, exchange.answers[0].end)
            if found and int(found.group(1)) < 120:
                where = Stretch(*found.span(1))
                yield age(found.group(1), where, where)


def _has_age(given: Sequence[Finding]) -> bool:
    return any(each.concept == "age" for each in given)


def _last_word(text: str, start: int, end: int) -> int:
    found = re.compile(r"(?: (?:to|a) [\w ]{1,40})?").match(text, start, end)
    return found.end() if found else start
