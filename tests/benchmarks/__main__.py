"""Run all benchmarks, or those that are named, and write docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from rich.console import Console

from tests.benchmarks import (
    cancel,
    deterioration,
    gateway,
    generate,
    limit,
    linear,
    memory,
    queue,
    sockets,
    speech,
    text,
)
from tests.benchmarks.rivals import measure as rivals
from tests.benchmarks.table import Row, markdown

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PARTS = {
    "gateway": gateway.measure,
    "queue": queue.measure,
    "sockets": sockets.measure,
    "text": text.measure,
    "generate": generate.measure,
    "limit": limit.measure,
    "linear": linear.measure,
    "speech": speech.measure,
    "memory": memory.measure,
    "deterioration": deterioration.measure,
    "cancel": cancel.measure,
    "rivals": rivals.measure,
}
HEAD = """# Benchmarks

Written by `make bench`. Timings on shared machines are noisy: what counts is each ratio, taken between two things that
ran side by side, alternating, in one run (the median of the rounds).

"""


def main(names: list[str]) -> int:
    """Measure; the exit status is 1 when a goal is missed."""
    console = Console()
    rows: list[Row] = []
    for name, measure in PARTS.items():
        if not names or name in names:
            console.rule(name)
            rows += measure(console.print)
    page = HEAD + markdown(rows) + f"\n\nMachine: {_machine()}.\n"
    console.print(page, markup=False, highlight=False)
    if not names:
        PAGE.write_text(page)
    return 0 if all(row.met for row in rows) else 1


def _machine() -> str:
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    return f"{cpu.partition(':')[2].strip() or '?'}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
