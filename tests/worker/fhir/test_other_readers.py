"""Readers and a FHIR server that nobody here wrote take the bundles."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import fhirkit
import httpx
import pytest
from fhirclient.models.bundle import Bundle as ClientBundle
from fhirpy import SyncFHIRClient

from shared import bundle_forms
from shared.case import Attribute, Case, Code, Mention
from shared.job import Encounter, Patient
from tests.quality.made_cases import made_case
from tests.quality.made_notes import made_notes
from tests.worker.fhir.cases import RECORDING, mention, one, sound
from tests.worker.fhir.finished import finished
from worker.fhir.bundle import bundle
from worker.fhir.elements import read, write
from worker.fhir.operator import Operator

START_S = 60.0
MADE_NOTES = 20
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def plain(note: Case) -> Case:
    return note


def named(note: Case) -> Case:
    """With a patient and a visit that the caller named, with every mark that a search must escape."""
    patient = Patient(identifier="M,R|N $42\\é", system="https://h.example/mrn", name="Jane Test", gender="female")
    visit = Encounter(identifier="V 7", system="https://h.example/visit", start=START, end=START)
    return replace(note, origin=replace(note.origin, patient=patient, encounter=visit))


def recorded(note: Case) -> Case:
    return replace(note, origin=replace(note.origin, audio=RECORDING))


def in_every_sense(note: Case) -> Case:
    """Each kind of mention in each sense."""
    kinds = ("symptom", "condition", "medication", "allergy", "vital", "procedure", "social")
    assertions = ("present", "absent", "possible", "hypothetical")
    text = " ".join(f"{kind}{number}" for kind in kinds for number in range(36))
    senses = [
        {"assertion": assertion, "experiencer": experiencer, "temporality": temporality}
        for assertion in assertions
        for experiencer in ("patient", "family", "other")
        for temporality in ("current", "past", "planned")
    ]
    said = {"value": ("37.90", None), "unit": ("Cel", None), "duration": ("a week", None), "dose": ("5", None)}
    mentions = [
        mention(text, kind, f"{kind}{number}", said, **sense) for kind in kinds for number, sense in enumerate(senses)
    ]
    return replace(note, text=text, mentions=tuple(mentions), summary=(), narrative=(), classification=None,
                   red_flags=(), recommendations=())  # fmt: skip


def measured(note: Case) -> Case:
    """With laboratory values, exact to the digit, an allergic reaction and an illness of a relative with its onset."""
    text = "HbA1c 7.10 %, creatinine 0.90 mg/dL. Penicillin: hives, severe. Mother had gout at 61."
    mentions = (
        laboratory(text, "HbA1c 7.10 %", "hemoglobin A1c", "4548-4", "7.10", "%"),
        laboratory(text, "creatinine 0.90 mg/dL", "creatinine", "2160-0", "0.90", "mg/dL"),
        mention(text, "allergy", "Penicillin", {"reaction": ("hives", "hives"), "severity": ("severe", "severe")}),
        mention(
            text,
            "condition",
            "gout",
            {"onset_age": ("61", "61")},
            concept="gout",
            experiencer="family",
            relation="mother",
        ),
    )
    return replace(note, text=text, mentions=mentions, summary=(), narrative=(), classification=None, red_flags=(),
                   recommendations=())  # fmt: skip


def laboratory(text: str, words: str, concept: str, loinc: str, value: str, unit: str) -> Mention:
    said = {"value": (value, value), "unit": (unit, unit)}
    return mention(text, "vital", words, said, concept=concept, codes=(Code("http://loinc.org", loinc, concept),))


CASES: list[Callable[[Case], Case]] = [plain, named, recorded, in_every_sense, measured]


@pytest.mark.parametrize("variant", CASES)
def test_fhirkit_finds_nothing_wrong_and_reads_every_value_back(note, variant):
    built = sound(variant(note))
    written = bundle(variant(note))
    parsed = fhirkit.parse(written, strict=True)
    assert parsed.issues == []
    assert parsed.to_dict() == read(written)
    assert len(parsed.to_dict()["entry"]) == len(built["entry"])


@pytest.mark.parametrize("variant", CASES)
def test_fhirclient_reads_every_entry(note, variant):
    written = read(bundle(variant(note)))
    parsed = ClientBundle(floats(written), strict=True)
    assert len(parsed.entry) == len(written["entry"])
    assert [each.resource.resource_type for each in parsed.entry] == [
        each["resource"]["resourceType"] for each in written["entry"]
    ]


def floats(value: object) -> object:
    """fhirclient wants floats where the note's own digits are Decimals."""
    if isinstance(value, dict):
        return {name: floats(each) for name, each in value.items()}
    if isinstance(value, list):
        return [floats(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real FHIR R4 server with an empty SQLite database."""
    home = tmp_path_factory.mktemp("fhir-server")
    port = free_port()
    command = [str(Path(sys.executable).with_name("sekmet")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield until_ready(f"http://127.0.0.1:{port}/fhir", process)
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until_ready(url: str, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/metadata", timeout=2).status_code == httpx.codes.OK:
                return url
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"the FHIR server did not start: {process.poll()}")


def post(server: str, written: str) -> dict[str, set[str]]:
    """Send a transaction; the resource types by what the server did with their entries: 201 created, 200 found."""
    headers = {"Content-Type": "application/fhir+json"}
    answer = httpx.post(server, content=written.encode(), headers=headers, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    done: dict[str, set[str]] = {}
    for sent, received in zip(read(written)["entry"], answer.json()["entry"], strict=True):
        done.setdefault(received["response"]["status"][:3], set()).add(sent["resource"]["resourceType"])
    return done


@pytest.mark.process
@pytest.mark.parametrize("variant", CASES)
def test_a_server_creates_all_at_first_and_nothing_the_second_time(server, note, variant):
    case = tenant_of(variant(note), variant.__name__)
    written = bundle(case)
    every = {each["resource"]["resourceType"] for each in read(written)["entry"]}
    done = post(server, written)
    assert done["201"] >= every - {"Organization", "Device"}
    assert done.get("200", set()) <= {"Organization", "Device"}  # which an earlier note brought
    assert post(server, written) == {"200": every}


def tenant_of(case: Case, tenant: str) -> Case:
    return replace(case, origin=replace(case.origin, tenant=tenant, job_id=f"job-{tenant}"))


@pytest.mark.process
def test_a_later_run_of_the_same_note_adds_its_provenance_only(server, note):
    case = tenant_of(note, "later")
    post(server, bundle(case))
    again = replace(case, origin=replace(case.origin, job_id="job-again", received_at=datetime(2026, 5, 1, tzinfo=UTC)))
    assert post(server, bundle(again))["201"] == {"Provenance"}


@pytest.mark.process
def test_a_client_reads_back_what_was_sent(server, note):
    case = tenant_of(note, "read-back")
    fever = mention(note.text, "vital", "fever", concept="temperature")
    fever = replace(fever, attributes=(Attribute("value", "37.90"), Attribute("unit", "Cel")))
    case = replace(case, mentions=(*case.mentions, fever))
    post(server, bundle(case))
    name = one(sound(case), "Condition")["identifier"][0]["value"]
    client = SyncFHIRClient(server)
    found = client.resources("Condition").search(identifier=f"urn:clinq:extraction-id|{name}").fetch()
    assert [each["code"]["text"] for each in found] == ["migraine"]
    patient = found[0]["subject"].to_resource()
    assert patient["gender"] == "male"
    about = {"subject": patient.to_reference().reference}
    observations = client.resources("Observation").search(**about).fetch_all()
    assert {each["code"]["text"] for each in observations} == {"headache", "vomiting", "BP 142/91", "fever"}


@pytest.mark.process
def test_a_server_takes_medication_requests_and_reviewed_bundles_once(server, note):
    case = tenant_of(note, "reviewed")
    done = finished(case, Operator(medication="request"))
    after = write(done.after({"action": "reject", "facts": [done.fact("symptom", "headache")]}, {"action": "confirm"}))
    assert post(server, after)["201"] >= {"MedicationRequest", "Condition", "Observation", "Provenance"}
    assert set(post(server, after)) == {"200"}
    client = SyncFHIRClient(server)
    name = one(done.bundle, "Condition")["identifier"][0]["value"]
    (migraine,) = client.resources("Condition").search(identifier=f"urn:clinq:extraction-id|{name}").fetch()
    assert migraine["verificationStatus"]["coding"][0]["code"] == "confirmed"
    about = {"subject": migraine["subject"].to_resource().to_reference().reference}
    (metformin,) = client.resources("MedicationRequest").search(**about).fetch_all()
    assert (metformin["intent"], metformin["dosageInstruction"][0]["text"]) == ("plan", "500 mg twice daily")
    statuses = {
        each["code"]["text"]: each["status"] for each in client.resources("Observation").search(**about).fetch_all()
    }
    assert (statuses["headache"], statuses["vomiting"]) == ("entered-in-error", "final")


@pytest.mark.process
def test_a_client_reads_laboratory_values_back(server, note):
    case = tenant_of(measured(note), "laboratory")
    assert '"value":7.10' in bundle(case)
    post(server, bundle(case))
    name = one(sound(case), "Patient")["identifier"][0]["value"]
    client = SyncFHIRClient(server)
    (patient,) = client.resources("Patient").search(identifier=f"urn:clinq:extraction-id|{name}").fetch()
    about = {"subject": patient.to_reference().reference}
    found = client.resources("Observation").search(**about).fetch_all()
    values = {each["code"]["coding"][0]["code"]: each["valueQuantity"] for each in found}
    assert {code: (each["value"], each["code"]) for code, each in values.items()} == {
        "4548-4": (7.1, "%"),
        "2160-0": (0.9, "mg/dL"),
    }
    assert {each["category"][0]["coding"][0]["code"] for each in found} == {"laboratory"}


@pytest.mark.process
@pytest.mark.parametrize("kind", ["collection", "document"])
def test_a_server_keeps_one_bundle_of_each_form_and_a_client_reads_it_back(server, note, kind):
    formed = bundle_forms.formed(finished(tenant_of(note, kind)).bundle, kind)
    headers = {"Content-Type": "application/fhir+json"}
    formed = {**formed, "id": f"made-{kind}"}
    place = f"{server}/Bundle/{formed['id']}"
    answers = [httpx.put(place, content=write(formed), headers=headers).status_code for _ in range(2)]
    assert answers == [201, 200]
    stored = SyncFHIRClient(server).reference("Bundle", formed["id"]).to_resource()
    assert [each["fullUrl"] for each in stored["entry"]] == [each["fullUrl"] for each in formed["entry"]]
    assert stored["type"] == kind


@pytest.mark.process
def test_made_notes_posted_twice_leave_no_second_copy(server):
    for number, text in enumerate(made_notes(MADE_NOTES, seed=3)):
        written = bundle(tenant_of(made_case(number, text), f"made-{number}"))
        post(server, written)
        assert set(post(server, written)) == {"200"}, number


@pytest.mark.process
def test_a_server_takes_the_resources_one_by_one_in_their_order(server, note):
    for resource in bundle_forms.resources(finished(tenant_of(note, "one-by-one")).bundle):
        place = f"{server}/{resource['resourceType']}/{resource['id']}"
        answer = httpx.put(place, content=write(resource), headers={"Content-Type": "application/fhir+json"})
        assert answer.status_code in {200, 201}, answer.text
