"""Out of memory: half as many cases, then a retry, then the CPU where that is allowed."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections.abc import Sequence

import pytest
import torch
from redis.exceptions import OutOfMemoryError as RedisOutOfMemoryError

from shared.case import Case
from shared.errors import BadAudioError, ModelUnavailableError
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.worker.engines import SUMMARIZE, Clock, Engine, Spare, cases, fits, ids
from worker import bench
from worker.bench import Bench
from worker.memory import GROW_AFTER, Room, let_go, ran_out
from worker.post import Tolerance
from worker.stage import Desk, Device

CUDA = Device("cuda:0")


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        torch.OutOfMemoryError("no room"),
        RuntimeError("CUDA failed with error out of memory"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("aligned_alloc: failed to allocate memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
        raised(ModelUnavailableError("the Whisper weights do not load"), RuntimeError("CUDA failed: out of memory")),
    ],
)
def test_no_memory_left_is_recognised_by_type_and_by_words(error: Exception):
    assert ran_out(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        ValueError("the patient has run out of memory pills"),
        RedisOutOfMemoryError("command not allowed when used memory > 'maxmemory'"),
        raised(BadAudioError("the recording cannot be decoded"), MemoryError()),
    ],
)
def test_what_only_sounds_like_it_is_something_else(error: Exception):
    assert not ran_out(error)


def test_a_worker_without_torch_never_loads_it_to_ask():
    code = "import sys, worker.memory as m; m.let_go(MemoryError()); assert m.ran_out(MemoryError()); "
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)


def test_the_chunk_is_halved_until_it_fits_and_no_case_is_lost(desk: RecordingDesk):
    engine = Engine(fits(3), batch=16)
    made = Bench({SUMMARIZE: engine}, {})
    names = [f"{each:02}" for each in range(12)]
    assert ids(made.run(SUMMARIZE, cases(*names), desk)) == names
    assert [len(call) for call in engine.calls] == [12, 6, 3, 3, 3, 3]
    engine.calls.clear()
    made.run(SUMMARIZE, cases(*names[:4]), desk)
    assert [len(call) for call in engine.calls] == [3, 1]


def test_more_cases_are_tried_again_after_a_while():
    room = Room(16)
    room.halve(16)
    room.halve(8)
    for _ in range(GROW_AFTER):
        room.went_well(1)  # not in full: it says nothing
    assert room.cases == 4
    for _ in range(2 * GROW_AFTER):
        room.went_well(room.cases)
    assert room.cases == 16


def test_one_case_that_does_not_fit_is_tried_again_later_with_a_reason_that_helps(desk: RecordingDesk):
    done = Bench({SUMMARIZE: Engine(fits(0))}, {}).run(SUMMARIZE, cases("a"), desk)
    assert [each.code for each in done] == ["out_of_memory"]
    assert "give it more" in str(done[0])


def test_what_the_failed_call_held_is_let_go_before_the_next_one(desk: RecordingDesk):
    held: list[weakref.ref[torch.Tensor]] = []
    alive: list[bool] = []

    def hold(chunk: Sequence[Case], _desk: Desk) -> None:
        alive.append(any(each() is not None for each in held))
        tensor = torch.zeros(8)
        held.append(weakref.ref(tensor))
        fits(1)(chunk, _desk)

    Bench({SUMMARIZE: Engine(hold, batch=4)}, {}).run(SUMMARIZE, cases(*"abcd"), desk)
    assert alive == [False] * 6


def test_an_error_with_its_causes_lets_all_of_their_frames_go():
    def fail(tensor: torch.Tensor) -> None:
        raise RuntimeError(f"out of memory {len(tensor)}")

    tensor = torch.zeros(8)
    seen = weakref.ref(tensor)
    try:
        try:
            fail(tensor)
        except RuntimeError as error:
            raise ModelUnavailableError("cannot be read") from error
    except ModelUnavailableError as error:
        kept = error
    del tensor
    let_go(kept)
    assert seen() is None


def test_the_cpu_takes_over_after_two_cases_that_did_not_fit_onto_the_gpu(desk: RecordingDesk):
    engine, spare = Engine(fits(0), batch=2), Spare(Engine(model=ModelVersion("small", "test")))
    made = Bench({SUMMARIZE: engine}, {}, Tolerance(cpu_fallback=True), CUDA, spare)
    done = made.run(SUMMARIZE, cases(*"abcd"), desk)
    assert ids(done) == ["OutOfMemoryError", *"bcd"]
    assert [[each.engine for each in case.degraded] for case in done[1:]] == [["test on cpu"]] * 3
    assert spare.asked == [("test", "cpu")]
    assert made.serving == {"summarize": "test on cpu:small"}
    assert made.plan_hash([SUMMARIZE]) is None


def test_a_job_that_fails_twice_with_others_between_reaches_the_cpu(desk: RecordingDesk):
    def too_long(chunk: Sequence[Case], heard: Desk) -> None:
        if any(case.origin.job_id == "long" for case in chunk):
            fits(0)(chunk, heard)

    made = Bench({SUMMARIZE: Engine(too_long)}, {}, Tolerance(cpu_fallback=True), CUDA, Spare(Engine()))
    assert ids(made.run(SUMMARIZE, cases("a", "long", "b"), desk)) == ["a", "OutOfMemoryError", "b"]
    assert ids(made.run(SUMMARIZE, cases("long"), desk)) == ["long"]


def test_the_gpu_is_tried_again_after_the_pause(desk: RecordingDesk):
    memory, clock = {"holds": 0}, Clock()
    engine = Engine(lambda chunk, heard: fits(memory["holds"])(chunk, heard))
    made = Bench({SUMMARIZE: engine}, {}, Tolerance(cpu_fallback=True), CUDA, Spare(Engine()))
    made._posts[SUMMARIZE]._gpu._clock = clock
    made.run(SUMMARIZE, cases(*"abc"), desk)
    clock.now, memory["holds"] = 61.0, 1
    done = made.run(SUMMARIZE, cases(*"de"), desk)
    assert [case.degraded for case in done] == [(), ()]
    assert made.serving == {"summarize": "test:small"}


def test_without_leave_the_cpu_never_takes_over_and_the_rules_do(desk: RecordingDesk):
    spare = Spare()
    made = Bench({SUMMARIZE: Engine(fits(0))}, {}, Tolerance(), CUDA, spare)
    assert ids(made.run(SUMMARIZE, cases(*"abcd"), desk)) == ["OutOfMemoryError", "OutOfMemoryError", "c", "d"]
    assert spare.asked == [("rules", "cpu")]


@pytest.mark.parametrize("error", [ModelUnavailableError("not there any more"), MemoryError()])
def test_a_cpu_that_cannot_load_the_weights_leaves_the_rules(error: Exception, desk: RecordingDesk):
    rules = Spare()

    def load(name, model, device):
        if model.engine != "rules":
            raise error
        return rules(name, model, device)

    made = Bench({SUMMARIZE: Engine(fits(0))}, {}, Tolerance(cpu_fallback=True), CUDA, load)
    done = made.run(SUMMARIZE, cases(*"abcdef"), desk)
    assert ids(done) == ["OutOfMemoryError"] * 4 + ["e", "f"]


@pytest.mark.parametrize(("allowed", "engine"), [(True, "bert on cpu"), (False, "rules")])
def test_weights_that_do_not_fit_onto_the_gpu_at_the_start_go_where_they_may(allowed: bool, engine: str):
    def load(name, model, device):
        if device == CUDA and model.engine == "bert":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return Engine(model=model)

    made = bench.set_up({SUMMARIZE: ModelVersion("big", "bert")}, CUDA, Tolerance(cpu_fallback=allowed), load)
    assert made.fallbacks[SUMMARIZE].engine == engine
