"""The submitting side of plain RQ: many jobs in one pipeline, which is its fastest way; `retried` adds Retry(3)."""

from __future__ import annotations

import sys

from redis import Redis
from rq import Queue, Retry

from tests.benchmarks.rivals.jobs import MARK, NOTHING, RETRIED_RQ, RQ, mark, nothing, redis_url, serve

QUEUE = "bench"
FUNCTIONS = {NOTHING: nothing, MARK: mark}


def main(*, retried: bool) -> None:
    """Submit what is asked for."""
    queue = Queue(QUEUE, connection=Redis.from_url(redis_url(RETRIED_RQ if retried else RQ)))
    retry = Retry(max=3) if retried else None

    def submit(kind: str, count: int) -> None:
        queue.enqueue_many([Queue.prepare_data(FUNCTIONS[kind], (number,), retry=retry) for number in range(count)])

    serve(submit)


if __name__ == "__main__":
    main(retried="retried" in sys.argv)
