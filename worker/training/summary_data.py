"""What the summary model learns from: MTS-Dialog with its back-translations, and stretches of ACI-Bench visits."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from worker.generate.asks import summary_prompt
from worker.training.writer_data import Example

SEED = 20261121
HEADER_SHARE = 0.5
"""How often the prompt names the section: with and without, the model must write."""
RETOLD_SHARE = 0.5
"""How often a later epoch sees a back-translation of the conversation."""
VISIT_STRETCHES = 48
"""Stretches of whole visits in one epoch."""
STRETCH_WORDS = 170
LEAST_COVER = 0.7
"""A paragraph of a note goes with a stretch of the visit that says this part of its longer words."""

MTS = "MTS-Dialog-TrainingSet.csv"
MTS_HELD = "MTS-Dialog-ValidationSet.csv"
MTS_RETOLD = "MTS-Dialog-Augmented-TrainingSet-3-FR-and-ES-3603-Pairs-final.csv"

ACI_HEADERS = {
    "CHIEF COMPLAINT": "CC",
    "HISTORY OF PRESENT ILLNESS": "GENHX",
    "HPI": "GENHX",
    "REVIEW OF SYSTEMS": "ROS",
    "PHYSICAL EXAM": "EXAM",
    "PHYSICAL EXAMINATION": "EXAM",
    "ASSESSMENT AND PLAN": "PLAN",
    "ASSESSMENT": "ASSESSMENT",
    "PLAN": "PLAN",
    "PAST HISTORY": "PASTMEDICALHX",
    "MEDICAL HISTORY": "PASTMEDICALHX",
    "SURGICAL HISTORY": "PASTSURGICAL",
    "SOCIAL HISTORY": "FAM/SOCHX",
    "FAMILY HISTORY": "FAM/SOCHX",
    "ALLERGIES": "ALLERGY",
    "MEDICATIONS": "MEDICATIONS",
    "CURRENT MEDICATIONS": "MEDICATIONS",
}
_TURN = re.compile(r"^\[(doctor|patient|patient_guest)\]\s*", re.MULTILINE)
_SPOKEN = {"doctor": "Doctor: ", "patient": "Patient: ", "patient_guest": "Guest_family: "}
_LONG_WORD = re.compile(r"[a-z]{5,}")


def examples(data: Path, epoch: int) -> list[Example]:
    """One epoch: every MTS-Dialog item once, as it is or retold, and some stretches of visits."""
    draw = random.Random(SEED + epoch)  # noqa: S311 - not for secrets: the same epoch must give the same examples
    retold = _retold(data)
    learn = []
    for row in _rows(data / "mts-dialog" / MTS):
        other = retold.get(row["ID"], [])
        dialogue = draw.choice(other) if epoch > 0 and other and draw.random() < RETOLD_SHARE else row["dialogue"]
        header = row["section_header"] if draw.random() < HEADER_SHARE else None
        learn.append(_example(dialogue, row["section_text"], header, f"mts {row['ID']}"))
    visits = list(_visits(data))
    return learn + draw.sample(visits, min(VISIT_STRETCHES, len(visits)))


def held_out(data: Path) -> list[Example]:
    """The validation items, each without its header."""
    rows = _rows(data / "mts-dialog" / MTS_HELD)
    return [_example(row["dialogue"], row["section_text"], None, f"mts held {row['ID']}") for row in rows]


def _example(dialogue: str, told: str, header: str | None, group: str) -> Example:
    return Example(summary_prompt(turned(dialogue), header), " ".join(told.split()), group)


def turned(dialogue: str) -> str:
    """One turn a line: the back-translations have lost their line breaks."""
    return re.sub(r"(?<=\S) +(?=(?:Doctor|Patient|Guest_[a-z]{2,12}) ?: )", "\n", dialogue)


def _retold(data: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in _rows(data / "mts-dialog" / MTS_RETOLD):
        kind, _, number = row["ID"].rpartition(" ")
        if kind:
            found.setdefault(number, []).append(row["dialogue"])
    return found


def _visits(data: Path) -> Iterator[Example]:
    """Each paragraph of an ACI-Bench note with the stretch of the visit that says it."""
    for row in _rows(data / "aci-bench" / "train.csv"):
        turns = _TURN.sub(lambda mark: _SPOKEN[mark[1]], row["dialogue"]).splitlines()
        for header, paragraph in _paragraphs(row["note"]):
            stretch = _stretch(turns, paragraph)
            if stretch is not None:
                yield _example(stretch, paragraph, header, f"aci {row['encounter_id']}")


def _paragraphs(note: str) -> Iterator[tuple[str | None, str]]:
    header: str | None = None
    for block in re.split(r"\n[ \t]*\n", note):
        name = block.strip().rstrip(":").upper()
        if name in ACI_HEADERS or (block.strip().isupper() and len(name) < 40):
            header = ACI_HEADERS.get(name)
        elif 8 <= len(block.split()) <= 90:
            yield header, block.replace("•", "").strip()


def _stretch(turns: Sequence[str], paragraph: str) -> str | None:
    """The run of whole turns that says most of the paragraph's longer words; None where no run says enough."""
    wanted = set(_LONG_WORD.findall(paragraph.lower()))
    best: tuple[float, str] = (0.0, "")
    for start in range(len(turns)):
        words, end = 0, start
        while end < len(turns) and words + len(turns[end].split()) <= STRETCH_WORDS:
            words += len(turns[end].split())
            end += 1
        text = "\n".join(turns[start:end])
        cover = len(wanted & set(_LONG_WORD.findall(text.lower()))) / max(1, len(wanted))
        best = max(best, (cover, text), key=lambda each: each[0])
    return best[1] if best[0] >= LEAST_COVER and wanted else None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
