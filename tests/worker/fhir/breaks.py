"""Ways to break a sound bundle, each with the rule that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.worker.fhir.cases import resources

Bundle = dict[str, Any]
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def first(bundle: Bundle, kind: str) -> Bundle:
    return resources(bundle, kind)[0]


def entry(bundle: Bundle, kind: str) -> Bundle:
    return next(each for each in bundle["entry"] if each["resource"]["resourceType"] == kind)


def put(kind: str, name: str, value: object) -> Callable[[Bundle], None]:
    """Set one field of the first resource of that type."""
    return lambda bundle: first(bundle, kind).__setitem__(name, value)


def drop(kind: str, name: str) -> Callable[[Bundle], None]:
    return lambda bundle: first(bundle, kind).pop(name)


def status(kind: str, name: str, code: str) -> Callable[[Bundle], None]:
    return lambda bundle: first(bundle, kind)[name]["coding"][0].__setitem__("code", code)


def says(inner: str) -> Callable[[Bundle], None]:
    return put("Condition", "text", {"status": "generated", "div": XHTML.format(inner)})


def request(name: str, value: str) -> Callable[[Bundle], None]:
    return lambda bundle: entry(bundle, "Condition")["request"].__setitem__(name, value)


def evidence(part: int, value: dict[str, Any]) -> Callable[[Bundle], None]:
    return lambda bundle: first(bundle, "Condition")["extension"][0]["extension"][part].update(value)


def coding(**changes: str) -> Callable[[Bundle], None]:
    return lambda bundle: first(bundle, "Condition")["code"]["coding"][0].update(changes)


def dose(**changes: object) -> Callable[[Bundle], None]:
    def change(bundle: Bundle) -> None:
        first(bundle, "MedicationStatement")["dosage"][0]["doseAndRate"][0]["doseQuantity"].update(changes)

    return change


def attachment(**changes: object) -> Callable[[Bundle], None]:
    return lambda bundle: first(bundle, "DocumentReference")["content"][0]["attachment"].update(changes)


def to_device(kind: str, name: str) -> Callable[[Bundle], None]:
    """A reference to the Device where none may stand."""
    return lambda bundle: first(bundle, kind).__setitem__(name, {"reference": entry(bundle, "Device")["fullUrl"]})


def repeat_full_url(bundle: Bundle) -> None:
    bundle["entry"][1]["fullUrl"] = bundle["entry"][0]["fullUrl"]


def repeat_search(bundle: Bundle) -> None:
    search = entry(bundle, "Condition")["request"]["ifNoneExist"]
    entry(bundle, "Composition")["request"]["ifNoneExist"] = search


def upper_case_full_url(bundle: Bundle) -> None:
    entry(bundle, "Composition")["fullUrl"] = entry(bundle, "Composition")["fullUrl"].upper()


def no_request(bundle: Bundle) -> None:
    entry(bundle, "Condition").pop("request")


def collection_with_requests(bundle: Bundle) -> None:
    bundle["type"] = "collection"


def document_that_begins_elsewhere(bundle: Bundle) -> None:
    bundle["type"] = "document"
    for each in bundle["entry"]:
        each.pop("request")


def no_behalf(bundle: Bundle) -> None:
    first(bundle, "Provenance")["agent"][0].pop("onBehalfOf")


def value_with_the_code_of_its_component(bundle: Bundle) -> None:
    headache = first(bundle, "Observation")
    headache["component"][0]["code"] = headache["code"]


def empty_section(bundle: Bundle) -> None:
    first(bundle, "Composition")["section"][0] = {"title": "Summary"}


def unlabelled(bundle: Bundle) -> None:
    first(bundle, "Condition")["meta"].pop("security")


def resource_of_another_kind(bundle: Bundle) -> None:
    entry(bundle, "Condition")["resource"] = {"resourceType": "Claim"}


BREAKS: dict[str, tuple[str, Callable[[Bundle], None]]] = {
    "not a bundle": ("structure", lambda bundle: bundle.__setitem__("resourceType", "Patient")),
    "unknown field": ("structure", put("Condition", "diagnosis", "x")),
    "missing subject": ("structure", drop("Condition", "subject")),
    "wrong type": ("structure", put("Observation", "valueBoolean", "perhaps")),
    "two values": ("structure", put("Observation", "valueString", "x")),
    "no time zone": ("structure", put("Condition", "recordedDate", "2026-03-01T09:30:00")),
    "impossible date": ("structure", put("Condition", "recordedDate", "2026-02-31")),
    "resource that clinq does not send": ("structure", resource_of_another_kind),
    "null": ("ele-1", put("Condition", "note", None)),
    "empty array": ("ele-1", put("Condition", "note", [])),
    "empty text": ("ele-1", put("Patient", "gender", "")),
    "white space": ("string", put("CarePlan", "title", " \n")),
    "foreign status": ("code-binding", put("Observation", "status", "done")),
    "foreign gender": ("code-binding", put("Patient", "gender", "m")),
    "foreign intent": ("code-binding", put("CarePlan", "intent", "wish")),
    "foreign clinical status": ("code-binding", status("Condition", "clinicalStatus", "present")),
    "foreign verification": ("code-binding", status("Condition", "verificationStatus", "assumed")),
    "status of another system": ("code-binding", put("Condition", "clinicalStatus", {"text": "active"})),
    "R5 verification of an allergy": ("code-binding", status("AllergyIntolerance", "verificationStatus", "presumed")),
    "foreign category": (
        "code-binding",
        lambda bundle: resources(bundle, "Observation")[2]["category"][0]["coding"][0].update(code="vitals"),
    ),
    "system that may not leave": ("code-system", coding(system="http://snomed.info/sct", code="37796009")),
    "system by its short name": ("code-system", coding(system="ICD-10")),
    "code without a system": ("code-system", lambda b: first(b, "Condition")["code"]["coding"][0].pop("system")),
    "code of the wrong form": ("code-form", coding(code="G43909")),
    "LOINC with a wrong check digit": ("code-form", coding(system="http://loinc.org", code="8480-7")),
    "concept of nothing": ("concept", put("Condition", "code", {"id": "x"})),
    "unit that is not UCUM": ("ucum", dose(code="milligrams")),
    "unit of another system": ("ucum", dose(system="http://example.org/units")),
    "unit code without system": ("qty-3", lambda b: dose()(b) or quantity(b).pop("system")),
    "quantity without a value": ("quantity", lambda b: quantity(b).pop("value")),
    "reference to nothing": (
        "reference",
        put("Condition", "subject", {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"}),
    ),
    "reference that is a URL": ("reference", put("Condition", "subject", {"reference": "https://h.example/Patient/1"})),
    "reference without a target": ("reference", put("Condition", "subject", {"display": "Jane"})),
    "device as recorder": ("reference-type", to_device("Condition", "recorder")),
    "device as asserter": ("reference-type", to_device("AllergyIntolerance", "asserter")),
    "device as subject": ("reference-type", to_device("Condition", "subject")),
    "composition by a patient's id": ("reference-type", put("Composition", "encounter", {"reference": "Patient/1"})),
    "the same fullUrl twice": ("bdl-7", repeat_full_url),
    "fullUrl in capitals": ("full-url", upper_case_full_url),
    "no request": ("bdl-3", no_request),
    "request in a collection": ("bdl-3", collection_with_requests),
    "searchset": ("bdl-3", lambda bundle: bundle.__setitem__("type", "searchset")),
    "a total": ("bdl-1", lambda bundle: bundle.__setitem__("total", 3)),
    "a search mode": ("bdl-2", lambda bundle: bundle["entry"][0].__setitem__("search", {"mode": "match"})),
    "a response": ("bdl-4", lambda bundle: bundle["entry"][0].__setitem__("response", {"status": "200"})),
    "no identifier": ("bdl-9", lambda bundle: bundle.pop("identifier")),
    "no timestamp": ("bdl-10", lambda bundle: bundle.pop("timestamp")),
    "document without its composition first": ("bdl-11", document_that_begins_elsewhere),
    "no entries": ("bundle", lambda bundle: bundle.pop("entry")),
    "conditional update": ("request", request("method", "PUT")),
    "request to another type": ("request", request("url", "Observation")),
    "search that finds anything": ("request", request("ifNoneExist", "_lastUpdated=gt2020")),
    "the same search twice": ("request", repeat_search),
    "active but abated": (
        "con-4",
        lambda b: first(b, "Condition").update(abatementString="x", clinicalStatus=_active()),
    ),
    "problem list item without status": (
        "con-3",
        lambda b: (first(b, "Condition").pop("clinicalStatus"), status_of_category(b)),
    ),
    "error with a clinical status": ("con-5", status("Condition", "verificationStatus", "entered-in-error")),
    "refuted with a clinical status": ("refuted", status("Condition", "verificationStatus", "refuted")),
    "allergy without a clinical status": ("ait-1", drop("AllergyIntolerance", "clinicalStatus")),
    "mistaken allergy with a status": ("ait-2", status("AllergyIntolerance", "verificationStatus", "entered-in-error")),
    "value and reason for none": ("obs-6", put("Observation", "dataAbsentReason", {"text": "unknown"})),
    "component with the code of the value": ("obs-7", value_with_the_code_of_its_component),
    "observation of nothing": (
        "observation",
        lambda b: [first(b, "Observation").pop(name) for name in ("valueBoolean", "component")],
    ),
    "extension with neither": ("ext-1", put("Condition", "extension", [{"url": "http://x.example"}])),
    "extension with both": ("ext-1", lambda b: first(b, "Condition")["extension"][0].__setitem__("valueString", "x")),
    "length without offset": ("der-1", lambda b: first(b, "Condition")["extension"][0]["extension"].pop(2)),
    "empty section": ("cmp-1", empty_section),
    "period that ends first": (
        "per-1",
        put("Condition", "onsetPeriod", {"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}),
    ),
    "data without a type": (
        "att-1",
        lambda b: first(b, "DocumentReference")["content"][0]["attachment"].pop("contentType"),
    ),
    "period without a unit": (
        "tim-2",
        lambda b: first(b, "MedicationStatement")["dosage"][0]["timing"]["repeat"].pop("periodUnit"),
    ),
    "device on nobody's behalf": ("provenance-1", no_behalf),
    "script": ("txt-1", says("<script>alert(1)</script>")),
    "event handler": ("txt-1", says('<p onclick="alert(1)">x</p>')),
    "image from outside": ("txt-1", says('<p>x<img src="https://evil.example/x.png"/></p>')),
    "link that runs": ("txt-1", says('<a href="javascript:alert(1)">x</a>')),
    "style that fetches": ("txt-1", says('<p style="background:url(https://evil.example)">x</p>')),
    "unescaped words": ("txt-1", says("<p>BP < 90</p>")),
    "entity": (
        "txt-1",
        put("Condition", "text", {"status": "generated", "div": '<!DOCTYPE x [<!ENTITY e "y">]><p>&e;</p>'}),
    ),
    "no namespace": ("txt-1", put("Condition", "text", {"status": "generated", "div": "<div><p>x</p></div>"})),
    "nothing said": ("txt-2", says("<p> </p>")),
    "no label": ("ai-label", unlabelled),
    "no evidence": ("evidence", drop("Condition", "extension")),
    "evidence beyond the text": ("evidence", evidence(2, {"valueInteger": 10_000})),
    "evidence of no words": ("evidence", evidence(3, {"valueInteger": 0})),
    "evidence before the text": ("evidence", evidence(2, {"valueInteger": -1})),
    "evidence in another resource": ("evidence", evidence(0, {"valueReference": {"reference": "DocumentReference/1"}})),
    "no narrative": ("dom-6", drop("Condition", "text")),
    "content of no media type": ("code-binding", attachment(contentType="text")),
    "an event and a time of day": (
        "tim-10",
        lambda b: first(b, "MedicationStatement")["dosage"][0]["timing"]["repeat"].update(
            when=["MORN"], timeOfDay=["08:00:00"]
        ),
    ),
    "an offset without its event": (
        "tim-9",
        lambda b: first(b, "MedicationStatement")["dosage"][0]["timing"]["repeat"].update(offset=30),
    ),
    "data that is not base64": ("base64", attachment(data="not base64!")),
    "hash of something else": ("attachment", attachment(hash="AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
    "size of something else": ("attachment", attachment(size=1)),
}  # fmt: skip


def _active() -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {"coding": [{"system": system, "code": "active"}]}


def quantity(bundle: Bundle) -> Bundle:
    return first(bundle, "MedicationStatement")["dosage"][0]["doseAndRate"][0]["doseQuantity"]


def status_of_category(bundle: Bundle) -> None:
    first(bundle, "Condition")["category"][0]["coding"][0]["code"] = "problem-list-item"
