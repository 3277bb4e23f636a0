"""arq's worker with its default settings, and its submitting side: many enqueue_job at a time."""

from __future__ import annotations

import asyncio

from arq import create_pool  # type: ignore[import-not-found]  # in an environment of its own
from arq.connections import ArqRedis, RedisSettings  # type: ignore[import-not-found]  # in an environment of its own

from tests.benchmarks.rivals import jobs
from tests.benchmarks.rivals.jobs import ARQ, redis_url, serve

AT_A_TIME = 32
QUIET = {"version": 1, "loggers": {"arq": {"level": "WARNING"}}}


async def nothing(ctx: object, number: int) -> int:
    """Answer at once."""
    return jobs.nothing(number)


async def mark(ctx: object, number: int) -> int:
    """Leave a mark from a thread, because the event loop must go on."""
    return await asyncio.to_thread(jobs.mark, number)


class WorkerSettings:
    """What arq's own command reads."""

    functions = (nothing, mark)
    redis_settings = RedisSettings.from_dsn(redis_url(ARQ))


def main() -> None:
    """Submit what is asked for."""
    with asyncio.Runner() as runner:
        pool = runner.run(create_pool(WorkerSettings.redis_settings))
        serve(lambda kind, count: runner.run(_submit(pool, kind, count)))


async def _submit(pool: ArqRedis, kind: str, count: int) -> None:
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            await pool.enqueue_job(kind, number)

    await asyncio.gather(*(one() for _ in range(AT_A_TIME)))


if __name__ == "__main__":
    main()
