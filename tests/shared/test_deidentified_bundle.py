"""A de-identified Bundle leads nowhere back: no number, no id on the sender's server, no name in a narrative."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from shared import fhir_json
from shared.case import Identifier
from shared.crypto import Fingerprint
from shared.deidentify import documents
from shared.deidentify.pseudonyms import Pseudonyms
from shared.deidentify.redaction import redact

TEXT = "Mr. O'Brien came."
WHOSE = "urn:uuid:0f0f0f0f-0f0f-5f0f-8f0f-0f0f0f0f0f0f"
PATIENT = {"resourceType": "Patient", "identifier": [{"system": "https://h.example/mrn", "value": "4471"}]}
VISIT = {"resourceType": "Encounter", "identifier": [{"system": "urn:visit", "value": "V9"}]}


def pseudonyms(subject: str = "4471") -> Pseudonyms:
    return Pseudonyms(Fingerprint("secret"), "a", subject)


def bundle(*resources: dict[str, Any], **request: str) -> dict[str, Any]:
    entries = [{"fullUrl": WHOSE, "resource": each, "request": {"method": "POST", **request}} for each in resources]
    held = {"resourceType": "Bundle", "entry": entries}
    return documents.bundle(held, redact(TEXT, [Identifier("name", 4, 11)], pseudonyms()), pseudonyms())


def test_a_search_for_the_number_of_a_patient_or_visit_is_for_its_stand_in() -> None:
    made = bundle(PATIENT, VISIT, ifNoneExist="identifier=urn:visit|V9 4471")
    told = fhir_json.write(made)
    assert "V9" not in told
    assert "4471" not in told
    patient, visit = made["entry"]
    assert patient["request"]["ifNoneExist"].endswith(patient["resource"]["identifier"][0]["value"])
    assert patient["resource"]["identifier"] != visit["resource"]["identifier"]
    assert bundle(PATIENT)["entry"][0]["resource"] == patient["resource"]


def test_an_id_on_the_senders_server_and_a_name_beside_it_are_not_told() -> None:
    subject = {"reference": "Patient/4471", "display": "Seamus"}
    whole = {"reference": "https://h.example/fhir/Patient/4471"}
    logical = {"identifier": {"system": "urn:account", "value": "user:ada"}, "display": "Dr. Ada"}
    made = bundle(
        {"resourceType": "Provenance", "subject": subject, "target": [whole, {"reference": WHOSE}], "who": logical}
    )
    resource = made["entry"][0]["resource"]
    assert not {"4471", "Seamus", "ada", "Ada", "h.example"} & set(
        fhir_json.write(resource).replace('"', "/").replace(" ", "/").replace(":", "/").split("/")
    )
    assert resource["subject"]["reference"].startswith("Patient/")
    assert resource["target"][1]["reference"] == made["entry"][0]["fullUrl"]


def test_a_file_cannot_be_found_by_its_hash_nor_a_page_by_its_old_place() -> None:
    sha, own = "ab" * 32, WHOSE.removeprefix("urn:uuid:")
    source = {
        "resourceType": "DocumentReference",
        "identifier": [{"system": "urn:clinq:document", "value": f"{own}/{sha}"}],
        "description": "Pages, by code points of the text: 1: 0-17",
        "content": [{"attachment": {"contentType": "application/pdf", "title": f"Document, SHA-256 {sha}"}}],
    }
    weights = {"resourceType": "Device", "version": [{"value": "cd" * 32}]}
    made = bundle(source, weights, ifNoneExist=f"identifier=urn:clinq:document|{own}/{sha}")
    told = fhir_json.write(made)
    assert sha not in told
    assert "0-17" not in told
    assert "cd" * 32 in told
    name = made["entry"][0]["resource"]["identifier"][0]["value"]
    assert made["entry"][0]["request"]["ifNoneExist"].endswith(name)


def test_a_name_that_a_narrative_escapes_is_found_in_it() -> None:
    words = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Mr. O&#x27;Brien came</p></div>'
    made = bundle({"resourceType": "Condition", "text": {"status": "generated", "div": words}})
    assert "Brien" not in fhir_json.write(made)


def test_nobody_is_older_than_the_age_that_stands_for_all_above() -> None:
    ages = [{"onsetAge": {"value": Decimal(each), "unit": "years"}} for each in ("93", "60")]
    made = bundle({"resourceType": "FamilyMemberHistory", "condition": ages})
    assert [each["onsetAge"]["value"] for each in made["entry"][0]["resource"]["condition"]] == [90, 60]
    redaction = redact(TEXT, [], pseudonyms())
    fact = {"attrs": {"onset_age": 93}, "resource": f"{WHOSE}#0"}
    [told] = documents.result({"facts": [fact]}, redaction, pseudonyms())["facts"]
    assert told["attrs"] == {"onset_age": 90}
    assert told["resource"] == f"{made['entry'][0]['fullUrl']}#0"
