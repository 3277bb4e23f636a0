"""People's names in a text: behind titles, labels and greetings, from lists of names, and wherever they come again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.case import Span
from worker.clinical.tokens import word_set

_TABLE = Path(__file__).with_name("names.tsv")
_WORDS = Path(__file__).with_name("words.txt")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_GAP = re.compile(r" {1,2}|\. {0,2}|, {0,2}")
_TITLE = re.compile(
    r"(?<!\w)(?i:mrs?|ms|miss|mx|dra?|doctors?|doctora|prof|professor|sra?|srta|señora?|señorita|nurse|enfermer[oa]|uncle|"
    r"aunt|cousin|sister|brother|husband|wife|son|daughter|friend|neighbou?r|marido|mujer|esposo|esposa|hij[oa]|"
    r"herman[oa]|don|doña|dña)(?!\w)\.?,? {0,2}"
)
_WITH = re.compile(
    r"(?<!\w)(?i:discussed with|spoke (?:with|to)|talked (?:with|to)|(?:seen|referred|accompanied|performed|followed|"
    r"read|interpreted|signed|prescribed) by|per|acompañad[oa] (?:de|por)|(?:vist|derivad|remitid|valorad|operad)[oa] "
    r"por|comentado con|hablado con) (?:the |la |el )?"
)
_LABEL = re.compile(
    r"(?<!\w)(?i:patient(?: name)?|name|full name|nombre(?: y apellidos)?|apellidos|paciente|attending(?: physician)?|"
    r"provider|physician|surgeon|signed(?: by)?|dictated by|referring(?: physician)?|pcp|author|spouse|next of kin|"
    r"emergency contact|contact|guardian|médico(?: responsable)?|facultativo|fdo|firmado(?: por)?|cc|to|from|re)"
    r"\.?[ \t]{0,3}[:#][ \t]{0,3}"
)
_INTRODUCED = re.compile(
    r"(?<!\w)(?i:my name is|name's|i am called|call me|me llamo|mi nombre es|se llama|named|called) {1,2}"
)
_GREETED = re.compile(
    r"(?<!\w)(?i:i'm|i am|this is|soy|hi|hello|hey|hola|thanks|thank you|gracias|good morning|good afternoon|bye|okay|"
    r"ok|all right|alright|so|well|buenos días|buenas tardes|adiós) {0,2},? {0,2}"
)
_OF = frozenset({"de", "del", "la", "las", "los", "van", "von", "der", "da", "di", "al", "bin", "mac", "mc", "y"})
_ELIDED = frozenset({"o", "d", "l", "dell"})
"""What stands before the apostrophe of a name: O'Hara, D'Angelo; before that of other words stands the word."""
_NO_NAMES = word_set(
    "the a an and or is was has had who said that he she his her my your our in on at of with for not no yes "
    "today patient doctor el la los las un una que es fue ha con por para sin se lo le su mi tu hoy paciente nhc "
    "mrn dob dni nie ssn age sex edad sexo date fecha cc hc male female "
)
UNCASED = 0.005
"""With fewer capitals than this share of its characters a text tells no names by them."""
_MOST = 4
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text with its offsets; `small` is it in small letters without a possessive."""

    text: str
    start: int
    end: int
    small: str
    capital: bool
    """Whether it begins as names do or, in a text that is all in small letters, whether it can only be a name."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the table knows of a name."""

    given: bool
    family: bool
    ordinary: bool


def people(text: str) -> Iterator[Span]:
    """The names of people in a text; they may overlap."""
    uncased = sum(map(str.isupper, text)) < UNCASED * len(text)
    words = [_word(each, uncased=uncased) for each in _WORD.finditer(text)]
    at = {each.start: number for number, each in enumerate(words)}
    found = {*_behind_cues(text, words, at), *_listed(text, words)}
    yield from found
    yield from _again(words, [text[span.start : span.end] for span in found])


@cache
def table() -> dict[str, Listed]:
    """The listed names in small letters, read once a process."""
    lines = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {name: Listed("g" in part, "f" in part, ordinary == "1") for name, part, ordinary in lines}


@cache
def ordinary() -> frozenset[str]:
    """Words of prose that are no names, in small letters, read once a process."""
    return frozenset(_WORDS.read_text(encoding="utf-8").split())


def _word(found: re.Match[str], *, uncased: bool) -> Word:
    text = found.group()
    end = found.end()
    if text.endswith(("'s", "’s")):
        text, end = text[:-2], end - 2
    small = text.lower()
    known = table().get(small) if uncased else None
    return Word(text, found.start(), end, small, text[0].isupper() or (known is not None and not known.ordinary))


def _behind_cues(text: str, words: Sequence[Word], at: dict[int, int]) -> Iterator[Span]:
    for cue, most in ((_TITLE, 3), (_LABEL, _MOST), (_INTRODUCED, 3), (_WITH, 3), (_GREETED, 2)):
        for found in cue.finditer(text):
            first = at.get(found.end())
            if first is None:
                continue
            last = _run(text, words, first, most, any_capital=cue is not _GREETED)
            if last > first:
                yield Span(words[first].start, words[last - 1].end)


def _run(text: str, words: Sequence[Word], first: int, most: int, *, any_capital: bool) -> int:
    """How far the words from `first` on are names; `any_capital` takes words that no list knows."""
    last = first
    while last < min(len(words), first + most) and (last == first or _joined(text, words[last - 1], words[last])):
        word = words[last]
        known = table().get(word.small)
        listed = known is not None and (not known.ordinary or (word.capital and any_capital))
        unknown = any_capital and word.capital and _is_strange(word)
        within = (word.small in _OF or (len(word.text) == 1 and last > first)) and _before_name(words, last)
        if not (listed or unknown or within):
            break
        last += 1
    while last > first and words[last - 1].small in _OF:
        last -= 1
    return last


def _is_strange(word: Word) -> bool:
    """Whether it is no word that prose is made of: a name that no list has, maybe."""
    said, apostrophe, _ = word.small.replace("’", "'").partition("'")
    if apostrophe and said in _ELIDED:
        return True
    return said not in _NO_NAMES and said not in ordinary() and len(said) > 1


def _before_name(words: Sequence[Word], position: int) -> bool:
    """Whether a particle or an initial stands before a capital: de la Cruz, van Velthoven, L. Becker."""
    ahead = words[position + 1 : position + 3]
    following = next((each for each in ahead if each.small not in _OF), None)
    return following is not None and following.capital and following.small not in ordinary()


def _joined(text: str, word: Word, following: Word) -> bool:
    return _GAP.fullmatch(text, word.end, following.start) is not None


def _listed(text: str, words: Sequence[Word]) -> Iterator[Span]:
    """Given and family names that stand together, and given names that are no ordinary words."""
    names = table()
    first = 0
    while first < len(words):
        known = names.get(words[first].small)
        if known is None or not words[first].capital:
            first += 1
            continue
        last = first + 1
        while last < min(len(words), first + _MOST) and _goes_on(text, words, last):
            last += 1
        while words[last - 1].small in _OF:
            last -= 1
        if _is_name([names.get(each.small) for each in words[first:last]]):
            yield Span(words[first - _led(text, words, first)].start, words[last - 1].end)
        first = last


def _led(text: str, words: Sequence[Word], first: int) -> bool:
    """Whether a name that no list has stands just before a listed one: Elzbieta Novak."""
    before = words[first - 1] if first else None
    return (
        before is not None and before.capital and _is_strange(before) and text[before.end : words[first].start] == " "
    )


def _goes_on(text: str, words: Sequence[Word], position: int) -> bool:
    word, before = words[position], words[position - 1]
    gap = text[before.end : word.start]
    initial = len(before.text) == 1 and gap in {". ", "."}
    if not (gap == " " or initial or (gap == ", " and word.capital and position > 0 and _is_family(before))):
        return False
    if word.small in _OF:
        return position + 1 < len(words) and words[position + 1].capital and words[position + 1].small in table()
    return word.capital and (word.small in table() or len(word.text) == 1 or (gap == " " and _is_strange(word)))


def _is_family(word: Word) -> bool:
    known = table().get(word.small)
    return known is not None and known.family and not known.ordinary


def _is_name(parts: Sequence[Listed | None]) -> bool:
    known = [each for each in parts if each is not None]
    sure = [each for each in known if not each.ordinary]
    if len(known) == 1:
        return bool(sure) and sure[0].given
    return bool(sure) and any(each.given for each in known)


def _again(words: Sequence[Word], names: Sequence[str]) -> Iterator[Span]:
    """Parts of a name that come again alone, spelled in the same way."""
    parts = {part for name in names for part in _WORD.findall(name)}
    listed = table()
    parts = {
        each
        for each in parts
        if len(each) >= _SHORTEST
        and each.lower() not in _NO_NAMES | _OF
        and (each[0].isupper() or not listed.get(each, Listed(given=True, family=True, ordinary=True)).ordinary)
    }
    return (Span(word.start, word.end) for word in words if word.text in parts)
