"""MTS-Dialog's dialogues with the section header of each, and their back-translations beside them."""

from __future__ import annotations

import csv
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shared.errors import MissingInputError

FOLDER = "mts-dialog"
AUGMENTED = "MTS-Dialog-Augmented-TrainingSet-3-FR-and-ES-3603-Pairs-final.csv"
"""The training set, and each of its dialogues translated to French or Spanish and back."""
VALIDATION = "MTS-Dialog-ValidationSet.csv"
SAME_DIALOGUE = 0.6
"""Two dialogues that share this part of all their words are one, told again."""
TURN = re.compile(r"^[A-Za-z_]{1,20}: {0,3}", re.M)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue, labelled with the header of the section that was written from it, and how else it was told."""

    text: str
    label: str
    group: str
    """Dialogues of one group never stand on both sides of a split."""
    retold: tuple[str, ...] = ()


def training(data: Path) -> list[Dialogue]:
    """The training dialogues under `data`, grouped so that what retells another stands beside it."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    first: dict[str, Dialogue] = {}
    for row in _rows(data, AUGMENTED):
        number = row["ID"].split()[-1]  # "12" or "TR=EN-FR-EN 12"
        text = row["dialogue"].strip()
        if number in first:
            told[number].append(text)
        else:
            first[number] = Dialogue(text, row["section_header"], number)
    return grouped([replace(each, retold=tuple(told[number])) for number, each in first.items()])


def validation(data: Path) -> list[Dialogue]:
    """The validation dialogues: to choose a threshold and to report on, never to learn from."""
    return [Dialogue(row["dialogue"].strip(), row["section_header"], row["ID"]) for row in _rows(data, VALIDATION)]


def grouped(dialogues: Sequence[Dialogue]) -> list[Dialogue]:
    """The same dialogues, each that retells an earlier one in the group of that one."""
    words = [frozenset(re.findall(r"[a-z]{4,}", each.text.lower())) for each in dialogues]
    groups: list[str] = []
    for at, each in enumerate(dialogues):
        like = (other for other in range(at) if _alike(words[at], words[other]))
        groups.append(next((groups[other] for other in like), each.group))
    return [replace(each, group=group) for each, group in zip(dialogues, groups, strict=True)]


def split(dialogues: Sequence[Dialogue], parts: int, seed: int) -> tuple[list[Dialogue], list[Dialogue]]:
    """What to learn from and what to hold out: one in `parts` of the groups, each of them whole."""
    groups = sorted({each.group for each in dialogues})
    random.Random(seed).shuffle(groups)  # noqa: S311 - not for secrets: the same seed must give the same split
    held = set(groups[::parts])
    return [each for each in dialogues if each.group not in held], [each for each in dialogues if each.group in held]


def without_speakers(text: str) -> str:
    """The dialogue as a plain transcript: nobody says who speaks."""
    return TURN.sub("", text)


def _rows(data: Path, name: str) -> list[dict[str, str]]:
    path = data / FOLDER / name
    if not path.is_file():
        raise MissingInputError(f"{name} is not in the data folder: pass --data with {FOLDER}/ in it")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SAME_DIALOGUE * max(1, len(one | other)) and min(len(one), len(other)) >= 5
