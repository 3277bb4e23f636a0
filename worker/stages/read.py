"""Read: a document's pages become the text that all offsets count in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata

from shared.case import Case, Page
from shared.registry import ModelVersion
from worker.documents import ocr, pages
from worker.documents.pages import Limits, PageText
from worker.stage import Desk, Device

BETWEEN = "\n\n"
"""What stands between two pages: sentences do not run over it."""
NO_TEXT = "The document holds no text."
RECOGNISED = "Read from pictures: page {pages}. Check names, numbers and doses against the original."
FORM = (
    "Fields of a form: page {pages}. What stands at an empty box may be taken for true: check it against the original."
)
UNREAD = "Text and pictures: page {pages}. Only its text was read: look at the pictures in the original."


@dataclass(slots=True)
class Read:
    """PDF text by PDFium, pictures by tesseract."""

    model: ModelVersion
    limits: Limits
    batch: int = 1

    def run(self, cases: Sequence[Case], desk: Desk) -> list[Case]:
        """Each case with its text and pages; a document without a word sets `insufficient`.

        Raises MissingInputError without a document, BadDocumentError for one that cannot be read.
        """
        return [self._read(case, desk) for case in cases]

    def _read(self, case: Case, desk: Desk) -> Case:
        path, document = desk.document(case), case.origin.document
        assert document is not None  # noqa: S101 - the desk has opened it
        found: list[PageText] = []
        for each in pages.read(path, document.content_type, case.language, self.limits, desk.listen):
            added = BETWEEN + each.text if found else each.text
            found.append(each)
            desk.tell(case, each.page / each.pages, partial=added, append=True)
        text, placed = lay_out(found)
        if not text.strip():
            return replace(case, pages=placed, insufficient=NO_TEXT)
        doubts = (
            (RECOGNISED, [each for each in found if each.recognised]),
            (FORM, [each for each in found if each.form]),
            (UNREAD, [each for each in found if each.unread]),
        )
        warnings = [said.format(pages=", ".join(str(each.page) for each in some)) for said, some in doubts if some]
        return replace(case, text=text, pages=placed, warnings=(*case.warnings, *warnings))


def load(model: ModelVersion, device: Device) -> Read:  # noqa: ARG001 - it has no weights to put there
    """Ready at once; `pages` and `chars` in the model's options are the most that one document may have.

    Its version names both programs: what another one reads is another text.
    """
    limits = Limits()
    return Read(
        replace(model, version=_version()),
        Limits(
            pages=int(model.options.get("pages", limits.pages)), chars=int(model.options.get("chars", limits.chars))
        ),
    )


def _version() -> str:
    return f"pypdfium2 {metadata.version('pypdfium2')}, tesseract {ocr.version() or 'missing'}"


def lay_out(found: Sequence[PageText]) -> tuple[str, tuple[Page, ...]]:
    """The pages as one text, and where each of them stands in it."""
    placed, end = list[Page](), 0
    for each in found:
        start = end + len(BETWEEN) if placed else 0
        end = start + len(each.text)
        placed.append(Page(each.page, start, end, each.recognised))
    return BETWEEN.join(each.text for each in found), tuple(placed)
