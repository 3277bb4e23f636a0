"""Notes by the thousand: put together from parts and from this project's own sentences, then damaged in many ways."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).parent
SENTENCES = ("english.tsv", "spanish.tsv")
DAMAGED = 0.7
"""Share of the notes that are damaged after they were made."""
LINE_ENDS = ("\n", "\n", "\r\n", "\r", "\n\n", " ", "\u2028", "\t\n")
ODD = [
    "🫀", "👩🏽‍⚕️", "e\u0301", "ñ", "\u00a0", "\u202e", "\u200b", "\ufeff", "\x00", "\x0b", "\x1f", "\x7f", "\x85",
    "\uffff", "½", "²", "µ", "≥", "“", "—", "ß", "İ", "ﬁ", "Ω", "痛", "ألم", "<", ">", "&", '"', "'", "|",
    "^", "~", "\\", "&#0;", "<script>alert(1)</script>", "]]>", "<!--", "%00", "{}", "$&", "\t",
]  # fmt: skip
"""What stands in no ordinary note, and in some that were copied from elsewhere."""

Words = dict[str, list[str]]


def made_notes(count: int, seed: int = 1) -> Iterator[str]:
    """So many notes, the same ones for the same seed."""
    for number in range(count):
        dice = Random(f"{seed}/{number}")
        note = dice.choices((_headed, _talk, _run_on, _sentences), (5, 2, 2, 3))[0](dice)
        if dice.random() < DAMAGED:
            for damage in dice.choices(DAMAGES, k=dice.randint(1, 4)):
                note = damage(note, dice)
        yield note or "."


@cache
def parts() -> dict[str, Any]:
    """The table of parts."""
    return tomllib.loads((HERE / "note_parts.toml").read_text(encoding="utf-8"))


@cache
def own_sentences() -> Sequence[str]:
    """The sentences of the regression sets, without the braces that mark what they ask about."""
    rows = [
        line.split("\t")
        for name in SENTENCES
        for line in (HERE / name).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    marked = (next((cell for cell in row if "{" in cell), "") for row in rows)
    return [each.replace("{", "").replace("}", "").replace("\\n", "\n") for each in marked if each]


def _headed(dice: Random) -> str:
    """A note under headings, some of them missing, mostly in the usual order."""
    kinds = [each for each in parts()["headed"] if dice.random() < 0.55] or ["history"]
    if dice.random() < 0.2:
        dice.shuffle(kinds)
    return dice.choice(LINE_ENDS).join(_filled(dice.choice(parts()["headed"][kind]), dice) for kind in kinds)


def _talk(dice: Random) -> str:
    lines = parts()["talk"]["lines"]
    start, length = dice.randrange(len(lines)), dice.randint(3, 14)
    return "\n".join(_filled(lines[(start + step) % len(lines)], dice) for step in range(length))


def _run_on(dice: Random) -> str:
    """Dictation: parts without headings or line ends."""
    said = [_filled(dice.choice(dice.choice([*parts()["headed"].values()])), dice) for _ in range(dice.randint(2, 6))]
    return re.sub(r"\s+", " ", " ".join(each.partition(":")[2] or each for each in said)).strip()


def _sentences(dice: Random) -> str:
    return dice.choice((" ", "\n", "; ")).join(dice.choices(own_sentences(), k=dice.randint(1, 8)))


def _filled(part: str, dice: Random) -> str:
    numbers: dict[str, Callable[[], int]] = {
        "n": lambda: dice.randint(1, 9),
        "d": lambda: dice.choice((5, 10, 20, 40, 80, 100, 500)),
        "age": lambda: dice.randint(1, 99),
        "year": lambda: dice.randint(1970, 2025),
        "sys": lambda: dice.randint(85, 210),
        "dia": lambda: dice.randint(40, 84),
        "hr": lambda: dice.randint(40, 160),
    }
    words: Words = parts()["words"]
    return re.sub(
        r"\{(\w+)\}",
        lambda found: str(numbers[found[1]]() if found[1] in numbers else dice.choice(words[found[1]])),
        part,
    )


def _odd(note: str, dice: Random) -> str:
    """Strange characters between the others."""
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(len(note) + 1)
        note = note[:place] + dice.choice(ODD) + note[place:]
    return note


def _typing(note: str, dice: Random) -> str:
    """Characters lost, doubled or swapped."""
    letters = list(note)
    for _ in range(dice.randint(1, max(2, len(letters) // 30))):
        place = dice.randrange(max(1, len(letters) - 1))
        letters[place : place + 2] = dice.choice(
            (letters[place + 1 : place + 2], letters[place : place + 1] * 2, letters[place : place + 2][::-1])
        )
    return "".join(letters)


def _shuffled(note: str, dice: Random) -> str:
    lines = note.splitlines(keepends=True)
    dice.shuffle(lines)
    return "".join(lines)


def _line_ends(note: str, dice: Random) -> str:
    return dice.choice(LINE_ENDS).join(note.splitlines())


def _case(note: str, dice: Random) -> str:
    return dice.choice((str.upper, str.lower, str.title, str.swapcase))(note)


def _cut(note: str, dice: Random) -> str:
    start = dice.randrange(max(1, len(note) // 2))
    return note[start : start + dice.randint(1, len(note) + 1)]


def _repeated(note: str, dice: Random) -> str:
    return dice.choice((" ", "\n")).join([note] * dice.randint(2, 3))


def _numbers(note: str, dice: Random) -> str:
    """Numbers that no measurement has, and ones that can be read in two ways."""
    strange = ("0", "-1", "1,200", "1.200,50", "000", "9" * 30, "1e9", "3/4", "٣", "²", "1..5", "5.", "120/", "0.0500")
    return re.sub(r"\d+", lambda found: dice.choice(strange) if dice.random() < 0.3 else found[0], note)


def _stuck(note: str, dice: Random) -> str:
    """Spaces lost, or many of them."""
    return re.sub(r" ", lambda _: dice.choice(("", " ", " ", "   ", "\t")), note)


DAMAGES = (_odd, _typing, _shuffled, _line_ends, _case, _cut, _repeated, _numbers, _stuck)
