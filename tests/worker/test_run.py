"""The RQ side of the worker: wake-ups arrive, everything else in the queue is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from shared.broker import ENTRY, Broker, queue_key
from shared.errors import BackingServiceError
from worker import attempt, run
from worker.run import QueueWorker


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The ids that reached the ledger's door."""
    ids: list[str] = []
    monkeypatch.setattr(attempt, "drain", lambda _worker, job_id: ids.append(job_id))
    token = run._working.set(None)  # type: ignore[arg-type]  # nothing behind the door is needed here
    yield ids
    run._working.reset(token)


def burst(redis: Redis) -> None:
    queue = Queue("clinq", connection=redis, serializer=JSONSerializer)
    QueueWorker([queue], connection=redis, serializer=JSONSerializer, log_job_description=False).work(
        burst=True, logging_level="WARNING"
    )


def test_each_enqueued_id_wakes_the_worker_in_order(redis: Redis, woken: list[str]):
    Broker(redis, queue="clinq", timeout_s=60.0).enqueue(["a", "b", "c"])
    burst(redis)
    assert woken == ["a", "b", "c"]
    assert Broker(redis, queue="clinq", timeout_s=60.0).waiting() == set()


def test_an_id_that_is_sent_twice_only_wakes_twice(redis: Redis, woken: list[str]):
    broker = Broker(redis, queue="clinq", timeout_s=60.0)
    broker.enqueue(["a"])
    broker.enqueue(["a"])
    burst(redis)
    assert woken == ["a", "a"]


def test_a_job_that_names_another_function_is_never_called(redis: Redis, woken: list[str], tmp_path: Path):
    trace = tmp_path / "trace"
    queue = Queue("clinq", connection=redis, serializer=JSONSerializer)
    queue.enqueue("os.system", f"touch {trace}")
    Broker(redis, queue="clinq", timeout_s=60.0).enqueue(["a"])
    burst(redis)
    assert woken == ["a"]
    assert not trace.exists()
    assert redis.llen(queue.intermediate_queue_key) == 0


def test_a_pickled_job_is_refused(redis: Redis, woken: list[str], tmp_path: Path):
    trace = tmp_path / "trace"
    Queue("clinq", connection=redis).enqueue("os.system", f"touch {trace}")
    burst(redis)
    assert woken == []
    assert not trace.exists()


def test_redis_holds_the_id_and_nothing_else_of_the_job(redis: Redis):
    Broker(redis, queue="clinq", timeout_s=60.0).enqueue(["the-id"])
    assert redis.lrange(queue_key("clinq"), 0, -1) == [b"the-id"]
    assert redis.hget("rq:job:the-id", "description") == b"job"
    assert f"{run.run_job.__module__}.{run.run_job.__name__}" == ENTRY


def test_an_absent_redis_is_a_named_error():
    with pytest.raises(BackingServiceError, match="CLINQ_REDIS_URL"):
        Broker.connect("redis://127.0.0.1:1", queue="clinq", timeout_s=1.0).enqueue(["a"])
