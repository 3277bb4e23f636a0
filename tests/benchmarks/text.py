"""The text pipeline: a burst through one worker, and one job alone, beside plain transformers in float32."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from shared import registry, tables
from shared.database import Database
from shared.settings import Settings
from tests.benchmarks import bursts, plainly
from tests.benchmarks.table import Row
from tests.house import House, house

ROUNDS = 1
SAMPLE = 8
"""So many jobs of the burst, that stand for it, are what the plain pipeline and ours alone read in a round."""
FASTER, WAIT, LATENCY = 6.0, 0.25, 0.6
WARM = 4
OPEN = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of jobs that were submitted at one moment."""

    seconds: float
    """From the first submission to the last end."""
    wait_s: float
    """From submission to end, the mean of all jobs."""
    cpu_s: float
    """What the worker's process took."""
    jobs: int


def measure(tell: Callable[[str], None]) -> list[Row]:
    """Rows of the text pipeline; both sides run on one thread, alternating."""
    settings = Settings(profile="embedded")
    plain = bursts.pipeline(bursts.reference(registry.read(settings.manifest), settings))
    ours = bursts.pipeline()
    who = f"{bursts.engines_of(ours)}; plain: {bursts.engines_of(plain)}"
    tell(who)
    every = bursts.texts()
    few = bursts.sample(every, SAMPLE)
    plainly.by_generate(plain, plainly.MOST_TOKENS)
    bursts.run(plain, few[:1])
    bursts.run(ours, few[:1])
    rates, cpu_rates, alike, waits, latencies = [], [], [], [], []
    with house("redis", "api", "reaper", "worker", PROFILE="embedded", LOG_LEVEL="INFO") as home:
        _ready(home)
        burst(home, [f"{each} Warming up." for each in few[:WARM]])
        for number in range(ROUNDS):
            one = bursts.run(plain, few)
            plainly.by_generate(plain, None)
            limited = bursts.run(plain, few)
            plainly.by_generate(plain, plainly.MOST_TOKENS)
            alone = [bursts.run(ours, [text]).wall_s for text in few]
            many = burst(home, [f"{each}\nRound {number}." for each in every])
            each_s = one.wall_s / len(one.cases)
            rates.append(many.jobs / many.seconds * each_s)
            cpu_rates.append(one.cpu_s / len(one.cases) / (many.cpu_s / many.jobs))
            alike.append(limited.cpu_s / len(limited.cases) / (many.cpu_s / many.jobs))
            waits.append(many.wait_s / (each_s * (many.jobs + 1) / 2))
            latencies.append(statistics.mean(alone) / each_s)
            tell(
                f"plain {each_s:.2f} s a job, with our limits {limited.wall_s / len(few):.2f} s; "
                f"ours alone {statistics.mean(alone):.2f} s; burst of {many.jobs} "
                f"{many.seconds:.1f} s, mean wait {many.wait_s:.1f} s, {many.cpu_s:.1f} CPU s"
            )
    rate, wait, latency = (statistics.median(each) for each in (rates, waits, latencies))
    jobs = f"{bursts.JOBS} dialogues and notes, mean {statistics.mean(map(len, every)):.0f} characters, one worker"
    load = f"load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
    return [
        Row(
            "text pipeline, burst: jobs per second / plain transformers fp32 one at a time",
            rate,
            f">= {FASTER:.0f}",
            rate >= FASTER,
            f"{jobs}; by CPU time {statistics.median(cpu_rates):.2f}; {load}; {who}; plain writes one prompt at a time "
            f"by `generate`, until the model ends its text or has {plainly.MOST_TOKENS} tokens",
        ),
        Row(
            "text pipeline, burst: the same by CPU time, where plain transformers has our limits of a text's length",
            statistics.median(alike),
            "",
            True,
            "what engines and batches alone bring; the rest is what ours does not write",
        ),
        Row(
            "text pipeline, burst: mean wait / the same, its jobs one after the other",
            wait,
            f"<= {WAIT}",
            wait <= WAIT,
            "from submission to result; the plain side's mean job times half the burst",
        ),
        Row(
            "text pipeline, one job alone: latency / plain transformers fp32",
            latency,
            f"<= {LATENCY}",
            latency <= LATENCY,
            "in one process, the same texts, alternating",
        ),
    ]


def burst(home: House, texts: list[str], seconds: float = 900.0) -> Burst:
    """Submit the texts as one batch, and wait until all have ended well."""
    cpu = worker_cpu_s(home)
    lines = "\n".join(json.dumps({"text": text}) for text in texts)
    with home.client() as client:
        answer = client.post("/api/v1/batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
    ids = set(answer.raise_for_status().json()["job_ids"])
    database = Database(Settings(home=home.home).database)
    job = tables.job
    mine = sa.select(job.c.status, job.c.created_at, job.c.finished_at).where(job.c.id.in_(ids))
    try:
        deadline = time.monotonic() + seconds
        while True:
            with database.read() as connection:
                rows = connection.execute(mine).all()
            if not any(row.status in OPEN for row in rows):
                break
            if time.monotonic() > deadline:
                raise TimeoutError("the burst did not end")
            time.sleep(0.2)
    finally:
        database.close()
    if {row.status for row in rows} != {"completed"}:
        raise RuntimeError(f"a job of the burst ended as {sorted({row.status for row in rows})}")
    begun = min(row.created_at for row in rows)
    return Burst(
        seconds=max(row.finished_at for row in rows) - begun,
        wait_s=statistics.mean(row.finished_at - row.created_at for row in rows),
        cpu_s=worker_cpu_s(home) - cpu,
        jobs=len(rows),
    )


def worker_cpu_s(home: House) -> float:
    """CPU seconds that the worker's process has taken so far."""
    fields = Path(f"/proc/{home.processes['worker'].pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ready(home: House) -> None:
    deadline = time.monotonic() + 300.0
    while "worker ready" not in home.log("worker"):
        if time.monotonic() > deadline:
            raise TimeoutError("the worker did not load its models")
        time.sleep(0.2)
