"""How HL7 v2 writes things down: separators, escapes, times (HL7 v2.5.1, chapter 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

ENCODING = "^~\\&"
LONGEST_ST = 199  # characters (HL7 v2.5.1, 2.A.71)
CUT = LONGEST_ST // 3  # an escaped character takes three
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_LINE = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_A_TIME = re.compile(r"[-:T]")


def text(words: object) -> str:
    """Words as one component: what separates is escaped, line ends and other control characters are a space."""
    plain = _CONTROL.sub(" ", str(words))
    return "".join(_ESCAPES.get(each, each) for each in plain).strip()


def lines(words: str) -> str:
    """The same for text (TX): each line is a repetition of the field, and a long one is several."""
    return "~".join(text(piece) for line in _LINE.split(words) for piece in _pieces(line))


def parts(*components: object) -> str:
    """A field of components; None is an empty one, and none stands empty at the end."""
    return "^".join("" if each is None else text(each) for each in components).rstrip("^")


def short(words: str) -> str:
    """Words that fit into a component of type ST; what is longer ends with three dots."""
    kept = words
    while len(text(kept)) > LONGEST_ST:
        kept = f"{kept.removesuffix('...')[:-1]}..."
    return kept


def segment(name: str, *fields: str) -> str:
    """A segment of fields that are encoded already; none stands empty at the end."""
    return "|".join([name, *fields]).rstrip("|")


def time(stamp: str | None) -> str:
    """A FHIR date or dateTime as HL7 v2 has it: 2026-03-01T09:30:00+00:00 is 20260301093000+0000."""
    if stamp is None:
        return ""
    if "T" not in stamp:
        return stamp.replace("-", "")
    return datetime.fromisoformat(stamp).strftime("%Y%m%d%H%M%S%z")


def _pieces(line: str) -> Iterator[str]:
    """The line in pieces that also those receivers take who hold every text to the length of an ST."""
    held = ""
    for word in line.split(" "):
        joined = f"{held} {word}" if held else word
        if held and len(text(joined)) > LONGEST_ST:
            yield held
            joined = word
        while len(text(joined)) > LONGEST_ST:  # a word as long as this has no place to part
            yield joined[:CUT]
            joined = joined[CUT:]
        held = joined
    yield held


def message(*segments: str) -> str:
    """The whole: a carriage return ends each segment."""
    return "".join(f"{each}\r" for each in segments)
