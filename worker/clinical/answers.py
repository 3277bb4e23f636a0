"""What a question and its answer say together: a fact comes from what is affirmed, never from the question alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from worker.clinical import attributes
from worker.clinical.allergies import TOPIC, none_known
from worker.clinical.demographics import age
from worker.clinical.doses import taken
from worker.clinical.finding import Finding, Stretch
from worker.clinical.formerly import HABITS, ended, once, once_given, with_cue
from worker.clinical.questions import Exchange, Said, beside, is_open, is_tagged, known, openly, still, supposes, yours
from worker.clinical.reading import Reading
from worker.clinical.relatives import named
from worker.clinical.replies import (
    ANSWER_CHARS,
    Answer,
    agrees,
    fine,
    gone,
    nothing_else,
    only,
    picked,
    polarity,
)
from worker.clinical.tokens import words

_ALL_OF_THEM = re.compile(
    r"(?<!\w)(?:both|all of (?:them|those|that|it|the above)|l[oa]s (?:dos|2)(?: cosas)?|amb[oa]s|tod[oa]s?)"
    r"(?=\s*(?:[,.]|$))"
)
_DENIABLE = frozenset({"symptom", "condition", "medication", "allergy", "procedure", "social"})
SUPPOSED = 0.7
"""Confidence in what a question takes as known."""
LEAST_TO_PICK = 2
WELL_SENTENCES = 3
"""How many sentences of an answer may say that all is well with what was asked for."""
HOW_LONG = re.compile(
    r"(?<!\w)(?:how long|since when|when did|cuanto tiempo|desde cuando|cuantos dias|cuando empezo)(?!\w)"
)
"""A question for a duration."""
_HOW_OLD = re.compile(r"(?<!\w)(?:how old|your age|what age|cuantos anos|que edad|su edad)(?!\w)")
_BARE_AGE = re.compile(r"(?<![\w.])(\d{1,3})(?![\w.,]\d|\w)")


def wants_allergies(text: str, questions: Sequence[Stretch]) -> bool:
    """Whether one of the questions asks for allergies."""
    return any(TOPIC.search(text, *each) for each in questions)


def settle(exchange: Exchange, reading: Reading) -> Iterator[Finding]:
    """The findings of an exchange: those of the answers as they are, those of the questions as the answers say."""
    given = [finding for said in exchange.answers for finding in said.findings]
    reply = _reply(exchange, reading)
    yield from (once_given(each, exchange, reading) for each in given)
    yield from _of_questions(exchange, reading, reply, given)
    yield from _without_name(exchange, reading, reply, given)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What the answer to a round of questions begins with, and the word that says so."""

    answer: Answer
    word: Stretch | None


def _reply(exchange: Exchange, reading: Reading) -> _Reply:
    if not exchange.answers:
        return _Reply("other", None)
    first = exchange.answers[0]
    found = _Reply(*polarity(reading.text, first.start, first.end))
    kin = next(named(words(reading.text[first.start : first.end])), None) if found.word is None else None
    return _Reply("yes", Stretch(first.start, first.end)) if kin and _asks_for_kin(exchange) else found


def _asks_for_kin(exchange: Exchange) -> bool:
    """Does it run in the family? My mother had it."""
    asked = [finding for said in exchange.questions for finding in said.findings]
    return bool(asked) and all(each.experiencer == "family" for each in asked)


def _of_questions(exchange: Exchange, reading: Reading, reply: _Reply, given: Sequence[Finding]) -> Iterator[Finding]:
    asked, taken_as_known = _parted(exchange, reading)
    yield from (_doubtless(finding) for finding in taken_as_known if not any(_same(finding, each) for each in given))
    named_too = [each for each, _ in asked if any(_same(each, other) for other in given)]
    well = {each: word for each, _ in asked if each not in named_too and (word := _well(each, exchange, reading))}
    yield from (_denied(each, word) for each, word in well.items())
    left = [(each, said) for each, said in asked if each not in named_too and each not in well]
    chosen = _chosen(exchange, reading, asked)
    if chosen:
        yield from chosen
    elif named_too and reply.answer != "no":
        # Just the nausea: what is not named is not there. Some nausea: nothing is said of the rest.
        first = exchange.answers[0]
        stop = min(each.start for each in given)
        if only(reading.text, first.start, max(first.start, stop)) or nothing_else(
            reading.text, first.start, first.end
        ):
            where = Stretch(first.start, first.end)
            yield from (_denied(finding, where) for finding, _ in left if finding.kind in _DENIABLE)
    else:
        alone = len({finding.concept for finding, _ in asked}) == 1
        for finding, said in left:
            last = said is exchange.questions[-1] and sum(1 for _, other in asked if other is said) == 1
            meant = alone or (last and len(exchange.questions) > 1)
            yield from _settled(finding, said, exchange, reading, reply=reply, meant=meant)


def _parted(exchange: Exchange, reading: Reading) -> tuple[list[tuple[Finding, Said]], list[Finding]]:
    """What is asked for, and what a question names only beside it: does the dizziness make you nauseous?"""
    asked, only_named = [], []
    for said in exchange.questions:
        apart = [each for each in said.findings if beside(reading.text, said.start, each.start)]
        rest = [each for each in said.findings if each not in apart]
        new = [each for each in rest if not known(reading.text, said.start, each)]
        only_named += [*apart, *(each for each in rest if new and each not in new)]
        asked += [(each, said) for each in new or rest]
    return asked, only_named


def _well(finding: Finding, exchange: Exchange, reading: Reading) -> Stretch | None:
    """Any blurred vision? My vision is fine."""
    if finding.kind not in {"symptom", "condition"}:
        return None
    named = reading.text[finding.start : finding.end]
    said = exchange.answers[:WELL_SENTENCES]
    return next((word for each in said if (word := fine(named, reading.text, each.start, each.end))), None)


def _doubtless(finding: Finding) -> Finding:
    return replace(finding, confidence=min(finding.confidence, SUPPOSED))


def _same(one: Finding, other: Finding) -> bool:
    codes = {each.code for each in other.codes}
    near = any(each.code in codes for each in one.codes)
    closer = f" {other.concept} ".endswith(f" {one.concept} ")
    return one.kind == other.kind and (near or closer)


def _chosen(exchange: Exchange, reading: Reading, asked: Sequence[tuple[Finding, Said]]) -> list[Finding]:
    """The first and the last: of several things asked, those that the answer picks by their number."""
    if not exchange.answers or len(asked) < LEAST_TO_PICK:
        return []
    first = exchange.answers[0]
    picks = picked(reading.text, first.start, first.end)
    taken = [(asked[number][0], not_it, word) for number, not_it, word in picks if -1 <= number < len(asked)]
    return [_denied(finding, word) if not_it else with_cue(finding, word) for finding, not_it, word in taken]


def _denied(finding: Finding, where: Stretch) -> Finding:
    return replace(with_cue(finding, where), assertion="absent", temporality="current")


def _settled(
    finding: Finding, said: Said, exchange: Exchange, reading: Reading, *, reply: _Reply, meant: bool
) -> Iterator[Finding]:
    if finding.kind == "vital":
        yield finding
        return
    question = reading.text[said.start : said.end]
    past = once(finding, exchange, reading)
    if reply.word is None and past is not finding:
        yield past
        return
    if is_open(question) or reply.word is None:
        yield from _supposed(finding, said, exchange, reading, reply)
        return
    finding = with_cue(finding, reply.word)
    stated = not openly(question)
    if reply.answer == "no":
        yield from _refused(finding, said, exchange, reading)
    elif finding.assertion == "absent" and stated:
        # No fever? Right. - You have no fever? Yes.
        agreed = agrees(reading.text, reply.word)
        yield finding if agreed else replace(finding, assertion="possible", confidence=0.5)
    elif reply.answer == "maybe" and finding.kind != "demographic":
        yield replace(_affirmed(finding, exchange, reading), assertion="possible", confidence=0.6)
    elif meant or stated or _all_of_them(exchange, reading):
        yield once(_affirmed(finding, exchange, reading), exchange, reading)
    elif (_all_meant(question) or len(exchange.questions) > 1) and finding.kind != "demographic":
        yield replace(_affirmed(finding, exchange, reading), assertion="possible", confidence=0.5)


def _refused(finding: Finding, said: Said, exchange: Exchange, reading: Reading) -> Iterator[Finding]:
    before = replace(finding, assertion="present")
    was = once(before, exchange, reading)
    if was is before and still(reading.text, said.start, finding) and finding.kind in HABITS:
        was = ended(before, finding.cues[-1])
    if was is not before:
        yield was
        return
    if known(reading.text, said.start, finding):
        word = gone(reading.text, exchange.answers[0].start, exchange.answers[0].end)
        if word:
            yield _denied(finding, word)
        elif yours(reading.text, said.start, finding):
            yield _doubtless(finding)
        return
    if finding.kind in _DENIABLE and finding.assertion in {"present", "absent", "possible"}:
        idle = tuple(each for each in finding.traits if each.name != "status")
        yield replace(finding, assertion="absent", temporality="current", traits=idle)


def _supposed(finding: Finding, said: Said, exchange: Exchange, reading: Reading, reply: _Reply) -> Iterator[Finding]:
    """How is your back pain? You had asthma, correct? The question takes it as known, and nobody objects."""
    question = reading.text[said.start : said.end]
    told = is_tagged(question) and bool(exchange.answers)
    of_theirs = yours(reading.text, said.start, finding)
    taken_so = told or supposes(question) or known(reading.text, said.start, finding)
    if not of_theirs and (reply.answer == "no" or not taken_so):
        return
    word = gone(reading.text, exchange.answers[0].start, exchange.answers[0].end) if exchange.answers else None
    yield _denied(finding, word) if word and not told else _doubtless(finding)


def _all_of_them(exchange: Exchange, reading: Reading) -> bool:
    first = exchange.answers[0]
    return _ALL_OF_THEM.search(reading.text, first.start, min(first.end, first.start + ANSWER_CHARS)) is not None


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


def _without_name(exchange: Exchange, reading: Reading, reply: _Reply, given: Sequence[Finding]) -> Iterator[Finding]:
    """How old are you? Fifty-seven. - Are you allergic to anything? No."""
    for said in exchange.questions:
        stretch = Stretch(said.start, said.end)
        allergy = TOPIC.search(reading.text, *stretch)
        named_ones = any(each.kind == "allergy" for each in (*said.findings, *given))
        if allergy and reply.answer == "no" and reply.word and not named_ones:
            yield none_known(Stretch(allergy.start(), _last_word(reading.text, allergy.end(), said.end)), reply.word)
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
