"""What is kept between two chunks lies sealed in the row, counts only for its owner, and the next attempt goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from shared import tables
from shared.case import Case, from_json
from shared.job import JobStatus, StageName
from shared.ledger import Job
from shared.registry import ModelVersion
from tests.attempts import House
from tests.conftest import FIXTURES
from tests.worker.scripted import phrase
from worker.audio.engine import Heard, Sound
from worker.stage import Listen, Stage, undisturbed
from worker.stages.transcribe import Options, Transcribe

Furnish = Callable[[Mapping[StageName, Stage]], House]
RECORDING = (FIXTURES / "demo_consultation.flac").read_bytes()


@dataclass
class Numbered:
    """Says a numbered line a call; before some calls it does what a test wants."""

    before: dict[int, Callable[[], None]] = field(default_factory=dict)
    calls: int = 0

    def hear(
        self, sound: Sound, language: str | None, hints: Sequence[str] = (), listen: Listen = undisturbed
    ) -> Heard:
        self.calls += 1
        self.before.pop(self.calls, lambda: None)()
        listen()
        return Heard(language or "en", 0.9, iter([phrase(f"CANARY {self.calls} has chest pain.", 0.2, 1.0)]))


def furnished(house: Furnish, engine: Numbered) -> tuple[House, str]:
    options = Options(("clinician", "patient"), 4, {}, chunk_s=10.0)
    home = house({StageName.TRANSCRIBE: Transcribe(ModelVersion("numbered", "test"), engine, options)})
    return home, home.submit(recording=RECORDING)


def kept(home: House, job: Job) -> Case:
    stored = job.unseal("case_file", home.worker.keyring)
    assert stored is not None
    return from_json(stored)


def fail() -> None:
    raise RuntimeError("the engine stumbles")


def test_the_next_attempt_makes_only_the_call_again_in_which_the_last_one_failed(house: Furnish) -> None:
    engine = Numbered({5: fail})
    home, job_id = furnished(house, engine)

    waits = home.run(job_id)
    between = kept(home, waits)
    home.due_now()
    done = home.run(job_id)

    assert waits.status is JobStatus.QUEUED
    assert [each.split()[1] for each in (between.text or "").split("\n")] == ["1", "2", "3", "4"]
    assert 0.3 < waits.progress < 0.7
    assert b"CANARY" not in waits.sealed["case_file"]
    case = kept(home, done)
    assert case.reached is None
    assert [each.split()[1] for each in (case.text or "").split("\n")] == [
        str(call) for call in range(1, engine.calls + 1) if call != 5
    ]
    assert engine.calls == len(case.segments) + 1
    assert case.timings[0][1] > (between.reached.seconds if between.reached else 0.0) > 0.0


def test_an_attempt_that_lost_its_row_writes_nothing_over_the_new_owners_work(house: Furnish) -> None:
    def give_away() -> None:
        with home.worker.database.write() as connection:
            connection.execute(sa.update(tables.job).values(token="another", case_file=b"theirs"))

    engine = Numbered({3: give_away})
    home, job_id = furnished(house, engine)

    job = home.run(job_id)

    assert job.sealed["case_file"] == b"theirs"
    assert engine.calls <= 4


def test_a_worker_that_is_told_to_stop_hands_a_long_recording_back_behind_a_chunk(house: Furnish) -> None:
    engine = Numbered({3: lambda: home.worker.stopping.ask()})
    home, job_id = furnished(house, engine)
    settings = home.worker.settings.model_copy(update={"grace_s": 2.0})  # the margin before its end: none is left
    home.worker = replace(home.worker, settings=settings)

    job = home.run(job_id)

    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
    reached = kept(home, job).reached
    assert reached is not None
    assert len(kept(home, job).segments) >= 2
