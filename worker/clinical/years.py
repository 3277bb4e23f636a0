"""Where a text names a year, or says how many years ago: in 2019, three years ago, hace dos años."""

from __future__ import annotations

import re

from worker.clinical.finding import Stretch

_AGES_AGO = re.compile(
    r"(?<!\w)(?:(?:\d+|a|several|some|many|few|a few|a couple of|couple of) (?:years?|yrs|decades?) (?:ago|back|prior)"
    r"|(?:back )?in (?:\w+ )?(?:of )?(?:19|20)\d\d|hace (?:\d+|un|unos|varios|muchos|unos \d+) anos"
    r"|en (?:el (?:ano )?)?(?:19|20)\d\d|in (?:the )?(?:19|20)\d0s|\d+ anos atras|at (?:the )?age (?:of )?\d+"
    r"|a la edad de \d+|in my (?:20|30|40)s|when (?:i|he|she) was \d+|a los \d+ anos)(?!\w)"
)


def years_ago(text: str, start: int, end: int) -> list[Stretch]:
    """The words between two offsets of a folded text that put something years back."""
    return [Stretch(*each.span()) for each in _AGES_AGO.finditer(text, start, end)]
