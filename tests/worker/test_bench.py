"""The bench: several cases through one stage, and no case hurts another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.case import Case, Fallback
from shared.errors import BadAudioError, JobStoppedError, ModelUnavailableError
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.worker.engines import EXTRACT, SUMMARIZE, TRANSCRIBE, Engine, RulesEngine, cases, ids
from worker import bench
from worker.bench import Bench
from worker.stage import Desk, Device


def refuse(*bad: str, error: type[Exception] = ValueError):
    def act(chunk: Sequence[Case], _desk: Desk) -> None:
        for case in chunk:
            if case.origin.job_id in bad:
                raise error("no")

    return act


def test_cases_go_in_chunks_as_large_as_the_stage_takes_and_keep_their_order(desk: RecordingDesk):
    engine = Engine(batch=3)
    done = Bench({EXTRACT: engine}, {}).run(EXTRACT, cases(*"abcdefg"), desk)
    assert ids(done) == list("abcdefg")
    assert engine.calls == [list("abc"), list("def"), ["g"]]


def test_one_bad_case_never_hurts_the_others(desk: RecordingDesk):
    engine = Engine(refuse("b", error=BadAudioError), batch=4)
    done = Bench({EXTRACT: engine}, {}).run(EXTRACT, cases(*"abcdef"), desk)
    assert ids(done) == ["a", "BadAudioError", *"cdef"]
    assert engine.calls == [list("abcd"), *map(list, "abcd"), list("ef")]


def test_a_stopped_job_leaves_its_batch_and_the_others_are_done(desk: RecordingDesk):
    engine = Engine(refuse("c", error=JobStoppedError), batch=4)
    done = Bench({EXTRACT: engine}, {}).run(EXTRACT, cases(*"abcd"), desk)
    assert ids(done) == ["a", "b", "JobStoppedError", "d"]


def test_a_stage_that_gives_back_too_few_cases_hurts_nobody(desk: RecordingDesk):
    class Forgets(Engine):
        def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
            return list(super().run(cases, desk))[:1]

    done = Bench({EXTRACT: Forgets(batch=3)}, {}).run(EXTRACT, cases(*"abc"), desk)
    assert ids(done) == list("abc")


def test_the_time_of_a_batch_is_shared_by_the_length_of_the_texts(desk: RecordingDesk):
    short, long = cases("a", text="x" * 10)[0], cases("b", text="x" * 30)[0]
    [first, second] = Bench({EXTRACT: Engine(batch=2)}, {}).run(EXTRACT, [short, long], desk)
    assert [name for name, _ in first.timings] == [EXTRACT]
    assert second.timings[0][1] == pytest.approx(3 * first.timings[0][1])


def test_the_time_of_a_batch_without_texts_is_shared_evenly(desk: RecordingDesk):
    spoken = [replace(each, text=None) for each in cases("a", "b")]
    [first, second] = Bench({TRANSCRIBE: Engine(batch=2)}, {}).run(TRANSCRIBE, spoken, desk)
    assert first.timings == second.timings


def test_who_did_the_work_and_what_it_replaces_stand_in_the_case(desk: RecordingDesk):
    fallback = Fallback(EXTRACT, "rules", "the model tagger could not be loaded")
    [done] = Bench({EXTRACT: Engine()}, {EXTRACT: fallback}).run(EXTRACT, cases("a"), desk)
    assert [(use.stage, use.name) for use in done.models] == [(EXTRACT, "small")]
    assert done.degraded == (fallback,)


def test_a_stage_without_an_engine_sends_each_job_to_another_worker(desk: RecordingDesk):
    done = Bench({}, {}).run(TRANSCRIBE, cases("a", "b"), desk)
    assert ids(done) == ["StageUnavailableError"] * 2


def test_the_plan_s_hash_changes_with_all_that_changes_the_result():
    model = ModelVersion("t5", "seq2seq", version="1", sha256="ab", options={"beam": "1"})

    def hashed(**changes: object) -> str | None:
        return Bench({SUMMARIZE: Engine(model=replace(model, **changes))}, {}).plan_hash([SUMMARIZE])

    changed = [
        hashed(),
        hashed(name="t6"),
        hashed(engine="llama"),
        hashed(version="2"),
        hashed(sha256="cd"),
        hashed(options={"beam": "5"}),
        Bench({SUMMARIZE: Engine(model=model), EXTRACT: Engine()}, {}).plan_hash([EXTRACT, SUMMARIZE]),
    ]
    assert len({*changed}) == len(changed)
    assert hashed() == changed[0]


def test_a_plan_that_is_degraded_or_not_there_has_no_hash():
    fallback = Fallback(EXTRACT, "rules", "the model tagger could not be loaded")
    both = Bench({EXTRACT: Engine(), SUMMARIZE: Engine()}, {EXTRACT: fallback})
    assert both.plan_hash([EXTRACT]) is None
    assert both.plan_hash([SUMMARIZE]) is not None
    assert both.plan_hash([SUMMARIZE, TRANSCRIBE]) is None


def test_a_stage_whose_weights_are_missing_falls_back_to_its_rules():
    def load(name, model, device):
        if model.engine != "rules":
            raise ModelUnavailableError("not there")
        return RulesEngine(model=model)

    model = ModelVersion("big", "bert")
    made = bench.set_up({EXTRACT: model, TRANSCRIBE: model}, Device(), load=load)
    assert made.serving == {"extract": "rules:rules"}
    assert {name: each.engine for name, each in made.fallbacks.items()} == {EXTRACT: "rules", TRANSCRIBE: "rules"}
