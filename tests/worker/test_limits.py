"""Limits: what stands still is ended, what advances never is, and nothing is begun that cannot be finished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from shared.job import StageName
from shared.ledger import Job
from shared.settings import Settings
from shared.speed import Pace
from tests.worker.engines import EXTRACT, SUMMARIZE, TRANSCRIBE, Clock
from worker.limits import Projection, attempts_left, limit_s, may_go_on, work_s

HOUR_S = 3600.0
AUDIO_PACE = Pace({("audio", "transcribe"): 0.5, ("audio", "extract"): 0.001, ("audio", "summarize"): 0.1})
SETTINGS = Settings(
    job_timeout_s=600.0, job_timeout_per_audio_s=4.0, job_timeout_factor=10.0, grace_s=30.0, max_attempts=3
)


@pytest.fixture
def job_of() -> Callable[..., Job]:
    """A job as it was claimed."""

    def make(
        *remaining: StageName, size: float = HOUR_S, source: str = "audio", attempt: int = 1, stage_attempt: int = 1
    ) -> Job:
        blank: dict[str, Any] = {each.name: None for each in fields(Job)}
        given = {"remaining": remaining, "size": size, "source": source}
        counted = {"attempt": attempt, "max_attempts": 3, "stage_attempt": stage_attempt}
        return Job(**blank | given | counted)

    return make


def test_a_machine_that_nobody_has_measured_gets_time_by_the_recording_s_length(job_of: Callable[..., Job]):
    hour = job_of(TRANSCRIBE)
    assert limit_s(SETTINGS, hour, None) == 600.0 + 4.0 * HOUR_S
    assert limit_s(SETTINGS, hour, Pace({})) == 600.0 + 4.0 * HOUR_S
    assert limit_s(SETTINGS, job_of(EXTRACT, source="text"), None) == 600.0


def test_a_slow_machine_gets_many_times_what_it_took_of_late(job_of: Callable[..., Job]):
    slow = Pace({("audio", "transcribe"): 20.0})
    assert limit_s(SETTINGS, job_of(TRANSCRIBE, size=4 * HOUR_S), slow) == 600.0 + 10.0 * 20.0 * 4 * HOUR_S


def test_a_fast_machine_never_gets_less_than_the_fixed_part(job_of: Callable[..., Job]):
    fast = Pace({("text", "extract"): 1e-9})
    assert limit_s(SETTINGS, job_of(EXTRACT, source="text", size=10.0), fast) >= 600.0


def test_only_the_stages_that_remain_count(job_of: Callable[..., Job]):
    assert work_s(job_of(TRANSCRIBE, EXTRACT), AUDIO_PACE) == pytest.approx(0.501 * HOUR_S)
    assert work_s(job_of(EXTRACT), AUDIO_PACE) == pytest.approx(0.001 * HOUR_S)
    assert work_s(job_of(), AUDIO_PACE) == 0.0
    assert work_s(job_of(StageName.CLASSIFY), AUDIO_PACE) is None
    assert work_s(job_of(EXTRACT), {"audio": 0.25}) == 0.25 * HOUR_S


def test_a_stage_projects_its_end_from_the_time_it_has_spent():
    assert Projection.projected_s(30.0, 0.25) == 120.0
    assert Projection.projected_s(30.0, 1.0) == 30.0
    assert Projection.projected_s(30.0, 0.0) == float("inf")


def test_a_stage_that_stands_still_is_given_nothing_however_often_it_speaks():
    clock = Clock()
    projection = Projection(clock=clock)
    clock.now = 10.0
    assert projection.left_s(0.0) is None
    assert projection.left_s(0.1) is not None
    clock.now = 1000.0
    assert [projection.left_s(share) for share in (0.1, 0.05, 0.1, 0.1 + 1e-9)] == [None] * 4


@pytest.mark.parametrize("step_s", [0.01, 1.0, 60.0, 1e4])
def test_a_stage_that_advances_is_never_ended_however_slow_the_machine(step_s: float):
    clock, fixed_s = Clock(), 1.0
    projection, deadline = Projection(clock=clock), fixed_s + 4 * step_s
    for step in range(1, 201):
        clock.now += step_s * (2.5 if step % 7 == 0 else 1.0)  # some windows are harder than others
        assert clock.now < deadline
        left_s = projection.left_s(step / 200)
        assert left_s is not None
        deadline = clock.now + left_s + fixed_s


def test_a_stage_that_stops_half_way_is_ended_in_a_time_that_fits_its_speed():
    clock = Clock()
    projection = Projection(clock=clock)
    for step in range(1, 11):
        clock.now += 1.0
        left_s = projection.left_s(step / 20)
    assert left_s is not None
    assert 10.0 <= left_s <= 60.0


def test_the_stage_s_own_number_of_attempts_ends_a_job_before_the_job_s(job_of: Callable[..., Job]):
    settings = SETTINGS.model_copy(update={"stage_attempts": {TRANSCRIBE: 2}})
    assert attempts_left(settings, job_of(TRANSCRIBE, attempt=1, stage_attempt=1))
    assert not attempts_left(settings, job_of(TRANSCRIBE, attempt=2, stage_attempt=2))
    assert attempts_left(settings, job_of(SUMMARIZE, attempt=2, stage_attempt=2))
    assert not attempts_left(settings, job_of(SUMMARIZE, attempt=3, stage_attempt=1))


def test_the_attempts_of_stages_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLINQ_STAGE_ATTEMPTS", "transcribe=2,summarize=5")
    assert Settings().stage_attempts == {TRANSCRIBE: 2, SUMMARIZE: 5}


def test_after_sigterm_only_what_fits_into_the_rest_of_the_grace_period_is_begun(job_of: Callable[..., Job]):
    short = job_of(EXTRACT, SUMMARIZE, size=100.0)  # 10 s of work
    assert may_go_on(SETTINGS, short, AUDIO_PACE, since_term_s=1.0)
    assert not may_go_on(SETTINGS, short, AUDIO_PACE, since_term_s=20.0)
    assert not may_go_on(SETTINGS, job_of(TRANSCRIBE), AUDIO_PACE, since_term_s=0.0)
    assert may_go_on(SETTINGS, job_of(), AUDIO_PACE, since_term_s=29.0)


def test_work_that_nobody_has_measured_is_tried_because_it_can_be_handed_back_in_mid_run(job_of: Callable[..., Job]):
    assert may_go_on(SETTINGS, job_of(EXTRACT, size=1.0), None, since_term_s=0.0)
