"""How bad, since when, on which side: what describes a symptom or a condition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from worker.clinical.finding import Finding, Stretch, Trait
from worker.clinical.quantities import AMOUNT, UNIT, days
from worker.clinical.reading import Reading

DESCRIBED = frozenset({"symptom", "condition"})
NEAR_CHARS = 70
"""How far from a finding its description may stand, with no other finding between."""
_SEVERE = (
    r"mild|moderate|severe|slight|minor|intense|excruciating|unbearable|terrible|debilitating|horrible|worst|bad|awful|"
    r"leves?|moderad[oa]s?|sever[oa]s?|intens[oa]s?|fuertes?|graves?|liger[oa]s?|insoportables?|terribles?"
)
_SEVERITY = re.compile(rf"(?<!\w)((?:{_SEVERE})(?: (?:to|a) (?:{_SEVERE}))?)(?:ly)?(?!\w)")
_SCORE = re.compile(r"(?<![\w./])(\d{1,2}) ?(?:/|out of|over|sobre|de) ?(10)(?!\w|[./]\d)")
_NO_SIDE = (
    r"now|away|after|before|here|there|then|when|where|at (?:the|that|this) (?:moment|time)|around|about|off|so|okay"
)
_CORRECTED = re.compile(
    r",? (?:no|wait|sorry|actually|i mean|perdon|digo|mejor dicho)"
    r"(?:[ ,]+(?:no|wait|sorry|i mean|i'm sorry|perdon|digo))*"
    r"[ ,]+(?:(?:my|the|it's|en|el|la|lado|side|es) ){0,3}(left|right|both|izquierd[oa]s?|derech[oa]s?)(?!\w)"
)
"""Behind a side: the left, no, sorry, the right."""
_SIDE = re.compile(
    rf"(?<!\w)(left|(?<!all )(?<!, )(?<!that's )(?<!is that )(?<!that sound )right"
    rf"(?! (?:{_NO_SIDE})(?!\w)|\?)|"
    r"bilateral(?:es|ly)?|both(?= (?!of (?:them|those|us)|the same|and )\w)|"
    r"izquierd[oa]s?|derech[oa]s?|izq|izda|izdo|izqd[oa]|dcha|dcho|dch)(?!\w)"
)
"""Not the right of right now, all right and right?"""
_DURATION = (
    re.compile(
        rf"(?<!\w)(?:for|over|x|times(?! (?:a|an|per|every|each)(?!\w))|during|lasting|lasted|"
        rf"durante|desde hace|hace(?! (?:\d+|unos|varios|un|"
        rf"muchos)(?: \d+)? anos?)|of|since) ?"
        rf"(?:(?:about|approximately|around|almost|nearly|at least|more than|over|like|the|past|last|maybe|"
        rf"probably|roughly|now"
        rf"|aproximadamente|unos|unas|casi|mas de|mas o menos|ya|alrededor de|al menos|ultimos|ultimas|los|"
        rf"las) ){{0,3}}"
        rf"({AMOUNT}[ -]?{UNIT})(?!\w)(?! ?old| at a time)"
    ),
    re.compile(rf"(?<!\w)(?:began|started|start|onset|begin|empezo|comenzo|inicio) (?:about |around |"
    rf"approximately )?({AMOUNT} {UNIT}) ago(?!\w)"),
    re.compile(rf"(?<!\w)({AMOUNT}[ -]{UNIT})(?:'s?)?(?: de evolucion| history| duration| in duration| now|"
    rf" con| de historia| of(?! age)| de(?! edad))(?!\w)"),
    re.compile(
        r"(?<!\w)((?:since|desde) (?:yesterday|last (?:night|week|month|year)|this morning|(?:mon|tues|wednes|"
        r"thurs|fri|satur|sun)day|"
        r"ayer|anoche|anteayer|esta manana|el (?:lunes|martes|miercoles|jueves|viernes|sabado|domingo)|"
        r"la semana pasada|(?:19|20)\d\d"
        r"|(?:my|his|her|the) (?:20|30|40|50)s|childhood|la infancia|(?:january|february|march|april|may|june|"
        r"july|august|september"
        r"|october|november|december)(?: (?:19|20)\d\d)?))(?!\w)"
    ),
)  # fmt: skip
_LENGTH = re.compile(rf"(?<!\w)({AMOUNT} {UNIT})(?!\w)(?! ?old)")
_SINCE_DAYS = {
    "yesterday": 1,
    "last night": 1,
    "ayer": 1,
    "anoche": 1,
    "anteayer": 2,
    "last week": 7,
    "la semana pasada": 7,
}
_LINK = re.compile(r"[\s,/&]*(?:(?:and|or|y|e|o|with|con|some|a)[\s,]*)*")
_AND = re.compile(r",? (?:and|y|e) ")
_APART = re.compile(r"[;()]|(?<!\w)(?:and|or|y|e|o|but|pero|with|con)(?!\w)")
_ONSET = re.compile(
    r"(?<!\w)(?:when (?:he|she|they) w(?:as|ere)|at(?: the)? age(?: of)?|at|aged?|a los|a la edad de|"
    r"con) (\d{1,3})(?! ?(?:mg|am|pm))(?!\w)"
)


def described(findings: Sequence[Finding], reading: Reading, start: int, end: int) -> list[Finding]:
    """The findings of one sentence (`start` to `end`) with severity, duration and side."""
    result = list(findings)
    for number, finding in enumerate(findings):
        if finding.kind in DESCRIBED:
            result[number] = finding.with_traits(*_beside(findings, number, reading, start, end))
    for trait, target in _durations(findings, reading, start, end):
        result[target] = result[target].with_traits(*trait)
    return result


def loose(reading: Reading, start: int, end: int) -> list[Trait]:
    """What a sentence that names no finding says of the one before: it's moderate, on the right side."""
    traits = []
    for name, pattern in (("severity", _SEVERITY), ("severity_score", _SCORE), ("laterality", _SIDE)):
        found = pattern.search(reading.text, start, end)
        if found and name == "laterality":
            found = _CORRECTED.match(reading.text, found.end(), end) or found
        if found:
            traits.append(_trait(name, found, reading))
    return traits


def how_long(reading: Reading, start: int, end: int) -> list[Trait]:
    """The duration that a stretch names, as the answer to how long: about three days."""
    found = next(
        (each for each in (pattern.search(reading.text, start, end) for pattern in (*_DURATION, _LENGTH)) if each), None
    )
    return list(_length(found, reading)) if found else []


def onset_age(reading: Reading, start: int, end: int) -> list[Trait]:
    """At which age a relative fell ill, where the words behind it say so."""
    found = _ONSET.search(reading.text, start, end)
    return [Trait("onset_age", found.group(1), Stretch(*found.span(1)))] if found else []


def _trait(name: str, found: re.Match[str], reading: Reading) -> Trait:
    if name == "severity_score":
        return Trait(name, f"{found.group(1)}/{found.group(2)}", Stretch(found.start(), found.end()))
    return Trait(name, reading.words(*found.span(1)).lower(), Stretch(*found.span(1)))


def _beside(findings: Sequence[Finding], number: int, reading: Reading, start: int, end: int) -> Iterator[Trait]:
    finding = findings[number]
    low = max([start, finding.start - NEAR_CHARS, *(each.end for each in findings[:number])])
    high = min([end, finding.end + NEAR_CHARS, *(each.start for each in findings[number + 1 :])])
    for name, pattern in (("severity", _SEVERITY), ("laterality", _SIDE)):
        within = pattern.search(reading.text, finding.start, finding.end) if name == "laterality" else None
        before = [
            each
            for each in pattern.finditer(reading.text, low, finding.start)
            if _leads(reading.text, each.end(), finding.start)
        ]
        after = pattern.search(reading.text, finding.end, high)
        follows = after if after and _follows(reading.text, finding.end, after.start()) else None
        following = findings[number + 1].start if number + 1 < len(findings) else end
        apart = follows is not None and follows.start() - finding.end > 1
        if follows and apart and following < end and _leads(reading.text, follows.end(), following):
            follows = None
        found = within or (before[-1] if before else None) or follows
        if found:
            yield _trait(name, found, reading)
    score = _SCORE.search(reading.text, finding.end, high)
    if score:
        yield _trait("severity_score", score, reading)


def _leads(text: str, start: int, stop: int) -> bool:
    """Whether at most two words stand between a description and what it describes."""
    between = text[start:stop]
    return between.count(",") <= 1 and not _APART.search(between) and len(between.split()) <= 2


def _follows(text: str, start: int, stop: int) -> bool:
    between = text[start:stop]
    return not _APART.search(between) and "," not in between.lstrip(", ") and len(between.split()) <= 6


def _durations(
    findings: Sequence[Finding], reading: Reading, start: int, end: int
) -> Iterator[tuple[tuple[Trait, ...], int]]:
    for pattern in _DURATION:
        for found in pattern.finditer(reading.text, start, end):
            leads = found.group().endswith((" of", " de", " history", " historia"))
            behind = _led(findings, reading.text, found.start(), found.end()) if leads else []
            for target in behind or _targets(findings, reading.text, found.start(), found.end()):
                yield _length(found, reading), target


def _length(found: re.Match[str], reading: Reading) -> tuple[Trait, ...]:
    where = Stretch(*found.span(1))
    number = days(found.group(1)) or next((n for word, n in _SINCE_DAYS.items() if word in found.group(1)), None)
    length = Trait("duration", reading.words(*where), where)
    return (length,) if number is None else (length, Trait("duration_days", str(number), where))


def _targets(findings: Sequence[Finding], text: str, start: int, end: int) -> list[int]:
    """The finding before the words, with those joined to it; where there is none, the first one behind."""
    before = [n for n, each in enumerate(findings) if each.end <= start]
    if before and findings[before[-1]].kind in DESCRIBED and start - findings[before[-1]].end <= NEAR_CHARS:
        if "," in text[findings[before[-1]].end : start].strip(", "):
            return _behind(findings, start, end)
        joined = [before[-1]]
        for number in reversed(before[:-1]):
            link = _LINK.fullmatch(_SEVERITY.sub("", text[findings[number].end : findings[number + 1].start]))
            bare = link is None or link.group().strip() == ","
            if findings[number].kind not in DESCRIBED or link is None or (bare and len(joined) == 1):
                break
            joined.append(number)
        return joined
    return _behind(findings, start, end)


def _led(findings: Sequence[Finding], text: str, start: int, end: int) -> list[int]:
    """The finding behind "three days of", with those joined to it."""
    led = _behind(findings, start, end)
    while led and led[-1] + 1 < len(findings) and findings[led[-1] + 1].kind in DESCRIBED:
        if not _AND.fullmatch(text, findings[led[-1]].end, findings[led[-1] + 1].start):
            break
        led.append(led[-1] + 1)
    return led


def _behind(findings: Sequence[Finding], start: int, end: int) -> list[int]:
    number = next((n for n, each in enumerate(findings) if each.start >= start), None)
    if number is None or findings[number].kind not in DESCRIBED or findings[number].start - end > NEAR_CHARS:
        return []
    return [number]
