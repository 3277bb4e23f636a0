"""A conversation in reported speech: what the patient says of himself, told in the third person, with its evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.case import Case, Sentence, Span
from worker.clinical import advised, answered, conversation, outline
from worker.clinical.anchored import anchored
from worker.clinical.certain import is_certain
from worker.clinical.conversation import Line
from worker.clinical.named_persons import FEMALE, HERS, HIS, MALE, Kin, as_own, is_of_other, patients_sex
from worker.clinical.plain_speech import plain, spoken_words
from worker.clinical.reading import Reading, read
from worker.clinical.sentences import split
from worker.clinical.third_person import Sex, told
from worker.clinical.tokens import word_set
from worker.clinical.turns import turns

_SIR = re.compile(r"(?<!\w)(?:sir|mister|mr|young man)(?!\w)")
_MADAM = re.compile(r"(?<!\w)(?:ma'am|madam|mrs|ms|miss|maam|young lady)(?!\w)")
_BEGIN = word_set("i my it this they he she we you there which the")
_CONNECT = word_set("and but so because or although which though cause until")
_ENDED = word_set("gone stopped quit anymore resolved better until unless except over")
_TURNS = word_set(
    "gone stopped quit no not never anymore better used resolved until over fine unless if except stop nothing "
    "none other"
)
"""What a clause that is left out may turn round."""
_GOVERNS = word_set("if when think thought said told unless until before that guess like whenever thinking say says")
_AGED = re.compile(r"i am (?:only |just |now ){0,4}(?P<age>\d{1,3})(?: years? old)?(?: now| today)?(?: (?:and|,) .*)?")
_AN_AGE = re.compile(
    r"i am (?:only |just |now |almost ){0,4}\d{1,3}(?: years? old)?(?: |$)(?!weeks|months|feet|pounds|percent|inches)"
)
_ROLE = re.compile(
    r"i am (?:so |just |very ){0,4}(?:ready|sorry|here(?! for| because| to)|glad|excited|listening|back|curious|"
    r"good|fine|great|okay|all right|happy)(?: .*)?"
)
_OLD = re.compile(
    r"(?<!\w)(\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten) (year|month|week|day)s? old"
    r"(?= (?!today|now|when|and|but|or|at|so|with)[a-z])"
)


@dataclass(frozen=True, slots=True)
class Reported:
    """A sentence in the third person, and the words that it tells."""

    text: str
    span: Span


def reported(case: Case) -> tuple[Sentence, ...]:
    """What the patient says of himself, in order; English conversations only."""
    if (case.language or "en") != "en":
        return ()
    reading = read(case.text or "", "en")
    said = turns(reading, case.segments)
    edges = [edge for turn in said for edge in (turn.start, turn.end)]
    talk = conversation.lines(reading, split(reading, edges, joined=bool(case.segments)), said)
    return tuple(
        Sentence(each.text, outline.section_of(case, each.span), (each.span,), support="supported")
        for each in _tell(reading, talk, _sex(case, reading, talk))
    )


def _sex(case: Case, reading: Reading, talk: Sequence[Line]) -> Sex | None:
    """The patient's, where the facts or the way in which he is spoken to tell it."""
    stated = {
        each.attribute("value")
        for each in case.mentions
        if (each.kind, each.concept, each.experiencer) == ("demographic", "gender", "patient")
    }
    found: set[Sex] = {each for each in ("male", "female") if each in stated}
    if not any(line.speaker == "relative" for line in talk):
        asked = " ".join(_text(reading, line) for line in talk if line.speaker == "clinician")
        found |= {sex for sex, pattern in (("male", _SIR), ("female", _MADAM)) if pattern.search(asked)}  # type: ignore[misc]
    return found.pop() if len(found) == 1 else None


def _text(reading: Reading, line: Line) -> str:
    return reading.text[line.part.start : line.part.end]


def _tell(reading: Reading, talk: Sequence[Line], sex: Sex | None) -> Iterator[Reported]:
    with_other = any(line.speaker == "patient" and is_of_other(_text(reading, line)) for line in talk)
    speaks = not with_other and any(line.speaker == "patient" for line in talk)
    is_brought = any(line.speaker == "relative" for line in talk)
    of_him = patients_sex(_text(reading, line) for line in talk)
    if not speaks or is_brought:
        sex = of_him
    kin, named = Kin(), False
    for at, line in enumerate(talk):
        words = plain(spoken_words(reading, line.part.start, line.part.end))
        stated = _statement(reading, talk, at, words, speaks=speaks, is_brought=is_brought, of_him=of_him)
        if stated and line.speaker == "patient" and speaks:
            stated = kin.resolved(stated, at) or stated
        kin.hear([each.lower() for each in words], at)
        subject = ("he" if sex == "male" else "she") if named and sex else "the patient"
        text = _clause(stated, sex, subject) if stated else None
        if text:
            named = True
            yield Reported(text, _span(reading, talk, at))


def _statement(
    reading: Reading,
    talk: Sequence[Line],
    at: int,
    short: list[str],
    *,
    speaks: bool,
    is_brought: bool,
    of_him: Sex | None,
) -> list[str] | None:
    """What a line says, in the words of the patient, who `speaks` or `is_brought` by a relative who speaks, or both."""
    line = talk[at]
    if line.part.asks or reading.text[line.part.end - 1] == "?" or (line.speaker == "clinician" and line.asks):
        return None
    if line.speaker == "patient" and speaks:
        joined = _joined(reading, talk, at, short)
        return short if joined is None else joined
    if of_him and (line.speaker != "clinician" or not speaks or is_brought):
        return as_own(short, of_him)
    if is_brought:
        return None
    return advised.as_patient(short) if line.speaker == "clinician" else None


def _joined(reading: Reading, talk: Sequence[Line], at: int, short: Sequence[str]) -> list[str] | None:
    """A short answer with its question, where only one was asked."""
    words = spoken_words(reading, talk[at].part.start, talk[at].part.end)
    before, earlier = (talk[at - each] if at >= each else None for each in (1, 2))
    if before is None or not before.asks or before.speaker != "clinician" or (earlier and earlier.asks):
        return None
    following = talk[at + 1] if at + 1 < len(talk) and talk[at + 1].speaker == talk[at].speaker else None
    asked = plain(spoken_words(reading, before.part.start, before.part.end))
    return answered.statement(asked, words, short, _text(reading, following) if following else "")


def _span(reading: Reading, talk: Sequence[Line], at: int) -> Span:
    return reading.span(talk[at].part.start, talk[at].part.end)


def _clause(words: Sequence[str], sex: Sex | None, subject: str) -> str | None:
    """The sentence, or the clauses of it that can be told."""
    cuts = [*_cuts(words), len(words)]
    for cut in reversed(cuts):
        if cut and _may_go(words[cut:]) and (text := _whole(words[:cut], sex, subject)):
            return text
    for cut in cuts[:-1]:
        rest = list(words[cut:])
        while rest and (rest[0] == "," or rest[0].lower() in {"and", "but", "so"}):
            rest = rest[1:]
        if not any(each.lower() in _GOVERNS for each in words[:cut]) and (text := _whole(rest, sex, subject)):
            return text
    return None


def _cuts(words: Sequence[str]) -> list[int]:
    """Where a new clause with its own subject begins, with the comma and the word that join it."""
    low = [each.lower() for each in words]
    found = []
    for at in range(1, len(low)):
        if low[at] not in _BEGIN or not (low[at - 1] in _CONNECT or low[at - 1] in {",", ";", "-"}):
            continue
        start = at
        while start and (low[start - 1] in _CONNECT or low[start - 1] in {",", ";", "-"}):
            start -= 1
        found.append(start)
    return found


def _may_go(rest: Sequence[str]) -> bool:
    """Whether the rest of a sentence can be left out: what only goes on, unless it tells of an end."""
    low = [each.lower() for each in rest]
    joint = next((each for each in low if each != ","), "")
    return not any(each in (_ENDED if joint in {"and", "so", "because"} else _TURNS) for each in low)


def _whole(words: Sequence[str], sex: Sex | None, subject: str) -> str | None:
    words = anchored(words)
    while words and words[-1] in {",", ";", "-", "."}:
        words.pop()
    low = [each.lower() for each in words]
    sentence = " ".join(low)
    if aged := _AGED.fullmatch(sentence):
        return _of_age(aged["age"], sex, subject)
    if _AN_AGE.match(sentence) or _ROLE.fullmatch(sentence) or not low or not is_certain(low, _people(low, sex)):
        return None
    said = told(words, sex, subject)
    return written(said) if said else None


def _of_age(age: str, sex: Sex | None, subject: str) -> str:
    article = "an" if age.startswith("8") or age in {"11", "18"} else "a"
    told_ = f"{article} {age}-year-old {sex}" if sex else f"{age} years old"
    return written([*subject.split(), "is", *told_.split()])


def _people(low: Sequence[str], sex: Sex | None) -> frozenset[str]:
    """He, where a man is named in the sentence and the patient is none."""
    men = HIS if set(low) & MALE and sex != "male" else frozenset()
    women = HERS if set(low) & FEMALE and sex != "female" else frozenset()
    return men | women


def written(words: Sequence[str]) -> str:
    """The words as a sentence."""
    text = re.sub(r" (?=[,.;:!%)])", "", " ".join(words)).replace("( ", "(")
    text = _OLD.sub(r"\1-\2-old", text)
    return f"{text[:1].upper()}{text[1:].rstrip('.,;!')}."
