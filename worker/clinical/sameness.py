"""Words and stretches of words that say the same as another: what a writer may put for what a text says."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("same_words.toml")


def same(word: str) -> str | None:
    """The word that stands for all that say the same as this folded one, if the table has it."""
    return _words().get(word)


def rephrased(folded: str) -> str:
    """A folded text with each stretch of the table as one word; its offsets are not kept."""
    for pattern, word in _phrases():
        folded = pattern.sub(word, folded)
    return folded


@cache
def _words() -> dict[str, str]:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    lines = [line.split() for language in ("en", "es") for line in str(table[language]).strip().splitlines()]
    return {word: line[0] for line in lines for word in line}


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], str], ...]:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))["phrases"]
    return tuple(
        (re.compile(rf"(?:(?<!\w)|(?<=\d)(?= ?y))(?:{pattern})(?:(?<=\s)|(?!\w))"), word)
        for pattern, word in table.items()
    )
