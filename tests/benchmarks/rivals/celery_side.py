"""Celery's application with its default settings, and its submitting side: one producer over one open connection."""

from __future__ import annotations

from celery import Celery  # type: ignore[import-not-found]  # in an environment of its own

from tests.benchmarks.rivals import jobs
from tests.benchmarks.rivals.jobs import CELERY, CELERY_RESULTS, MARK, NOTHING, redis_url, serve

app = Celery("bench", broker=redis_url(CELERY), backend=redis_url(CELERY_RESULTS))
TASKS = {NOTHING: app.task(jobs.nothing, name=NOTHING), MARK: app.task(jobs.mark, name=MARK)}


def main() -> None:
    """Submit what is asked for."""

    def submit(kind: str, count: int) -> None:
        with app.producer_pool.acquire(block=True) as producer:
            for number in range(count):
                TASKS[kind].apply_async((number,), producer=producer)

    serve(submit)


if __name__ == "__main__":
    main()
