"""Numbers that are spoken or written as words, English and Spanish: five hundred, one forty-two, noventa y uno."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from worker.clinical.tokens import word_list

_EN_UNITS = {w: n for n, w in enumerate(word_list("zero one two three four five six seven eight nine"))}
_EN_TEENS = {
    w: n
    for n, w in enumerate(
        word_list("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"),
        start=10,
    )
}
_EN_TENS = {
    w: n * 10 for n, w in enumerate(word_list("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)
}
_ES_UNITS = {w: n for n, w in enumerate(word_list("cero uno dos tres cuatro cinco seis siete ocho nueve"))}
_ES_UNITS |= {"un": 1, "una": 1}
_ES_TEENS = {
    w: n
    for n, w in enumerate(
        word_list(
            "diez once doce trece catorce quince dieciseis diecisiete dieciocho diecinueve veinte veintiuno "
            "veintidos veintitres veinticuatro veinticinco veintiseis veintisiete veintiocho veintinueve"
        ),
        start=10,
    )
} | {"veintiun": 21, "veintiuna": 21}
_ES_TENS = {
    w: n * 10 for n, w in enumerate(["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"], 3)
}
_ES_HUNDREDS = {
    w: n * 100
    for n, w in enumerate(
        word_list(
            "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
        ),
        start=1,
    )
} | {"cien": 100}
_EN_FIRST = frozenset({"a", "half", *_EN_UNITS, *_EN_TEENS, *_EN_TENS})
_ES_FIRST = frozenset({"medio", "media", *_ES_UNITS, *_ES_TEENS, *_ES_TENS, *_ES_HUNDREDS})
"""The words that a number can begin with."""
_CENTURIES = (19, 20)
_ONES = {("half", "a"): "0.5", ("half", "of", "a"): "0.5", ("a",): "1", ("un",): "1", ("una",): "1"}
_ONES |= {("medio",): "0.5", ("media",): "0.5"}
_COUNTED = frozenset(
    word_list(
        "gram gramo tablet tab pill capsule cap comprimido pastilla tableta capsula sobre puff teaspoon tablespoon"
    )
)
"""What half of one, or one, is taken of."""
_TABLET_UNITS = ("milligram", "mg", "microgram", "mcg", "gram")


@dataclass(frozen=True, slots=True)
class Number:
    """The words `first` to `last` (exclusive) say this number; `digits` writes it, with a point for decimals."""

    first: int
    last: int
    digits: str


def spoken(words: Sequence[str], language: str) -> Iterator[Number]:
    """The numbers that a run of folded words says; a hyphen between number words counts as a word of its own."""
    read, begins = (_read_spanish, _ES_FIRST) if language == "es" else (_read_english, _EN_FIRST)
    position = 0
    while position < len(words):
        number = None
        if words[position] in begins:
            number = _one_of(words, position) or read(words, position)
        if number and "." not in number.digits:
            number = _with_half(words, _with_decimals(words, number, language), language)
        if number:
            yield number
        position = number.last if number else position + 1


def _word(words: Sequence[str], position: int) -> str:
    return words[position] if position < len(words) else ""


def _one_of(words: Sequence[str], first: int) -> Number | None:
    """Half a tablet, un gramo: the number before what is counted."""
    for said, digits in _ONES.items():
        last = first + len(said)
        if tuple(words[first:last]) == said and _word(words, last) in _COUNTED:
            return Number(first, last, digits)
    return None


def _read_english(words: Sequence[str], first: int) -> Number | None:
    start = first
    if words[first] == "a" and _word(words, first + 1) in {"hundred", "thousand"}:
        value, position = 1, first + 1
    else:
        small = _english_small(words, first)
        if small is None:
            return None
        value, position = small
    if _word(words, position) == "hundred":
        value, position = _english_hundred(words, value, position + 1)
    elif _word(words, position) != "thousand":
        value, position = _english_digits(words, value, position)
    if _word(words, position) == "thousand":
        rest = _read_english(words, position + 1) if _word(words, position + 1) not in {"", "a"} else None
        if rest and int(rest.digits) < 1000:
            return Number(start, rest.last, str(value * 1000 + int(rest.digits)))
        return Number(start, position + 1, str(value * 1000))
    return Number(start, position, str(value))


def _english_hundred(words: Sequence[str], value: int, position: int) -> tuple[int, int]:
    after = position + 1 if _word(words, position) == "and" else position
    rest = _english_small(words, after)
    return (value * 100 + rest[0], rest[1]) if rest else (value * 100, position)


def _english_digits(words: Sequence[str], value: int, position: int) -> tuple[int, int]:
    """One forty-two is 142, one oh five 105, nineteen ninety 1990; but "one fifty milligram tablet" is one tablet."""
    if 0 < value < 10 and _word(words, position) in {"oh", "o"} and _word(words, position + 1) in _EN_UNITS:
        return value * 100 + _EN_UNITS[words[position + 1]], position + 2
    rest = _english_small(words, position)
    if rest is None or rest[0] < 10 or not (0 < value < 10 or value in _CENTURIES):
        return value, position
    if _word(words, rest[1]) in _TABLET_UNITS and value < 10:
        return value, position
    return value * 100 + rest[0], rest[1]


def _english_small(words: Sequence[str], position: int) -> tuple[int, int] | None:
    word = _word(words, position)
    if word in _EN_TENS:
        after = position + 2 if _word(words, position + 1) == "-" else position + 1
        unit = _EN_UNITS.get(_word(words, after), 0)
        return (_EN_TENS[word] + unit, after + 1) if unit else (_EN_TENS[word], position + 1)
    value = _EN_UNITS.get(word, _EN_TEENS.get(word))
    return None if value is None else (value, position + 1)


def _read_spanish(words: Sequence[str], first: int) -> Number | None:
    value, position = _spanish_below_thousand(words, first)
    if _word(words, position) == "mil" and value != 0:
        rest, after = _spanish_below_thousand(words, position + 1)
        value, position = max(value, 1) * 1000 + rest, after if after > position + 1 else position + 1
    alone = position == first + 1 and words[first] in {"un", "una", "uno"}
    return None if position == first or alone else Number(first, position, str(value))


def _spanish_below_thousand(words: Sequence[str], position: int) -> tuple[int, int]:
    value = 0
    if _word(words, position) in _ES_HUNDREDS:
        value, position = _ES_HUNDREDS[words[position]], position + 1
    word = _word(words, position)
    if word in _ES_TENS:
        value, position = value + _ES_TENS[word], position + 1
        if _word(words, position) == "y" and _ES_UNITS.get(_word(words, position + 1)):
            return value + _ES_UNITS[words[position + 1]], position + 2
        return value, position
    small = _ES_TEENS.get(word, _ES_UNITS.get(word))
    return (value, position) if small is None else (value + small, position + 1)


def _with_decimals(words: Sequence[str], number: Number, language: str) -> Number:
    signs = {"coma", "punto"} if language == "es" else {"point"}
    digits_of = _ES_UNITS if language == "es" else _EN_UNITS
    if _word(words, number.last) not in signs:
        return number
    position, decimals = number.last + 1, ""
    while _word(words, position) in digits_of:
        decimals, position = decimals + str(digits_of[words[position]]), position + 1
    return Number(number.first, position, f"{number.digits}.{decimals}") if decimals else number


def _with_half(words: Sequence[str], number: Number, language: str) -> Number:
    halves = (("y", "medio"), ("y", "media")) if language == "es" else (("and", "a", "half"),)
    for half in halves:
        if tuple(words[number.last : number.last + len(half)]) == half and "." not in number.digits:
            return Number(number.first, number.last + len(half), number.digits + ".5")
    return number
