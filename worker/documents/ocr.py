"""Reads a picture by tesseract, a program of its own (Apache-2.0; Smith 2007, doi 10.1109/ICDAR.2007.4376991)."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

from shared.child import die_with

PROGRAM = "tesseract"
LAYOUT = "3"  # tesseract's page segmentation: columns and paragraphs found by itself
TURNED = "1"  # the same, once the page is turned upright: needs the model `osd`
ORIENTATION = "osd"
PAGE_S = 120.0
ASK_S = 10.0


class NoTesseractError(Exception):
    """There is no such program here."""


class NoLanguageError(Exception):
    """The program has no model for a language that was asked for."""


class UnreadableError(Exception):
    """The program cannot read the picture, or not in time."""


def recognise(picture: bytes, languages: str, *more: str) -> str:
    """The words of one picture (PNM, PNG, JPEG, TIFF).

    `languages` are tesseract's names with + between, `more` its other arguments. Raises NoTesseractError,
    NoLanguageError, UnreadableError.
    """
    if missing := set(languages.split("+")) - _languages():
        raise NoLanguageError(", ".join(sorted(missing)))
    layout = TURNED if ORIENTATION in _languages() else LAYOUT
    try:
        said = _run("stdin", "stdout", "-l", languages, "--psm", layout, *more, given=picture, seconds=PAGE_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise UnreadableError from error
    # For a damaged TIFF, tesseract ends as if it had read an empty page.
    if not said.stdout.strip() and b"Error in pix" in said.stderr:
        raise UnreadableError
    return said.stdout.decode("utf-8", "replace")


def frame(number: int) -> tuple[str, str]:
    """The arguments that choose one page of a TIFF; the first is 0."""
    return ("-c", f"tessedit_page_number={number}")


def version() -> str | None:
    """The program's version; None where there is none."""
    try:
        first = _run("--version").stdout.split(b"\n", 1)[0].decode("ascii", "replace")
    except (NoTesseractError, subprocess.SubprocessError):
        return None
    return first.removeprefix(PROGRAM).strip()


@cache
def _languages() -> set[str]:
    try:
        _, *names = _run("--list-langs").stdout.decode("utf-8", "replace").split("\n")
    except subprocess.SubprocessError as error:
        raise NoTesseractError from error
    return {name.strip() for name in names}


def _run(*arguments: str, given: bytes = b"", seconds: float = ASK_S) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which(PROGRAM)
    if program is None:
        raise NoTesseractError
    return subprocess.run(  # noqa: S603 - no shell, and nothing in it comes from the document
        [program, *arguments],
        input=given,
        capture_output=True,
        timeout=seconds,
        check=True,
        preexec_fn=die_with(os.getpid()),
    )
