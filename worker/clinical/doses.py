"""How a drug is taken: dose, unit, route, frequency and duration, from the words beside its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.quantities import AMOUNT, UNIT, days, decimal
from worker.clinical.reading import Reading

REACH_CHARS = 120
"""How far behind its name a drug's dose may stand."""
UNITS = {
    "mg": ("mg", "mgs", "mgr", "mgrs", "milligram", "milligrams", "miligramo", "miligramos", "milligramos"),
    "mcg": ("mcg", "ug", "μg", "µg", "microgram", "micrograms", "microgramo", "microgramos"),
    "g": ("g", "gm", "gr", "gram", "grams", "gramo", "gramos"),
    "mL": ("ml", "cc", "milliliter", "milliliters", "millilitre", "millilitres", "mililitro", "mililitros"),
    "units": ("units", "unit", "iu", "ui", "u", "unidades", "international units"),
    "mEq": ("meq", "milliequivalents"),
    "%": ("%", "percent"),
    "puff": ("puffs", "puff", "inhalation", "inhalations", "inhalacion", "inhalaciones", "puf", "inh"),
    "tablet": (
        *("tablets", "tablet", "tabs", "tab", "pills", "pill", "comprimidos", "comprimido", "comp", "cp", "comps"),
        *("pastillas", "pastilla", "tableta", "tabletas"),
    ),
    "capsule": ("capsules", "capsule", "caps", "cap", "capsulas", "capsula"),
    "drop": ("drops", "drop", "gotas", "gota"),
    "spray": ("sprays", "spray"),
    "patch": ("patches", "patch", "parches", "parche"),
    "sachet": ("sachets", "sobres", "sobre"),
}  # fmt: skip
_UNIT_OF = {word: unit for unit, words in UNITS.items() for word in words}
_UNIT_WORDS = "|".join(sorted(map(re.escape, _UNIT_OF), key=len, reverse=True))
_NUMBER = r"\d{1,3}(?:,\d{3})+|\d+(?:[.,]\d+)?(?: ?/ ?\d+(?:[.,]\d+)?)?"
_DOSE = re.compile(
    rf"(?<![\w/.,])(?:({_NUMBER})(?: ?({_UNIT_WORDS}))? ?(-|to|"
    rf"a) ?)?({_NUMBER})[ -]?({_UNIT_WORDS})(?!\w)(?! ?/ ?(?:d?l|min|h)\b)"
)
_PER_VOLUME = re.compile(r" ?/ ?(?:\d+(?:[.,]\d+)? ?)?(?:ml|cc|puff|tab|tablet|inhalation)(?!\w)")
"""Behind a dose this makes it the strength of what is given: 400 mg/5 mL, 7.5 mL twice a day."""
_DOSE_BEFORE = re.compile(
    rf"(?<![\w/.,])({_NUMBER})[ -]?({_UNIT_WORDS})\.?(?: (?:tablets?|capsules?|pills?|of|de|dose|injection))* $"
)
_ONCE = (
    r"(?:once|twice|thrice|\d+ ?(?:times|x)|one time)(?: ?(?:a|per|every|each|/))? ?(?:daily|day|week|weekly|"
    r"month|monthly|night|nightly)",
    r"(?:every|each|q\.?) ?(?:other )?\d+(?: ?(?:-|to) ?\d+)? ?(?:hours?|hrs?|h|days?|weeks?|months?|minutes?|mins?)",
    r"(?:every|each) (?:other |single )?(?:day|morning|evening|night|week|month|monday|sunday)",
    r"b\.?i\.?d|t\.?i\.?d|q\.?i\.?d|q\.?d|q\.?h\.?s|q\.?o\.?d|q\.?a\.?m|q\.?p\.?m|q\.?day|qhs",
    r"at (?:bedtime|night|breakfast)|nightly|daily|weekly|monthly|(?:in the|each) (?:morning|evening)|(?:a|"
    r"per) day|before (?:bed|bedtime|meals|breakfast)",
    r"with (?:meals|breakfast|dinner|food|each meal)|after meals|as needed|prn|p\.r\.n|when needed|"
    r"on an empty stomach|once",
    r"(?:una vez|\d+ veces)(?: (?:al|por|a la|cada))? (?:dia|semana|mes|noche)|al dia|a la semana",
    r"c(?:ada |/ ?)(?:\d+ ?(?:horas|hs|h|dias|d|semanas|meses)|dia|noche|manana|semana|mes|otro dia)|"
    r"\d+/\d+ ?h(?:oras)?",
    r"al acostarse|por la(?:s)? (?:noches?|mananas?|tardes?)|diari[ao]s?|diariamente|a diario|"
    r"semanal(?:mente)?|a demanda|si (?:lo )?precisa|segun pauta|en ayunas",
    r"antes de (?:acostarse|dormir|desayunar|las comidas|cada comida)|con las comidas|despues de las comidas|"
    r"\d-\d-\d(?:-\d)?|de noche|con (?:el desayuno|la cena|la comida)|en (?:el desayuno|la cena|desayuno|cena)",
)  # fmt: skip
_HOW_OFTEN = re.compile(
    rf"(?<!\w)(?:{'|'.join(_ONCE)})(?!\w)|/ ?(?:(?:4|6|8|12|24|48|72) ?(?:h|hs|hrs?|horas)|dia|semana|mes)(?!\w)"
)
_AND = re.compile(r"(?:,| and| y)? ")
_ROUTE = re.compile(
    r"(?<!\w)(?:by mouth|orally|oral|po|p\.o\.?|iv|i\.v\.?|intravenous(?:ly)?|im|intramuscular(?:ly)?|sc|sq|"
    r"subq|subcut|"
    r"subcutaneous(?:ly)?|sublingual(?:ly)?|sl|topical(?:ly)?|inhaled|via inhaler|via nebulizer|nebulized|"
    r"rectal(?:ly)?|pr|"
    r"intranasal(?:ly)?|in each nostril|transdermal|ophthalmic|por via oral|via oral|vo|v\.o\.?|ev|"
    r"intravenos[oa]|por boca|"
    r"subcutane[oa]|inhalad[oa]|topic[oa]|nebulizad[oa]|via intravenosa|via subcutanea|por la boca)(?!\w)"
)
_ROUTE_BEFORE = re.compile(r"(?<!\w)(?:oral|iv|po|im|sl|sc|topical|inhaled|intravenous|sublingual) $")
"""Right before a drug it is that one's: from IV vancomycin to oral linezolid."""
_FOR = re.compile(
    rf"(?<!\w)(?:for (?:the (?:next|past|last) )?|x ?|durante |por )({AMOUNT}[ -]?{UNIT})(?!\w)(?! (?:a|per|"
    rf"al) (?:day|dia))"
)


_NEEDED = re.compile(r"(?<!\w)(?:(?:as|when|if) needed for|prn(?: for)?) (?:the |his |her |your |any |severe )?$")
"""Before what a drug may be taken for, whether or not it is there: 600 mg as needed for pain."""


def with_doses(findings: Sequence[Finding], reading: Reading, start: int, end: int) -> list[Finding]:
    """The findings of one sentence (`start` to `end`), each drug with what is said of how it is taken.

    A pain without a place behind "as needed for" only tells what the drug is for: no finding.
    """
    drugs = [each for each in findings if each.kind == "medication"]
    if drugs:
        findings = [each for each in findings if each.concept != "pain" or not _is_needed(each, reading, start)]
    dosed: list[Finding] = []
    for finding in findings:
        if finding.kind != "medication":
            dosed.append(finding)
            continue
        following = next((each for each in drugs if each.start > finding.start), None)
        before = max((each.end for each in findings if each.end <= finding.start), default=start)
        stop = min(end, finding.end + REACH_CHARS, _begin(reading, following) if following else end)
        plus = reading.text.find("+", finding.end, stop)
        stop = plus if plus >= 0 else stop
        dosed.append(finding.with_traits(*_traits(reading, before, finding, stop)))
    return dosed


def _is_needed(finding: Finding, reading: Reading, start: int) -> bool:
    return _NEEDED.search(reading.text, max(start, finding.start - 30), finding.start) is not None


def taken(reading: Reading, start: int, end: int) -> list[Trait]:
    """What a stretch of the reading says of how something is taken."""
    return [*_dose(reading.text, start, end), *_frequency(reading, start, end), *_more(reading, start, end)]


def _begin(reading: Reading, following: Finding) -> int:
    """Where the words of the next drug begin: with its name, or with a dose that stands before it."""
    early = _DOSE_BEFORE.search(reading.text, max(0, following.start - 40), following.start)
    route = _ROUTE_BEFORE.search(reading.text, max(0, following.start - 16), following.start)
    return early.start() if early else route.start() if route else following.start


def _traits(reading: Reading, before: int, drug: Finding, stop: int) -> Iterator[Trait]:
    behind = taken(reading, drug.end, stop)
    ahead = _DOSE_BEFORE.search(reading.text, max(before, drug.start - 40), drug.start)
    if ahead and not any(each.name == "dose" for each in behind):
        yield Trait("dose", decimal(ahead.group(1)), Stretch(*ahead.span(1)))
        yield Trait("unit", _UNIT_OF[ahead.group(2)], Stretch(*ahead.span(2)))
    yield from behind


def _dose(text: str, start: int, end: int) -> Iterator[Trait]:
    found = _DOSE.search(text, start, end)
    if not found:
        return
    strength = _PER_VOLUME.match(text, found.end(), end)
    found = (_DOSE.search(text, strength.end(), end) if strength else None) or found
    first, last = found.group(1), found.group(4)
    changes = first and text[max(start, found.start() - 6) : found.start()].rstrip().endswith(("from", "de"))
    if changes:
        yield Trait("previous_dose", decimal(first), Stretch(*found.span(1)))
    if first and not changes:
        yield Trait("dose", f"{decimal(first)}-{decimal(last)}", Stretch(found.start(1), found.end(4)))
    else:
        yield Trait("dose", decimal(last), Stretch(*found.span(4)))
    yield Trait("unit", _UNIT_OF[found.group(5)], Stretch(*found.span(5)))


def _frequency(reading: Reading, start: int, end: int) -> Iterator[Trait]:
    """How often, with what follows at once: twice daily with meals."""
    found = _HOW_OFTEN.search(reading.text, start, end)
    if not found:
        return
    stop = found.end()
    for _ in range(2):
        link = _AND.match(reading.text, stop, end)
        more = _HOW_OFTEN.match(reading.text, link.end(), end) if link else None
        stop = more.end() if more else stop
    yield Trait("frequency", reading.words(found.start(), stop), Stretch(found.start(), stop))


def _more(reading: Reading, start: int, end: int) -> Iterator[Trait]:
    route = _ROUTE.search(reading.text, start, end)
    if route:
        yield Trait("route", reading.words(*route.span()), Stretch(*route.span()))
    length = _FOR.search(reading.text, start, end)
    if length:
        where = Stretch(*length.span(1))
        yield Trait("duration", reading.words(*where), where)
        number = days(length.group(1))
        if number is not None:
            yield Trait("duration_days", str(number), where)
