"""Provenance: which software made what from which source, one record a run."""

from __future__ import annotations

from collections.abc import Sequence

from worker.fhir import ids
from worker.fhir.chart import Chart, Entry
from worker.fhir.codes import AI_DEVICE, AI_LABEL, JOB_ID, coded, hl7
from worker.fhir.elements import Element, element
from worker.fhir.narrative import narrative

AUTHOR = coded(hl7("provenance-participant-type"), "author", "Author")
AI = coded(AI_DEVICE, "Artificial-Intelligence", "All kinds of Artificial Intelligence")


def provenance(
    chart: Chart, targets: Sequence[Entry], devices: Sequence[Entry], sources: Sequence[Entry], operator: Entry
) -> Entry:
    """The record of this run; every device acts on behalf of the operator (US Core provenance-1).

    It is named by the job: a later run, with another model, leaves a record of its own.
    """
    job = chart.case.origin.job_id
    name = ids.named(ids.NAMESPACE, "Provenance", job)
    said = f"Written by {', '.join(each.said for each in devices)} from the source"
    resource = element(
        resourceType="Provenance",
        meta={"security": [AI_LABEL], "tag": [{"system": JOB_ID, "code": job}]},
        text=narrative([said]),
        target=[each.reference for each in targets],
        occurredDateTime=chart.recorded,
        recorded=chart.recorded,
        activity=coded(hl7("v3-DataOperation"), "CREATE", "create"),
        agent=[_agent(each, operator) for each in devices],
        entity=[{"role": "source", "what": each.reference} for each in sources],
    )
    return Entry(ids.full_url(name), resource, ids.search("_tag", JOB_ID, job), said, labelled=True)


def _agent(device: Entry, operator: Entry) -> Element:
    return {"type": AUTHOR, "role": [AI], "who": device.reference, "onBehalfOf": operator.reference}
