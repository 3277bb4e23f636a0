"""Bundles of made notes: does each pass every judge, and does the same note give the same bytes?

`python -m tests.quality.bundles [COUNT]` measures this part alone. Either way each core takes a share of the notes.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fhirkit
from fhirclient.models.bundle import Bundle as ClientBundle
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from rich.console import Console
from rich.progress import track

from shared import bundle_forms, fhir_json
from shared.bundle_forms import Kind
from shared.hl7v2.mdm import mdm
from shared.hl7v2.oru import oru
from tests.quality.made_cases import WRITTEN_EVERY, made_case, operator
from tests.quality.made_notes import made_notes
from tests.quality.report import Gate, Part, Table
from tests.worker.fhir.finished import Finished, finished
from tests.worker.fhir.test_other_readers import floats
from worker.fhir.check import problems

NOTES = 10_000
FORMED_EVERY, MESSAGES_EVERY = 5, 10
"""One note of so many is also judged in each form, reviewed and not; as HL7 v2."""
SHARE = 20
"""Notes that a process takes at a time."""
TEXT = """
{notes:,} notes, made from parts and from the sentences of the regression sets in English and Spanish, seven in ten then
damaged (odd characters, lost and swapped ones, line ends, shuffled lines, other cases, strange numbers, cut or repeated
text), went through the rules of extraction and the Bundle builder, every {written}th through summary and advice too,
with patients, visits and recordings of all kinds. Each Bundle was read by the own check, by fhirkit-rs (strict) and by
fhirclient (strict), and built a second time; every {formed}th was also read as a collection, as a document and after
reviews, and every {messages}th as HL7 v2 by hl7apy (strict). It took {seconds:,.0f} s on {cores} cores; the Bundles
hold {resources:,} resources.
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judges said of one note's Bundle: the names of those that refused it."""

    refused: tuple[str, ...]
    resources: int


def measure(data: Path) -> Part:
    """Judge the Bundles of all notes."""
    return measured(NOTES)


def measured(count: int) -> Part:
    """The part of the report for so many notes."""
    began, cores = time.perf_counter(), os.cpu_count() or 1
    with multiprocessing.get_context("spawn").Pool(cores, _ready) as pool:
        judging = pool.imap(_judged, enumerate(made_notes(count)), SHARE)
        judged = list(track(judging, "bundles", total=count))
    seconds = time.perf_counter() - began
    refused = Counter(name for each in judged for name in each.refused)
    text = TEXT.format(
        notes=count, written=WRITTEN_EVERY, formed=FORMED_EVERY, messages=MESSAGES_EVERY,
        seconds=seconds, cores=cores, resources=sum(each.resources for each in judged),
    )  # fmt: skip
    gates = [Gate(f"bundles: {name}", refused[name], 0, at_most=True, of=count) for name in JUDGES]
    rows = [(name, f"{refused[name]}") for name in JUDGES]
    return Part("Bundles", text, gates, [Table(("refused by", "Bundles"), rows)])


def judge(number: int, note: str) -> Judged:
    """All judges on one note. What goes wrong beyond a refusal is raised, with the number that makes the note again."""
    try:
        done = finished(made_case(number, note), operator(number))
        refused = tuple(name for name, says in JUDGES.items() if not says(number, note, done))
        return Judged(refused, len(done.bundle["entry"]))
    except Exception as error:
        error.add_note(f"made note {number}")
        raise


def _ready() -> None:
    """Load all tables, and keep the collector of garbage from looking through them again and again."""
    judge(0, "Cough.")
    gc.freeze()


def _judged(numbered: tuple[int, str]) -> Judged:
    return judge(*numbered)


def _own_check(number: int, note: str, done: Finished) -> bool:
    return problems(done.bundle) == []


def _fhirkit(number: int, note: str, done: Finished) -> bool:
    return fhirkit.parse(done.written, strict=True).issues == []


def _fhirclient(number: int, note: str, done: Finished) -> bool:
    return len(ClientBundle(floats(done.bundle), strict=True).entry) == len(done.bundle["entry"])


def _same_bytes(number: int, note: str, done: Finished) -> bool:
    return finished(made_case(number, note), operator(number)).written == done.written


def _forms(number: int, note: str, done: Finished) -> bool:
    """As a collection and a document, as written and after a review: sound in each."""
    if number % FORMED_EVERY:
        return True
    wrong = [{"action": "reject", "facts": [each["id"] for each in done.facts[::3]]}] if done.facts else []
    kinds: tuple[Kind, ...] = ("transaction", "collection", "document")
    bundles = [
        bundle_forms.formed(bundle, kind)
        for bundle in (done.bundle, done.after(*wrong, {"action": "confirm"}))
        for kind in kinds
    ]
    return all(
        problems(each) == [] and fhirkit.parse(fhir_json.write(each), strict=True).issues == [] for each in bundles[1:]
    )


def _messages(number: int, note: str, done: Finished) -> bool:
    if number % MESSAGES_EVERY:
        return True
    messages = (write(done.bundle) for write in (oru, mdm))
    return all(parse_message(each, validation_level=VALIDATION_LEVEL.STRICT).validate() for each in messages)


JUDGES: dict[str, Callable[[int, str, Finished], bool]] = {
    "own check": _own_check,
    "fhirkit-rs": _fhirkit,
    "fhirclient": _fhirclient,
    "same bytes": _same_bytes,
    "other forms and reviews": _forms,
    "HL7 v2 by hl7apy": _messages,
}
"""Who judges each Bundle; each answers whether it takes it."""


def main() -> None:
    """Measure this part alone, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=NOTES)
    part = measured(parser.parse_args().count)
    console = Console(highlight=False)
    console.print(part.text.strip())
    for each in part.gates:
        console.print(f"{each.name}: {each.figure:g}")


if __name__ == "__main__":
    main()
