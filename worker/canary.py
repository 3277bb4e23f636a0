"""A version on trial: it serves a share of the jobs, and a job that it fails is the live version's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from shared.case import Case
from shared.errors import HandBackError, JobStoppedError
from shared.job import StageName
from worker.post import Outcome, Post
from worker.stage import Desk

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """A canary could not serve a job."""

    stage: StageName
    version_id: str
    job_id: str
    tenant: str
    error: str
    """The type of what it raised."""


class Canary:
    """Takes every n-th job by carrying the remainder over, so that its share is exact and not left to chance."""

    def __init__(self, stage: StageName, post: Post, version_id: str, share: float, *, patience: int = 3) -> None:
        """Serve `share` (0 to 1) of the jobs; after `patience` failures in a row (0: never) serve none any more."""
        self.version_id = version_id
        self.post = post
        self.failures: list[Failure] = []
        """Since they were last taken note of; worker/lineup.py empties it."""
        self._stage = stage
        self._share = share
        self._patience = patience
        self._owed = 0.5  # the first one comes in the middle of its turn, so that few jobs are divided rightly, too
        self._failed_in_a_row = 0

    @property
    def share(self) -> float:
        """Of the jobs that are to come."""
        return 0.0 if self.given_up else self._share

    @share.setter
    def share(self, share: float) -> None:
        self._share = share

    @property
    def given_up(self) -> bool:
        """Whether it has failed too often."""
        return 0 < self._patience <= self._failed_in_a_row

    def takes_next(self) -> bool:
        """Whether the next job is the canary's."""
        self._owed += self.share
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True

    def run(self, cases: Sequence[Case], desk: Desk, live: Post) -> list[Outcome]:
        """What becomes of each case: served by this version, or by the live one where this one fails."""
        tried = self.post.run(cases, desk)
        outcomes = list(tried)
        failed = [
            at for at, outcome in enumerate(tried) if not isinstance(outcome, Case | JobStoppedError | HandBackError)
        ]
        if failed:
            again = live.run([cases[at] for at in failed], desk)
            for at, outcome in zip(failed, again, strict=True):
                outcomes[at] = outcome
        for case, own, served in zip(cases, tried, outcomes, strict=True):
            self._count(case, own, served)
        return outcomes

    def _count(self, case: Case, own: Outcome, served: Outcome) -> None:
        """A job that was stopped has not failed; one that the live version cannot do either is to blame itself."""
        if isinstance(own, Case):
            self._failed_in_a_row = 0
            return
        if not isinstance(served, Case):
            return
        self._failed_in_a_row += 1
        error = type(own).__name__
        log.warning("canary failed", stage=self._stage.value, job_id=case.origin.job_id, error=error)
        its = Failure(self._stage, self.version_id, case.origin.job_id, case.origin.tenant, error)
        self.failures.append(its)
