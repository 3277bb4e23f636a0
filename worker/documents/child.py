"""Runs as a process of its own with hard limits: a document on standard input, its pages as JSON lines on the output.

A page that holds text gives that; one that is a picture is read by tesseract. What a damaged file does to the libraries
that read it happens here, and not in the worker.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import pypdfium2  # type: ignore[import-untyped]
from pypdfium2 import PdfDocument, PdfiumError, PdfPage

from shared.child import die_with
from worker.documents import forms, ocr, tiff
from worker.documents.ocr import NoLanguageError, NoTesseractError, UnreadableError
from worker.documents.words import plain

PDF, TIFF = "application/pdf", "image/tiff"
FEWEST_LETTERS = 12
"""A page with fewer is looked at as a picture: its words may be drawn."""
HEADING_LETTERS = 200
"""A scanned page often bears so much text: the name of the scanner, a running title, a page number."""
SCAN_SHARE = 0.5  # of a page, that pictures cover where the page is a scan
PICTURE_SHARE = 0.1  # of a page, that pictures cover which may hold words; a logo covers less
LEAST_SHARE = 0.5  # of the signs that are letters or digits, where a font tells what its shapes mean
DPI = 300  # what tesseract's models were trained on
POINTS = 72
LARGEST_PIXELS = 40_000_000  # an A3 page at 300 dpi has 17 million
LARGEST_FILE = 64 << 20  # bytes that tesseract may write
MOST_FILES = 64  # open at once


@dataclass(frozen=True, slots=True)
class Line:
    """One page, or the reason why there are none."""

    page: int = 0
    pages: int = 0
    text: str = ""
    recognised: bool = False
    form: bool = False
    """Whether it has fields that somebody fills in."""
    unread: bool = False
    """Whether a picture on it may hold words that were not read."""
    problem: str = ""
    """A key of worker.documents.pages.PROBLEMS; empty where all is well."""


def main() -> None:
    """`child.py PARENT KIND LANGUAGES MOST_PAGES MOST_CHARS CPU_S MEMORY_BYTES`."""
    parent, kind, languages, *numbers = sys.argv[1:]
    most_pages, most_chars, cpu_s, memory_bytes = map(int, numbers)
    if (die := die_with(int(parent))) is not None:
        die()
    _limit(cpu_s, memory_bytes)
    data = sys.stdin.buffer.read()
    try:
        _tell(
            _pdf(data, languages, most_pages) if kind == PDF else _picture(data, kind, languages, most_pages),
            most_chars,
        )
    except NoTesseractError:
        _say(Line(problem="no_tesseract"))
    except NoLanguageError:
        _say(Line(problem="no_language"))
    except UnreadableError:
        _say(Line(problem="unreadable"))
    except PdfiumError:
        _say(Line(problem="damaged"))


def _limit(cpu_s: int, memory_bytes: int) -> None:
    for what, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_NOFILE, MOST_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _tell(lines: Iterator[Line], most_chars: int) -> None:
    chars = 0
    for line in lines:
        chars += len(line.text)
        if chars > most_chars:
            _say(Line(problem="too_much_text"))
            return
        _say(line)


def _say(line: Line) -> None:
    sys.stdout.write(json.dumps(asdict(line)) + "\n")
    sys.stdout.flush()


def _pdf(data: bytes, languages: str, most: int) -> Iterator[Line]:
    try:
        document = PdfDocument(data)
    except PdfiumError as error:
        locked = error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
        yield Line(problem="encrypted" if locked else "damaged")
        return
    if document.get_formtype() == pypdfium2.raw.FORMTYPE_XFA_FULL:
        yield Line(problem="xfa")
        return
    document.init_forms()
    pages = len(document)
    if not 0 < pages <= most:
        yield Line(pages=pages, problem="too_many_pages" if pages else "damaged")
        return
    for number in range(pages):
        filled = forms.opened(document, number)
        yield replace(_read(filled, languages), page=number + 1, pages=pages, form=filled.form)
        filled.page.close()


def _read(filled: forms.Filled, languages: str) -> Line:
    """The page's words, and whether they were read from its picture."""
    page, words = filled.page, filled.page.get_textpage()
    text = plain(forms.by_place(words, filled.marks) if filled.form else words.get_text_bounded())
    letters, share = _letters(text), _pictures_share(page)
    written = Line(text=text, unread=share > PICTURE_SHARE)
    if not _is_picture(text, letters, share):
        return written
    picture = _rendered(page)
    if picture is None:
        return Line(text=text)
    seen = plain(ocr.recognise(picture, languages, "--dpi", str(DPI)))
    return Line(text=seen, recognised=True) if _letters(seen) > letters else written


def _is_picture(text: str, letters: int, share: float) -> bool:
    signs = sum(not sign.isspace() for sign in text)
    if letters < FEWEST_LETTERS or letters < LEAST_SHARE * signs:
        return True
    return letters < HEADING_LETTERS and share > SCAN_SHARE


def _pictures_share(page: PdfPage) -> float:
    """How much of the page its pictures cover together, more than 1 where they overlap; a scan may be in strips."""
    width, height = page.get_size()
    pictures = page.get_objects(filter=(pypdfium2.raw.FPDF_PAGEOBJ_IMAGE,), max_depth=3)
    boxes = (each.get_bounds() for each in pictures)
    covered = sum((right - left) * (top - bottom) for left, bottom, right, top in boxes)
    return float(covered / max(width * height, 1.0))


def _rendered(page: PdfPage) -> bytes | None:
    """The page in shades of grey as a portable grey map (netpbm), which tesseract reads; None where it is blank."""
    width, height = page.get_size()
    scale = DPI / POINTS
    scale *= min(1.0, (LARGEST_PIXELS / max(width * height * scale * scale, 1.0)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    rows = memoryview(bitmap.buffer)  # each row may be padded to a multiple of four bytes
    pixels = b"".join(rows[at * bitmap.stride : at * bitmap.stride + bitmap.width] for at in range(bitmap.height))
    if pixels.count(pixels[:1]) == len(pixels):
        return None
    return f"P5 {bitmap.width} {bitmap.height} 255\n".encode() + pixels


def _picture(data: bytes, kind: str, languages: str, most: int) -> Iterator[Line]:
    """The pages of a TIFF, or the one page of another picture."""
    pages = tiff.pages(data)
    if pages > most:
        yield Line(pages=pages, problem="too_many_pages")
        return
    for number in range(pages):
        text = ocr.recognise(data, languages, *(ocr.frame(number) if kind == TIFF else ()))
        yield Line(number + 1, pages, plain(text), recognised=True)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


if __name__ == "__main__":
    main()
    os._exit(0)  # PDFium's own clearing up is of no use to a process that ends
