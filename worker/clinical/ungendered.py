"""A written sentence without he and she, for a text that does not say which."""

from __future__ import annotations

import re

_GENDERED = re.compile(
    r"(?<![\w'’])(?:(?P<noun>(?:male|female|man|woman|gentleman|lady|boy|girl)(?: patient)?)"
    r"|(?P<subject>s?he)|(?P<own>his|her)|(?P<object>him))(?!\w)",
    re.IGNORECASE,
)
_DOUBLED = re.compile(r"(?i)(the patient is an? \d{1,3}-(?:year|month|week|day)-old) patient( who| with)")
_WORDS = {"noun": "patient", "own": "the patient's", "object": "the patient", "subject": "the patient"}


def ungendered(text: str) -> str:
    """He and she become the patient, a woman of 57 a patient of 57; what stands around stays as it is."""

    def put(found: re.Match[str]) -> str:
        word = _WORDS[str(found.lastgroup)]
        return word[0].upper() + word[1:] if found.group()[0].isupper() else word

    return _DOUBLED.sub(r"\1\2", _GENDERED.sub(put, text))
