"""A collection, a document and single resources say what the transaction says, and pass the same judges."""

from __future__ import annotations

import json

import fhirkit
import pytest
from fhirclient.models.bundle import Bundle as ClientBundle

from shared import bundle_forms, fhir_json
from tests.worker.fhir.cases import Resource
from tests.worker.fhir.finished import finished
from tests.worker.fhir.test_other_readers import CASES, floats
from worker.fhir.check import problems


@pytest.fixture
def transaction(note) -> Resource:
    return finished(note).bundle


@pytest.mark.parametrize("kind", ["collection", "document"])
@pytest.mark.parametrize("variant", CASES)
def test_every_form_passes_the_check_and_other_readers(note, kind, variant):
    formed = bundle_forms.formed(finished(variant(note)).bundle, kind)
    assert problems(formed) == []
    assert fhirkit.parse(fhir_json.write(formed), strict=True).issues == []
    assert len(ClientBundle(floats(formed), strict=True).entry) == len(formed["entry"])


def test_a_transaction_stays_as_it_is(transaction):
    assert bundle_forms.formed(transaction, "transaction") is transaction


def test_a_document_begins_with_its_composition_and_leaves_nothing_out(transaction):
    document = bundle_forms.formed(transaction, "document")
    kinds = [each["resource"]["resourceType"] for each in document["entry"]]
    assert kinds[0] == "Composition"
    assert sorted(kinds) == sorted(each["resource"]["resourceType"] for each in transaction["entry"])
    assert document["timestamp"] == transaction["timestamp"]
    assert document["identifier"]["value"] == f"{transaction['identifier']['value']}/document"


def test_the_same_transaction_gives_the_same_bytes_and_is_not_changed(note):
    one, other = finished(note).bundle, finished(note).bundle
    for kind in ("collection", "document"):
        assert fhir_json.write(bundle_forms.formed(one, kind)) == fhir_json.write(bundle_forms.formed(other, kind))
    assert bundle_forms.ndjson(one) == bundle_forms.ndjson(other)
    assert fhir_json.write(one) == finished(note).written


def test_each_line_stands_behind_those_that_it_refers_to(transaction):
    known: set[str] = set()
    for line in bundle_forms.ndjson(transaction).splitlines():
        resource = json.loads(line)
        assert set(references(resource)) <= known
        known.add(f"{resource['resourceType']}/{resource['id']}")
    assert len(known) == len(transaction["entry"])


def references(value: object) -> list[str]:
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["reference"]] if isinstance(value.get("reference"), str) else []
    return [*own, *(found for each in value.values() for found in references(each))]


def test_each_line_is_a_resource_that_other_readers_take(transaction):
    for resource in bundle_forms.resources(transaction):
        assert fhirkit.parse(fhir_json.write(resource), strict=True).issues == []


def test_the_digits_of_the_note_stay(note):
    written = finished(note).written.replace('"value":500,', '"value":500.00,', 1)
    assert '"value":500.00,' in bundle_forms.ndjson(fhir_json.read(written))
