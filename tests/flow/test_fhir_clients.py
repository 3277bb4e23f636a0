"""$extract driven end to end by fhirpy and by fhir-kit-client: real processes, real clients, on both databases."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from shared import tables
from shared.database import Database
from shared.job import StageName
from tests.api.asking import bundle, document, parameters, text
from tests.flow.fhir_clients import Client, Said, client
from tests.flow.test_kills import held_worker, reached, until
from tests.house import House, house

pytestmark = pytest.mark.process
NOTE = "45-year-old man with chest pain and dyspnea for two days. Denies fever. Takes metformin 500 mg twice daily."
HELD = StageName.SUMMARIZE
QUICK = {"LEASE_S": "2", "BEAT_S": "0.5", "LISTEN_S": "0.1", "MAX_ATTEMPTS": "1", "SOCKET_REREAD_S": "1"}
RACES = 24
PAUSE_S = 0.5
PATIENT = {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "77"}], "gender": "female"}


@dataclass(frozen=True, slots=True)
class Scene:
    """A house with a worker, and one client of its FHIR face."""

    home: House
    client: Client

    def hold(self) -> None:
        """Let the next job stop in mid-stage."""
        for name in (f"at-{HELD.value}", f"hold-{HELD.value}"):
            (self.home.home / name).unlink(missing_ok=True)
        (self.home.home / f"hold-{HELD.value}").touch()

    def let_go(self) -> None:
        (self.home.home / f"hold-{HELD.value}").unlink(missing_ok=True)

    def begin(self, words: str = NOTE) -> str:
        """A job that is not waited for, computed anew; where to ask after it."""
        said = self.client.extract(parameters(text(words), {"name": "cache", "valueBoolean": False}), wait=False)
        assert outcome(said, 202) == "informational"
        return said.here

    def ended(self, here: str, seconds: float = 60.0) -> Said:
        """Asked again and again, as patiently as the service wants it."""
        deadline = time.monotonic() + seconds
        while True:
            time.sleep(PAUSE_S)
            said = self.client.ask(here)
            if not is_open(said):
                return said
            assert time.monotonic() < deadline, "it did not end"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest) -> Iterator[House]:
    own = {}
    if request.param == "postgresql":
        own["DATABASE_URL"] = request.getfixturevalue("postgres_server").create()
    with house("redis", "api", "reaper", FHIR_POLL_S=str(PAUSE_S), **QUICK, **own) as made:
        held_worker(made)
        yield made


@pytest.fixture(params=["fhirpy", "fhir-kit"])
def scene(request: pytest.FixtureRequest, home: House) -> Iterator[Scene]:
    if home.processes["worker"].poll() is not None:  # killed by the test before
        held_worker(home)
    with client(request.param, home) as made:
        scene = Scene(home, made)
        yield scene
        scene.let_go()


def is_open(said: Said) -> bool:
    return said.kind == "OperationOutcome" and said.code in {"informational", "too_fast"}


def outcome(said: Said, status: int) -> str:
    """The word of an OperationOutcome with this status, where the client tells the status."""
    OperationOutcome.model_validate(said.body)
    assert said.status in {None, status}, said
    assert said.ok is (status < 400)
    return said.code


def extracted(said: Said) -> set[str]:
    """The types of resources in the Bundle that came back."""
    assert said.status in {None, 200}
    assert said.ok, said
    Bundle.model_validate(said.body)
    return {each["resource"]["resourceType"] for each in said.body["entry"]}


def test_the_client_reads_what_the_server_can_do(scene: Scene):
    told = scene.client.metadata().body
    CapabilityStatement.model_validate(told)
    assert told["rest"][0]["operation"][0]["name"] == "extract"


def test_the_client_waits_for_the_bundle_of_a_text(scene: Scene):
    said = scene.client.extract(parameters(text(NOTE)))
    assert {"Patient", "DocumentReference", "Observation", "MedicationStatement", "Provenance"} <= extracted(said)


def test_a_document_in_a_bundle_brings_its_patient(scene: Scene):
    said = scene.client.extract(bundle(document(NOTE.encode()), PATIENT))
    extracted(said)
    [patient] = [each["resource"] for each in said.body["entry"] if each["resource"]["resourceType"] == "Patient"]
    assert (patient["identifier"][0]["value"], patient["gender"]) == ("77", "female")


def test_the_client_asks_after_a_job_until_it_has_ended(scene: Scene):
    scene.hold()
    here = scene.begin()
    reached(scene.home, HELD)
    runs = scene.client.ask(here)
    assert outcome(runs, 202) == "informational"
    assert runs.body["issue"][0]["details"]["text"].startswith("summarize, ")
    if runs.headers:
        assert runs.headers["x-progress"].startswith("summarize, ")
        assert int(runs.headers["retry-after"]) >= 1
    early = [scene.client.ask(here) for _ in range(5)]
    assert "too_fast" in {each.code for each in early}
    scene.let_go()
    said = scene.ended(here)
    assert "MedicationStatement" in extracted(said)
    with scene.home.client() as http:
        stored = http.get(f"/api/v1/result/{here.removeprefix('async/')}/bundle").json()
    assert said.body == stored


def test_a_job_that_is_deleted_while_it_runs_is_gone_and_writes_nothing(scene: Scene):
    scene.hold()
    here = scene.begin()
    reached(scene.home, HELD)
    assert outcome(scene.client.delete(here), 202) == "informational"
    assert outcome(scene.client.ask(here), 404) == "job_not_found"
    scene.let_go()
    assert "MedicationStatement" in extracted(scene.client.extract(parameters(text(f"{NOTE} Again."))))
    assert outcome(scene.client.ask(here), 404) == "job_not_found"
    assert outcome(scene.client.delete(here), 404) == "job_not_found"
    assert left(scene.home, here) == ("cancelled", True)


def test_too_little_content_comes_as_an_outcome(scene: Scene):
    assert outcome(scene.client.extract(parameters(text("ok"))), 200) == "insufficient_content"


def test_a_job_whose_worker_died_is_an_error_of_the_server(scene: Scene):
    scene.hold()
    here = scene.begin()
    reached(scene.home, HELD)
    scene.home.kill("worker", signal.SIGKILL)
    scene.let_go()
    said = scene.ended(here)
    outcome(said, 500)
    assert said.body["issue"][0]["severity"] == "error"


@pytest.mark.parametrize(
    ("resource", "status", "code"),
    [
        (parameters(), 422, "invalid"),
        (parameters(text("Cough."), {"name": "unknown", "valueString": "x"}), 422, "not_supported"),
        (document(b"PK\x03\x04", "application/zip"), 415, "unsupported_document"),
        ({"resourceType": "Patient"}, 422, "invalid"),
    ],
)
def test_what_cannot_be_read_is_an_outcome_that_the_client_understands(
    scene: Scene, resource: dict[str, Any], status: int, code: str
):
    assert outcome(scene.client.extract(resource), status) == code


def test_a_job_of_nobody_is_not_there(scene: Scene):
    assert outcome(scene.client.ask("async/0199d0a0-0000-7000-8000-000000000001"), 404) == "job_not_found"


def test_a_delete_that_races_with_the_end_leaves_nothing_whoever_comes_first(scene: Scene):
    """While one asks without a pause, the job is deleted just before, at, or just after its end."""
    chance = random.Random(7)
    usual_s = min(took_s(scene, f"{NOTE} Race {chr(letter)}.") for letter in range(65, 68))
    states: set[str] = set()
    for number in range(RACES):
        here = scene.begin(f"{NOTE} Race {number}.")
        with asked_without_pause(scene.home, here) as seen:
            time.sleep(chance.uniform(0.0, 1.5 * usual_s))
            assert outcome(scene.client.delete(here), 202) == "informational"
            assert outcome(scene.client.ask(here), 404) == "job_not_found"
        assert ordered(seen), seen
        status, destroyed = left(scene.home, here)
        assert destroyed
        states.add(status)
    assert states == {"cancelled", "completed"}, "every race was won by the same side: they did not race"


def took_s(scene: Scene, words: str) -> float:
    """Seconds from a submission to its end, by the row."""
    here = scene.begin(words)
    scene.ended(here)
    created_at, finished_at = row(scene.home, here, "created_at", "finished_at")
    return float(finished_at - created_at)


class asked_without_pause:  # noqa: N801 - it reads as what it does
    """A second client that asks on and on; the statuses that it was answered."""

    def __init__(self, home: House, here: str) -> None:
        self._home, self._here = home, here
        self._seen: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self._seen

    def __exit__(self, *_: object) -> None:
        until(lambda: 404 in self._seen, 10.0, "the deleted job is still there")
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with self._home.client() as http:
            while not self._stop.is_set():
                self._seen.append(http.get(f"/fhir/{self._here}").status_code)


def ordered(seen: list[int]) -> bool:
    """First open (or asked too fast), then perhaps done, then gone, and never back."""
    ranks = [{202: 0, 429: 0, 200: 1, 404: 2}[status] for status in seen]
    return ranks == sorted(ranks)


def left(home: House, here: str) -> tuple[str, bool]:
    """The state of a job's row, and whether its key and all that it sealed are destroyed."""
    status, *sealed = row(home, here, "status", "wrapped_key", "payload", "case_file", "result", "bundle")
    return str(status), sealed == [None] * 5


def row(home: House, here: str, *columns: str) -> Sequence[Any]:
    """What the job's row holds."""
    query = sa.select(*(tables.job.c[name] for name in columns))
    database = Database(home.database)
    with database.read() as connection:
        found = connection.execute(query.where(tables.job.c.id == here.removeprefix("async/"))).one()
    database.close()
    return found
