"""Documents through the whole service: evidence on its page, kills in mid-reading, clear ends; real processes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.job import StageName
from tests import papers
from tests.flow.test_kills import QUICK, finished_stages, held_worker, reached, until
from tests.house import House, house
from tests.papers import CARTA, LETTER, Scan
from worker.documents import ocr

pytestmark = pytest.mark.process
needs_tesseract = pytest.mark.skipif(ocr.version() is None, reason="needs tesseract: apt-get install tesseract-ocr")


def submit(home: House, content: bytes, name: str = "letter.pdf", **form: str) -> str:
    with home.client() as client:
        answer = client.post("/api/v1/submit/document", files={"file": (name, content)}, data=form)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def evidence(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "quote_hash" in value:
            yield value
        yield from chain.from_iterable(evidence(each) for each in value.values())
    elif isinstance(value, list):
        yield from chain.from_iterable(evidence(each) for each in value)


def get(home: House, path: str) -> httpx.Response:
    with home.client() as client:
        return client.get(f"/api/v1/result/{path}")


def check_pages(result: dict[str, Any]) -> dict[str, int]:
    """Each fact's words stand where its evidence says, on the page that it names; the pages by the facts' words."""
    text, pages = result["transcript"]["text"], result["transcript"]["pages"]
    for each in evidence(result):
        page = next(page for page in pages if page["page"] == each["page"])
        assert page["start"] <= each["start"] < each["end"] <= page["end"]
    for fact in result["facts"]:
        first = fact["evidence"][0]
        assert text[first["start"] : first["end"]] == fact["text"]
    return {fact["text"].lower(): fact["evidence"][0]["page"] for fact in result["facts"]}


@needs_tesseract
@pytest.mark.parametrize(
    ("letter", "language", "words"),
    [(LETTER, "en", {"chest pain": 1, "metformin": 2}), (CARTA, "es", {"cefalea": 1, "paracetamol": 2})],
)
def test_a_letter_with_a_scanned_page_becomes_facts_on_their_pages(letter: str, language: str, words: dict[str, int]):
    first, _, rest = letter.partition("\n")
    with house("redis", "api", "reaper", "worker", **QUICK) as home:
        job_id = submit(home, papers.pdf(first, Scan(rest)), language=language)
        result = home.result(job_id)
        assert result["status"] == "completed", result
        found = check_pages(result)
        assert {word: found.get(word) for word in words} == words
        assert [each["recognised"] for each in result["transcript"]["pages"]] == [False, True]
        assert any("page 2" in each for each in result["warnings"])
        text = result["transcript"]["text"]
        assert get(home, f"{job_id}/transcript?format=txt").text == text
        assert [each["text"] for each in get(home, f"{job_id}/transcript").json()["pages"]] == text.split("\n\n")
        assert get(home, f"{job_id}/transcript?format=vtt").status_code == 404
        bundle = get(home, f"{job_id}/bundle").json()
        references = [each["resource"] for each in bundle["entry"] if "content" in each["resource"]]
        assert references[0]["content"][0]["attachment"]["contentType"] == "application/pdf"
        assert references[1]["relatesTo"][0]["code"] == "transforms"


def children(pid: int) -> list[int]:
    """The process, what it has started, and what those have."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    started = [int(each) for path in threads for each in path.read_text().split()]
    return [pid, *chain.from_iterable(children(each) for each in started)]


@needs_tesseract
def test_a_worker_killed_while_it_reads_loses_nothing_and_leaves_no_reader_behind():
    pages = [LETTER, *[Scan(CARTA)] * 12]
    with house("redis", "api", "reaper", "worker", **QUICK) as home:
        job_id = submit(home, papers.pdf(*pages), stages="read")
        until(lambda: get(home, job_id).json()["progress"] > 0, 60.0, "no page was read")
        running = children(home.processes["worker"].pid)
        assert get(home, job_id).json()["stage"] == "read"
        home.kill("worker")
        until(lambda: not any(Path(f"/proc/{each}").exists() for each in running), 10.0, "a reader lives on")
        home.start("second", sys.executable, "-m", "shared.cli", "worker")
        result = home.result(job_id)
        assert result["status"] == "completed"
        assert [each["page"] for each in result["transcript"]["pages"]] == list(range(1, len(pages) + 1))
        assert len(running) > 1
        assert finished_stages(home, job_id)["read"] == 0
        assert result["attempt"] == 2


def test_a_worker_killed_behind_the_reading_does_not_read_again():
    with house("redis", "api", "reaper", **QUICK) as home:
        held_worker(home, StageName.SUMMARIZE)
        job_id = submit(home, papers.pdf(LETTER, CARTA))
        reached(home, StageName.SUMMARIZE)
        home.kill("worker")
        (home.home / "hold-summarize").unlink()
        held_worker(home)
        result = home.result(job_id)
        assert result["transcript"]["text"] == f"{LETTER}\n\n{CARTA}"
        assert set(finished_stages(home, job_id).values()) == {1}


def test_what_cannot_be_read_ends_at_once_with_its_code_and_nothing_of_it_in_a_log():
    canary = "ZQXCANARY"
    broken = {
        "document_encrypted": papers.pdf(canary, encrypted=True),
        "bad_document": f"%PDF-1.4 {canary}".encode(),
        "document_too_long": papers.pdf(*[canary] * 4),
    }
    with house("redis", "api", "reaper", "worker", MAX_DOCUMENT_PAGES="3", **QUICK) as home:
        jobs = {code: submit(home, content, name=f"{canary}.pdf") for code, content in broken.items()}
        ends = {code: home.result(job_id) for code, job_id in jobs.items()}
        assert {code: (each["status"], each["reason"]["code"]) for code, each in ends.items()} == {
            code: ("failed", code) for code in broken
        }
        empty = home.result(submit(home, papers.pdf("")))
        assert (empty["status"], empty["reason"]["code"]) == ("insufficient_content", "insufficient_content")
        assert canary not in json.dumps([*ends.values(), empty])
        stored = [path for path in home.home.rglob("*") if path.is_file()]
        assert [path.name for path in stored if canary.encode() in path.read_bytes()] == []
