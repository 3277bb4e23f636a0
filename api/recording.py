"""Taking a recording: measure it, and write its job; and the options of a form."""

from __future__ import annotations

import json
from functools import partial

from pydantic import ValidationError

from api.errors import in_body, invalid
from api.filing import Examined, take_file
from api.services import Services
from api.submitting import Taken
from api.upload import Upload
from shared.audit import Actor
from shared.errors import UnsupportedAudioError
from shared.job import Audio, JobOptions
from shared.magic import UNSUPPORTED, sniff
from shared.probe import Limits, probe

AS_JSON = frozenset({"patient", "encounter", "stages", "metadata"})


def check(head: bytes) -> None:
    """Refuse what is no recording by its first bytes. Raises UnsupportedAudioError."""
    if sniff(head) is None:
        raise UnsupportedAudioError(UNSUPPORTED)


async def take_recording(
    services: Services, actor: Actor, upload: Upload, options: JobOptions, idempotency_key: str | None
) -> Taken:
    """Take a recording. Raises ProblemError as take_text does, or BadAudioError for what cannot be decoded."""
    measure = partial(_measured, Limits(duration_s=services.settings.max_audio_s))
    return await take_file(services, actor, upload, options, idempotency_key, source="audio", examine=measure)


def read_options(fields: dict[str, str]) -> JobOptions:
    """The form's fields as the JSON body's: objects as JSON, stages as JSON or with commas between."""
    values: dict[str, object] = {}
    for name, text in fields.items():
        if text == "":
            continue
        if name == "stages" and not text.lstrip().startswith("["):
            values[name] = [part.strip() for part in text.split(",")]
        elif name in AS_JSON:
            values[name] = _json(name, text)
        else:
            values[name] = text
    try:
        return JobOptions.model_validate(values)
    except ValidationError as error:
        raise in_body(error) from None


def _measured(limits: Limits, upload: Upload) -> Examined:
    found = probe(upload.path, limits)

    def record(blob: str) -> Audio:
        return Audio(
            blob=blob,
            content_type=found.content_type,
            sha256=upload.sha256,
            size_bytes=upload.size_bytes,
            duration_s=found.duration_s,
            channels=found.channels,
            sample_rate_hz=found.sample_rate_hz,
        )

    return Examined(found.duration_s, record)


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"/{name}", "this field holds JSON") from error
