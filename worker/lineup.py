"""Follows the model registry: loads what it names beside what serves, and puts it in place between two rounds.

Nothing that serves is let go before its successor has loaded and has read a sentence. A version that cannot do that is
taken out of use for all workers; one that this machine alone lacks (its folder, or memory) is named in this worker's
row, and what served before goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import structlog

from shared import comparisons, model_acts, models
from shared.audit import Actor
from shared.case import Fallback
from shared.comparisons import Compared
from shared.database import Database
from shared.errors import BackingServiceError
from shared.job import StageName
from shared.models import MANIFEST, InUse, State, Version
from shared.registry import ModelVersion
from worker.bench import Bench, loaded, set_up
from worker.bringing import Bringer, BrokenError, LackingError
from worker.memory import free
from worker.named import Named
from worker.post import Post, Server, Tolerance
from worker.presence import Standing
from worker.stage import Stage
from worker.turnstile import Turnstile

log = structlog.get_logger()
T = TypeVar("T")
AGAIN_S = 30.0  # until a version that this machine lacked is looked for once more
PAUSE_S = 1.0  # while the database is away


class Lineup:
    """Who works for each stage of one worker: as the registry wants it, as far as this machine can."""

    def __init__(
        self, database: Database, base: Mapping[StageName, ModelVersion], bringer: Bringer, worker: str, host: str
    ) -> None:
        """`base` is the manifest's plan, which serves where no version is live."""
        self.standing = Standing()
        self._database = database
        self._base = base
        self._bringer = bringer
        self._actor = Actor(f"worker:{worker}", "default", host)
        self._bench = Bench({}, {})
        self._turnstile = Turnstile()
        self._looked_at = 0.0
        self._lost: set[StageName] = set()
        """Stages whose own model is not here, and has no rules to take over."""
        self._named = Named(database, base, bringer)
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="lineup", daemon=True)

    def first(self, tolerance: Tolerance) -> Bench:
        """Load what serves now; where a live version cannot be used, the one before it is."""
        with self._database.read() as connection:
            chosen = models.serving(connection)
        own = {stage: model for stage, model in self._base.items() if chosen.get(stage, InUse()).live is None}
        self._bench = set_up(own, self._bringer.device, tolerance, self._bringer.load)
        self._lost = {stage for stage in own if stage not in self._bench.stages}
        self._follow(only_live=True)
        return self._bench

    def begin(self, bench: Bench, turnstile: Turnstile) -> None:
        """Follow the registry from now on, in a thread of its own."""
        self._bench, self._turnstile = bench, turnstile
        self._wake.set()
        self._thread.start()

    def stop(self) -> None:
        """Follow no more; a model that loads just now is left."""
        self._ended = True
        self._wake.set()

    def hear(self, revision: int) -> None:
        """Called at each beat of the heart: wake the thread when there is something to do."""
        lacks = self.standing.problems and time.monotonic() - self._looked_at > AGAIN_S
        failed = any(canary.failures or canary.given_up for canary in list(self._bench.canaries.values()))
        if revision != self.standing.revision or lacks or failed:
            self._wake.set()

    def named(self, stage: StageName, version_id: str) -> Post | None:
        """The version that a job names, loaded where it is not there yet; None where it serves anyway.

        Call it within a round. Raises NoSuchModelError, LackingError and BrokenError.
        """
        serves = self._bench.stages.get(stage)
        if serves is not None and (serves.model.id or MANIFEST) == version_id:
            return None
        made = self._named.stage(stage, version_id, self._at_hand)
        careful = replace(self._bench.tolerance, breaker_failures=0)
        return Post(stage, Server(made, None, last=True), careful, self._bringer.device, self._bench.load)

    def _run(self) -> None:
        while not self._ended:
            self._wake.wait()
            self._wake.clear()
            try:
                self._note_failures()
                self._follow()
            except BackingServiceError as error:
                log.warning("model registry not read", reason=str(error))
                time.sleep(PAUSE_S)
            except Exception:  # the next beat tries again; what serves goes on
                log.exception("model registry not followed")

    def _follow(self, *, only_live: bool = False) -> None:
        """Bring the bench to where the registry wants it; a version that is refused changes what it wants."""
        for _ in range(1 + len(StageName) * 3):
            self._looked_at = time.monotonic()
            with self._database.read() as connection:
                revision, chosen = models.revision(connection), models.serving(connection)
            problems: dict[str, str] = {}
            refused = False
            for stage in dict.fromkeys([*self._base, *chosen]):
                for bring in self._steps(stage, chosen.get(stage, InUse()), only_live=only_live):
                    try:
                        bring()
                    except LackingError as error:
                        problems.setdefault(stage.value, str(error))
                        log.warning("model lacking", stage=stage.value, reason=str(error))
                    except _RefusedError:
                        refused = True
            self.standing.problems = problems
            self.standing.revision = revision
            if not refused or self._ended:
                return

    def _steps(self, stage: StageName, wanted: InUse, *, only_live: bool) -> Iterator[Callable[[], None]]:
        """None hinders the next: a canary ends also where the version that is live now is not here."""
        yield lambda: self._bring_live(stage, wanted.live)
        if not only_live:
            yield lambda: self._bring_canary(stage, wanted.canary)
            yield lambda: self._bring_shadow(stage, wanted.shadow)

    def _bring_live(self, stage: StageName, wanted: Version | None) -> None:
        serves = self._bench.stages.get(stage)
        if serves is not None and serves.model.id == (None if wanted is None else wanted.id):
            return
        if wanted is None:
            self._bring_own(stage)
            return
        try:
            self._place(wanted, lambda made: self._bench.put(stage, made))
        except LackingError:
            if serves is None:
                self._bring_before(wanted)
            raise

    def _bring_own(self, stage: StageName) -> None:
        """Let the manifest's own model serve; without one, nobody does."""
        model = None if stage in self._lost else self._base.get(stage)
        if model is None:
            with self._turnstile.change():
                self._bench.dismiss(stage)
            return
        tolerance, device = self._bench.tolerance, self._bringer.device

        def make() -> tuple[Stage | None, Fallback | None]:
            return loaded(stage, model, device, may_move=tolerance.may_move(device), load=self._bringer.load)

        made = None if self._exclusive else make()
        with self._turnstile.change():
            own, fallback = make() if made is None else made
            if own is None:
                self._lost.add(stage)
                self._bench.dismiss(stage)
            else:
                self._bench.put(stage, own, fallback)
        log.info("model serves", stage=stage.value, model=model.name)

    def _bring_before(self, lacking: Version) -> None:
        """At the start nothing serves yet: take the newest version before this one that this machine has."""
        before = lacking.replaced
        while before is not None:
            with self._database.read() as connection:
                version = models.get(connection, before)
            try:
                made = self._bringer.bring(version)
            except (LackingError, BrokenError) as error:
                log.warning("model lacking", stage=version.stage.value, model=version.label, reason=str(error))
                before = version.replaced
            else:
                self._bench.put(version.stage, made)
                return
        self._bring_own(lacking.stage)

    def _bring_canary(self, stage: StageName, wanted: Version | None) -> None:
        now = self._bench.canaries.get(stage)
        if now is not None and wanted is not None and now.version_id == wanted.id:
            now.share = wanted.share
        elif wanted is not None:
            self._place(wanted, lambda made: self._bench.try_out(stage, made, wanted.id, wanted.share))
        elif now is not None:
            self._release(self._bench.canaries, stage)

    def _bring_shadow(self, stage: StageName, wanted: Version | None) -> None:
        now = self._bench.shadows.get(stage)
        if wanted is not None and (now is None or now.model.id != wanted.id):
            self._place(wanted, lambda made: self._bench.shadows.update({stage: made}))
        elif wanted is None and now is not None:
            self._release(self._bench.shadows, stage)

    def _release(self, held: dict[StageName, T], stage: StageName) -> None:
        with self._turnstile.change():
            del held[stage]
        free()

    def _place(self, version: Version, put: Callable[[Stage], None]) -> None:
        """Load a version beside what serves, then put it in its place. Raises LackingError and _RefusedError."""
        log.info("model loads", stage=version.stage.value, model=version.label, state=version.state.value)
        try:
            made = self._at_hand(version) or (None if self._exclusive else self._bringer.bring(version))
            with self._turnstile.change():
                put(self._bringer.bring(version) if made is None else made)
        except BrokenError as error:
            log.warning("model refused", stage=version.stage.value, model=version.label, reason=str(error))
            self._refuse(version.id, version.state, str(error))
            raise _RefusedError from error
        free()
        log.info("model serves", stage=version.stage.value, model=version.label, state=version.state.value)

    def _at_hand(self, version: Version) -> Stage | None:
        """The version where it is loaded already, as the canary or the shadow that it was until now."""
        canary, shadow = self._bench.canaries.get(version.stage), self._bench.shadows.get(version.stage)
        if canary is not None and canary.version_id == version.id:
            return canary.post.stage
        return shadow if shadow is not None and shadow.model.id == version.id else None

    @property
    def _exclusive(self) -> bool:
        """Whether loading disturbs what runs: on CUDA, where torch's default type is changed for a moment."""
        return self._bringer.device.name != "cpu"

    def _refuse(self, version_id: str, seen: State, reason: str) -> None:
        with self._database.write() as connection:
            model_acts.refuse(connection, self._actor, version_id, seen, reason=reason)

    def _note_failures(self) -> None:
        """Write down which jobs a canary failed, and take one out of use that keeps failing."""
        for stage, canary in list(self._bench.canaries.items()):
            failures = list(canary.failures)
            serves = self._bench.stages.get(stage)
            by = None if serves is None else serves.model.id
            rows = [
                Compared(stage, each.tenant, each.job_id, each.version_id, by, error=each.error) for each in failures
            ]
            if rows:
                with self._database.write() as connection:
                    comparisons.add(connection, rows)
                del canary.failures[: len(rows)]
            if canary.given_up:
                last = failures[-1].error if failures else "an error"
                self._refuse(canary.version_id, State.CANARY, f"it failed for one job after the other: {last}")


class _RefusedError(Exception):
    """A version was taken out of use: the registry has changed."""
