"""Read turns documents into text: each word on its page, scans by OCR, and what cannot be read says why."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.case import Case
from shared.errors import BadDocumentError, JobStoppedError, OcrUnavailableError
from shared.job import Document
from shared.registry import ModelVersion
from tests import papers
from tests.conftest import RecordingDesk
from tests.papers import CARTA, LETTER, Scan
from worker.documents import ocr
from worker.documents.pages import Limits
from worker.stage import Device
from worker.stages.read import Read, load

PDF, PNG, JPEG, TIFF = "application/pdf", "image/png", "image/jpeg", "image/tiff"
CaseOf = Callable[..., Case]
CANARY = "ZQXCANARY"
needs_tesseract = pytest.mark.skipif(ocr.version() is None, reason="needs tesseract: apt-get install tesseract-ocr")


@dataclasses.dataclass
class Reader:
    """The stage over one document in a file."""

    case: Case
    folder: Path

    def read(
        self, data: bytes, kind: str = PDF, *, language: str | None = None, limits: Limits | None = None, **desk: int
    ) -> tuple[Case, RecordingDesk]:
        path = self.folder / "document"
        path.write_bytes(data)
        document = Document(blob="b", content_type=kind, sha256="0" * 64, size_bytes=len(data))
        origin = dataclasses.replace(self.case.origin, document=document)
        told = RecordingDesk(path, **desk)
        stage = Read(ModelVersion("pdfium", "pdfium"), limits or Limits())
        (done,) = stage.run([dataclasses.replace(self.case, origin=origin, language=language)], told)
        return done, told


@pytest.fixture
def reader(case_of: CaseOf, tmp_path: Path) -> Reader:
    return Reader(case_of(None), tmp_path)


def page(case: Case, number: int) -> str:
    return next((case.text or "")[each.start : each.end] for each in case.pages if each.number == number)


def test_the_text_of_a_pdf_keeps_its_pages(reader: Reader) -> None:
    case, desk = reader.read(papers.pdf(LETTER, "", CARTA))

    assert case.text == f"{LETTER}\n\n\n\n{CARTA}"
    assert [page(case, number) for number in (1, 2, 3)] == [LETTER, "", CARTA]
    assert [each.recognised for each in case.pages] == [False, False, False]
    assert case.warnings == ()
    assert "".join(partial or "" for _, partial, _ in desk.told) == case.text
    assert [round(share, 2) for share, _, _ in desk.told] == [0.33, 0.67, 1.0]


@needs_tesseract
def test_scanned_pages_are_read_among_others_and_a_warning_names_them(reader: Reader) -> None:
    case, _ = reader.read(papers.pdf(LETTER, Scan(CARTA), Scan(LETTER, "Scanned by SC-400, page 3 of 3")))

    assert [each.recognised for each in case.pages] == [False, True, True]
    assert page(case, 2).replace("dias", "días") == CARTA
    assert page(case, 3).startswith(LETTER)
    assert "page 2, 3" in case.warnings[0]


@needs_tesseract
def test_a_scan_in_strips_is_one_scan(reader: Reader) -> None:
    case, _ = reader.read(papers.pdf(Scan(LETTER, "Scanned by SC-400, page 1 of 1", strips=5)))

    assert (case.text or "").startswith(LETTER)


def test_a_picture_beside_much_text_is_not_read_and_a_warning_says_so(reader: Reader) -> None:
    written = "\n".join(["She has come back with a cough that does not let her sleep."] * 5)
    case, _ = reader.read(papers.pdf(LETTER, Scan(CARTA, written)))

    assert page(case, 2) == written
    assert case.warnings == (
        "Text and pictures: page 2. Only its text was read: look at the pictures in the original.",
    )


@needs_tesseract
@pytest.mark.parametrize(("kind", "made"), [(PNG, papers.png), (JPEG, papers.jpeg), (TIFF, papers.tiff)])
@pytest.mark.parametrize(("words", "language"), [(LETTER, "en"), (CARTA, "es")])
def test_pictures_are_read_in_both_languages(
    reader: Reader, kind: str, made: Callable[[papers.Pixels], bytes], words: str, language: str
) -> None:
    case, _ = reader.read(made(papers.picture(words)), kind, language=language)

    assert case.text == words
    assert [(each.number, each.recognised) for each in case.pages] == [(1, True)]


@needs_tesseract
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_page_that_was_scanned_sideways_or_upside_down_is_turned(reader: Reader, quarters: int) -> None:
    words = "\n".join([LETTER] * 4)
    case, _ = reader.read(papers.png(np.rot90(papers.picture(words), quarters)), PNG)

    assert (case.text or "").split() == words.split()


@needs_tesseract
@pytest.mark.parametrize("words", ["Fever.", "BP 142/91"])
def test_a_picture_of_a_few_words_is_read(reader: Reader, words: str) -> None:
    assert reader.read(papers.png(papers.picture(words)), PNG)[0].text == words


@needs_tesseract
def test_each_page_of_a_tiff_is_told_when_it_is_read(reader: Reader) -> None:
    case, desk = reader.read(papers.tiff(papers.picture(LETTER), papers.picture(CARTA)), TIFF)

    assert [page(case, 1), page(case, 2).replace("dias", "días")] == [LETTER, CARTA]
    assert [share for share, _, _ in desk.told] == [0.5, 1.0]


def test_what_was_typed_into_a_form_stands_behind_its_label(reader: Reader) -> None:
    case, _ = reader.read(papers.form({"Complaint:": "chest pain", "Allergies:": "penicillin"}))

    assert case.text == "Complaint: chest pain\nAllergies: penicillin"
    assert case.warnings == (
        "Fields of a form: page 1. What stands at an empty box may be taken for true: check it against the original.",
    )


def test_each_box_of_a_form_shows_whether_it_is_ticked(reader: Reader) -> None:
    case, _ = reader.read(papers.form({"Fever": False, "Cough": True, "Since:": "Monday"}))

    assert case.text == "Fever ☐\nCough ☒\nSince: Monday"


def test_a_field_that_a_form_hides_is_not_read(reader: Reader) -> None:
    form = papers.form({"Previous answers of the patient": True, "Since:": CANARY}).replace(b"/F 4", b"/F 2")

    assert reader.read(form)[0].text == "Previous answers of the patient\nSince:"


def test_words_that_a_line_of_a_pdf_cuts_are_whole(reader: Reader) -> None:
    case, _ = reader.read(papers.pdf("She has hyperten-\nsion and comes for a follow-\nup."))

    assert case.text == "She has hypertension and comes for a follow-up."


@needs_tesseract
def test_a_tiff_whose_directories_run_in_a_ring_has_one_page(reader: Reader) -> None:
    ring = bytearray(papers.tiff(papers.picture("Fever.")))
    ring[-4:] = ring[4:8]

    assert reader.read(bytes(ring), TIFF)[0].text == "Fever."


@needs_tesseract
def test_a_damaged_tiff_is_not_an_empty_page(reader: Reader) -> None:
    whole = papers.tiff(papers.picture(LETTER))
    at = whole.index(struct.pack("<HHI", 257, 4, 1)) + 8  # its height

    with pytest.raises(BadDocumentError, match="cannot be read"):
        reader.read(whole[:at] + struct.pack("<I", 2_000_000) + whole[at + 4 :], TIFF)


def test_after_a_cancel_no_further_page_is_read(reader: Reader) -> None:
    with pytest.raises(JobStoppedError):
        reader.read(papers.pdf(LETTER, LETTER, LETTER), stop_after=1)


def test_a_document_without_a_word_holds_too_little(reader: Reader) -> None:
    case, _ = reader.read(papers.pdf("", ""))

    assert case.insufficient == "The document holds no text."
    assert len(case.pages) == 2


@pytest.mark.parametrize(
    ("data", "kind", "limits", "code"),
    [
        (papers.pdf(CANARY, encrypted=True), PDF, Limits(), "document_encrypted"),
        (f"%PDF-1.7 {CANARY}".encode(), PDF, Limits(), "bad_document"),
        (papers.pdf(CANARY, LETTER)[:700], PDF, Limits(), "bad_document"),
        (papers.pdf(*[CANARY] * 5), PDF, Limits(pages=4), "document_too_long"),
        (papers.tiff(*[papers.picture(CANARY)] * 3), TIFF, Limits(pages=2), "document_too_long"),
        (papers.pdf(*[CANARY] * 5), PDF, Limits(chars=20), "document_too_long"),
        (papers.form({CANARY: CANARY}, xfa=True), PDF, Limits(), "unsupported_document"),
        (papers.bomb(400), PDF, Limits(memory_bytes=384 << 20), "bad_document"),
        (papers.bomb(400), PDF, Limits(cpu_s=1), "bad_document"),
    ],
)
def test_what_cannot_be_read_says_why_and_repeats_nothing(
    reader: Reader, data: bytes, kind: str, limits: Limits, code: str
) -> None:
    with pytest.raises(BadDocumentError) as caught:
        reader.read(data, kind, limits=limits)

    assert caught.value.code == code
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "said", ["yes", "cat /dev/zero", """echo '{"page":1,"pages":1,"text":"","recognised":0,"problem":"x"}'"""]
)
def test_a_reader_that_a_document_has_taken_over_is_not_believed(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{said}\n")
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))

    with pytest.raises(BadDocumentError):
        reader.read(b"%PDF-1.7")


@needs_tesseract
def test_a_damaged_picture_says_so(reader: Reader) -> None:
    with pytest.raises(BadDocumentError, match="cannot be read"):
        reader.read(papers.png(papers.picture(LETTER))[:200], PNG)


def test_where_tesseract_is_missing_a_scan_says_so_and_a_text_is_read(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert reader.read(papers.pdf(LETTER))[0].text == LETTER
    with pytest.raises(OcrUnavailableError, match="install tesseract-ocr") as caught:
        reader.read(papers.pdf(LETTER, Scan(CARTA)))
    assert caught.value.code == "ocr_unavailable"


@needs_tesseract
def test_where_a_language_is_missing_a_scan_says_so(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))

    with pytest.raises(OcrUnavailableError, match="lacks a language") as caught:
        reader.read(papers.pdf(Scan(CARTA)), language="es")
    assert caught.value.code == "ocr_unavailable"


def test_the_stage_names_what_reads_and_takes_its_limits_from_the_plan() -> None:
    stage = load(ModelVersion("pdfium", "pdfium", options={"pages": "7", "chars": "900"}), Device())

    assert (stage.limits.pages, stage.limits.chars) == (7, 900)
    assert stage.model.version.startswith("pypdfium2 5.")
    assert "tesseract" in stage.model.version
