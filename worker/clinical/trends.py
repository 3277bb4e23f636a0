"""From what number to what: 8.9 to 7.4, 130 where it used to be 180, up 3 from 169."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from worker.clinical.claims import Claim

Trend = tuple[str, str]
"""The number before and the number after."""

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_FORWARD = re.compile(rf"(?:from|de) {_NUMBER}(?: [a-z%]+)? (?:to|a|hasta) {_NUMBER}(?![\d/])")
_BACKWARD = re.compile(
    rf"(?<![\d.,]){_NUMBER}(?: [a-z%]+)?(?: ,)? "
    rf"(?:(?:down|up|increased|decreased) from|(?:\w+ ){{0,2}}used to be|previously"
    rf"|before|antes(?: era| tenia)?(?: de)?) (?:\w+ )?{_NUMBER}(?![\d/])"
)


def trends(words: Sequence[str]) -> frozenset[Trend]:
    """All trends of a sentence, given as folded words."""
    said = " ".join(words)
    forward = {(one, two) for one, two in _FORWARD.findall(said)}
    backward = {(two, one) for one, two in _BACKWARD.findall(said)}
    return frozenset((_plain(one), _plain(two)) for one, two in forward | backward)


def told(claim: Claim, ours: Iterable[Trend], theirs: frozenset[Trend]) -> bool:
    """Whether a trend that the text has too says what a claim says: less of it, or better or worse."""
    return any(each in theirs and _fits(claim, *map(Decimal, each)) for each in ours)


def turned(ours: Iterable[Trend], theirs: frozenset[Trend]) -> bool:
    """Whether a trend is told the other way round."""
    return any((two, one) in theirs and (one, two) not in theirs for one, two in ours)


def _fits(claim: Claim, before: Decimal, after: Decimal) -> bool:
    if claim.axis == "amount":
        return (claim.value == "less") == (after < before)
    return claim.axis == "course" and claim.value in {"better", "worse"}


def _plain(number: str) -> str:
    return format(Decimal(number.replace(",", ".")).normalize(), "f")
