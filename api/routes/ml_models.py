"""The models: what there is, what serves, how each version has done, how two compare, and who serves from now on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from api.deps import Caller, Here, actor
from api.errors import ProblemError
from api.ml.asked import NO_NUL, Act, Model, Promotion
from api.ml.comparing import Report, report
from api.ml.pins import manifested, no_such_model, version_named
from api.ml.spans import Hours, Since, Step, Until, hours
from api.ml.telling import Performance, performance
from api.ml.versions import Described, Known, Models, Shown, known, noted, one, shown
from api.security.guard import guarded
from api.services import Services
from shared import figures, model_acts, models
from shared.audit import Actor
from shared.job import StageName
from shared.model_acts import IllegalStateError
from shared.models import State, Version

T = TypeVar("T")
CHANGES = 200  # acts that are looked through for those on one model
readable = APIRouter(prefix="/ml", tags=["models"], route_class=guarded("read"))
changeable = APIRouter(prefix="/ml/models", tags=["models"], route_class=guarded("models"))
VersionOf = Annotated[str | None, Query(max_length=40, pattern=r"^[A-Za-z0-9._+\-]+$", description="only this version")]
StageOf = Annotated[StageName | None, Query(description="only at this stage")]


class Course(BaseModel):
    """How the versions of a model have done in the caller's tenant; whole hours."""

    model: str
    begins: datetime
    ends: datetime
    versions: list[Performance]


@readable.get("/models")
async def list_(services: Here, stage: StageOf = None, state: State | None = None) -> Models:
    """All versions: the registry's, and the manifest's own, with what serves now on how many workers."""
    every = await _shown(services)
    fitting = [each for each in every if stage in {None, each.stage} and state in {None, State(each.state)}]
    return Models(models=fitting)


@readable.get("/models/{name}")
async def describe(services: Here, name: str) -> Described:
    """One model: its versions, its card, and the acts on it."""

    def question(connection: sa.Connection) -> tuple[Known, list[models.Change]]:
        return known(connection), models.changes(connection, most=CHANGES)

    found, changes = await services.reader.run(question)
    its = [each for each in _all(services, found) if each.name == name]
    if not its:
        raise no_such_model()
    card = next((each.card for each in found.versions if each.name == name and each.card), "")
    return Described(name=name, versions=its, card=card, changes=noted(changes, frozenset(each.id for each in its)))


@readable.get("/models/{name}/performance")
async def course(
    services: Here,
    caller: Caller,
    name: Annotated[str, Path(pattern=NO_NUL)],
    version: VersionOf = None,
    stage: StageOf = None,
    since: Since = None,
    until: Until = None,
    step: Step | None = None,
) -> Course:
    """Times, failures, doubts and agreement of each version over time, in the caller's tenant; a week when unsaid."""
    span = hours(since, until)

    def question(connection: sa.Connection) -> list[figures.Kept]:
        return figures.read(
            connection,
            caller.tenant,
            span.both,
            step_h=span.step_h(step),
            stage=stage,
            model=name,
            version=version,
        )

    found = await services.reader.run(question)
    if not found and all(each.name != name for each in await _shown(services)):
        raise no_such_model()
    return Course(model=name, begins=span.begins, ends=span.ends, versions=performance(found))


@readable.get("/ab")
async def compare(
    services: Here, caller: Caller, stage: StageName, a: Model, b: Model, since: Since = None, until: Until = None
) -> Report:
    """Two versions (name@version) at one stage beside each other, with intervals, tests, and how shadows agreed."""
    span: Hours = hours(since, until)
    return await services.reader.run(
        lambda connection: report(connection, caller.tenant, stage, (a, b), span, manifested(services.settings))
    )


@changeable.post("/{name}/promote")
async def promote(services: Here, caller: Caller, request: Request, name: str, body: Promotion) -> Shown:
    """Let a version serve: all jobs (live), a share of them (canary), or beside those that serve (shadow)."""

    def act(connection: sa.Connection, who: Actor) -> Version:
        its = version_named(connection, name, body.version, body.stage)
        share, reason = body.share or 0.0, body.reason or ""
        return model_acts.set_state(connection, who, its.id, State(body.state), share=share, reason=reason)

    return await _acted(services, caller.tenant, actor(request), act)


@changeable.post("/{name}/rollback")
async def rollback(services: Here, caller: Caller, request: Request, name: str, body: Act) -> list[Shown]:
    """Let what served before this model serve again: for a canary, who is live; else that stage's canary ends, too."""
    _may_act(services, caller.tenant)
    who = actor(request)

    def act(connection: sa.Connection) -> tuple[StageName, Known]:
        its = version_named(connection, name, body.version, body.stage)
        if its.state not in {State.LIVE, State.CANARY}:
            raise IllegalStateError(f"this version is {its.state.value}: it serves nobody, so nothing is rolled back")
        if its.state is State.CANARY:
            model_acts.set_state(connection, who, its.id, State.REGISTERED, reason=body.reason or "rolled back")
        else:
            model_acts.rollback(connection, who, its.stage, reason=body.reason or "")
        return its.stage, known(connection)

    stage, found = await _run(services, act)
    return [each for each in _all(services, found) if each.stage is stage]


@changeable.post("/{name}/retire")
async def retire(services: Here, caller: Caller, request: Request, name: str, body: Act) -> Shown:
    """Take a version out of use; its files stay. What is live is left by promoting another, or by rollback."""

    def act(connection: sa.Connection, who: Actor) -> Version:
        its = version_named(connection, name, body.version, body.stage)
        return model_acts.set_state(connection, who, its.id, State.RETIRED, reason=body.reason or "")

    return await _acted(services, caller.tenant, actor(request), act)


async def _acted(services: Services, tenant: str, who: Actor, act: Callable[[sa.Connection, Actor], Version]) -> Shown:
    _may_act(services, tenant)

    def write(connection: sa.Connection) -> Shown:
        version = act(connection, who)
        return one(version, known(connection))

    return await _run(services, write)


async def _run(services: Services, act: Callable[[sa.Connection], T]) -> T:
    """Raises ProblemError 409 for what the registry does not allow; its words name states only."""
    try:
        return await services.writer.run(act)
    except IllegalStateError as error:
        raise ProblemError(409, error.code, f"{str(error)[:1].upper()}{str(error)[1:]}.") from error


def _may_act(services: Services, tenant: str) -> None:
    """Models serve all tenants: only the operator's own may change them. Raises ProblemError 403."""
    if tenant != services.settings.operator_tenant:
        raise ProblemError(403, "forbidden", "Models serve all tenants: only the operator's tenant changes them.")


async def _shown(services: Services) -> list[Shown]:
    return _all(services, await services.reader.run(known))


def _all(services: Services, found: Known) -> list[Shown]:
    return shown(found, services.settings, manifested(services.settings))
