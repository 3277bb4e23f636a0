"""Writes docs/examples and the examples in docs/result.md and docs/resultado.md anew: `make examples`.

The whole service runs with the embedded profile, takes both notes, and what it answers is written as it comes; only
line breaks and spaces are ours.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.house import House, house

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"
PAGES = {"en": DOCS / "result.md", "es": DOCS / "resultado.md"}
METADATA = {"visit": "A-17"}
WIDTH = 140
PATIENCE_S = 300.0


def note(language: str) -> str:
    """The note, exactly as it is submitted: the file ends without a line break."""
    return (EXAMPLES / f"note.{language}.txt").read_text(encoding="utf-8")


def laid_out(value: Any, depth: int = 0) -> str:
    """JSON, indented; what fits on a line stands on one."""
    short = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(short) + 2 * depth <= WIDTH:
        return short
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, list):
        return "[\n" + ",\n".join(pad + laid_out(each, depth + 1) for each in value) + f"\n{end}]"
    lines = (f"{pad}{json.dumps(name)}: {laid_out(each, depth + 1)}" for name, each in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{end}}}"


def shown(page: str, name: str, content: str) -> str:
    """The page with this content in the block behind the mark of that name."""
    block = re.compile(rf"(<!-- {re.escape(name)} -->\n```\w*\n).*?(\n```\n)", re.DOTALL)
    made, times = block.subn(lambda found: found[1] + content + found[2], page)
    if times != 1:
        raise ValueError(f"the page has {times} blocks for {name}, not one")
    return made


def write(language: str, answer: dict[str, Any]) -> None:
    """The example in its file and in its page."""
    made = laid_out(answer)
    (EXAMPLES / f"result.{language}.json").write_text(made + "\n", encoding="utf-8")
    page = PAGES[language]
    text = shown(page.read_text(encoding="utf-8"), f"note.{language}.txt", note(language))
    page.write_text(shown(text, f"result.{language}.json", made), encoding="utf-8")


def ask(home: House, language: str) -> dict[str, Any]:
    """Submit the note as any client does, and wait for its result."""
    with home.client() as client:
        sent = client.post("/api/v1/submit", json={"text": note(language), "metadata": METADATA})
    sent.raise_for_status()
    answer = home.result(sent.json()["job_id"], PATIENCE_S)
    if answer["status"] != "completed" or answer["degraded"]:
        raise ValueError(f"the example in {language}: {answer['status']}, {answer.get('reason', answer)}")
    return answer


def main() -> None:
    """Write both examples."""
    with house("redis", "api", "reaper", "worker", PROFILE="embedded") as home:
        for language in PAGES:
            write(language, ask(home, language))


if __name__ == "__main__":
    main()
