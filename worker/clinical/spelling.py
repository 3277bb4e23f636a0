"""Words that a recogniser or a tokenizer wrote in pieces, put together: do n't, gon na, C O P D, 40 M G."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

_PIECES = re.compile(r"(?<!\w)(?:(\w+) (n't|'(?:s|m|re|ve|ll|d))|(gon na|wan na|got ta|lem me|gim me))(?!\w)")
_WHOLE = {"gon na": "gonna", "wan na": "want to", "got ta": "have to", "lem me": "let me", "gim me": "give me"}
_LETTERS = re.compile(r"(?<![\w.'])[A-Z](?: [A-Z]){1,5}(?![\w'])")
_UNIT = re.compile(r"M G|M L|M C G")
_SPEAKER = re.compile(
    r" (?:am|was|guess|believe|know|need|want|will|would|should|have|had|did|do|don't|take|took|think|thought|feel|"
    r"felt|got|can|could|went|use|used|just)\b"
)
"""Behind a last "I": it is no letter but the one who speaks (they did a C T I think)."""


def pieces(source: str, folded: str, starts: Sequence[int]) -> Iterator[tuple[int, int, str]]:
    """Stretches of the folded text and the word that each of them is; `starts` ties its characters to the source."""
    for found in _PIECES.finditer(folded):
        yield found.start(), found.end(), _WHOLE.get(found.group(), found.group().replace(" ", ""))
    for found in _LETTERS.finditer(source):
        for start, end in _words(source, *found.span()):
            word = source[start:end].replace(" ", "").lower()
            yield bisect_left(starts, start), bisect_left(starts, end), word


def _words(source: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The words in a run of letters: a unit before a route (4 M G I M) is a word of its own."""
    if source[end - 1] == "I" and _SPEAKER.match(source, end):
        end -= 2
    unit = _UNIT.match(source, start, end)
    if unit and end - unit.end() > 1:
        yield unit.span()
        start = unit.end() + 1
    if end - start > 1:
        yield start, end
