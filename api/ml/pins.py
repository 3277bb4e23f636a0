"""Which registered version a client means, and which stage it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from api.errors import ProblemError, invalid
from api.services import Services
from shared import models, registry
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.models import MANIFEST, NoSuchModelError, State, Version
from shared.registry import ModelVersion
from shared.settings import Settings

USABLE = frozenset({State.LIVE, State.CANARY, State.SHADOW, State.REGISTERED})


@dataclass(frozen=True, slots=True)
class Pin:
    """A stage that one version must do."""

    stage: StageName
    version_id: str
    """Of the registry; MANIFEST: the manifest's own model."""
    name: str
    version: str


async def pinned(services: Services, wanted: str, stages: tuple[StageName, ...] | None) -> Pin:
    """The stage and the version that a name means; `stages` are those that were asked for.

    Raises ProblemError 404 where there is no such model, 422 where it does another stage or was retired.
    """
    found = await services.reader.find(lambda connection: _registered(connection, wanted, stages))
    if found is not None:
        if found.state not in USABLE:
            raise invalid("/model", "this version is retired: name another one, or none")
        return Pin(found.stage, found.id, found.name, found.version)
    own = manifested(services.settings)
    named = [stage for stage, model in own.items() if wanted in {model.name, f"{model.name}@{model.version}"}]
    stage = _one_of([each for each in named if stages is None or each in stages], stages)
    if stage is None:
        raise no_such_model()
    return Pin(stage, MANIFEST, own[stage].name, own[stage].version)


def manifested(settings: Settings) -> Mapping[StageName, ModelVersion]:
    """The models of the manifest, as this gateway is set; none where it has no manifest."""
    return _manifested(settings.manifest, settings.profile, settings.models_dir, tuple(settings.engines.items()))


@cache
def _manifested(
    path: Path, profile: str, models_dir: Path, engines: tuple[tuple[StageName, str], ...]
) -> Mapping[StageName, ModelVersion]:
    try:
        return registry.plan(registry.read(path), profile, models_dir, dict(engines))
    except ModelUnavailableError:
        return {}


def no_such_model() -> ProblemError:
    """Nothing is registered under this name for what was asked."""
    return ProblemError(404, "no_such_model", "There is no such model here: see GET /api/v1/ml/models.")


def version_named(connection: sa.Connection, name: str, version: str | None, stage: StageName | None) -> Version:
    """The version that an address and its body name. Raises ProblemError 404."""
    wanted = name if version is None else f"{name}@{version}"
    try:
        return models.find(connection, wanted, stage)
    except NoSuchModelError as error:
        if stage is None and "several stages" in str(error):
            raise invalid("/stage", "models of this name serve several stages: say which one is meant") from error
        raise no_such_model() from error


def _registered(connection: sa.Connection, wanted: str, stages: tuple[StageName, ...] | None) -> Version | None:
    """Among the stages that were asked for, the newest usable version that is meant, else a retired one."""
    name, _, version = wanted.partition("@")
    every = [each for each in models.listed(connection) if each.name == name and version in {"", each.version}]
    named = list(dict.fromkeys(each.stage for each in every if stages is None or each.stage in stages))
    stage = _one_of(named, stages)
    its = [each for each in every if each.stage is stage]
    return next((each for each in its if each.state in USABLE), its[0] if its else None)


def _one_of(named: Sequence[StageName], stages: tuple[StageName, ...] | None) -> StageName | None:
    """The stage that a model is meant for; where the question leaves it open, the category counts first."""
    if stages is None and StageName.CLASSIFY in named:
        return StageName.CLASSIFY
    if len(named) > 1:
        raise invalid("/stage", "models of this name serve several stages: say which one is meant")
    return named[0] if named else None
