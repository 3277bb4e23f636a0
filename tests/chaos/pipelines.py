"""The two pipelines that runs use: a small one whose results are known beforehand, and the real one."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from tests.chaos import small
from tests.house import House, house
from tests.worker.clinical.english import SENTENCES as ENGLISH
from tests.worker.clinical.spanish import SENTENCES as SPANISH
from worker.fhir import ids

Document = Mapping[str, Any]
OF_A_RUN = frozenset(
    {"job_id", "attempt", "created_at", "started_at", "finished_at", "stages", "timings", "fhir_bundle_url"}
)
"""What a result says about when and how it was made."""
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
SENTENCES_A_NOTE = 12
PEACE_S = 300.0


class Pipeline(Protocol):
    """What is run, and what must come out."""

    name: str
    worker: tuple[str, ...]
    """The command of one worker."""

    def settings(self, home: House) -> dict[str, str]:
        """Settings of its workers."""
        ...

    def body(self, text: str) -> dict[str, Any]:
        """What is submitted for a text."""
        ...

    def text(self, seed: int, number: int) -> str:
        """The text of one job; no two are the same."""
        ...

    def expected(self, texts: Sequence[str]) -> list[Any]:
        """What `seen` must give for each text."""
        ...

    def seen(self, job_id: str, result: Document, bundle: Document) -> Any:
        """What counts of a result and its Bundle: all that does not differ from run to run."""
        ...


@dataclass
class Small:
    """Three stages that sleep, as tests/chaos/small.py has them."""

    name: str = "small"
    worker: tuple[str, ...] = (sys.executable, "-m", "tests.chaos.small_worker")

    def settings(self, home: House) -> dict[str, str]:
        return {"MANIFEST": str(small.write_manifest(home.home)), "PROFILE": "small"}

    def body(self, text: str) -> dict[str, Any]:
        return {"text": text, "stages": [stage.value for stage in small.STAGES]}

    def text(self, seed: int, number: int) -> str:
        return small.note(seed, number)

    def expected(self, texts: Sequence[str]) -> list[Any]:
        return [small.expected(text) for text in texts]

    def seen(self, job_id: str, result: Document, bundle: Document) -> Any:
        return {"summary": result["summary"], "bundle": bundle}


@dataclass
class Real:
    """All stages of the embedded profile, compared with the same notes in a run without kills."""

    name: str = "real"
    worker: tuple[str, ...] = (sys.executable, "-m", "shared.cli", "worker")
    _peace: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self, home: House) -> dict[str, str]:
        return {"PROFILE": "embedded"}

    def body(self, text: str) -> dict[str, Any]:
        return {"text": text}

    def text(self, seed: int, number: int) -> str:
        random = Random(f"{seed}/{number}")
        sentences = sorted(SPANISH if number % 4 == 3 else ENGLISH)
        return " ".join(random.sample(sentences, SENTENCES_A_NOTE))

    def expected(self, texts: Sequence[str]) -> list[Any]:
        with self._lock:
            if new := [text for text in texts if text not in self._peace]:
                self._peace |= dict(zip(new, self._in_peace(new), strict=True))
            return [self._peace[text] for text in texts]

    def seen(self, job_id: str, result: Document, bundle: Document) -> Any:
        kept = {name: value for name, value in result.items() if name not in OF_A_RUN}
        provenance = str(ids.named(ids.NAMESPACE, "Provenance", job_id))
        written = json.dumps([kept, bundle]).replace(job_id, "JOB").replace(provenance, "PROVENANCE")
        return json.loads(TIME.sub("TIME", written))

    def _in_peace(self, texts: Sequence[str]) -> list[Any]:
        roles = ("redis", "api", "reaper", "worker", "worker-2")
        with house(*roles, PROFILE="embedded") as home, home.client() as client:
            jobs = [client.post("/api/v1/submit", json=self.body(text)).json()["job_id"] for text in texts]
            results = [home.result(job_id, PEACE_S) for job_id in jobs]
            bundles = [client.get(f"/api/v1/result/{job_id}/bundle").json() for job_id in jobs]
        return [self.seen(*each) for each in zip(jobs, results, bundles, strict=True)]
