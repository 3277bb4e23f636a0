"""Run all benchmarks, or the sections or parts that are named, and write docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
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

Tell = Callable[[str], None]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
SECTIONS: Mapping[str, Mapping[str, Callable[[Tell], list[Row]]]] = {
    "service": {
        "gateway": gateway.measure,
        "queue": queue.measure,
        "sockets": sockets.measure,
        "memory": memory.measure,
        "cancel": cancel.measure,
        "rivals": rivals.measure,
    },
    "models": {
        "text": text.measure,
        "generate": generate.measure,
        "limit": limit.measure,
        "linear": linear.measure,
        "speech": speech.measure,
        "deterioration": deterioration.measure,
    },
}
TITLES = {"service": "The service", "models": "The models"}
DRAWN = {
    "models": "\n![Queued notes](img/notes.svg) ![Decoded and gated](img/gate.svg) ![Heard](img/speech.svg)\n",
}
HEAD = """# Benchmarks

Written by `make bench`. Timings on shared machines are noisy: what counts is each ratio, taken between two things that
ran side by side, alternating, in one run (the median of the rounds). `python -m tests.benchmarks models` measures one
section anew, and leaves the other as it stands.
"""


def main(names: list[str]) -> int:
    """Measure; the exit status is 1 when a goal is missed. A part named alone is shown, and not written."""
    console = Console()
    found: list[Row] = []
    for section, parts in SECTIONS.items():
        chosen = {name: measure for name, measure in parts.items() if not names or {name, section} & set(names)}
        rows: list[Row] = []
        began = time.monotonic()
        for name, measure in chosen.items():
            console.rule(name)
            rows += measure(console.print)
        if not rows:
            continue
        told = _section(section, rows, time.monotonic() - began)
        console.print(told, markup=False, highlight=False)
        if chosen == parts:
            write(section, told)
        found += rows
    return 0 if all(row.met for row in found) else 1


def write(section: str, told: str) -> None:
    """Put a section into the page, in place of what it said before."""
    before = dict(re.findall(r"(?ms)^## ([^\n]++)\n(.*?)(?=^## |\Z)", PAGE.read_text())) if PAGE.is_file() else {}
    before[TITLES[section]] = told
    kept = [f"\n## {title}\n\n{before[title].strip()}\n" for title in TITLES.values() if title in before]
    PAGE.write_text(HEAD + "".join(kept))


def _section(section: str, rows: list[Row], seconds: float) -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    when = f"Measured at commit {commit.strip() or 'unknown'} in {seconds / 60:.0f} minutes. Machine: {_machine()}."
    return f"{when}\n{DRAWN.get(section, '')}\n{markdown(rows)}"


def _machine() -> str:
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    return f"{cpu.partition(':')[2].strip() or '?'}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
