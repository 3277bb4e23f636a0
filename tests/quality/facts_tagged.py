"""The facts of annotated English notes as the extract stage finds them: by the rules alone, and with its tagger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from shared import registry
from shared.case import Case, Mention, Origin
from shared.job import StageName
from shared.settings import Settings
from tests.conftest import RecordingDesk
from worker.stage import Device
from worker.stages.extract import load

JOB = "0199d0a0-0000-7000-8000-000000000001"


def reader() -> Callable[[str], Sequence[Mention]] | None:
    """Reads an English text as the `embedded` profile does, with the tagger; None where its weights are not here."""
    settings = Settings()
    plan = registry.plan(registry.read(settings.manifest), "embedded", settings.models_dir, {StageName.EXTRACT: "bert"})
    model = plan[StageName.EXTRACT]
    if model.path is None or not model.path.exists():
        return None
    stage = load(model, Device())
    origin = Origin(job_id=JOB, tenant="quality", received_at=datetime(2026, 3, 1, tzinfo=UTC))

    def read(text: str) -> Sequence[Mention]:
        return stage.run([Case(origin=origin, text=text, language="en")], RecordingDesk())[0].mentions

    return read
