"""The facts of a case put into short clauses, English or Spanish, each with the words of the text that say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.case import Case, Mention, Span
from worker.clinical.allergies import NONE_KNOWN
from worker.clinical.folded import fold
from worker.clinical.phrasing import ENGLISH, SPANISH, Phrases

LONGEST_QUOTE = 80
"""Characters that a drug and its dose may take to be quoted as they stand."""
UNSETTLED = 0.5
"""Confidence in what a clinician asked and no answer settled: nothing is told of it."""
LONGEST_ABBREVIATION = 6
LONGEST_LIST = 8
"""Things in one clause: nobody reads more of them in one go."""

_LAY = re.compile(r"\b(?:my|me|his|her|you|your|i|it|is|are|was|does|makes?|bothers?|hurts?|aches?|feels?)\b")
_STATE = re.compile(
    r"\w+(?:ed|ful)|(?:lost|losing|gain(?:ed|ing)?) weight|(?:\w+(?:ed|ing)|threw|throw|pass|came|come) "
    r"(?:up|out|down|off|over)|light ?headed|short of breath|dizzy|tired|nauseous|weak|numb|sick|sleepy|itchy|sore|"
    r"swollen|thirsty|anxious|hoarse|stiff|sad|hot|cold|feverish"
)
"""What somebody is or does: no name of a thing."""
_ADJECTIVE = re.compile(
    r"\w+(?:ous|tic)|jittery|sweaty|clammy|wheezy|shaky|drowsy|lethargic|diaphoretic|tearful|pale|irritable|depressed|"
    r"constipated|pregnant|obese|hypertensive|confused|restless|sleepless|breathless|agitated"
)
"""How somebody is, told by its name where the terminology has another one."""
_LAY_SPANISH = re.compile(r"\b(?:me|le|te|se|mi|su|duele[n]?|molesta[n]?|tengo|siento)\b")
_BOTH = {"both": "bilateral", "bilaterally": "bilateral"}
_SIDES = {"iz": "lado izquierdo", "de": "lado derecho", "dc": "lado derecho"}
_SIDE = re.compile(r"izq|izd|derech|dch")
_THEIRS = re.compile(r"\b(?:my|mi|mis|our|i|yo)\b")
"""Since my twenties: the patient's own words, which nobody else can say."""
_SINCE = re.compile(r"^(?:for|since|over|during|x|desde|hace|durante|por)\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """A few words that say some facts, the section that they belong to, and where the text says so."""

    text: str
    section: str
    evidence: tuple[Span, ...]
    more: bool = False
    """Whether it carries on a list that the clause before it began."""


def phrases(case: Case) -> Phrases:
    """The wording for the case's language; English where it is neither."""
    return SPANISH if (case.language or "").startswith("es") else ENGLISH


def clauses(case: Case) -> tuple[Clause, ...]:
    """All the facts, in the order in which a clinician tells them; long lists take several clauses.

    Where a text both affirms and denies a thing, doubts it too or has it in the past, it is told as it is now: what is
    so now is told, and not that it is not.
    """
    words = phrases(case)
    facts = [each for each in case.mentions if each.kind != "demographic"]
    own = [each for each in facts if each.experiencer == "patient"]
    now = {_key(each) for each in own if (each.assertion, each.temporality) == ("present", "current")}
    others = [each for each in own if _key(each) not in now]
    settled = [each for each in others if each.confidence > UNSETTLED]
    return (
        *_lead(case, words, _specific(_pick(own, ("symptom",), "present", "current"))),
        *_list(case, words.history, "history", _pick(others, ("symptom", "condition", "procedure"), "present", "past")),
        *_list(case, words.conditions, "history", _specific(_pick(own, ("condition",), "present", "current"))),
        *_family(case, words, facts),
        *_list(case, "{things}", "history", _pick(own, ("social",), "present", "current", "past")),
        *_list(case, words.without, "history", _pick(others, ("social",), "absent"), words.either),
        *_list(case, words.takes, "medications", _pick(own, ("medication",), "present", "current")),
        *_list(case, words.took, "medications", _pick(others, ("medication",), "present", "past")),
        *_allergies(case, words, _pick(own, ("allergy",), "present", "current", "past")),
        *_list(case, words.not_allergic, "allergies", _pick(others, ("allergy",), "absent"), words.either),
        *_denials(case, words, others),
        *_list(case, "{things}", "objective", _pick(own, ("vital",), "present", "current")),
        *_list(case, words.possible, "assessment", _pick(settled, ("symptom", "condition"), "possible")),
        *_list(case, words.planned, "plan", _pick(own, ("medication", "procedure"), "present", "planned")),
    )


def name(case: Case, mention: Mention) -> str:
    """What to call it: as the note does, or by its plain name where the note is lay speech or an abbreviation."""
    text = " ".join(mention.text.split())
    if mention.kind == "vital":
        return text
    former = mention.concept == "current smoker" and mention.temporality == "past"
    concept = "former smoker" if former else mention.concept or ""
    if mention.kind == "social" and (habit := phrases(case).habits.get(concept)):
        return habit[mention.assertion == "absent"]
    short = text.isupper() and len(text) <= LONGEST_ABBREVIATION
    if text.isupper() and not short:
        text = text.lower()  # the whole note shouts
    if noun := next((noun for words, noun in phrases(case).nouns.items() if re.fullmatch(words, fold(text))), None):
        return noun
    if phrases(case) is SPANISH and _LAY_SPANISH.search(fold(text)):
        return f"«{text}»"
    lay = short or _LAY.search(fold(text)) or _STATE.fullmatch(fold(text)) or _ADJECTIVE.fullmatch(fold(text))
    if phrases(case) is ENGLISH and mention.concept and lay:
        return mention.concept
    return text if text.split()[0].isupper() else text[:1].lower() + text[1:]


def phrase(case: Case, mention: Mention) -> str:
    """Its name with how bad, on which side and how long; a drug with its dose as it stands in the text."""
    if mention.kind == "medication":
        return _dosed(case, mention)
    words, thing = phrases(case), name(case, mention)
    for attribute in ("laterality", "severity"):
        value = _sided(words, mention.attribute(attribute) or "")
        if not value or value.lower() in thing.lower():
            continue
        agrees = words.severity_first or attribute == "severity"
        if not agrees or any(char.isdigit() for char in value):
            thing = f"{thing} ({value})"
        else:
            thing = f"{value} {thing}" if words.severity_first else f"{thing} {value}"
    duration = mention.attribute("duration")
    duration = duration.lower() if duration and duration.isupper() else duration
    if duration is None or duration.lower() in thing.lower() or _THEIRS.search(fold(duration)):
        return thing
    return (
        f"{thing} {duration}" if _SINCE.match(fold(duration)) else words.duration.format(thing=thing, duration=duration)
    )


def _sided(words: Phrases, value: str) -> str:
    """A side or severity; a Spanish side as a noun, which agrees with every complaint."""
    side = _SIDES.get(fold(value)[:2]) if words is SPANISH and _SIDE.match(fold(value)) else None
    return side or _BOTH.get(value, value)


def spans(mention: Mention) -> tuple[Span, ...]:
    """Where the text says it, what it says of it and the words that turn its sense; none within another."""
    around = (each.span for each in mention.attributes if each.span is not None)
    found = {Span(mention.start, mention.end), *around, *mention.cues}
    apart = (
        one for one in found if not any(two != one and two.start <= one.start <= one.end <= two.end for two in found)
    )
    return tuple(sorted(apart, key=lambda span: span.start))


def _pick(mentions: Iterable[Mention], kinds: Sequence[str], assertion: str, *times: str) -> list[Mention]:
    """Those of a kind and sense, each thing once: the mention that says most about it."""
    best: dict[str, Mention] = {}
    for each in mentions:
        if each.kind in kinds and each.assertion == assertion and (not times or each.temporality in times):
            key = _key(each)
            if key not in best or len(each.attributes) > len(best[key].attributes):
                best[key] = each
    return sorted(best.values(), key=lambda each: each.start)


def _key(mention: Mention) -> str:
    """What makes two mentions tell of one thing."""
    return fold(mention.text if mention.kind == "vital" else mention.concept or mention.text)


def _specific(found: Sequence[Mention]) -> list[Mention]:
    """Without those of which another says more: pain, where there is knee pain."""
    named = {_key(each) for each in found}
    return [each for each in found if not any(_is_kind_of(name, _key(each)) for name in named)]


def _is_kind_of(name: str, wider: str) -> bool:
    return name.endswith(f" {wider}") or name.startswith((f"{wider} on ", f"{wider} de "))


def _list(
    case: Case, template: str, section: str, found: Sequence[Mention], joint: str | None = None
) -> Iterable[Clause]:
    for start in range(0, len(found), LONGEST_LIST):
        told = found[start : start + LONGEST_LIST]
        things = _join([phrase(case, each) for each in told], joint or phrases(case).both)
        yield Clause(template.format(things=things), section, _merge(told), more=start > 0)


def _lead(case: Case, words: Phrases, symptoms: Sequence[Mention]) -> Iterable[Clause]:
    """Who it is and what brings them."""
    person, who = _person(case, words)
    first, rest = symptoms[:LONGEST_LIST], symptoms[LONGEST_LIST:]
    things = _join([phrase(case, each) for each in first], words.both)
    text = words.having.format(person=person, things=things) if person and things else person or things
    if text:
        yield Clause(text, "subjective", _merge([*who, *first]))
    yield from (replace(each, more=True) for each in _list(case, words.also, "subjective", rest))


def _person(case: Case, words: Phrases) -> tuple[str, list[Mention]]:
    """Age and gender as the text gives them."""
    own = [each for each in case.mentions if each.kind == "demographic" and each.experiencer == "patient"]
    age = next(((each, value) for each in own if (value := _demographic(each, "age"))), None)
    gender = next(((each, value) for each in own if (value := _demographic(each, "gender"))), None)
    who = {"male": words.male, "female": words.female}.get(gender[1] if gender else "", words.patient)
    told = list(dict.fromkeys(each[0] for each in (age, gender) if each))
    if age is None:
        return (who if gender else ""), told
    unit = age[0].attribute("unit") or "a"
    if unit in {"a", "year", "years", "año", "años"}:
        return words.person.format(age=age[1], who=who), told
    return words.child.format(age=age[1], unit=unit, who=who), told


def _demographic(mention: Mention, what: str) -> str | None:
    return mention.attribute(what) or (mention.attribute("value") if mention.concept == what else None)


def _family(case: Case, words: Phrases, facts: Iterable[Mention]) -> Iterable[Clause]:
    theirs = [each for each in facts if each.experiencer == "family" and each.assertion == "present"]
    for relation in dict.fromkeys(each.relation or "family" for each in theirs):
        found = _pick(
            [each for each in theirs if (each.relation or "family") == relation], ("symptom", "condition"), "present"
        )
        yield from _list(case, f"{words.relatives.get(relation, relation)}: {{things}}", "history", found)


def _allergies(case: Case, words: Phrases, found: Sequence[Mention]) -> Iterable[Clause]:
    """What the patient is allergic to; that nothing is known only where nothing is named."""
    none = [each for each in found if each.concept == NONE_KNOWN]
    named = [each for each in found if each not in none]
    yield from _list(case, words.allergic, "allergies", named)
    if none and not named:
        yield Clause(words.no_allergies, "allergies", _merge(none))


def _denials(case: Case, words: Phrases, own: Iterable[Mention]) -> Iterable[Clause]:
    """What is not there: denied where somebody was asked, otherwise simply absent."""
    absent = _pick(own, ("symptom", "condition"), "absent")
    denied = [each for each in absent if any(re.match(r"den|nieg", fold(case.quote(cue))) for cue in each.cues)]
    for template, found in ((words.denies, denied), (words.without, [each for each in absent if each not in denied])):
        yield from _list(case, template, "subjective", found, words.either)


def _dosed(case: Case, mention: Mention) -> str:
    """The drug as it stands with its dose, or put together where the text scatters it."""
    taken = (each.span for each in mention.attributes if each.name != "status" and each.span is not None)
    end = max([mention.end, *(each.end for each in taken)])
    quote = case.quote(Span(mention.start, end))
    if len(quote) <= LONGEST_QUOTE and not re.search(r"[.;:?!]\s|\n", quote) and not _crosses(case, mention, end):
        return quote
    dose = " ".join(filter(None, (mention.attribute("dose"), mention.attribute("unit"))))
    return " ".join(
        filter(None, (name(case, mention), dose, mention.attribute("route"), mention.attribute("frequency")))
    )


def _crosses(case: Case, mention: Mention, end: int) -> bool:
    return any(mention.end <= each.start < end for each in case.mentions if each.kind == "medication")


def _merge(mentions: Iterable[Mention]) -> tuple[Span, ...]:
    found = {span for each in mentions for span in spans(each)}
    return tuple(sorted(found, key=lambda span: (span.start, span.end)))


def _join(things: Sequence[str], joint: str) -> str:
    *first, last = things or [""]
    if joint == SPANISH.both and re.match(r"h?i(?![aeo])", fold(last)):
        joint = "e"
    return f"{', '.join(first)} {joint} {last}" if first else last
