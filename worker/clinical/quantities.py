"""Numbers and lengths of time as notes write them."""

from __future__ import annotations

import re

DAYS = {
    "day": 1, "days": 1, "d": 1, "dia": 1, "dias": 1, "week": 7, "weeks": 7, "wk": 7, "wks": 7,
    "semana": 7, "semanas": 7,
    "month": 30, "months": 30, "mo": 30, "mos": 30, "mes": 30, "meses": 30,
    "year": 365, "years": 365, "yr": 365, "yrs": 365, "ano": 365, "anos": 365,
}  # fmt: skip
"""Days in a unit of time; a month counts 30, a year 365."""
ONE = frozenset({"a", "an", "un", "una", "uno"})
VAGUE = r"several|(?:a )?few|many|some|varios|varias|unos|unas|muchos|algunos|multiple"
AMOUNT = rf"(?:\d+(?:[.,]\d+)?(?: ?(?:-|to|or|a|o) ?\d+)?|(?:a )?couple(?: of)?|{VAGUE}|an?(?!d(?!\w))|un|una)"
UNIT = (
    r"(?:minutes?|mins?|hours?|hrs?|h|days?|weeks?|wks?|months?|mos?|years?|yrs?|minutos?|horas?|dias?|d|"
    r"semanas?|meses|mes|anos?)"
)
_LENGTH = re.compile(rf"(?<!\d)({AMOUNT})[ -]?({UNIT})(?!\w)")


def decimal(number: str) -> str:
    """The number with a point for its decimals (36'5 too) and nothing between its thousands; its digits stay."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        return number.replace(",", "")
    return number.replace(",", ".").replace("'", ".")


def days(length: str) -> int | None:
    """How many days a length of time has, e.g. 21 for 3 weeks; None where it is vague or shorter than a day."""
    found = _LENGTH.search(length)
    if not found or found.group(2) not in DAYS:
        return None
    amount = found.group(1)
    if amount in ONE:
        return DAYS[found.group(2)]
    if "couple" in amount:
        return 2 * DAYS[found.group(2)]
    number = re.match(r"\d+(?:[.,]\d+)?", amount)
    return round(float(decimal(number.group())) * DAYS[found.group(2)]) if number else None
