"""The pages of a document as another process reads them, one after the other, with a stop heard in between."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from shared.errors import (
    BadDocumentError,
    ClinqError,
    DocumentTooLongError,
    EncryptedDocumentError,
    OcrUnavailableError,
    UnsupportedDocumentError,
)
from shared.settings import environment
from worker.stage import Listen

_ROOT = Path(__file__).parents[2]
LISTEN_S = 0.25  # how long a stop may wait to be heard
PROBLEMS: dict[str, tuple[type[ClinqError], str]] = {
    "encrypted": (EncryptedDocumentError, "the document is protected by a password: send it without one"),
    "damaged": (BadDocumentError, "the document cannot be opened: it is damaged, or no PDF"),
    "too_many_pages": (DocumentTooLongError, "the document has too many pages: send it in parts"),
    "too_much_text": (DocumentTooLongError, "the document holds too much text: send it in parts"),
    "unreadable": (
        UnsupportedDocumentError,
        "a picture cannot be read: it is damaged, too large (32,767 pixels a side at most) or no PNG, JPEG or TIFF",
    ),
    "xfa": (UnsupportedDocumentError, "the document is an XFA form: print it to a PDF file and send that"),
    "no_tesseract": (OcrUnavailableError, "pages are pictures: install tesseract-ocr on the workers, then replay"),
    "no_language": (OcrUnavailableError, "tesseract lacks a language here: install tesseract-ocr-spa, then replay"),
}
TOO_COSTLY = "the document cannot be read within the limits of time and memory: send it in parts"
TOO_SLOW = "a page of the document takes too long to read: send it in parts"
PASSED = frozenset({"PATH", "TESSDATA_PREFIX", "HOME", "LANG"})
BYTES_A_CHAR, BYTES_A_PAGE = 12, 1000  # at most, of the JSON in which the other process tells them
TESSERACT = {"en": "eng", "es": "spa"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost."""

    pages: int = 200
    chars: int = 200_000
    cpu_s: int = 1800
    memory_bytes: int = 2 << 30
    silent_s: float = 180.0
    """Longest time between two pages."""


@dataclass(frozen=True, slots=True)
class PageText:
    """One page."""

    page: int
    """From 1."""
    pages: int
    """How many the document has."""
    text: str
    recognised: bool
    """Whether it was read from a picture."""
    form: bool = False
    """Whether it has fields that somebody fills in."""
    unread: bool = False
    """Whether a picture on it may hold words that were not read."""
    problem: str = ""


_line = TypeAdapter(PageText)


def languages(language: str | None) -> str:
    """Tesseract's names for a language; both that clinq reads where it is not known."""
    return TESSERACT.get(language or "", "eng+spa")


def read(path: Path, kind: str, language: str | None, limits: Limits, listen: Listen) -> Iterator[PageText]:
    """The pages of the document at `path`, of this media type.

    `listen` raises once the job is stopped; the other process is ended then. Raises BadDocumentError for what cannot
    be read, and OcrUnavailableError where tesseract is missing; neither quotes anything.
    """
    costs = (limits.pages, limits.chars, limits.cpu_s, limits.memory_bytes)
    arguments = [str(os.getpid()), kind, languages(language), *map(str, costs)]
    with (
        path.open("rb", buffering=0) as document,
        subprocess.Popen(  # noqa: S603 - our own interpreter and module; the document is its standard input
            [sys.executable, "-P", "-m", "worker.documents.child", *arguments],
            stdin=document,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        ) as child,
    ):
        try:
            assert child.stdout is not None  # noqa: S101 - asked for above
            yield from (_page(line) for line in _lines(child.stdout, limits, listen))
            status = child.wait(limits.silent_s)
        finally:
            _end(child)
    if status:
        raise BadDocumentError(TOO_COSTLY)


def _environment() -> dict[str, str]:
    """Nothing of ours but what finds Python's packages, tesseract and its languages: no keys, no addresses."""
    passed = {name: value for name, value in environment().items() if name in PASSED}
    return {**passed, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)]), "OMP_THREAD_LIMIT": "1"}


def _lines(output: IO[bytes], limits: Limits, listen: Listen) -> Iterator[bytes]:
    """Whole lines as they come; no more than the limits allow, whatever a document has made of the process."""
    left = limits.chars * BYTES_A_CHAR + (limits.pages + 1) * BYTES_A_PAGE
    rest, heard_at = b"", time.monotonic()
    while True:
        listen()
        ready, _, _ = select.select([output], [], [], LISTEN_S)
        if not ready:
            if time.monotonic() - heard_at > limits.silent_s:
                raise BadDocumentError(TOO_SLOW)
            continue
        heard_at = time.monotonic()
        piece = os.read(output.fileno(), 1 << 16)
        if not piece:
            return
        left -= len(piece)
        if left < 0:
            raise BadDocumentError(TOO_COSTLY)
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _page(line: bytes) -> PageText:
    try:
        page = _line.validate_json(line)
    except ValidationError:
        raise BadDocumentError("the document cannot be read") from None
    if page.problem:
        kind, said = PROBLEMS.get(page.problem, PROBLEMS["damaged"])
        raise kind(said)
    return page


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child, and the program that it has started, where they still run."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
