"""The four faces of a job (poll, socket, stream, webhook) agree at every moment, whatever becomes of it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from websockets.sync.client import connect

from shared.job import StageName
from tests.flow.faces import GONE, Faces, watched
from tests.flow.test_kills import reached, until
from tests.house import House, house
from tests.receiver import Receiver, receiver

pytestmark = pytest.mark.process
NOTE = "45-year-old man with chest pain and dyspnea for two days. Denies fever. Takes metformin 500 mg twice daily."
HELD = StageName.SUMMARIZE
IN_FLIGHT_S = 0.5  # an event that was on its way when the row ended
QUICK = {
    "LEASE_S": "2",
    "BEAT_S": "0.5",
    "MAX_ATTEMPTS": "1",
    "SOCKET_REREAD_S": "3",
    "SOCKET_HEARTBEAT_S": "0.4",
    "CANCEL_ON_CLOSE_S": "0.5",
}


@dataclass
class Scene:
    """A house whose worker stops in the middle of each job, and somebody to be called back."""

    home: House
    called: Receiver

    def begin(self) -> str:
        """A job that runs and is held."""
        for name in (f"at-{HELD.value}", f"hold-{HELD.value}"):
            (self.home.home / name).unlink(missing_ok=True)
        (self.home.home / f"hold-{HELD.value}").touch()
        worker = self.home.processes.get("worker")
        if worker is None or worker.poll() is not None:  # it is slow to start: one serves several jobs
            self.home.start("worker", sys.executable, "-m", "tests.flow.held_worker")
        body = {"text": NOTE, "callback_url": self.called.url, "cache": False}
        with self.home.client() as client:
            answer = client.post("/api/v1/submit", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def let_go(self) -> None:
        (self.home.home / f"hold-{HELD.value}").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def house_with_receiver() -> Iterator[tuple[House, Receiver]]:
    with (
        receiver() as called,
        house("redis", "api", "reaper", CALLBACK_ALLOW=called.origin, **QUICK) as home,
    ):
        yield home, called


@pytest.fixture
def scene(house_with_receiver: tuple[House, Receiver]) -> Iterator[Scene]:
    made = Scene(*house_with_receiver)
    yield made
    made.let_go()


def agree(faces: Faces, status: str, *, polled: str | None = None) -> None:
    """All faces have said the one end, each once, and none has said otherwise since the first did."""
    deadline = time.monotonic() + 30.0
    while not all(faces.ends(face) for face in ("socket", "stream", "webhook")):
        assert time.monotonic() < deadline, {each.face: each for each in faces.said}
        time.sleep(0.05)
    time.sleep(1.5)  # a second end would come now
    faces.stop.set()
    said = list(faces.said)
    assert {(each.face, each.status) for each in said if each.over} <= {
        ("poll", polled or status),
        ("socket", status),
        ("stream", status),
        ("webhook", status),
    }
    assert {face: len(faces.ends(face)) for face in ("socket", "stream", "webhook")} == {
        "socket": 1,
        "stream": 1,
        "webhook": 1,
    }
    first = min(each.heard_at for each in said if each.over)
    assert [each for each in said if not each.over and each.made_at > first + IN_FLIGHT_S] == []
    told = {each.progress for each in said if each.over and each.progress is not None}
    assert len(told) == 1, "the faces say different shares of the same ended job"
    late(faces, status)


def late(faces: Faces, status: str) -> None:
    """Whoever comes after the end hears a snapshot and the one end."""
    before = len(faces.said)
    faces._again_and_again("late", faces._socket)
    if not any(each.status == GONE for each in faces.of("poll")):
        faces._again_and_again("late stream", faces._stream)
    for face in {each.face for each in faces.said[before:]}:
        assert [(each.status, each.end) for each in faces.of(face)] == [(status, False), (status, True)]


def test_the_faces_of_a_job_that_completes_agree(scene: Scene):
    job_id = scene.begin()
    with watched(scene.home, job_id, scene.called) as faces:
        reached(scene.home, HELD)
        time.sleep(0.5)
        scene.let_go()
        agree(faces, "completed")


def test_the_faces_of_a_job_that_is_deleted_in_mid_stage_agree(scene: Scene):
    job_id = scene.begin()
    with watched(scene.home, job_id, scene.called) as faces:
        reached(scene.home, HELD)
        with scene.home.client() as client:
            assert client.delete(f"/api/v1/result/{job_id}").status_code == 200
        agree(faces, "cancelled", polled=GONE)


def test_the_faces_of_a_job_whose_submitter_leaves_agree(scene: Scene):
    job_id = scene.begin()
    with watched(scene.home, job_id, scene.called) as faces:
        address = f"ws://127.0.0.1:{scene.home.port}/api/v1/ws/{job_id}?cancel_on_close=true"
        with connect(address, subprotocols=[f"bearer.{scene.home.key}"]) as socket:  # type: ignore[list-item]  # a plain str will do
            socket.recv()
            reached(scene.home, HELD)
        agree(faces, "cancelled")


def test_the_faces_of_a_job_whose_worker_dies_in_its_last_attempt_agree(scene: Scene):
    job_id = scene.begin()
    with watched(scene.home, job_id, scene.called) as faces:
        reached(scene.home, HELD)
        scene.home.kill("worker")
        agree(faces, "dead")


def test_the_faces_agree_although_redis_is_away_when_the_job_ends(scene: Scene):
    job_id = scene.begin()
    with watched(scene.home, job_id, scene.called) as faces:
        reached(scene.home, HELD)
        scene.home.kill("redis")
        scene.let_go()
        until(lambda: any(each.over for each in faces.of("poll")), 60.0, "it did not end")
        starts = threading.Timer(1.5, scene.home.start, ["redis"])
        starts.start()
        agree(faces, "completed")
        starts.join()


def test_the_faces_agree_although_redis_restarts_while_the_job_runs(scene: Scene):
    job_id = scene.begin()
    with watched(scene.home, job_id, scene.called) as faces:
        reached(scene.home, HELD)
        scene.home.kill("redis")
        scene.home.start("redis")
        time.sleep(1.0)
        scene.let_go()
        agree(faces, "completed")
