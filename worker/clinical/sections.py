"""The headed parts of a note, English and Spanish, and what a heading says of the words beneath it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from shared.case import Section
from worker.clinical.reading import Reading
from worker.clinical.terminology import DATA

NAMES = (
    "chief_complaint", "present_illness", "past_history", "surgical_history", "medications", "allergies",
    "family_history", "social_history", "review_of_systems", "vitals", "exam", "results", "assessment", "plan",
    "assessment_and_plan", "procedures", "immunizations", "instructions", "demographics", "other",
)  # fmt: skip
"""The names of sections; data/sections.toml holds the headings of each."""
_LINE = re.compile(
    r"(?m)^[ \t]*+(?:[#*=>_-]{1,4}[ \t]*+)?([a-z][a-z0-9 /&.,'()-]{0,60}?)[ \t]*+"
    r"(?:(?:\*{1,2}|={1,3})[ \t]*+)?(:[ \t]*+(?:\*\*)?|$)"
)
_INLINE = re.compile(r"(?:(?<=[.;])|(?<=\n))[ \t]+([a-z][a-z /&']{1,40}):[ \t]")
_LUNGS = re.compile(
    r"\s{0,3}(?:mvc|m\.?v\.?|murmullo|ruidos|buena|normoventil\w*|hipoventil\w*|crepitantes|sibilan\w+|roncus|estertores|eupneic\w|"
    r"ventila\w*|rr?c?r|ritmic\w)(?!\w)"
)
_SENTENCE = re.compile(r"(?:[^.;\n]|[.;](?=\w))+")
_NONE = re.compile(
    r"(?:nkd?a|nkfa|none|no(?! (?:tolera|puede))|nil|denies|denied|negative|unknown|ningun[oa]|niega|sin|"
    r"desconocidas)(?!\w)"
)
_YET = re.compile(r"(?<!\w)(?:except|but|other than|salvo|excepto|pero|aunque)(?!\w)")
_TAKEN = re.compile(
    r"\d ?(?:mg|mcg|ml|g|ui|units|comp|tab)(?!\w)|\d{2,3}/\d{2,3}|(?<!\w)(?:takes?|taking|toma|tomo|tomando|administra|"
    r"inicia|continua|continues?|starts?|started|daily|[bt]id|cada|medications?|meds|medicacion|tratamiento)(?!\w)"
)
_REACTS = re.compile(
    r"allerg|alerg|react|reacc|hives|rash|urticaria|anaph|anafil|intoler|swell|edema|caus|gets?(?!\w)|gave|itch|prurit|"
    r"exantema|provoc|produc|nausea|vomit|dyspnea|disnea"
)
ITEM_WORDS = 3
"""A list of allergies goes on over sentences that are no longer, or tell of a reaction."""
_GAP = re.compile(
    r"\n[ \t\r]*+\n|\n[ \t]*+(?:ta|t\.a\.?|pa|bp|b/p|fc|hr|pulse|pulso|t[aª°]?|temp|temperature|temperatura|ctes)(?!\w)"
    r"[ :=]{0,3}\d"
)
"""An empty line, or a line that opens with what was measured."""
_INHERITED = frozenset({"past_history", "surgical_history", "family_history", "allergies", "medications", "plan"})
"""Sections that change the sense of what they hold: with words beside the heading they end at the next gap."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the reading, from its first letter to where its text begins."""

    name: str
    start: int
    body: int
    on_its_line: bool
    """Whether the text begins beside the heading."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section in offsets of the reading; `body` is where the words beneath the heading begin."""

    name: str
    start: int
    body: int
    end: int


def parts(reading: Reading) -> list[Part]:
    """The sections of a note in order; a text without headings has none."""
    headings = list(_headings(reading))
    ends = [*(each.start for each in headings[1:]), len(reading.text)][: len(headings)]
    found = []
    for heading, end in zip(headings, ends, strict=True):
        if heading.on_its_line and heading.name in _INHERITED:
            gap = _GAP.search(reading.text, heading.body, end)
            end = gap.start() if gap else end
        if heading.name == "allergies":
            end = _allergies_end(reading.text, heading.body, end)
        found.append(Part(heading.name, heading.start, heading.body, end))
    return found


def _allergies_end(text: str, body: int, end: int) -> int:
    """Where a list of allergies is over: behind "none known", or before what is taken, measured or told at length.

    A drug that stands below the list by accident must not become an allergy.
    """
    edge = body
    for said in _SENTENCE.finditer(text, body, end):
        words = said.group().strip(" -*•")
        if not words:
            continue
        if edge > body and (_TAKEN.search(words) or (len(words.split()) > ITEM_WORDS and not _REACTS.search(words))):
            return edge
        edge = said.end()
        if _NONE.match(words) and not _YET.search(words):
            return edge
    return end


def section(part: Part, reading: Reading) -> Section:
    """A part as the case keeps it."""
    span = reading.span(part.start, max(part.end, part.start + 1))
    return Section(part.name, span.start, span.end)


@cache
def _names() -> dict[str, str]:
    table = tomllib.loads((DATA / "sections.toml").read_text(encoding="utf-8"))
    return {heading: name for name, headings in table.items() for heading in headings}


def _name(text: str, heading: str, body: int) -> str | None:
    """The section of a heading; AP and AC before the words of an auscultation head none."""
    return None if heading in {"ap", "ac"} and _LUNGS.match(text, body) else _names().get(heading)


def _headings(reading: Reading) -> Iterator[Heading]:
    found = [*_line_headings(reading), *_inline_headings(reading)]
    seen: set[int] = set()
    for heading in sorted(found, key=lambda each: each.start):
        if heading.body not in seen:
            seen.add(heading.body)
            yield heading


def _line_headings(reading: Reading) -> Iterator[Heading]:
    for line in _LINE.finditer(reading.text):
        name = _name(reading.text, line.group(1).strip(" .").rstrip("*"), line.end())
        colon = line.group(2).startswith(":")
        if name and (colon or reading.is_upper(line.start(1))):
            beside = reading.text[line.end() : line.end() + 200].split("\n", 1)[0].strip()
            yield Heading(name, line.start(1), line.end(), on_its_line=bool(beside))


def _inline_headings(reading: Reading) -> Iterator[Heading]:
    for found in _INLINE.finditer(reading.text):
        name = _name(reading.text, found.group(1).strip(), found.end())
        if name and reading.is_upper(found.start(1)):
            yield Heading(name, found.start(1), found.end(), on_its_line=True)
