"""The model registry as it is read: versions of models by stage, which of them serve, and every act on them.

The manifest's own model serves a stage as long as no version is live there. A worker reads `serving` when `revision`
has changed. What changes it is in shared/model_acts.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

from shared import tables
from shared.database import clock
from shared.errors import ClinqError
from shared.job import StageName
from shared.registry import ModelVersion

_version = tables.model_version
_change = tables.model_change
_worker = tables.worker
MANIFEST = "manifest"
"""What stands for the id of the manifest's own model where a job names the version that must do a stage."""
WEIGHTS, ADAPTER = "weights", "adapter"
"""The two folders within a version's folder."""


class State(StrEnum):
    """What a version is used for."""

    REGISTERED = "registered"
    """Kept, and used for nothing."""
    SHADOW = "shadow"
    """Runs behind finished jobs, to be compared; serves nobody."""
    CANARY = "canary"
    """Serves a share of the jobs."""
    LIVE = "live"
    """Serves all jobs that no canary serves."""
    RETIRED = "retired"
    """Was replaced, or is not wanted any more; its files stay for a rollback."""


IN_USE = (State.LIVE, State.CANARY, State.SHADOW)


class NoSuchModelError(ClinqError):
    """The registry holds no such version, or several."""

    code = "no_such_model"


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What is to be registered."""

    stage: StageName
    name: str
    version: str
    engine: str
    folder: str | None = None
    """Below the models folder; in it `weights` and, where there is one, `adapter`."""
    sha256: str | None = None
    adapter: bool = False
    size_bytes: int = 0
    source: str = ""
    licence: str = ""
    card: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version(NewVersion):
    """A registered version of a model."""

    id: str = ""
    state: State = State.REGISTERED
    share: float = 0.0
    """Of the jobs, 0 to 1, while it is the canary."""
    replaced: str | None = None
    """The version that was live before it; None: the manifest's own model."""
    registered_at: float = 0.0
    promoted_at: float | None = None
    """When it last became live."""
    retired_at: float | None = None
    registered_by: str = ""

    @property
    def label(self) -> str:
        """As people name it."""
        return f"{self.name}@{self.version}"

    def placed(self, models_dir: Path) -> ModelVersion:
        """What a stage loads on a machine whose weights lie in this folder."""
        home = None if self.folder is None else models_dir / self.folder
        return ModelVersion(
            name=self.name,
            engine=self.engine,
            version=self.version,
            path=None if home is None else home / WEIGHTS,
            sha256=self.sha256,
            adapter=home / ADAPTER if home is not None and self.adapter else None,
            options=dict(self.options),
            id=self.id,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One act on the registry."""

    seq: int
    """Grows with each act."""
    at: float
    stage: StageName
    version_id: str | None
    """None: the manifest's own model."""
    actor: str
    from_state: str
    """Empty when the version was not there before."""
    to_state: str
    share: float
    reason: str


@dataclass(frozen=True, slots=True)
class Lack:
    """A worker cannot use a version that it should, and goes on with what it had."""

    worker: str
    stage: StageName
    reason: str


@dataclass(frozen=True, slots=True)
class InUse:
    """Who works for a stage; without `live`, the manifest's own model does."""

    live: Version | None = None
    canary: Version | None = None
    shadow: Version | None = None


def revision(connection: sa.Connection) -> int:
    """A number that changes with every act."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(_change.c.seq), 0))).scalar_one())


def listed(connection: sa.Connection, stage: StageName | None = None) -> list[Version]:
    """All versions, newest first, stage by stage."""
    query = sa.select(_version).order_by(_version.c.stage, _version.c.registered_at.desc(), _version.c.id.desc())
    if stage is not None:
        query = query.where(_version.c.stage == stage.value)
    return [_read(row) for row in connection.execute(query).mappings()]


def get(connection: sa.Connection, version_id: str) -> Version:
    """One version by its id. Raises NoSuchModelError."""
    row = connection.execute(sa.select(_version).where(_version.c.id == version_id)).mappings().first()
    if row is None:
        raise NoSuchModelError("there is no such model version: see `clinq models list`")
    return _read(row)


def find(connection: sa.Connection, wanted: str, stage: StageName | None = None) -> Version:
    """The version that NAME, NAME@VERSION or an id means; of a name alone the newest. Raises NoSuchModelError."""
    name, _, version = wanted.rpartition("@") if "@" in wanted else (wanted, "", "")
    found = [
        each
        for each in listed(connection, stage)
        if each.id == wanted or (each.name == name and version in {"", each.version})
    ]
    if not found:
        raise NoSuchModelError(f"no registered model {wanted!r}: see `clinq models list`, or `clinq models add`")
    if len({each.stage for each in found}) > 1:
        stages = ", ".join(sorted({each.stage.value for each in found}))
        raise NoSuchModelError(f"{wanted} is registered for several stages: add --stage, one of {stages}")
    return found[0]


def serving(connection: sa.Connection) -> dict[StageName, InUse]:
    """Who works for each stage that has a version in use."""
    query = sa.select(_version).where(_version.c.state.in_([each.value for each in IN_USE]))
    found: dict[StageName, dict[str, Version]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(StageName(row["stage"]), {})[row["state"]] = _read(row)
    return {stage: InUse(**by_state) for stage, by_state in found.items()}


def changes(connection: sa.Connection, *, stage: StageName | None = None, most: int = 100) -> list[Change]:
    """The acts, newest first."""
    query = sa.select(_change).order_by(_change.c.seq.desc()).limit(most)
    if stage is not None:
        query = query.where(_change.c.stage == stage.value)
    return [Change(**{**row, "stage": StageName(row["stage"])}) for row in connection.execute(query).mappings()]


def lacking(connection: sa.Connection, *, within_s: float = 15.0) -> list[Lack]:
    """What the workers that were seen of late cannot use of what they should."""
    alive = _worker.c.seen_at > clock() - within_s
    rows = connection.execute(sa.select(_worker.c.name, _worker.c.problems).where(alive)).all()
    return [
        Lack(row.name, StageName(stage), reason) for row in rows for stage, reason in json.loads(row.problems).items()
    ]


def refused(connection: sa.Connection) -> list[tuple[Version, str]]:
    """Versions that a worker took out of use, by their last act, and why."""
    latest = sa.select(sa.func.max(_change.c.seq)).group_by(_change.c.version_id)
    by_worker = _change.c.actor.startswith("worker:") & (_change.c.to_state == State.REGISTERED.value)
    rows = connection.execute(
        sa.select(_change.c.version_id, _change.c.reason).where(_change.c.seq.in_(latest) & by_worker)
    )
    return [(get(connection, row.version_id), row.reason) for row in rows]


def using(connection: sa.Connection, stage: StageName, state: State) -> Version | None:
    """The version of a stage that is live, its canary or its shadow."""
    its = (_version.c.stage == stage.value) & (_version.c.state == state.value)
    row = connection.execute(sa.select(_version).where(its)).mappings().first()
    return None if row is None else _read(row)


def _read(row: sa.RowMapping) -> Version:
    known = {
        "stage": StageName(row["stage"]),
        "state": State(row["state"]),
        "options": json.loads(row["options"]),
        "metrics": json.loads(row["metrics"]),
        "adapter": bool(row["adapter"]),
    }
    return Version(**{**row, **known})
