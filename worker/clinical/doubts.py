"""What may be wrong with a written sentence, one kind of doubt after the other."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from shared.case import Mention
from worker.clinical import claims, closeness, dosing, sense, trends, wording
from worker.clinical.folded import fold
from worker.clinical.grounds import Named, Said, Source, covers, strange_names, values
from worker.clinical.wording import Number, Wording

Doubt = Literal[
    "number", "dose", "side", "denied", "affirmed", "person", "gender", "past", "name", "invented", "claim", "wording",
    "nothing",
]  # fmt: skip
"""What is wrong with a sentence: for counting and for tests; it never holds words of the text."""

NEW_WORDS = 1
NEW_SHARE = 0.2
"""A sentence with more words of its own than both of these is not a summary of the text."""
NEIGHBOURS = 5
"""Words before and behind a claim that say what it is about."""
CANDIDATES = 3
"""Sentences of the text that a written one is compared with word for word."""
DATED = frozenset({"month", "weekday"})

_AGE = re.compile(
    r"(\d{1,3})[ -]?(?:(?:years?|yrs?|months?|weeks?|days?)[ -](?:old|of age)|y/?o\b)|\baged? (?:of )?(\d{1,3})\b"
    r"|\bde (\d{1,3}) (?:anos|meses)\b(?! de evol)"
)
_TELLS_AGE = re.compile(r"(?<!\w)(?:old|ages?|aged|died|passed|birthday|turn(?:ed|ing)?|edad|anos|cumpli\w+)(?!\w)")
_DATE = re.compile(r"\b(?:\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|\d{1,2}/\d{1,2}|(?:19|20)\d\d)\b")
_BROUGHT = re.compile(
    r"(?<!\w)(?:mother|father|mom|dad|parents?|grandmother|madre|padre|abuela) (?:\w+ )?"
    r"(?:brings?|brought|traen?)(?!\w)"
)
_CAPITAL = re.compile(r"(?<![\w’'])[A-ZÁÉÍÓÚÑ][^\W\d_]+")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Dra|Sr|Sra|Don|Doña)\.? $")
_OPENS = re.compile(r"(?:^|[.:;!?•(\"“]\s*|[-*]\s)$")
_SUBJECT_VERB = re.compile(
    r"^(?:['’]s)?\s+(?:has|had|is|was|reports?|reported|den(?:ies|ied)|takes?|presents?|presented|states?|stated|notes|noted|"
    r"complains|will|should|does|did|continues|returns|tiene|refiere|niega|es|presenta|toma|acude)\b"
)


def all_doubts(
    source: Source, text: str, written: Wording, named: Sequence[Named], evidence: Sequence[Said]
) -> Iterable[Doubt]:
    """Everything that is wrong with a sentence, given what it names and the sentences that it rests on."""
    own = own_stems(written, named, evidence)
    if not evidence or not (written.stems or written.numbers or claims.of(written.words)):
        yield "nothing"
    half = not named and 2 * len(own) >= len(written.stems) + len(written.numbers) > 0
    if half or len(own) > max(NEW_WORDS, NEW_SHARE * len(written.stems)):
        yield "wording"
    yield from _number_doubts(source, written, named, evidence)
    yield from _side_doubts(source, written, evidence)
    yield from _sense_doubts(text, named, evidence)
    yield from _loose_doubts(text, written, named, evidence)
    yield from gender_doubts(source, written)
    yield from _name_doubts(source, written, text, own)
    yield from _invented(source, text, evidence)
    yield from _claim_doubts(source, written, named)
    yield from _close_doubts(source, written, named)


def own_stems(written: Wording, named: Sequence[Named], evidence: Sequence[Said]) -> frozenset[str]:
    """The stems that are the writer's own."""
    theirs = [*(said.wording.stems for said in evidence), *(each.stems for each in named)]
    judged = {wording.stem(written.words[each.at]) for each in claims.of(written.words) if claims.must(each.claim.axis)}
    return written.stems.difference(judged, *theirs)


def gender_doubts(source: Source, written: Wording) -> Iterable[Doubt]:
    """He where the text has a woman, or where it does not say."""
    male, female = wording.gender_words()
    for theirs, others in ((male, female), (female, male)):
        if theirs.intersection(written.words) and not theirs & source.words:
            yield "person" if others & source.words else "gender"


def _number_doubts(
    source: Source, written: Wording, named: Sequence[Named], evidence: Sequence[Said]
) -> Iterable[Doubt]:
    amounts = {(number.value, number.unit) for said in evidence for number in said.wording.numbers}
    known = values(evidence)
    if any(each.value not in known or _misplaced(source, written, each, named) for each in written.numbers):
        yield "number"
    ages = _ages(" ".join(written.words)) if any(number.unit == "a" for number in written.numbers) else frozenset()
    if any(
        number.unit and (number.value, number.unit) not in amounts and not _is_age(number, ages, evidence)
        for number in written.numbers
    ):
        yield "dose"
    if dosing.wrong_dose(source, written):
        yield "dose"
    if dosing.wrong_end(source, written):
        yield "claim"
    if trends.turned(trends.trends(written.words), source.trends):
        yield "number"


def _is_age(number: Number, ages: Collection[str], evidence: Sequence[Said]) -> bool:
    """Whether it is an age in years that the text gives as a bare number: How old are you? Fifty-seven."""
    return number.value in ages and any(
        _TELLS_AGE.search(" ".join((*said.before.words, *said.wording.words))) and number.value in values([said])
        for said in evidence
    )


def _ages(folded: str) -> frozenset[str]:
    return frozenset(next(filter(None, found.groups())) for found in _AGE.finditer(folded))


def _misplaced(source: Source, written: Wording, number: Number, named: Sequence[Named]) -> bool:
    """Whether the text has a number only where it speaks of other things."""
    about = _neighbours(source, written.words, number.at, named)
    having = (said for said in source.sentences if number.value in values([said]))
    return bool(about) and not any(about & said.around for said in having)


def _side_doubts(source: Source, written: Wording, evidence: Sequence[Said]) -> Iterable[Doubt]:
    known = {pair for said in evidence for pair in said.wording.sides}
    known |= source.sided
    for side in {side for side, _ in written.sides}:
        if not any(pair in known for pair in written.sides if pair[0] == side):
            yield "side"


def _sense_doubts(text: str, named: Sequence[Named], evidence: Sequence[Said]) -> Iterable[Doubt]:
    """Whether what is named is said of the same person and in the same sense as in the text."""
    folded = fold(text)
    for each in named:
        if each.mentions[0].kind == "demographic":
            continue
        written = sense.of(folded, each.span)
        near = [m for m in each.mentions if any(covers(said, m.start) for said in evidence)] or list(each.mentions)
        theirs = [m for m in near if _of_another(m, evidence) == written.family]
        if not theirs:
            yield "person"
        elif written.assertion not in {m.assertion for m in theirs}:
            yield "affirmed" if written.assertion == "present" else "denied"
        elif not written.past and not written.family and all(m.temporality == "past" for m in theirs):
            yield "past"


def _of_another(mention: Mention, evidence: Sequence[Said]) -> bool:
    """Whether a mention is not the patient's; the child that a parent brings is."""
    brought = any(covers(said, mention.start) and _BROUGHT.search(said.folded) for said in evidence)
    return mention.experiencer != "patient" and not brought


def _loose_doubts(text: str, written: Wording, named: Sequence[Named], evidence: Sequence[Said]) -> Iterable[Doubt]:
    """The same for meaning words that no mention covers: denied there must be denied here."""
    loose = written.stems.difference(*(each.stems for each in named))
    here = sense.denied_stems(fold(text))
    for stem in loose:
        there = {denied for said in evidence if stem in said.wording.stems for denied in _denied(said, stem)}
        if there and (stem in here) not in there:
            yield "denied" if stem in here else "affirmed"


def _denied(said: Said, stem: str) -> Iterable[bool]:
    """Whether a sentence of the text denies a word; a question is as its answer, and unanswered it says nothing."""
    if not said.asks:
        yield stem in said.denied
    elif sense.says_no(said.answer):
        yield True
    elif not said.answer.endswith("?"):
        yield False


def _name_doubts(source: Source, written: Wording, text: str, own: frozenset[str]) -> Iterable[Doubt]:
    new = (word for word in written.words if wording.stem(word) in own)
    if any(wording.looks_clinical(word) for word in new) or strange_names(source, text):
        yield "name"


def _invented(source: Source, text: str, evidence: Sequence[Said]) -> Iterable[Doubt]:
    """People, ages and dates that the text does not have: what a reader would take for facts of the record."""
    folded = fold(text)
    ages = _ages(folded)
    dates = {value for found in _DATE.finditer(folded) for value in re.split(r"[/.-]", found.group())}
    known = {part.lstrip("0") for value in values(evidence) for part in re.split(r"[/.-]", value)}
    if any(value.lstrip("0") not in known for value in ages | dates) or any(_strangers(source, text)):
        yield "invented"


def _strangers(source: Source, text: str) -> Iterable[str]:
    """Words with a capital letter that name somebody or something unknown to the text."""
    known = frozenset(wording.stem(word) for word in source.words)
    for found in _CAPITAL.finditer(text):
        word = fold(found.group())
        if word in source.words or wording.stem(word) in known or word in wording.plain_words() or wording.counts(word):
            continue
        before, behind = text[: found.start()], text[found.end() :]
        opens = _OPENS.search(before) is not None
        if _TITLE.search(before) or not opens or _SUBJECT_VERB.match(behind):
            yield word


def _claim_doubts(source: Source, written: Wording, named: Sequence[Named]) -> Iterable[Doubt]:
    """Whether each claim stands in the text beside the same words."""
    for each in claims.of(written.words):
        about = _neighbours(source, written.words, each.at, named)
        if each.claim.axis in DATED or (not about and each.claim.axis == "kin"):
            about = written.stems
        if each.claim.axis in {"amount", "course"} and trends.told(
            each.claim, trends.trends(written.words), source.trends
        ):
            continue
        having = [len(about & said.around) for said in source.sentences if each.claim in said.claims]
        against = [
            len(about & said.around)
            for said in source.sentences
            if each.claim not in said.claims and any(each.claim.against(other) for other in said.claims)
        ]
        near, far = max(having, default=-1), max(against, default=0)
        lacking = near < 0 or (about and not near)
        if (lacking and claims.must(each.claim.axis)) or (far > max(near, 0)):
            yield "person" if each.claim.axis == "kin" else "invented" if each.claim.axis in DATED else "claim"


def _neighbours(source: Source, words: Sequence[str], at: int, named: Sequence[Named]) -> frozenset[str]:
    """The meaning words of the text around a place, those of mentions by every name that they have."""
    stretch = words[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]
    near = {wording.stem(word) for word in stretch if word[0].isalpha() and not _says_little(word)}
    return source.stems.intersection(near.union(*(each.stems for each in named if each.stems & near)))


def _says_little(word: str) -> bool:
    small = word in wording.plain_words() or wording.counts(word) or wording.unit(word) is not None
    return small or claims.of_word(word) is not None


def _close_doubts(source: Source, written: Wording, named: Sequence[Named]) -> Iterable[Doubt]:
    """What differs from the sentence that it follows almost word for word, if it follows one."""
    ours = closeness.sequence(written.words)
    exempt = frozenset(stem for each in named for stem in each.stems)
    stated = [said for said in source.sentences if not said.asks]
    nearest = sorted(stated, key=lambda said: -len(set(ours).intersection(said.sequence)))[:CANDIDATES]
    found = [match for said in nearest if (match := closeness.match(said.sequence, ours, exempt))]
    if found:
        yield from min(found, key=lambda match: (-round(match.share, 2), len(match.differences))).differences
    whole = closeness.sequence(written.words, whole=True)
    same = [match for said in nearest if (match := closeness.match(said.whole, whole, exempt))]
    best = min(same, key=lambda match: (-round(match.share, 2), len(match.differences)), default=None)
    if best is not None and best.share >= closeness.ALIKE:
        yield from best.differences - {"wording"}
