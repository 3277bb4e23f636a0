"""The wake-ups that clinq writes are RQ's own, and hold nothing but the id."""

from __future__ import annotations

import fakeredis
import pytest
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from shared.broker import ENTRY, Broker, wake_ups


def test_a_wake_up_is_what_rq_itself_would_have_written():
    redis = fakeredis.FakeRedis()
    Broker(redis, queue="ours", timeout_s=600.0).enqueue(["one", "two"])
    queue = Queue("theirs", connection=redis, serializer=JSONSerializer)
    queue.enqueue(ENTRY, "theirs", job_id="rq", job_timeout=610, result_ttl=60, failure_ttl=300, description="job")
    ours, theirs = redis.hgetall("rq:job:one"), redis.hgetall("rq:job:rq")
    changing = {b"created_at", b"data", b"origin", b"enqueued_at"}
    assert {name: ours[name] for name in ours.keys() - changing} == {
        name: theirs[name] for name in ours.keys() - changing
    }
    assert theirs.keys() - ours.keys() <= {b"enqueued_at", b"meta"}


@pytest.mark.parametrize("fresh", [False, True])
def test_rq_reads_the_function_and_the_id_from_a_wake_up(fresh: bool):
    redis = fakeredis.FakeRedis()
    for command in wake_ups(["one", "two"], queue="ours", timeout_s=600.0, fresh=fresh):
        redis.execute_command(*command)
    read = Job.fetch("two", connection=redis, serializer=JSONSerializer)
    assert (read.func_name, read.args, read.kwargs, read.timeout) == (ENTRY, ["two"], {}, 610)
    assert redis.lrange("rq:queue:ours", 0, -1) == [b"one", b"two"]
    assert Queue("ours", connection=redis, serializer=JSONSerializer) in Queue.all(redis)
