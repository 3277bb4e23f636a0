"""Complaints that share their last word: chest or abdominal pain; tongue, lip or facial swelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from worker.clinical.finding import Finding
from worker.clinical.reading import Reading, read
from worker.clinical.terminology import terminology

_PARTS = (
    r"chest|back|neck|abdominal|stomach|pelvic|flank|joint|muscle|shoulder|elbow|wrist|hand|hip|knee|ankle|foot|leg|arm|"
    r"jaw|ear|eye|face|facial|throat|tongue|lip|calf|groin|rib|breast|testicular|rectal|low back|lower back|upper back"
)
_LIST = re.compile(
    rf"(?<!\w)((?:{_PARTS})(?:(?:, ?(?:or |and )?| or | and |/)(?:{_PARTS})){{1,5}}) "
    r"(pain|swelling|tenderness|stiffness)(?!\w)"
)
_PART = re.compile(_PARTS)


def with_shared_head(reading: Reading) -> Iterator[Finding]:
    """The complaints of such a list but the last, which stands whole; each covers the words of its part of the body."""
    if reading.language != "en":
        return
    for found in _LIST.finditer(reading.text):
        *parts, _ = _PART.finditer(reading.text, *found.span(1))
        for part in parts:
            whole = _whole(part.group(), found.group(2))
            yield Finding("symptom", part.start(), part.end(), whole.concept, whole.codes)


@cache
def _whole(part: str, head: str) -> Finding:
    """The complaint when it stands alone: chest, pain."""
    name = f"{part} {head}"
    names = [each for each in terminology().find(read(name, "en")) if each.end == len(name)]
    known = next((each for each in names if each.start == 0), None)
    return Finding.of(known) if known else Finding("symptom", 0, 0, name)
