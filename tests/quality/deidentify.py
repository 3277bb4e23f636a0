"""Identifiers planted in real notes and dialogues: how many are found, and what else is taken for one."""

from __future__ import annotations

import csv
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.case import Identifier, Mention
from tests.quality.planting import VALUES
from tests.quality.report import Gate, Part, Score, Table
from worker.clinical.facts import facts
from worker.identifiers.find import identifiers

SEED = 20261121
TEXT = f"""Each text of the MTS-Dialog and ACI-Bench validation sets, and each of NUBes, gets sentences with
identifiers that are generated for it (Faker, seed {SEED}), at places between its own sentences. Half of the names
come from locales whose names are not in our lists. Recall: share of planted identifiers of which nothing is left. By
kind, strict: also the kind is right.

False alarms: stretches outside everything planted that are marked, per 1,000 words of these texts. The texts hold names
and dates of their own (fictional, or already replaced), which count here too, so the true figure is lower.

Clinical numbers kept: share of numbers in the findings of the original text (doses, vitals, durations) that stand as
they are."""
SETS = (
    ("mts-dialog/MTS-Dialog-ValidationSet.csv", ("dialogue", "section_text")),
    ("aci-bench/valid.csv", ("dialogue", "note")),
)
ENGLISH = (
    ("name", "Patient: {}."),
    ("name", "The patient was seen by Dr. {} today."),
    ("name", "Mrs. {} is here with her daughter."),
    ("name", "Her husband, {}, brought her in."),
    ("name", "Discussed with {} by phone."),
    ("name", "My name is {}."),
    ("date", "Date of birth: {}."),
    ("date", "She was admitted on {}."),
    ("date", "The surgery was done {}."),
    ("location", "She lives at {}."),
    ("location", "Mail goes to {}."),
    ("phone", "Call her at {}."),
    ("phone", "Phone: {}"),
    ("fax", "Fax: {}"),
    ("email", "Her email is {}."),
    ("ssn", "SSN {}."),
    ("mrn", "MRN: {}"),
    ("mrn", "Medical record number {}."),
    ("health_plan", "Member ID: {}."),
    ("account", "Account number {}."),
    ("license", "Driver's license {}."),
    ("vehicle", "License plate {}."),
    ("device", "The pacemaker has serial number {}."),
    ("url", "See {} for her pictures."),
    ("ip", "She wrote from {}."),
    ("age", "He is {} years old."),
)
SPANISH = (
    ("name", "Paciente: {}."),
    ("name", "Vista por la Dra. {}."),
    ("name", "Acompañada por su marido, {}."),
    ("name", "Me llamo {}."),
    ("date", "Fecha de nacimiento: {}."),
    ("date", "Ingresó el {}."),
    ("location", "Vive en {}."),
    ("phone", "Tel. {}."),
    ("email", "Correo: {}."),
    ("ssn", "DNI {}."),
    ("mrn", "NHC {}."),
)
_NUMBER = re.compile(r"(?<![\w./-])\d+(?:[./]\d+)?(?![\w/-])")


@dataclass(frozen=True, slots=True)
class Planted:
    """A text with identifiers in it, and where they stand."""

    text: str
    spans: Sequence[tuple[str, int, int]]
    own: Sequence[tuple[int, int]]
    """The stretches that are the original text's."""


def measure(data: Path) -> Part:
    """Recall by kind, false alarms and clinical numbers kept."""
    made = random.Random(SEED)
    texts = [plant(text, language, made) for text, language in _texts(data)]
    strict: defaultdict[str, Score] = defaultdict(Score)
    gone = alarms = kept = numbers = 0
    for each in texts:
        mentions = facts(each.text).mentions
        found = identifiers(each.text, mentions)
        for kind, start, end in each.spans:
            gone += _covered(found, start, end)
            right = any(one.kind == kind and one.start < end and start < one.end for one in found)
            strict[kind] += Score(hits=1) if right else Score(missed=1)
        alarms += sum(not any(one.start < end and start < one.end for _, start, end in each.spans) for one in found)
        clinical = _numbers(each, mentions)
        numbers += len(clinical)
        kept += sum(not any(one.start < end and start < one.end for one in found) for start, end in clinical)
    total = sum(len(each.spans) for each in texts)
    words = sum(len(each.text[a:b].split()) for each in texts for a, b in each.own)
    rows = [(kind, str(s.hits), str(s.missed), f"{s.recall:.3f}") for kind, s in sorted(strict.items())]
    rows.append(("false alarms per 1,000 words", str(alarms), "", f"{1000 * alarms / words:.2f}"))
    return Part(
        "De-identification",
        TEXT,
        [
            Gate("identifiers removed, recall", gone / total, 0.95, of=total),
            Gate("clinical numbers kept", kept / numbers, 0.99, of=numbers),
        ],
        [Table(("kind", "right", "missed", "recall"), rows)],
    )


def plant(text: str, language: str, made: random.Random) -> Planted:
    """Put six to twelve sentences with identifiers between the sentences of a text."""
    frames = ENGLISH if language == "en" else SPANISH
    places = [0, *(each.end() for each in re.finditer(r"[.?!]\s+(?=[A-ZÁÉÍÓÚ¿¡])|\n+", text))]
    chosen = sorted((made.choice(places), number) for number in range(made.randint(6, 12)))
    pieces, spans, own, done, length = [], [], [], 0, 0
    for place, _ in chosen:
        kind, frame = made.choice(frames)
        value = VALUES[kind](made, language)
        before = text[done:place]
        own.append((length, length + len(before)))
        length += len(before)
        head, tail = frame.split("{}")
        spans.append((kind, length + len(head), length + len(head) + len(value)))
        sentence = f"{head}{value}{tail}\n"
        pieces += [before, sentence]
        length += len(sentence)
        done = place
    own.append((length, length + len(text) - done))
    return Planted("".join(pieces) + text[done:], spans, own)


def _numbers(planted: Planted, mentions: Sequence[Mention]) -> set[tuple[int, int]]:
    """Where the numbers stand that findings of the original text hold."""
    held = [(each.start, each.end) for each in mentions if each.kind != "demographic"]
    held += [(a.span.start, a.span.end) for each in mentions for a in each.attributes if a.span]
    within = [(a, b) for a, b in held if any(start <= a and b <= end for start, end in planted.own)]
    return {(a + n.start(), a + n.end()) for a, b in within for n in _NUMBER.finditer(planted.text[a:b])}


def _texts(data: Path) -> Iterator[tuple[str, str]]:
    for name, columns in (
        ("mts-dialog/MTS-Dialog-ValidationSet.csv", ("dialogue", "section_text")),
        ("aci-bench/valid.csv", ("dialogue", "note")),
    ):
        with (data / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield from ((row[column], "en") for column in columns)
    for path in sorted((data / "nubes-es").glob("*.txt")):
        yield path.read_text(encoding="utf-8"), "es"


def _covered(found: Sequence[Identifier], start: int, end: int) -> bool:
    """Whether nothing of it but signs is left."""
    left = set(range(start, end))
    for one in found:
        left -= set(range(one.start, one.end))
    return len(left) <= 2
