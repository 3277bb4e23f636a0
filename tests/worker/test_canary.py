"""A canary gets its exact share, and what it cannot do the live version does."""

from __future__ import annotations

import pytest

from shared.case import Case
from shared.errors import BadAudioError, JobStoppedError
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.worker.engines import EXTRACT, SUMMARIZE, Engine, cases, ids
from worker.bench import Bench


def made(canary: Engine, share: float = 0.1, live: Engine | None = None) -> Bench:
    bench = Bench({SUMMARIZE: live or Engine(), EXTRACT: Engine()}, {})
    canary.model = ModelVersion("new", "test", version="2", sha256="2" * 64, id="v2")
    bench.try_out(SUMMARIZE, canary, "v2", share)
    return bench


def by(outcomes: list[Case | Exception]) -> list[str]:
    return [each.models[-1].name if isinstance(each, Case) else type(each).__name__ for each in outcomes]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25, 1 / 3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("jobs", [10, 57, 200])
def test_the_share_of_the_canary_is_exact_to_one_job(share: float, jobs: int):
    bench = made(Engine(), share)
    drawn = sum(SUMMARIZE in bench.draw([EXTRACT, SUMMARIZE]) for _ in range(jobs))
    assert abs(drawn - share * jobs) <= 1.0


def test_jobs_of_one_batch_are_parted_by_version_and_keep_their_order(desk: RecordingDesk):
    canary, live = Engine(batch=8), Engine(batch=8)
    outcomes = made(canary, live=live).run(SUMMARIZE, cases("a", "b", "c", "d"), desk, trying={"b", "d"})
    assert (ids(outcomes), by(outcomes)) == (["a", "b", "c", "d"], ["small", "new", "small", "new"])
    assert (canary.calls, live.calls) == ([["b", "d"]], [["a", "c"]])


def test_a_job_that_the_canary_fails_is_done_by_the_live_version_alone(desk: RecordingDesk):
    def fail_b(chunk, _desk):
        if any(case.origin.job_id == "b" for case in chunk):
            raise ValueError

    bench = made(Engine(fail_b))
    outcomes = bench.run(SUMMARIZE, cases("a", "b"), desk, trying={"a", "b"})
    assert by(outcomes) == ["new", "small"]
    assert [len(each.models) for each in outcomes if isinstance(each, Case)] == [1, 1]
    assert [(each.job_id, each.error) for each in bench.canaries[SUMMARIZE].failures] == [("b", "ValueError")]
    assert all(not each.degraded for each in outcomes if isinstance(each, Case))


def test_a_job_that_was_stopped_is_not_run_again():
    def stop(_chunk, desk):
        desk.listen()

    bench, live = made(Engine(stop)), Engine()
    desk = RecordingDesk(is_stopped=lambda: True)
    assert by(bench.run(SUMMARIZE, cases("a"), desk, trying={"a"})) == [JobStoppedError.__name__]
    assert (live.calls, bench.canaries[SUMMARIZE].failures) == ([], [])


def test_a_canary_that_fails_for_job_after_job_draws_no_more(desk: RecordingDesk):
    def fail(_chunk, _desk):
        raise ValueError

    bench = made(Engine(fail), 1.0)
    bench.run(SUMMARIZE, cases("a", "b", "c"), desk, trying={"a", "b", "c"})
    assert bench.canaries[SUMMARIZE].given_up
    assert sum(bool(bench.draw([SUMMARIZE])) for _ in range(20)) <= 1


def test_results_of_the_canary_and_of_the_live_version_are_cached_apart(desk: RecordingDesk):
    bench = made(Engine())
    [served] = bench.run(SUMMARIZE, cases("a"), desk, trying={"a"})
    assert isinstance(served, Case)
    both = [bench.plan_hash([SUMMARIZE]), bench.plan_hash([SUMMARIZE], {SUMMARIZE})]
    assert None not in both
    assert both[0] != both[1]
    assert bench.plan_hash([SUMMARIZE], {SUMMARIZE}, by=served.models) == both[1]
    assert bench.plan_hash([SUMMARIZE], by=served.models) is None


def test_a_job_that_nobody_can_do_does_not_count_against_the_canary(desk: RecordingDesk):
    def fail(_chunk, _desk):
        raise BadAudioError("not to be decoded")

    bench = made(Engine(fail), live=Engine(fail))
    names = [str(each) for each in range(4)]
    assert by(bench.run(SUMMARIZE, cases(*names), desk, trying=set(names))) == ["BadAudioError"] * 4
    assert (bench.canaries[SUMMARIZE].given_up, bench.canaries[SUMMARIZE].failures) == (False, [])


def test_who_served_is_told_rightly_where_the_canary_failed(desk: RecordingDesk):
    def fail(chunk, _desk):
        if chunk[0].origin.job_id == "b":
            raise ValueError

    bench = made(Engine(fail))
    outcomes = bench.run(SUMMARIZE, cases("a", "b"), desk, trying={"a", "b"})
    served = [each for each in outcomes if isinstance(each, Case)]
    assert [bench.version_of(SUMMARIZE, each, trying=True) for each in served] == ["v2", None]
