"""Dates moved by days and written again in the very form in which they stood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import chain

LONGEST_SHIFT_DAYS = 364
_ENGLISH = (
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
)
_SPANISH = (
    [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"],
)
_SPELLED = {"sept": "sep", "setiembre": "septiembre"}
_NUMBERS = re.compile(r"(\d{1,4})([-/.])(\d{1,2})(?:([-/.])(\d{1,4}))?")
_WORD = re.compile(r"[^\W\d_]{3,}")
_DIGITS = re.compile(r"\d+")
_MIDDLE = 15  # the day that a month without one is shifted from
_NO_YEAR = 2001  # a year without a leap day, for dates that name none
_PIVOT = 30  # two-digit years up to here are of this century


def shifted(text: str, days: int, *, day_first: bool = False) -> str | None:
    """The date that a text writes, `days` later, in the same form; None where it is no date after all.

    `day_first`: 3/4/2024 is of April; so is 3.4.2024 in any case.
    """
    found = _NUMBERS.fullmatch(text)
    return _in_numbers(found, days, day_first=day_first) if found else _in_words(text, days)


def iso(text: str, days: int) -> str:
    """A FHIR date, dateTime or instant moved by days; its time of day and zone stay, and so does a year alone."""
    if len(text) < len("2024-01"):
        return text
    day = date.fromisoformat(text[:10]) if len(text) > len("2024-01") else date(int(text[:4]), int(text[5:7]), _MIDDLE)
    moved = _moved(day, days)
    return moved.isoformat()[: min(len(text), 10)] + text[10:]


def _moved(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return day


def _in_numbers(found: re.Match[str], days: int, *, day_first: bool) -> str | None:
    first, sign, second, second_sign, third = found.groups()
    parts = [each for each in (first, second, third) if each is not None]
    order = _order(parts, day_first=day_first or sign == ".")
    named = dict(zip(order, parts, strict=False))
    year = _century(named["year"]) if "year" in named else _NO_YEAR
    day = _day(year, int(named["month"]), int(named.get("day", _MIDDLE)))
    if day is None:
        return None
    moved = _moved(day, days)
    padded = len(first) == 4 or any(each.startswith("0") for each in (first, second))
    written = [_digits(getattr(moved, name), named[name], padded=padded) for name in order[: len(parts)]]
    return "".join(chain.from_iterable(zip(written, [sign, second_sign or "", ""], strict=False)))


def _order(parts: Sequence[str], *, day_first: bool) -> Sequence[str]:
    if len(parts[0]) == 4:
        return ("year", "month", "day")
    first, second = int(parts[0]), int(parts[1])
    if first > 12 or (day_first and second <= 12):
        return ("day", "month", "year")
    return ("month", "day", "year")


def _in_words(text: str, days: int) -> str | None:
    spelled = next((each for each in _WORD.finditer(text) if _month(each.group()) is not None), None)
    if spelled is None:
        return None
    names, number = _month(spelled.group()) or ([], 0)
    digits = list(_DIGITS.finditer(text))
    year = next((each for each in digits if len(each.group()) == 4), None)
    numbered = next((each for each in digits if len(each.group()) <= 2), None)
    day = _day(int(year.group()) if year else _NO_YEAR, number, int(numbered.group()) if numbered else _MIDDLE)
    if day is None:
        return None
    moved = _moved(day, days)
    changes = {spelled.span(): _cased(names[moved.month - 1], spelled.group())}
    if year:
        changes[year.span()] = str(moved.year)
    if numbered:
        changes[numbered.span()] = _digits(moved.day, numbered.group(), padded=numbered.group().startswith("0"))
    return _ordinals(_replaced(text, changes), moved.day)


def _replaced(text: str, changes: dict[tuple[int, int], str]) -> str:
    for (start, end), new in sorted(changes.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _ordinals(text: str, day: int) -> str:
    """The ending that the day's number has in English: 3rd, 11th."""
    ending = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return re.sub(r"(?<=\d)(?:st|nd|rd|th)(?!\w)", ending, text)


def _month(word: str) -> tuple[list[str], int] | None:
    small = word.lower()
    small = _SPELLED.get(small, small)
    for names in (*_ENGLISH, *_SPANISH):
        if small in names:
            return names, names.index(small) + 1
    return None


def _cased(name: str, like: str) -> str:
    if like.isupper():
        return name.upper()
    return name.capitalize() if like[0].isupper() else name


def _digits(value: int, like: str, *, padded: bool) -> str:
    """The number as the old one was written: a year of two digits, and leading zeros where the date has one."""
    if value > 99 and len(like) == 2:
        return f"{value % 100:02d}"
    return f"{value:02d}" if padded else str(value)


def _century(year: str) -> int:
    number = int(year)
    return number if len(year) > 2 else number + (2000 if number <= _PIVOT else 1900)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
