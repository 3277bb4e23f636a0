"""Versions that single jobs name: loaded when first asked for, and the latest few of them kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared import models
from shared.database import Database
from shared.job import StageName
from shared.models import MANIFEST, Version
from shared.registry import ModelVersion
from worker.bench import loaded
from worker.bringing import Bringer, LackingError
from worker.stage import Stage

MOST = 2  # that stay loaded, for the jobs that name them next


class Named:
    """What jobs have named of late."""

    def __init__(self, database: Database, base: Mapping[StageName, ModelVersion], bringer: Bringer) -> None:
        self._database = database
        self._base = base
        self._bringer = bringer
        self._kept: dict[tuple[StageName, str], Stage] = {}

    def stage(self, name: StageName, version_id: str, at_hand: Callable[[Version], Stage | None]) -> Stage:
        """The version, ready to run; `at_hand` knows what is loaded for another purpose.

        Raises NoSuchModelError, LackingError and BrokenError.
        """
        made = self._kept.pop((name, version_id), None)
        if made is None:
            made = self._own(name) if version_id == MANIFEST else self._registered(version_id, at_hand)
        self._kept[name, version_id] = made
        for oldest in list(self._kept)[:-MOST]:
            del self._kept[oldest]
        return made

    def _registered(self, version_id: str, at_hand: Callable[[Version], Stage | None]) -> Stage:
        with self._database.read() as connection:
            version = models.get(connection, version_id)
        return at_hand(version) or self._bringer.bring(version)

    def _own(self, name: StageName) -> Stage:
        made = fallback = None
        if name in self._base:
            made, fallback = loaded(
                name, self._base[name], self._bringer.device, may_move=False, load=self._bringer.load
            )
        if made is None or fallback is not None:  # rules are not what the job names
            raise LackingError(f"this machine has no model of its own for {name.value}")
        return made
