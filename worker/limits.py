"""How long an attempt may take, how often a stage may be tried, and what still fits in before this process ends.

A limit ends only what stands still: it comes from the measured speed of this very machine, and an attempt that goes on
moves it ahead of itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from shared.claiming import Appetite, Batch
from shared.ledger import Job
from shared.settings import Settings
from shared.speed import Pace

MARGIN = 1.5  # the next job may be slower than the mean of the last ones
SLACK = 3.0  # what comes next may be so many times slower than what went before
LEAST_ADVANCE = 1e-6  # a share that grows by less stands still


def limit_s(settings: Settings, job: Job, pace: Mapping[str, float] | None) -> float:
    """Hard limit of an attempt at the stages that remain, in seconds.

    A fixed part, and for the work itself the greater of two: what the recording's length allows on a machine that
    nobody has measured, and many times what the stages took here of late.
    """
    audio_s = job.size if job.source == "audio" else 0.0
    measured_s = settings.job_timeout_factor * (work_s(job, pace) or 0.0)
    return settings.job_timeout_s + max(settings.job_timeout_per_audio_s * audio_s, measured_s)


def work_s(job: Job, pace: Mapping[str, float] | None) -> float | None:
    """Seconds that the stages that remain take by the measured pace; None where it was never measured."""
    if not job.remaining:
        return 0.0
    if pace is None:
        return None
    per_unit = pace.of(job.source, job.remaining) if isinstance(pace, Pace) else pace.get(job.source)
    return None if per_unit is None else per_unit * max(job.size, 1.0)


def attempts_left(settings: Settings, job: Job) -> bool:
    """Whether the job may be tried again after this attempt: by its own limit, and by that of the stage it is at."""
    most = settings.stage_attempts.get(job.remaining[0]) if job.remaining else None
    return job.attempt < job.max_attempts and (most is None or job.stage_attempt < most)


def rows_at_once(settings: Settings) -> int:
    """Most jobs of one round; one where a stage may be begun once only, so that no job costs another its attempt."""
    return 1 if 1 in settings.stage_attempts.values() else settings.claim_rows


def appetite(settings: Settings, pace: Mapping[str, float], *, batches: bool) -> Appetite:
    """What the next claim may take; `batches` says whether a model here gains by several texts at once."""
    rows = rows_at_once(settings)
    together = min(rows, settings.batch_rows) if batches else 1
    return Appetite(rows, settings.claim_s, pace, Batch(together, settings.batch_s, settings.batch_chars))


def may_go_on(settings: Settings, job: Job, pace: Mapping[str, float] | None, since_term_s: float) -> bool:
    """Whether the stages that remain fit into what is left of the grace period, `since_term_s` seconds after SIGTERM.

    Work that nobody has measured is tried: at the end of the grace period a stage is handed back in mid-run.
    """
    needed_s = work_s(job, pace)
    return needed_s is None or since_term_s + MARGIN * needed_s <= settings.grace_s


class Projection:
    """When one stage of one job will end, by what it has told of itself since it began."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """The stage begins now; `clock` tells seconds."""
        self._clock = clock
        self._began = clock()
        self._advanced_at = self._began
        self._share = 0.0
        self._longest_step_s = 0.0

    @staticmethod
    def projected_s(elapsed_s: float, share: float) -> float:
        """Seconds from its beginning to its end, when `share` (0 to 1) of the stage took `elapsed_s` seconds."""
        return elapsed_s / min(share, 1.0) if share > 0.0 else float("inf")

    def rest_s(self, share: float) -> float:
        """Seconds that the rest of the stage takes, by what its share took."""
        elapsed_s = self._clock() - self._began
        return self.projected_s(elapsed_s, share) - elapsed_s

    def left_s(self, share: float) -> float | None:
        """Seconds that the stage may take from now on; None when it has not advanced since the last call.

        Several times what its share projects, and never less than several times its longest step so far.
        """
        if share <= self._share + LEAST_ADVANCE:
            return None
        now = self._clock()
        self._longest_step_s = max(self._longest_step_s, now - self._advanced_at)
        self._advanced_at, self._share = now, share
        elapsed_s = now - self._began
        return SLACK * max(self.projected_s(elapsed_s, share) - elapsed_s, self._longest_step_s)
