"""One stand-in for each name and number, and one shift of all dates, the same wherever the same patient is met."""

from __future__ import annotations

import base64
import re
import unicodedata
import uuid
from collections.abc import Iterable

from shared.case import IdentifierKind
from shared.crypto import Fingerprint
from shared.deidentify import dates

LABEL_CHARS = 5  # base32: one in 33 million that two names of a tenant get the same label
OLDEST = "90"
"""What all ages above 89 years become: "90 or older" (45 CFR 164.514(b)(2)(i)(C))."""
_WORD = re.compile(r"[^\W\d_]+")
_SHORTEST = 3


class Pseudonyms:
    """Stand-ins for one patient's text; keyed, so that nobody without the key can try out names against them."""

    def __init__(self, fingerprint: Fingerprint, tenant: str, subject: str, *, day_first: bool = False) -> None:
        """`subject` names the patient, or the job where no patient is known: dates are shifted alike for it.

        `day_first` where 3/4 is a day of April.
        """
        self._day_first = day_first
        self._fingerprint = fingerprint
        self._tenant = tenant.encode()
        self.days = -1 - int(self._hash("shift", subject), 16) % dates.LONGEST_SHIFT_DAYS
        """By how many days the dates of this patient move: 1 to 364 back."""
        self._whole: dict[str, str] = {}

    def meet(self, names: Iterable[str]) -> None:
        """Learn the names of a text, so that Smith alone is the same person as John Smith."""
        for name in sorted(set(names), key=len):
            for part in _parts(name):
                self._whole[part] = _plain(name)

    def of(self, kind: IdentifierKind, text: str) -> str:
        """What stands in for it."""
        if kind == "date":
            return dates.shifted(text, self.days, day_first=self._day_first) or self._label(kind, text)
        if kind == "age":
            return OLDEST
        if kind == "name":
            whole = next((self._whole[part] for part in reversed(_parts(text)) if part in self._whole), text)
            return self._label(kind, whole)
        return self._label(kind, text)

    def id(self, name: str) -> str:
        """A UUID in the place of another id, always the same one for it."""
        return str(uuid.UUID(bytes=bytes.fromhex(self._hash("id", name))[:16], version=5))

    def _label(self, kind: IdentifierKind, text: str) -> str:
        digest = bytes.fromhex(self._hash(kind, _plain(text)))
        return f"[{kind.upper()}-{base64.b32encode(digest).decode()[:LABEL_CHARS]}]"

    def _hash(self, use: str, text: str) -> str:
        return self._fingerprint.of(b"pseudonym", self._tenant, use.encode(), text.encode())


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(
        "".join(char if char.isalnum() else " " for char in bare if not unicodedata.combining(char)).split()
    )


def _parts(name: str) -> list[str]:
    return [each for each in _WORD.findall(_plain(name)) if len(each) >= _SHORTEST]
