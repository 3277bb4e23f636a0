"""Weight that was lost or gained, told by the amount: lost 12 pounds, pérdida de 6 kg."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from worker.clinical.finding import Finding
from worker.clinical.reading import Reading, read
from worker.clinical.terminology import terminology

_ABOUT = r"(?:(?:about|approximately|around|roughly|over|almost|another|unos|unas|mas de|casi|aproximadamente) )?"
_AMOUNT = rf"{_ABOUT}\d{{1,3}}(?:[.,]\d)?(?: ?(?:-|to|a) ?\d{{1,3}})? ?(?:kg|kgs|kilos|kilograms|lbs?|pounds)(?!\w)"
_LESS = r"lost|losing|loss of|weight (?:is |was )?down(?: by)?|perdida de|perdido|perdio|adelgazado|adelgazo"
_MORE = r"gained|gaining|gain of|put on|weight (?:is |was )?up(?: by)?|ganancia de|ganado|engordado|engordo"
_CHANGED = re.compile(rf"(?<!\w)(?:{_LESS}|({_MORE})) {_AMOUNT}")


def weight_changes(reading: Reading) -> Iterator[Finding]:
    """Weight loss and weight gain where a text names neither, but how much it was."""
    for found in _CHANGED.finditer(reading.text):
        name = "weight gain" if found.group(1) else "weight loss"
        concept = _named(name)
        yield Finding("symptom", found.start(), found.end(), concept.concept, concept.codes)


@cache
def _named(name: str) -> Finding:
    return Finding.of(next(terminology().find(read(name, "en"))))
