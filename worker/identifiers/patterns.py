"""Identifiers that a pattern tells: numbers, addresses, contacts, dates and ages; linear in the text."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

from shared.case import Identifier, IdentifierKind

_TABLE = Path(__file__).with_suffix(".toml")


def matches(text: str) -> Iterator[Identifier]:
    """All that the patterns find in a text, with offsets in it; they may overlap."""
    for kind, pattern in patterns():
        for found in pattern.finditer(text):
            start, end = found.span(1) if pattern.groups and found[1] else found.span()
            yield Identifier(kind, start, end)


@cache
def patterns() -> tuple[tuple[IdentifierKind, re.Pattern[str]], ...]:
    """Each kind with one of its patterns, read once a process."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(
        (cast("IdentifierKind", kind), re.compile(_filled(each, table["parts"])))
        for kind, found in table["kinds"].items()
        for each in found
    )


def _filled(pattern: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        pattern = pattern.replace(f"<{name}>", part)
    return pattern
