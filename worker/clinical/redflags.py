"""Signs of danger that a published rule names and that the text affirms of the patient now."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from shared.case import Case, RedFlag, Span, Urgency
from worker.clinical.signs import Sign, Signs

TABLE = Path(__file__).with_name("redflags.toml")
SPANISH = Path(__file__).with_name("redflags_es.toml")
SPANS_PER_FINDING = 3
"""As many places in the text as one finding quotes for one rule."""

_ORDER: dict[Urgency, int] = {"emergency": 0, "urgent": 1, "routine": 2}


class Rule(BaseModel):
    """What must be found together, and what it then means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    text: str
    urgency: Urgency
    source: str
    all: tuple[str, ...]
    any: tuple[str, ...] = ()
    at_least: int = 1
    also: tuple[str, ...] = ()
    """One of these must be there too."""
    unless: tuple[str, ...] = ()
    """Rules that say more: when one of them holds, this one is silent."""
    crisis: bool = False
    """Whether it is told at once: the patient may kill or harm himself or others."""


class Table(BaseModel):
    """The whole of redflags.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: Mapping[str, Sign]
    rules: tuple[Rule, ...]


def red_flags(case: Case) -> tuple[RedFlag, ...]:
    """The rules that hold for this case: crises first, then the most urgent, each with the words that say so.

    Sources are named in redflags.toml; how a sign counts as said stands in worker/clinical/signs.py.
    """
    if not case.text:
        return ()
    table = read_table()
    words = spanish() if (case.language or "").startswith("es") else {}
    found = Signs(case).find(table.findings, _phrases())
    holding = {rule.id: spans for rule in table.rules if (spans := _evidence(rule, found))}
    flags = [
        RedFlag(rule.id, words.get(rule.id, rule.text), rule.urgency, rule.source, holding[rule.id], rule.crisis)
        for rule in table.rules
        if rule.id in holding and not holding.keys() & set(rule.unless)
    ]
    return tuple(sorted(flags, key=lambda flag: (not flag.crisis, _ORDER[flag.urgency])))


@cache
def read_table() -> Table:
    """The rule table, read once."""
    return Table.model_validate(tomllib.loads(TABLE.read_text(encoding="utf-8")))


@cache
def spanish() -> Mapping[str, str]:
    """What the rules say in Spanish, by their ids."""
    return tomllib.loads(SPANISH.read_text(encoding="utf-8"))


def _evidence(rule: Rule, found: Mapping[str, tuple[Span, ...]]) -> tuple[Span, ...]:
    some = [name for name in rule.any if found[name]]
    also = [name for name in rule.also if found[name]]
    complete = all(found[name] for name in rule.all) and (not rule.also or also)
    if not complete or (rule.any and len(some) < rule.at_least):
        return ()
    spans = {span for name in (*rule.all, *some, *also) for span in found[name][:SPANS_PER_FINDING]}
    return tuple(sorted(spans, key=lambda span: (span.start, span.end)))


@cache
def _phrases() -> dict[str, re.Pattern[str]]:
    return {name: sign.phrase() for name, sign in read_table().findings.items()}
