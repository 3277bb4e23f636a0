"""A result for other systems: the FHIR Bundle in its forms, before and after review, and HL7 v2 messages."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api import reading
from api.deps import Here, actor
from api.errors import invalid
from api.reviewed import bundle as reviewed_bundle
from api.routes.result import FHIR_JSON, not_there
from api.security.guard import guarded
from api.services import Services
from shared import bundle_forms, fhir_json
from shared.audit import Actor
from shared.bundle_forms import Kind
from shared.hl7v2.mdm import mdm
from shared.hl7v2.oru import oru
from shared.review.updating import updating

FHIR_NDJSON = "application/fhir+ndjson"
HL7_V2 = "application/hl7-v2"
MESSAGES = {"oru": oru, "mdm": mdm}
Reviewed = Annotated[bool, Query(description="false: as the software wrote it, whatever reviewers said since")]
readable = APIRouter(tags=["result"], route_class=guarded("read"))


@readable.get("/result/{job_id}/bundle", responses={200: {"content": {FHIR_JSON: {}, FHIR_NDJSON: {}}}})
async def bundle(
    services: Here,
    request: Request,
    job_id: str,
    kind: Annotated[Kind, Query(alias="type", description="the kind of Bundle")] = "transaction",
    form: Annotated[
        Literal["json", "ndjson"],
        Query(alias="format", description="ndjson: each resource on a line of its own, after those it refers to"),
    ] = "json",
    reviewed: Reviewed = True,
    update: Annotated[
        bool, Query(description="true: for a server that holds the original: what reviewers changed is written over it")
    ] = False,
) -> Response:
    """The FHIR R4 Bundle: byte for byte as it is stored, but for what reviewers have said of it."""
    if update and (kind, form, reviewed) != ("transaction", "json", True):
        raise invalid("?update", "only the reviewed transaction is an update: leave type, format and reviewed out")
    stored = await _bundle(services, actor(request), job_id, reviewed=reviewed, update=update)
    if form == "ndjson":
        lines = await asyncio.to_thread(lambda: bundle_forms.ndjson(fhir_json.read(stored)))
        return Response(lines, media_type=FHIR_NDJSON)
    if kind != "transaction":
        stored = await asyncio.to_thread(_formed, stored, kind)
    return Response(stored, media_type=FHIR_JSON)


@readable.get("/result/{job_id}/hl7v2", responses={200: {"content": {HL7_V2: {}}}})
async def hl7v2(
    services: Here,
    request: Request,
    job_id: str,
    message: Annotated[
        Literal["oru", "mdm"], Query(description="ORU^R01: the findings; MDM^T02: the document")
    ] = "oru",
    reviewed: Reviewed = True,
) -> Response:
    """The same result as an HL7 v2.5.1 message in UTF-8, each segment ended by a carriage return."""
    stored = await _bundle(services, actor(request), job_id, reviewed=reviewed)
    written = await asyncio.to_thread(lambda: MESSAGES[message](fhir_json.read(stored)))
    return Response(written.encode(), media_type=HL7_V2)


async def _bundle(services: Services, who: Actor, job_id: str, *, reviewed: bool, update: bool = False) -> bytes:
    """The transaction as it is stored or, where it was reviewed, as it reads since."""
    job = await reading.find(services, who, job_id, "bundle")
    stored = reading.opened(services, who, job, "bundle")
    if stored is None:
        raise not_there(job, "FHIR Bundle")
    if not reviewed:
        return stored
    since = await reviewed_bundle(services, job, stored)
    return await asyncio.to_thread(_updating, since, stored) if update and since != stored else since


def _updating(since: bytes, stored: bytes) -> bytes:
    return fhir_json.write(updating(fhir_json.read(since), fhir_json.read(stored))).encode()


def _formed(stored: bytes, kind: Kind) -> bytes:
    return fhir_json.write(bundle_forms.formed(fhir_json.read(stored), kind)).encode()
