"""The circuit breaker: an engine that keeps failing is replaced, and tried again later."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.case import Case
from shared.errors import BackingServiceError, JobStoppedError, PermanentError
from tests.conftest import RecordingDesk
from tests.worker.engines import EXTRACT, SUMMARIZE, TRANSCRIBE, Clock, Engine, RulesEngine, Spare, cases, ids
from worker.bench import Bench
from worker.breaker import Breaker, Circuit
from worker.post import StageUnavailableError, Tolerance
from worker.stage import Desk


class Broken:
    """Raises while it is broken."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error: Exception | None = error or ValueError("broken")

    def __call__(self, _cases: Sequence[Case], _desk: Desk) -> None:
        if self.error is not None:
            raise self.error


def bench_of(engine: Engine, spare: Spare, stage=SUMMARIZE, **tolerance: float) -> Bench:
    return Bench({stage: engine}, {}, Tolerance(**tolerance), load=spare)


def test_a_breaker_opens_after_failures_of_distinct_jobs_in_a_row():
    clock = Clock()
    made = Breaker(failures=3, pause_s=60.0, clock=clock)
    assert [made.failed(job) for job in ("a", "b", "b", "b")] == [False] * 4
    assert made.failed("c")
    assert made.circuit is Circuit.OPEN
    clock.now = 60.0
    assert made.circuit is Circuit.HALF_OPEN
    assert made.failed("c")
    assert made.circuit is Circuit.OPEN
    clock.now = 120.0
    assert made.succeeded()
    assert made.circuit is Circuit.CLOSED


def test_a_success_between_starts_the_count_again():
    made = Breaker(failures=2, pause_s=60.0)
    assert not made.failed("a")
    assert not made.succeeded()
    assert not made.failed("b")


def test_a_job_that_failed_while_the_engine_did_well_says_nothing_about_the_engine():
    made = Breaker(failures=2, pause_s=60.0)
    for poison in ("a", "b", "c"):
        assert not made.failed(poison)
        made.succeeded()
    assert [made.failed(poison) for poison in ("a", "b", "c")] == [False] * 3


def test_without_a_number_of_failures_it_never_opens():
    made = Breaker(failures=0, pause_s=60.0)
    assert not any(made.failed(str(job)) for job in range(100))


def test_the_rules_take_over_from_an_engine_that_keeps_failing_and_the_case_says_so(desk: RecordingDesk):
    engine, spare = Engine(Broken()), Spare()
    made = bench_of(engine, spare, breaker_failures=3)
    done = made.run(SUMMARIZE, cases(*"abcde"), desk)
    assert ids(done) == ["ValueError", "ValueError", *"cde"]
    assert [[each.engine for each in case.degraded] for case in done[2:]] == [["rules"]] * 3
    assert engine.calls == [["a"], ["b"], ["c"]]
    assert spare.asked == [("rules", "cpu")]
    assert made.serving == {"summarize": "rules:rules"}
    assert made.plan_hash([SUMMARIZE]) is None


def test_after_the_pause_one_case_tries_the_engine_and_its_success_closes_the_circuit(desk: RecordingDesk):
    broken, clock = Broken(), Clock()
    engine, spare = Engine(broken, batch=4), Spare()
    made = bench_of(engine, spare, breaker_failures=3, breaker_pause_s=60.0)
    made._posts[SUMMARIZE]._engine._clock = clock
    made.run(SUMMARIZE, cases(*"abcd"), desk)
    engine.calls.clear()
    clock.now = 61.0
    still = made.run(SUMMARIZE, cases(*"efg"), desk)
    assert engine.calls == [["e"]]
    assert [case.warnings for case in still] == [("rules",)] * 3
    clock.now, broken.error = 122.0, None
    again = made.run(SUMMARIZE, cases(*"hijk"), desk)
    assert engine.calls == [["e"], ["h"], ["i", "j", "k"]]
    assert [case.degraded for case in again] == [()] * 4
    assert made.plan_hash([SUMMARIZE]) is not None
    assert len(spare.asked) == 1


@pytest.mark.parametrize("error", [PermanentError("bad input"), JobStoppedError("cancelled")])
def test_what_is_the_job_s_own_fault_never_opens_the_circuit(error: Exception, desk: RecordingDesk):
    engine = Engine(Broken(error))
    done = bench_of(engine, Spare()).run(SUMMARIZE, cases(*"abcdef"), desk)
    assert ids(done) == [type(error).__name__] * 6
    assert len(engine.calls) == 6


class AwayDesk(RecordingDesk):
    """Its database does not answer."""

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        raise BackingServiceError("the database did not answer")


def test_our_own_database_that_is_away_is_not_the_engine_s_fault_but_a_model_server_is():
    telling = Engine(lambda chunk, desk: desk.tell(chunk[0], 0.5))
    assert ids(bench_of(telling, Spare()).run(SUMMARIZE, cases(*"abcd"), AwayDesk())) == ["BackingServiceError"] * 4
    remote = Engine(Broken(BackingServiceError("the model server did not answer")))
    assert ids(bench_of(remote, Spare()).run(SUMMARIZE, cases(*"abcd"), RecordingDesk()))[2:] == ["c", "d"]


def test_an_error_that_was_raised_from_the_desk_s_is_the_desk_s(desk: RecordingDesk):
    def wraps(chunk: Sequence[Case], heard: Desk) -> None:
        try:
            heard.tell(chunk[0], 0.5)
        except BackingServiceError as error:
            raise RuntimeError("while it spoke") from error

    assert ids(bench_of(Engine(wraps), Spare()).run(SUMMARIZE, cases(*"abcd"), AwayDesk())) == ["RuntimeError"] * 4


def test_speech_has_no_rules_so_its_jobs_wait_for_the_engine_or_another_worker(desk: RecordingDesk):
    engine, spare = Engine(Broken()), Spare()
    done = bench_of(engine, spare, TRANSCRIBE, breaker_pause_s=60.0).run(TRANSCRIBE, cases(*"abcd"), desk)
    assert ids(done) == ["ValueError"] * 3 + ["StageUnavailableError"]
    assert isinstance(done[3], StageUnavailableError)
    assert 50.0 < done[3].pause_s <= 60.0
    assert (len(engine.calls), spare.asked) == (3, [])


def test_a_stage_that_is_its_own_rules_goes_on_because_nothing_better_would_take_over(desk: RecordingDesk):
    rules = RulesEngine(Broken())
    made = bench_of(rules, Spare(), EXTRACT)
    assert ids(made.run(EXTRACT, cases(*"abcdef"), desk)) == ["ValueError"] * 6
    assert len(rules.calls) == 6


def test_a_broken_batch_engine_costs_a_chunk_and_three_jobs_before_the_rules_serve(desk: RecordingDesk):
    engine = Engine(Broken(), batch=16)
    done = bench_of(engine, Spare()).run(SUMMARIZE, cases(*map(str, range(16))), desk)
    assert len(engine.calls) == 1 + 3
    assert ids(done)[2:] == [str(each) for each in range(2, 16)]
