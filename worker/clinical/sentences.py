"""Where sentences and list items begin and end; abbreviations, decimals and wrapped lines do not end one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from worker.clinical.reading import Reading
from worker.clinical.tokens import word_set

_MARK = re.compile(r"(?<![.!?;])[.!?;]++(?=[\s\"')\]]|$)|\r?\n|\r|[•▪●]")
_BULLET = re.compile(r"\s*(?:[-*•▪●+]|\d{1,2}[.)])\s")
_LAST_WORD = re.compile(r"(?<!\w)(\w[\w.]{0,20})$")
_TITLES = word_set("dr dra mr mrs ms sr sra srta prof st vs e.g i.e approx aprox num fig")
"""Never the end of a sentence."""
_ABBREVIATIONS = word_set(
    "y.o mg mcg ml g kg cm mm l hr hrs min mins wk wks yr yrs mo mos tab tabs cap caps p.o po b.i.d t.i.d "
    "q.i.d q.d q.h.s h.s q.o.d p.r.n prn bid tid qid a.m p.m am pm temp resp wt ht hx dx tx rx sx fx bpm "
    "neg pos pt pts bilat abd hosp comp sem ac ag sd fdo sdr izq dcha dcho izda ext"
)
"""The end of a sentence only before a capital letter, a new line or the end."""
_WRAPPED_CHARS = 45
"""A line at least this long, without a mark at its end, goes on in the next one if that begins in small letters."""
_LOOK_BACK = 20
LONGEST_CHARS = 800
"""What is longer is cut at a comma or a space: the cost of a sentence grows with the square of its length."""


@dataclass(frozen=True, slots=True)
class SentencePart:
    """A sentence or list item of the reading."""

    start: int
    end: int
    asks: bool = False
    """Whether it ends with a question mark."""


def split(reading: Reading, borders: Iterable[int] = (), *, joined: bool = False) -> list[SentencePart]:
    """The sentences in order, without the white space around them.

    No sentence runs over a border (the start of a section or of a speaker's turn). With `joined`, lines are pieces of
    running speech: a line that begins in small letters continues the one before, however short that is.
    """
    cuts = sorted({0, len(reading.text), *borders, *_cuts(reading, joined=joined)})
    pieces = (piece for start, end in pairwise(cuts) for piece in _bounded(reading.text, start, end))
    parts = (_trim(reading.text, start, end) for start, end in pieces)
    return [part for part in parts if part]


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A stretch without any mark, in pieces that a sentence's rules can afford."""
    while end - start > LONGEST_CHARS:
        comma = max(text.rfind(",", start, start + LONGEST_CHARS), text.rfind(" ", start, start + LONGEST_CHARS))
        cut = comma + 1 if comma > start else start + LONGEST_CHARS
        yield start, cut
        start = cut
    yield start, end


def _cuts(reading: Reading, *, joined: bool) -> Iterator[int]:
    line = 0
    for mark in _MARK.finditer(reading.text):
        sign = mark.group()
        if sign in "•▪●":
            yield mark.start()
        elif sign.isspace():
            if not _goes_on(reading, line, mark.start(), mark.end(), joined=joined):
                yield mark.end()
            line = mark.end()
        elif not sign.startswith(".") or _ends_sentence(reading, mark.start(), mark.end()):
            yield mark.end()


def _goes_on(reading: Reading, line: int, end: int, next_line: int, *, joined: bool) -> bool:
    text = reading.text
    here = text[line:end].rstrip()
    following = text[next_line : next_line + 1]
    if not following.islower() or reading.is_upper(next_line) or not here or here.endswith((".", "!", "?", ":", ";")):
        return False
    return joined or len(here) >= _WRAPPED_CHARS


def _ends_sentence(reading: Reading, mark: int, end: int) -> bool:
    text = reading.text
    word = _LAST_WORD.search(text, max(0, mark - _LOOK_BACK), mark)
    if (
        word
        and word.group(1).isdigit()
        and not text[max(0, word.start() - 4) : word.start()].rpartition("\n")[2].strip()
    ):
        return False  # the number of a list item
    following = end
    while following < len(text) and text[following] in " \"')]":
        following += 1
    if word is None or following >= len(text) or text[following] in "\r\n":
        return word is None or word.group(1) not in _TITLES
    if word.group(1) in _TITLES or (len(word.group(1)) == 1 and reading.is_upper(word.start(1)) and end - mark == 1):
        return False
    if word.group(1) in _ABBREVIATIONS:
        return reading.is_upper(following)
    return True


def _trim(text: str, start: int, end: int) -> SentencePart | None:
    bullet = _BULLET.match(text, start, end)
    start = bullet.end() if bullet else start
    while start < end and (text[start].isspace() or text[start] in "•▪●"):
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    return SentencePart(start, end, asks=text[max(start, end - 3) : end].rstrip("\"') ").endswith("?"))
