"""A cancel stops the models themselves: real processes, real weights, and every call counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.job import StageName
from tests.benchmarks.cancel import Submit, cancel, start_worker, submit_note, submit_recording
from tests.house import House, house

pytestmark = [pytest.mark.process, pytest.mark.models]
GENEROUS_S = 6.0  # three times the goal: these tests share the machine with others; `make bench` measures


@pytest.fixture(scope="module")
def home() -> Iterator[House]:
    with house("redis", "api", "reaper", PROFILE="embedded") as made:
        start_worker(made)
        yield made


@pytest.mark.parametrize(
    ("stage", "submit"), [(StageName.TRANSCRIBE, submit_recording), (StageName.RECOMMEND, submit_note)]
)
def test_after_a_cancel_a_model_computes_nothing_and_the_worker_is_free(
    home: House, stage: StageName, submit: Submit
) -> None:
    cancels = [
        cancel(home, submit(home, number), stage, after_s=after_s) for number, after_s in enumerate((0.2, 0.7, 1.3))
    ]

    assert None not in cancels
    done = [each for each in cancels if each is not None]
    assert sum(each.before for each in done) > 0
    assert [each.late for each in done] == [0, 0, 0]
    assert max(each.free_s for each in done) < GENEROUS_S


def test_the_worker_that_let_a_job_go_takes_the_next_one(home: House) -> None:
    assert cancel(home, submit_recording(home, 9), StageName.TRANSCRIBE, after_s=1.0) is not None

    with home.client() as client:
        job_id = client.post("/api/v1/submit", json={"text": "Cough for two days."}).json()["job_id"]

    assert home.result(job_id)["status"] == "completed"
