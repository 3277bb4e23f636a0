"""Run all benchmarks, or the sections or parts that are named, and write docs/benchmarks.md from all that is known."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
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
DRAWN = {"linear": {"Queued notes": "notes", "Decoded and gated": "gate", "Heard": "speech"}}
"""By part, the pictures that it draws into docs/img."""
HEAD = """# Benchmarks

Written by `make bench`. Timings on shared machines are noisy: what counts is each ratio, taken between two things that
ran side by side, alternating, in one run (the median of the rounds). A part named alone (`python -m tests.benchmarks
text`) is measured anew, and the others stand as they were: the page says at which commit each was measured.
"""
KEPT = ROOT / "build" / "benchmarks"


def main(names: list[str]) -> int:
    """Measure, keep what was found, and write the page from all that is kept; the status is 1 when a goal is missed."""
    console = Console()
    KEPT.mkdir(parents=True, exist_ok=True)
    met = True
    for section, parts in SECTIONS.items():
        for name, measure in parts.items():
            if names and not {name, section} & set(names):
                continue
            console.rule(name)
            began = time.monotonic()
            rows = measure(console.print)
            console.print(markdown(rows), markup=False, highlight=False)
            met = met and all(row.met for row in rows)
            keep(name, rows, time.monotonic() - began)
    PAGE.write_text(page(), encoding="utf-8")
    return 0 if met else 1


def keep(name: str, rows: Sequence[Row], seconds: float) -> None:
    """What a part found, with the commit and the machine."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    when = f"commit {commit.strip() or 'unknown'}, {seconds:.0f} s, {_machine()}"
    found = {"when": when, "rows": [asdict(row) for row in rows]}
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def page() -> str:
    """All that is kept, section by section."""
    told = [HEAD]
    for section, parts in SECTIONS.items():
        kept = {
            name: json.loads((KEPT / f"{name}.json").read_text()) for name in parts if (KEPT / f"{name}.json").exists()
        }
        rows = [Row(**row) for found in kept.values() for row in found["rows"]]
        when = "\n".join(f"- {name}: {found['when']}" for name, found in kept.items())
        if rows:
            told.append(f"\n## {TITLES[section]}\n{_pictures(kept)}\n{markdown(rows)}\n\nMeasured:\n\n{when}\n")
    return "".join(told)


def _pictures(parts: Collection[str]) -> str:
    drawn = [f"![{title}](img/{name}.svg)" for part in parts for title, name in DRAWN.get(part, {}).items()]
    return f"\n{' '.join(drawn)}\n" if drawn else ""


def _machine() -> str:
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    return f"{cpu.partition(':')[2].strip() or '?'}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
