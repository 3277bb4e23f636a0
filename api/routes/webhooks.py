"""Webhooks: the tenant's endpoints and signing secrets, the log of deliveries, and sending one again."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, HttpUrl

from api import callbacks
from api.deps import Caller, Here, actor
from api.errors import ProblemError
from api.security.guard import guarded
from api.services import Services
from shared import audit
from shared.job import Frozen
from shared.webhooks import endpoint, history, secret
from shared.webhooks.endpoint import TooManyEndpointsError
from shared.webhooks.history import Filter
from shared.webhooks.outbox import DeliveryState
from shared.webhooks.secret import SigningSecret

MOST = 200  # deliveries a page
endpoints = APIRouter(prefix="/webhooks/endpoints", tags=["webhooks"], route_class=guarded("keys"))
secrets = APIRouter(prefix="/webhooks/secrets", tags=["webhooks"], route_class=guarded("keys", body=None))
readable = APIRouter(prefix="/webhooks/deliveries", tags=["webhooks"], route_class=guarded("read"))
repeatable = APIRouter(prefix="/webhooks/deliveries", tags=["webhooks"], route_class=guarded("submit", body=None))

ID = r"^[0-9a-f-]{36}$"
Id = Annotated[str | None, Query(pattern=ID)]


class Row(BaseModel):
    """What is shown of a stored record; its seconds since the epoch become times."""

    model_config = ConfigDict(from_attributes=True)


class WantedEndpoint(Frozen):
    """An address to be called at the end of every job of the tenant."""

    url: HttpUrl


class Endpoint(Row):
    """An address as it is listed."""

    id: str
    url: str
    created_at: datetime
    disabled_at: datetime | None = Field(None, description="since its receiver answered 410 Gone")


class Endpoints(BaseModel):
    """All of them, oldest first."""

    endpoints: list[Endpoint]


class Secret(Row):
    """A signing secret as it is listed."""

    id: str
    created_at: datetime
    revoked_at: datetime | None = None


class MadeSecret(Secret):
    """A signing secret that is shown this once."""

    secret: str = Field(examples=["whsec_..."])


class Secrets(BaseModel):
    """All of them, newest first."""

    secrets: list[Secret]


class Delivery(Row):
    """A delivery as the log shows it."""

    id: str = Field(description="the Clinq-Delivery header: the same each time it is sent")
    job_id: str | None = None
    batch_id: str | None = None
    endpoint_id: str | None = Field(None, description="absent when the address came with the submission")
    kind: Literal["end", "crisis"] = Field(description="what it tells: the end of the job or batch, or a crisis")
    state: DeliveryState
    origin: str | None = Field(None, description="whose address it goes to, without its path")
    attempts: int
    created_at: datetime
    due_at: datetime | None = Field(None, description="when the job or batch ended, or the crisis was found")
    next_at: datetime | None = Field(None, description="when it is sent next")
    ended_at: datetime | None = None


class Deliveries(BaseModel):
    """A page of the log, newest first."""

    deliveries: list[Delivery]
    next: str | None = Field(None, description="give it as `after` to go on; absent at the end")


class Attempt(Row):
    """What came of one attempt."""

    at: datetime
    status_code: int | None = None
    problem: str | None = None
    seconds: float


class WholeDelivery(Delivery):
    """A delivery with all its attempts."""

    log: list[Attempt]


@endpoints.post("", status_code=201, response_model_exclude_none=True)
async def name_endpoint(services: Here, request: Request, body: WantedEndpoint) -> Endpoint:
    """Name an address that every job and batch of the tenant calls at its end."""
    who, url = actor(request), callbacks.checked(services, body.url, pointer="/url")

    def act(connection: sa.Connection) -> endpoint.Endpoint:
        made = endpoint.add(connection, services.keyring, who.tenant, url)
        audit.record(connection, who, "endpoint_named", job_id=None)
        return made

    try:
        made = await services.writer.run(act)
    except TooManyEndpointsError as error:
        raise ProblemError(409, "too_many_endpoints", f"A tenant has at most {endpoint.MOST} endpoints.") from error
    services.endpoints.forget(who.tenant)
    return Endpoint.model_validate(made)


@endpoints.get("", response_model_exclude_none=True)
async def list_endpoints(services: Here, caller: Caller) -> Endpoints:
    """All endpoints of the tenant."""
    rows = await services.reader.run(
        lambda connection: endpoint.listed(connection, services.keyring, caller.tenant),
    )
    return Endpoints(endpoints=[Endpoint.model_validate(each) for each in rows])


@endpoints.delete("/{endpoint_id}", status_code=204, response_class=Response)
async def remove_endpoint(services: Here, request: Request, endpoint_id: str) -> None:
    """Call an address no more; what still waits to be sent to it is given up."""
    who = actor(request)

    def act(connection: sa.Connection) -> bool:
        removed = endpoint.remove(connection, who.tenant, endpoint_id)
        if removed:
            audit.record(connection, who, "endpoint_removed", job_id=None)
        return removed

    if not re.fullmatch(ID, endpoint_id) or not await services.writer.run(act):
        raise ProblemError(404, "endpoint_not_found", "There is no such endpoint.")
    services.endpoints.forget(who.tenant)


@secrets.post("", status_code=201, response_model_exclude_none=True)
async def rotate(services: Here, request: Request) -> MadeSecret:
    """Make a signing secret, shown this once; it and the one before it sign from now on, older ones end."""
    who = actor(request)

    def act(connection: sa.Connection) -> tuple[SigningSecret, str]:
        made = secret.rotate(connection, services.keyring, who.tenant)
        audit.record(connection, who, "secret_rotated", job_id=None)
        return made

    row, text = await services.writer.run(act)
    return MadeSecret(**Secret.model_validate(row).model_dump(), secret=text)


@secrets.get("", response_model_exclude_none=True)
async def list_secrets(services: Here, caller: Caller) -> Secrets:
    """All signing secrets of the tenant, revoked ones too; never the secrets themselves."""
    rows = await services.reader.run(lambda connection: secret.listed(connection, caller.tenant))
    return Secrets(secrets=[Secret.model_validate(each) for each in rows])


@readable.get("", response_model_exclude_none=True)
async def list_deliveries(
    services: Here,
    caller: Caller,
    job_id: Id = None,
    batch_id: Id = None,
    state: DeliveryState | None = None,
    after: Id = None,
    most: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> Deliveries:
    """The log of deliveries, newest first; those that wait for the end of their job are `armed`."""
    which = Filter(job_id, batch_id, state)
    rows = await services.reader.run(
        lambda connection: history.listed(
            connection, services.keyring, caller.tenant, which, after=after, most=most + 1
        ),
    )
    shown = rows[:most]
    return Deliveries(
        deliveries=[Delivery.model_validate(each) for each in shown],
        next=shown[-1].id if len(rows) > most else None,
    )


@readable.get("/{delivery_id}", response_model_exclude_none=True)
async def read_delivery(services: Here, caller: Caller, delivery_id: str) -> WholeDelivery:
    """A delivery and what came of each attempt."""
    found = await _find(services, caller.tenant, delivery_id)
    tried = await services.reader.run(lambda connection: history.attempts(connection, found.id))
    log = [Attempt.model_validate(each) for each in tried]
    return WholeDelivery(**Delivery.model_validate(found).model_dump(), log=log)


@repeatable.post("/{delivery_id}/redeliver", status_code=202, response_model_exclude_none=True)
async def redeliver(services: Here, request: Request, delivery_id: str) -> Delivery:
    """Send a delivery again at once, whatever became of it; its id stays, so that a receiver knows it."""
    who = actor(request)
    found = await _find(services, who.tenant, delivery_id)

    def act(connection: sa.Connection) -> bool:
        again = history.redeliver(connection, found.id)
        if again:
            audit.record(connection, who, "redelivered", job_id=found.job_id)
        return again

    if not await services.writer.run(act):
        why = "Its job or batch has not ended yet, or its endpoint is called no more."
        raise ProblemError(409, "not_deliverable", why)
    return Delivery.model_validate(await _find(services, who.tenant, delivery_id))


async def _find(services: Services, tenant: str, delivery_id: str) -> history.Delivery:
    found = None
    if re.fullmatch(ID, delivery_id):
        found = await services.reader.run(
            lambda connection: history.find(connection, services.keyring, tenant, delivery_id)
        )
    if found is None:
        raise ProblemError(404, "delivery_not_found", "There is no such delivery.")
    return found
