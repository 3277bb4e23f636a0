"""`python -m tests.quality [PART ...]`: measure quality on the development data and write docs/quality.md."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.quality.report import Gate, Part, Table, gates, table

PARTS = (
    *("english", "spanish", "facts", "ner", "category", "header", "guard", "redflags", "summary", "recommend"),
    *("deidentify", "bundles", "speech"),
)
"""Modules of this package, each with `measure(data: Path) -> Part`, in the order of the report."""
REPORT = Path("docs/quality.md")
KEPT = Path("build/quality")
HEAD = """# Quality, measured

Written by `make quality` at commit {commit}. Development splits and this project's own sets only: the public test
splits are never looked at. Figures of sets that the rules were written against say what holds, not how well they
generalise; each part says which kind it is.
"""


def main() -> None:
    """Run the parts that were named, keep what each found, and write the report from all that are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all unless given")
    parser.add_argument("--data", type=Path, required=True, help="folder with aci-bench/, bc5cdr/ ...")
    parser.add_argument("--out", type=Path, default=REPORT, help="the report")
    given = parser.parse_args()
    unknown = sorted({*given.parts} - {*PARTS})
    if unknown or not (given.data / "mts-dialog").is_dir():
        parser.error(f"no such part: {', '.join(unknown)}" if unknown else f"no data sets in {given.data}: pass --data")
    console = Console(highlight=False)
    KEPT.mkdir(parents=True, exist_ok=True)
    for name in track(given.parts or PARTS, "measuring", console=console):
        part = importlib.import_module(f"tests.quality.{name}").measure(given.data)
        (KEPT / f"{name}.json").write_text(json.dumps(asdict(part)), encoding="utf-8")
        _show(console, part)
    parts = [_kept(KEPT / f"{name}.json") for name in PARTS if (KEPT / f"{name}.json").exists()]
    given.out.write_text(report(parts), encoding="utf-8")
    found = [gate for part in parts for gate in part.gates]
    console.print(f"{sum(each.met for each in found)} of {len(found)} goals met, written to {given.out}")
    sys.exit(not all(each.met for each in found))


def report(parts: Sequence[Part]) -> str:
    """The whole document."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    every = gates([gate for part in parts for gate in part.gates])
    blocks = [HEAD.format(commit=commit.stdout.strip()), table(every)]
    for part in parts:
        blocks += [f"## {part.title}", part.text.strip(), *map(table, part.tables)]
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def _kept(path: Path) -> Part:
    stored = json.loads(path.read_text(encoding="utf-8"))
    tables = [Table(**each) for each in stored["tables"]]
    return Part(stored["title"], stored["text"], [Gate(**each) for each in stored["gates"]], tables)


def _show(console: Console, part: Part) -> None:
    console.print(f"\n[bold]{part.title}[/bold]")
    for each in part.gates:
        bound = "<=" if each.at_most else ">="
        console.print(f"  {'met' if each.met else 'NOT'}  {each.name}: {each.figure:.3f} ({bound} {each.goal:g})")


if __name__ == "__main__":
    main()
