"""A text with stand-ins for its identifiers, and where each of its characters has gone."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from shared.case import Identifier
from shared.deidentify.pseudonyms import OLDEST, Pseudonyms

_OLD = re.compile(r"(?<![\w./-])(?:9\d|1[01]\d)(?=[ -]?(?:years?|yrs?|y/?o|años)(?!\w))")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the old text and of the new one, both with their ends exclusive."""

    identifier: Identifier
    start: int
    end: int


@dataclass(frozen=True)
class Redaction:
    """The new text; `words` replaces the same identifiers in other strings about the same patient."""

    source: str
    text: str
    pieces: Sequence[Piece]
    stand_ins: dict[str, str]
    """What each identifier became."""

    def offset(self, position: int, *, end: bool = False) -> int:
        """Where an offset of the old text lies in the new one; within an identifier: its start, or its end."""
        index = bisect_right([each.identifier.start for each in self.pieces], position - end) - 1
        if index < 0:
            return position
        piece = self.pieces[index]
        if position < piece.identifier.end or (end and position <= piece.identifier.end):
            return piece.end if end else piece.start
        return position - piece.identifier.end + piece.end

    def words(self, other: str) -> str:
        """Another string with the same stand-ins, whole words only; ages above 89 years become 90."""
        if other == self.source:
            return self.text
        replaced = self._search.sub(lambda found: self.stand_ins[found.group()], other) if self.stand_ins else other
        return _OLD.sub(OLDEST, replaced)

    @cached_property
    def _search(self) -> re.Pattern[str]:
        longest_first = sorted(self.stand_ins, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def redact(text: str, identifiers: Sequence[Identifier], pseudonyms: Pseudonyms) -> Redaction:
    """Replace the identifiers of a text; all else stays, to the character."""
    pseudonyms.meet(text[each.start : each.end] for each in identifiers if each.kind == "name")
    done, new, pieces, stand_ins = 0, "", [], {}
    for each in identifiers:
        said = text[each.start : each.end]
        new += text[done : each.start]
        stand_in = pseudonyms.of(each.kind, said)
        pieces.append(Piece(each, len(new), len(new) + len(stand_in)))
        new += stand_in
        done = each.end
        if each.kind != "age":  # a number that is an age here may be a weight there
            stand_ins[said] = stand_ins[escape(said)] = stand_in  # narratives have O&#x27;Brien
    return Redaction(text, new + text[done:], pieces, stand_ins)
