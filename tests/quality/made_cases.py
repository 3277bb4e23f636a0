"""Cases of made notes, as the stages leave them: with patients, visits and recordings of all kinds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from shared import registry
from shared.case import Case, Origin
from shared.job import Audio, Encounter, Patient, StageName
from shared.settings import Settings
from tests.conftest import RecordingDesk
from tests.worker.fhir.cases import RECORDING
from worker import stage
from worker.clinical.facts import facts
from worker.fhir.operator import Operator
from worker.stage import Device, Stage

WRITTEN_EVERY = 4
"""One note of so many is also summarized and advised on."""
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PATIENTS = (
    None, None, Patient(reference="Patient/7"), Patient(identifier="M,R|N $4\\é", system="https://h.example/mrn"),
    Patient(identifier="7", name="O'Brien & <Söhne>", family="O'Brien", given="Zoë", gender="female",
            birth_date=date(1980, 2, 29)),
)  # fmt: skip
VISITS = (None, None, Encounter(reference="Encounter/9"), Encounter(identifier="V 7", kind="EMER", start=AT, end=AT))
OPERATORS = (Operator(), Operator(medication="request"))


def made_case(number: int, note: str) -> Case:
    """The note as the stages leave it."""
    found = facts(note)
    case = Case(_origin(number), text=note, language=found.language, sections=found.sections, mentions=found.mentions)
    if number % WRITTEN_EVERY == 0:
        for each in _writers():
            (case,) = each.run([case], RecordingDesk())
    return replace(case, models=())


def _origin(number: int) -> Origin:
    audio: Audio | None = RECORDING if number % 11 == 0 else None
    patient, visit = PATIENTS[number % len(PATIENTS)], VISITS[number // 3 % len(VISITS)]
    return Origin(f"0199d0a0-0000-7000-8000-{number:012d}", "t", AT, patient=patient, encounter=visit, audio=audio)


def operator(number: int) -> Operator:
    """What the operator has set for it."""
    return OPERATORS[number % 7 == 0]


@cache
def _writers() -> tuple[Stage, ...]:
    """The stages behind extraction, by their rules."""
    settings: Any = Settings()
    plan = registry.plan(registry.read(settings.manifest), "rules", settings.models_dir)
    names = (StageName.CLASSIFY, StageName.SUMMARIZE, StageName.RECOMMEND)
    return tuple(stage.load(name, plan[name], Device()) for name in names)
