"""The versions of models as clients see them: from the registry, and the manifest's own where no version is live."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field

from api.standing import WORKER_SEEN_S
from shared import models, registry, tables
from shared.database import clock
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.models import MANIFEST, Change, State, Version
from shared.registry import ModelVersion
from shared.settings import Settings

_worker = tables.worker


class Serving(BaseModel):
    """On how many of the workers that live it serves now."""

    workers: int
    of: int
    lacking: int = Field(description="workers that should use it and cannot: see their logs, and `clinq models list`")


class Shown(BaseModel):
    """One version of a model at one stage."""

    id: str = Field(description="of the registry; `manifest`: the manifest's own model")
    stage: StageName
    name: str
    version: str
    engine: str
    state: Literal["registered", "shadow", "canary", "live", "retired"] = Field(
        description="of the manifest's own model: live, or registered while a version of the registry is live"
    )
    share: float | None = Field(None, description="of the jobs, while it is the canary")
    sha256: str | None = Field(None, description="of its weights; null where it has none")
    licence: str | None = None
    size_bytes: int | None = None
    metrics: dict[str, float] = Field(default_factory=dict, description="as they were measured")
    registered_at: datetime | None = None
    promoted_at: datetime | None = None
    retired_at: datetime | None = None
    serving: Serving


class Models(BaseModel):
    """All versions, stage by stage in running order."""

    models: list[Shown]


class Noted(BaseModel):
    """One act on a version."""

    at: datetime
    actor: str
    stage: StageName
    from_state: str
    to_state: str
    share: float
    reason: str


class Described(BaseModel):
    """A model with all its versions."""

    name: str
    versions: list[Shown]
    card: str = Field(description="the model card of the newest version, Markdown; empty where there is none")
    changes: list[Noted] = Field(description="the newest acts on its versions, newest first")


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker that lives says."""

    serves: Mapping[str, str]
    """engine:model by stage."""
    lacks: frozenset[str]
    """Stages at which it has not the version that it should use."""
    revision: int
    """What it has followed of the registry."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of models here."""

    versions: Sequence[Version]
    workers: Sequence[Worker]
    revision: int


def known(connection: sa.Connection) -> Known:
    """The registry, and who serves."""
    columns = (_worker.c.models, _worker.c.problems, _worker.c.revision)
    alive = sa.select(*columns).where(_worker.c.seen_at > clock() - WORKER_SEEN_S)
    workers = [
        Worker(json.loads(row.models), frozenset(json.loads(row.problems)), row.revision)
        for row in connection.execute(alive)
    ]
    return Known(models.listed(connection), workers, models.revision(connection))


def shown(found: Known, settings: Settings, own: Mapping[StageName, ModelVersion]) -> list[Shown]:
    """Every version, in the order of the stages; of each stage the registry's newest first, the manifest's last."""
    live = {each.stage for each in found.versions if each.state is State.LIVE}
    about = _licences(settings)
    made = [_registered(each, found) for each in found.versions]
    made += [_own(stage, model, found, about, replaced=stage in live) for stage, model in own.items()]
    order = list(StageName)
    return sorted(made, key=lambda each: order.index(each.stage))


def noted(changes: Iterable[Change], ids: frozenset[str]) -> list[Noted]:
    """The acts on these versions."""
    return [
        Noted(
            at=_time(each.at),
            actor=each.actor,
            stage=each.stage,
            from_state=each.from_state,
            to_state=each.to_state,
            share=each.share,
            reason=each.reason,
        )
        for each in changes
        if (each.version_id or MANIFEST) in ids
    ]


def one(version: Version, found: Known) -> Shown:
    """One registered version."""
    return _registered(version, found)


def _registered(version: Version, found: Known) -> Shown:
    return Shown(
        id=version.id,
        stage=version.stage,
        name=version.name,
        version=version.version,
        engine=version.engine,
        state=version.state.value,
        share=version.share if version.state is State.CANARY else None,
        sha256=version.sha256,
        licence=version.licence or None,
        size_bytes=version.size_bytes or None,
        metrics=dict(version.metrics),
        registered_at=_time(version.registered_at),
        promoted_at=None if version.promoted_at is None else _time(version.promoted_at),
        retired_at=None if version.retired_at is None else _time(version.retired_at),
        serving=_serving(found, version.stage, f"{version.engine}:{version.name}", version.state),
    )


def _own(
    stage: StageName, model: ModelVersion, found: Known, about: Mapping[str, tuple[str, int]], *, replaced: bool
) -> Shown:
    licence, size = about.get(model.name, (None, None))
    return Shown(
        id=MANIFEST,
        stage=stage,
        name=model.name,
        version=model.version,
        engine=model.engine,
        state="registered" if replaced else "live",
        sha256=model.sha256,
        licence=licence,
        size_bytes=size or None,
        serving=_serving(found, stage, f"{model.engine}:{model.name}", State.REGISTERED if replaced else State.LIVE),
    )


def _serving(found: Known, stage: StageName, named: str, state: str) -> Serving:
    """A worker's row names who is live; canaries and shadows are loaded wherever the newest act was followed."""
    lacking = [stage.value in each.lacks for each in found.workers]
    serves = [each.serves.get(stage.value) == named for each in found.workers]
    if state in {State.CANARY, State.SHADOW}:
        serves = [each.revision >= found.revision and stage.value not in each.lacks for each in found.workers]
    used = state in models.IN_USE
    return Serving(workers=sum(serves) * used, of=len(found.workers), lacking=sum(lacking) * used)


def _licences(settings: Settings) -> dict[str, tuple[str, int]]:
    """Licence and bytes of the manifest's models, by name."""
    try:
        manifest = registry.read(settings.manifest)
    except ModelUnavailableError:
        return {}
    return {name: (each.licence, sum(file.size_bytes for file in each.files)) for name, each in manifest.models.items()}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
