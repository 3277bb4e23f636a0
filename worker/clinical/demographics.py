"""The patient's own age and gender, where the text states them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.reading import Reading
from worker.clinical.relatives import relatives
from worker.clinical.tokens import words

OLDEST_YEARS = 120
GENDERS = {
    "male": ("man", "male", "gentleman", "boy", "varon", "hombre", "masculino", "nino", "senor", "chico", "mr"),
    "female": (
        "woman",
        "female",
        "lady",
        "girl",
        "mujer",
        "femenino",
        "femenina",
        "nina",
        "senora",
        "chica",
        "mrs",
        "ms",
    ),
}
_GENDER_OF = {word: gender for gender, each in GENDERS.items() for word in each}
_MAN = r"man|male|gentleman|boy|woman|female|lady|girl"
_VARON = r"varon|hombre|mujer|nino|nina|masculino|femenin[oa]|chico|chica"
_SOMEBODY = (
    r"paciente|pcte|pac|senora?|lactante|bebe|neonato|gestante|embarazada|puerpera|adolescente|joven|ancian[oa]|escolar"
)
_NOT_FAR_GONE = r"(?!(?:gestante|embarazada)(?: \w+)? de \d{1,3} ?[mds])"
"""How long somebody has been pregnant is no age."""
_UCUM = {
    "year": "a",
    "yr": "a",
    "y": "a",
    "ano": "a",
    "month": "mo",
    "mes": "mo",
    "meses": "mo",
    "week": "wk",
    "semana": "wk",
    "day": "d",
    "dia": "d",
    "a": "a",
    "m": "mo",
}
_NOT_AN_AGE = (
    r"(?! ?(?:%|/|\.\d|:|mg|mcg|kg|lbs?|pounds|kilos|minutes|mins|hours|hrs|weeks|days|months|miles|"
    r"percent|cm|feet|inches|of|out|am|pm))"
)

_AGES = (
    re.compile(r"(?<![\d./-])(\d{1,2})[ -]?(years?)(?=,?(?: and)? \d{1,2}[ -]months?[ -]old)"),
    re.compile(r"(?<![\d./-])(?<!year, )(?<!years, )(?<!year )(?<!years )(?<!year and )(?<!years and )"
    r"(\d{1,3})[ -]?(years?|yrs?|y|months?|weeks?|days?)[ -./]{0,2}(?:old|o(?:ld)?|of age)(?!\w)"),
    re.compile(r"(?<!\w)(?:age|aged|edad)(?: is| of| de)?[: ] ?(\d{1,3})(?!\w|[./]\d)(?! ?(?:weeks|months|days))"),
    re.compile(rf"(?<!\w)(?:i'm|i am|you're|you are|he's|he is|she's|she is|patient is) (?:now |currently |"
    rf"a )?(\d{{1,3}})(?!\w|\.\d){_NOT_AN_AGE}(?=[\s,.;?!)]|$)"),
    re.compile(rf"(?<!\w){_NOT_FAR_GONE}(?:{_VARON}|{_SOMEBODY})(?: \w+)? de (\d{{1,3}}) ?"
    rf"(anos?|meses|mes|semanas?|dias?)(?!\w| de evolucion)"),
    re.compile(rf"(?<!\w)(?:{_VARON}|{_SOMEBODY})(?: de)? (\d{{1,3}}) ?(a)(?![a-z/])"),
    re.compile(r"(?<!\w)(?:tengo|tiene|cumpli|con) (\d{1,3}) ?(anos?|meses)(?= de edad|[,.;?!]|$| y soy| y vengo)"),
    re.compile(r"(?<!\w)de (\d{1,3}) ?(anos?|mes|meses)(?= de edad(?!\w))"),
    re.compile(r"(?<!\w)(?:mr|mrs|ms|sra?|don|dona)\.? [a-z]{2,20}(?: [a-z]{2,20})?(?:, | is |"
    r" \()(\d{1,3})(?=[,);]|\.?$| y)"),
    re.compile(r"(?<!\w)(?:tengo|tiene usted|usted tiene) (\d{1,3}) ?(anos)(?!\w)"),
)  # fmt: skip
_AGE_AND_SEX = re.compile(
    r"(?<![\w.,/-])(\d{1,3})[ -]?(?:(?:y/?o|years?[ -]old|yr[ -]old|y\.o\.),? ?)?([mf])(?![\w/°.])"
)
_GENDER = (
    re.compile(rf"(?:old|y/?o|yo|\d{{1,3}}|of age)(?:[ ,-]{{1,3}}[a-z]{{2,20}}){{0,5}}?[ ,-]{{1,3}}({_MAN})(?!\w)"),
    re.compile(rf"(?<!\w)(?:gender|sex|sexo|genero)(?: is)?\s?[:=]?\s?({_MAN}|{_VARON}|m|f)(?!\w)"),
    re.compile(rf"(?<!\w)(?:patient is|this is|i'm|i am) an? (?:[a-z0-9-]+ ){{0,4}}?({_MAN})(?!\w)"),
    re.compile(rf"(?<!\w)(?:paciente )?({_VARON}|senora?)(?= de \d| , de \d|, de \d|, \d| \d)"),
    re.compile(rf"(?<!\w)paciente (?:de sexo )?({_VARON})(?!\w)"),
    re.compile(rf"(?<!\w)(?:es|soy) (?:un|una) ({_VARON})(?!\w)"),
    re.compile(rf"(?<!\w)(?:de )?\d{{1,3}} anos(?: de edad)?,? (?:de )?(?:sexo )?({_VARON})(?!\w)"),
)  # fmt: skip
_TITLE = re.compile(r"(?<!\w)(mr|mrs|ms)\.? (?=[a-z])")
_OTHERS_AGE = re.compile(
    r"(?:when|at|since|from|until|by|onset|cuando|a los|a la edad de|hasta|under|over|died|starting)(?: the|"
    r" los| las| la)?\s*$"
)
_LOOK_BACK = 70


def demographics(reading: Reading) -> list[Finding]:
    """Age and gender of the patient, each as often as the text says them."""
    genders = list(_genders(reading))
    ages = list(_ages(reading, genders))
    title = _TITLE.search(reading.text) if not genders else None
    if title and reading.is_upper(title.end()):
        genders.append(_gender(title.group(1), Stretch(*title.span(1)), 0.7))
    return [*ages, *genders]


def age(value: str, where: Stretch, text: Stretch, unit: str = "a") -> Finding:
    """The finding for an age; `unit` is UCUM."""
    number = Trait("value", value, where)
    return Finding("demographic", text.start, text.end, "age", traits=(number, Trait("unit", unit)), settled=True)


def _ages(reading: Reading, genders: list[Finding]) -> Iterator[Finding]:
    seen: set[int] = set()
    for pattern in _AGES:
        for found in pattern.finditer(reading.text):
            where = Stretch(*found.span(1))
            unit = found.group(2) if pattern.groups > 1 else "year"
            if where.start in seen or int(found.group(1)) > OLDEST_YEARS or _of_another(reading, found, genders):
                continue
            seen.add(where.start)
            yield age(
                found.group(1),
                where,
                Stretch(where.start, _end(found)),
                _UCUM.get(unit) or _UCUM[unit.removesuffix("s")],
            )
    for found in _AGE_AND_SEX.finditer(reading.text, 0, 300):
        if reading.is_upper(found.start(2)) and 0 < int(found.group(1)) <= OLDEST_YEARS:
            if found.start(1) not in seen:
                yield age(found.group(1), Stretch(*found.span(1)), Stretch(*found.span(1)))
            genders.append(_gender({"m": "man", "f": "woman"}[found.group(2)], Stretch(*found.span(2)), 0.9))


def _end(found: re.Match[str]) -> int:
    """An age's words: 45-year-old, 45 años, forty-five."""
    return found.end() if found.re.groups > 1 else found.end(1)


def _of_another(reading: Reading, found: re.Match[str], genders: Sequence[Finding]) -> bool:
    before = re.split(r"[.;\n?!]", reading.text[max(0, found.start() - _LOOK_BACK) : found.start()])[-1]
    if _OTHERS_AGE.search(before):
        return True
    after = re.split(r"[.;,\n?!]", reading.text[found.end() : found.end() + 30])[0]
    if any(each.first <= 1 for each in relatives(words(after))):
        return True
    if any(found.end() <= each.start <= found.end() + 40 for each in genders):
        return False
    said = before + reading.text[found.start() : found.start(1)]
    own = re.search(r"(?<!\w)(?:i'm|i am|you're|you are|patient|paciente|tengo|usted)(?!\w)", said)
    close = relatives(words(said))
    return bool(close) and not own


def _genders(reading: Reading) -> Iterator[Finding]:
    seen: set[int] = set()
    for pattern in _GENDER:
        for found in pattern.finditer(reading.text):
            word = {"m": "man", "f": "woman"}.get(found.group(1), found.group(1))
            before = re.split(r"[.;\n]", reading.text[max(0, found.start() - 30) : found.start()])[-1]
            others = relatives(words(before)) if not before.rstrip().endswith(",") else []
            if found.start(1) not in seen and not others:
                seen.add(found.start(1))
                yield _gender(word, Stretch(*found.span(1)), 0.95)


def _gender(word: str, where: Stretch, confidence: float) -> Finding:
    trait = Trait("value", _GENDER_OF[word], where)
    return Finding("demographic", *where, "gender", confidence=confidence, traits=(trait,), settled=True)
