"""One small case through a stage that was just loaded, so that weights which load and cannot run are found out.

`python -m worker.trial` does it in a process of its own, for `clinq models add`: it reads a JSON object (stage, model)
from standard input and writes one (figures, or a problem) to standard output.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import tempfile
import time
import traceback
import wave
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from shared.case import Case, Origin
from shared.errors import ClinqError
from shared.job import Audio, StageName
from shared.registry import ModelVersion
from worker.memory import ran_out
from worker.stage import Device, Stage, load

SENTENCE = "Patient reports moderate headache for three days and takes ibuprofen 400 mg twice daily."
SILENCE_S, RATE_HZ = 1, 16_000
TRIED = frozenset(
    {StageName.TRANSCRIBE, StageName.EXTRACT, StageName.CLASSIFY, StageName.SUMMARIZE, StageName.RECOMMEND}
)
"""Stages whose engines are tried; the others have no weights, or read what has to be made for them."""


@dataclass(slots=True)
class TrialDesk:
    """worker.stage.Desk of nobody's job."""

    recording: Path | None = None

    def audio(self, case: Case) -> Path:  # noqa: ARG002 - there is one
        """A second of silence."""
        if self.recording is None:
            raise FileNotFoundError("a trial has no recording")
        return self.recording

    document = audio

    def listen(self) -> None:
        """Nobody stops a trial."""

    def keep(self, case: Case, share: float) -> None:
        """Nothing is stored."""

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        """Nobody is told."""


def run(name: StageName, stage: Stage) -> None:
    """Let the stage do its work once; raises what it raises."""
    if name not in TRIED:
        return
    received_at = datetime(2000, 1, 1, tzinfo=UTC)
    if name is not StageName.TRANSCRIBE:
        stage.run([Case(Origin("trial", "trial", received_at), text=SENTENCE, language="en")], TrialDesk())
        return
    silence = _silence()
    audio = Audio(
        blob="trial",
        content_type="audio/wav",
        sha256="0" * 64,
        size_bytes=len(silence),
        duration_s=SILENCE_S,
        channels=1,
        sample_rate_hz=RATE_HZ,
    )
    with tempfile.NamedTemporaryFile(suffix=".wav") as recording:
        recording.write(silence)
        recording.flush()
        case = Case(Origin("trial", "trial", received_at, audio=audio), language="en")
        stage.run([case], TrialDesk(Path(recording.name)))


def _silence() -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(bytes(2 * SILENCE_S * RATE_HZ))
    return made.getvalue()


def main() -> int:
    """Try what standard input names."""
    asked = json.load(sys.stdin)
    name, model = StageName(asked["stage"]), TypeAdapter(ModelVersion).validate_python(asked["model"])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is not the answer
    with answers:
        json.dump(_tried(name, model, Device(asked.get("device", "cpu"), asked.get("threads", 1))), answers)
    return 0


def _tried(name: StageName, model: ModelVersion, device: Device) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        stage = load(name, model, device)
        loaded = time.perf_counter()
        run(name, stage)
    except ClinqError as error:
        return {"problem": str(error)}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        if ran_out(error):
            return {"problem": "it does not fit into this machine's memory"}
        traceback.print_exc()
        return {"problem": f"it loads or runs into {type(error).__name__}: {error}"}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "load_s": round(loaded - began, 3),
        "sentence_s": round(time.perf_counter() - loaded, 3),
        "memory_mb": round(peak_mb, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
