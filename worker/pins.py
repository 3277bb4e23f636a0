"""Jobs that name the version which must do a stage: to compare, or to run a finished job again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.errors import PermanentError
from shared.job import StageName
from shared.models import NoSuchModelError
from worker.bringing import BrokenError, LackingError
from worker.post import Outcome, Post, StageUnavailableError
from worker.process import Worker
from worker.stage import Desk

if TYPE_CHECKING:
    from worker.in_hand import Attempt

LACKING_PAUSE_S = 30.0  # until another worker, or this one, may have it


class PinnedVersionError(PermanentError):
    """The version that the job names cannot be used by anybody."""

    code = "model_version_unusable"


def run(worker: Worker, name: StageName, due: Sequence[Attempt], desk: Desk) -> list[Outcome]:
    """One stage over these attempts: each by the version that it names, all others by who serves."""
    wanted = [each.request.versions.get(name) for each in due]
    outcomes: dict[str, Outcome] = {}
    for version_id in dict.fromkeys(wanted):
        its = [each for each, named in zip(due, wanted, strict=True) if named == version_id]
        outcomes |= zip((each.job.id for each in its), _by(worker, name, version_id, its, desk), strict=True)
    return [outcomes[each.job.id] for each in due]


def _by(
    worker: Worker, name: StageName, version_id: str | None, its: Sequence[Attempt], desk: Desk
) -> Sequence[Outcome]:
    cases = [each.case for each in its]
    try:
        post = None if version_id is None else _post(worker, name, version_id)
    except (StageUnavailableError, PinnedVersionError) as error:
        return [error for _ in its]
    if post is not None:
        return post.run(cases, desk)
    trying = {each.job.id for each in its if name in each.trying}
    return worker.bench.run(name, cases, desk, trying=trying)


def _post(worker: Worker, name: StageName, version_id: str) -> Post | None:
    """None: it serves anyway."""
    if worker.lineup is None:
        return None
    try:
        return worker.lineup.named(name, version_id)
    except NoSuchModelError as error:
        raise PinnedVersionError(f"{name.value}: there is no such model version") from error
    except BrokenError as error:
        raise PinnedVersionError(f"{name.value}: {error}") from error
    except LackingError as error:
        raise StageUnavailableError(f"{name.value}: {error}", pause_s=LACKING_PAUSE_S) from error
