"""A reviewed bundle, sent to a real FHIR server that holds the original, brings the review there and nothing twice."""

from __future__ import annotations

import httpx
import pytest

from shared import fhir_json
from shared.review.updating import updating
from tests.worker.fhir.cases import Resource
from tests.worker.fhir.finished import Finished, finished
from tests.worker.fhir.test_other_readers import post, server, tenant_of

__all__ = ["server"]


def found(server: str, kind: str, bundle: Resource) -> list[Resource]:
    """What the server has of the bundle's resources of this type."""
    tags = [each["resource"]["meta"]["tag"][0] for each in bundle["entry"] if each["resource"]["resourceType"] == kind]
    query = {"_tag": ",".join(f"{each['system']}|{each['code']}" for each in tags)}
    answer = fhir_json.read(httpx.get(f"{server}/{kind}", params=query, timeout=30).content)
    return [each["resource"] for each in answer.get("entry", [])]


def reviewed(done: Finished) -> Resource:
    dose = {"fact_id": done.fact("medication", "metformin"), "dose": "850"}
    said = (
        {"action": "correct", "corrections": [dose]},
        {"action": "reject", "facts": [done.fact("condition", "migraine")]},
    )
    return done.after(*said)


@pytest.mark.process
def test_a_review_reaches_a_server_that_holds_the_original(server, note):
    done = finished(tenant_of(note, "updating"))
    after = reviewed(done)
    post(server, done.written)
    post(server, fhir_json.write(updating(after, done.bundle)))
    [metformin] = found(server, "MedicationStatement", after)
    assert metformin["dosage"][0]["text"] == "850 mg twice daily"
    [migraine] = found(server, "Condition", after)
    assert migraine["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    post(server, fhir_json.write(updating(after, done.bundle)))
    assert len(found(server, "MedicationStatement", after)) == 1
    assert len(found(server, "Provenance", after)) == 3


def test_only_what_a_review_changed_is_written_over(note):
    done = finished(note)
    after = reviewed(done)
    methods = {each["fullUrl"]: each["request"]["method"] for each in updating(after, done.bundle)["entry"]}
    kept = {each["fullUrl"]: each["resource"] for each in done.bundle["entry"]}
    changed = {url for url, method in methods.items() if method == "PUT"}
    assert changed == {
        each["fullUrl"] for each in after["entry"] if kept.get(each["fullUrl"], each["resource"]) != each["resource"]
    }
    assert {"POST"} == {methods[url] for url in methods.keys() - changed}
    assert len(changed) == 4  # the two, and the impression and the document that name the condition
    assert updating(done.bundle, done.bundle) == done.bundle
