"""Examples of plans: what a clinician says shall be done next, and the lines of plan that the notes make of it.

From the train split of ACI-Bench (the plan of each note, beside its dialogue and beside the note's own sentences) and
the plan-like sections of MTS-Dialog with their augmented dialogues; both CC BY 4.0. A line that brings a number, a drug
or a clinical word which its sentences do not have is left out, so that the model learns to stay with what is said.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from shared.case import Case, Origin
from worker.clinical import cross_reactions, grounds, plans, wording
from worker.clinical.facts import facts
from worker.generate import asks
from worker.training import plan_lines
from worker.training.writer_data import Example

OWN = Path(__file__).with_name("recommend_own.jsonl")
HEADERS = frozenset({"PLAN", "DISPOSITION", "EDCOURSE", "ASSESSMENT"})
AUGMENTED = (
    "MTS-Dialog-Augmented-TrainingSet-1-En-FR-EN-2402-Pairs.csv",
    "MTS-Dialog-Augmented-TrainingSet-2-EN-ES-EN-2402-Pairs.csv",
)
LEAST_COVERED = 0.6
"""Share of a line's words that its sentences must have."""
MOST_OWN = 2
"""Words that a line may have of its own, none of them clinical."""
SIZES = (1, asks.PLAN_SENTENCES)
"""Sentences that an example shows: three in a row, or one alone."""
STEP = 2
"""Each second sentence begins an example of either size."""
EMPTY_SHARE = 0.2
"""Examples without a line, as a share of those with one: the model learns to say nothing as well."""
SEED = 20261121


@dataclass(frozen=True, slots=True)
class Visit:
    """A text and the lines that a clinician's note plans for it."""

    name: str
    text: str
    lines: tuple[str, ...]


def examples(data: Path, epoch: int = 0) -> list[Example]:
    """What one epoch sees: this project's own examples, all of the train splits with a line, some without.

    Raises OSError where data/aci-bench or data/mts-dialog is not there.
    """
    draw = random.Random(SEED + epoch)  # noqa: S311 - an order of examples, no secret
    full, empty = _made(data, "train")
    kept = [*_own(), *full, *draw.sample(empty, min(len(empty), int(EMPTY_SHARE * len(full))))]
    draw.shuffle(kept)
    return kept


def held_out(data: Path) -> list[Example]:
    """The same of the validation splits, which nothing is learnt from."""
    full, empty = _made(data, "valid")
    return [*full, *empty]


def visits(data: Path, split: str) -> Iterator[Visit]:
    """The dialogues and the notes with what each note plans."""
    for row in _rows(data / "aci-bench" / f"{split}.csv"):
        lines = plan_lines.lines(row["note"], whole=False)
        yield Visit(row["encounter_id"], row["dialogue"], lines)
        yield Visit(row["encounter_id"], row["note"], lines)
    names = ("MTS-Dialog-TrainingSet.csv", *AUGMENTED) if split == "train" else ("MTS-Dialog-ValidationSet.csv",)
    for name in names:
        for row in _rows(data / "mts-dialog" / name):
            if row["section_header"] in HEADERS:
                lines = plan_lines.lines(row["section_text"], whole=True)
                yield Visit(f"mts-{row['ID']}", row["dialogue"], lines)


@lru_cache(maxsize=2)
def _made(data: Path, split: str) -> tuple[list[Example], list[Example]]:
    """The examples with lines, and those of sentences that clearly hold none."""
    full: dict[Example, None] = {}
    empty: dict[Example, None] = {}
    for visit in visits(data, split):
        for said, lines in _matched(visit):
            made = Example(asks.recommend_prompt(said), "\n".join(lines) or asks.NO_PLAN, visit.name)
            if lines:
                full[made] = None
            elif not _acts(said):
                empty[made] = None
    return list(full), list(empty)


def _acts(said: Sequence[str]) -> bool:
    """Whether some sentence may hold a line that the note only left out: it has an act and treats with nothing."""
    known = plans.vocabulary()
    words = (set(wording.read(each).words) for each in said if not cross_reactions.drugs(each, "en"))
    return any(each & known.begins and not each & known.treats for each in words)


def _matched(visit: Visit) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Each few sentences that plan something, and the lines that rest on them."""
    case = _case(visit.text)
    sentences = [case.quote(span) for span in plans.planned(case)]
    names = grounds.concepts("en")
    for size in SIZES:
        for at in range(0, len(sentences), STEP):
            said = tuple(" ".join(each.split()) for each in sentences[at : at + size])
            theirs = wording.read(" ; ".join(said))
            yield said, tuple(line for line in visit.lines if _rests_on(line, theirs, names))


def _rests_on(line: str, said: wording.Wording, names: grounds.Names) -> bool:
    written = wording.read(line)
    own = written.stems - said.stems
    numbers = {number.value for number in said.numbers}
    if not written.stems and not set(written.words) <= {*said.words, "."}:
        return False
    if len(own) > min(MOST_OWN, (1 - LEAST_COVERED) * len(written.stems)):
        return False
    if any(number.value not in numbers for number in written.numbers):
        return False
    if not {side for side, _ in written.sides} <= {side for side, _ in said.sides}:
        return False
    strange = any(not wording.read(words).stems <= said.stems for words, _ in names(line))
    return not strange and not any(wording.looks_clinical(word) for word in own)


def _own() -> list[Example]:
    """This project's own examples: terse notes, loose speech, and what must not become a line."""
    rows = [json.loads(each) for each in OWN.read_text(encoding="utf-8").splitlines()]
    return [Example(asks.recommend_prompt(row["said"]), row["plan"] or asks.NO_PLAN, "own") for row in rows]


def _case(text: str) -> Case:
    found = facts(text, "en")
    origin = Origin(job_id="0", tenant="training", received_at=datetime(2026, 1, 1, tzinfo=UTC))
    return Case(origin, text=text, language="en", sections=found.sections, mentions=found.mentions)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]
