"""What people have filled in or put on a page, which stands beside its drawing: fields of forms, typed notes."""

from __future__ import annotations

from collections.abc import Iterable

from pypdfium2 import PdfDocument, PdfPage, PdfTextPage, raw  # type: ignore[import-untyped]

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""


def opened(document: PdfDocument, number: int) -> tuple[PdfPage, bool]:
    """A page (from 0) with all that is drawn over it as part of it, and whether it has fields of a form."""
    page = document[number]
    notes = [raw.FPDFPage_GetAnnot(page, each) for each in range(raw.FPDFPage_GetAnnotCount(page))]
    kinds = {raw.FPDFAnnot_GetSubtype(each) for each in notes if each}
    for each in notes:
        raw.FPDFPage_CloseAnnot(each)
    if not kinds - {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}:
        return page, False
    raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    page.close()
    return document[number], raw.FPDF_ANNOT_WIDGET in kinds


def by_place(page: PdfTextPage) -> str:
    """The words from top to bottom and from left to right: what was filled in stands behind its label."""
    boxes: list[Box] = [page.get_rect(each) for each in range(page.count_rects())]
    return "\n".join(" ".join(page.get_text_bounded(*each).strip() for each in sorted(row)) for row in _rows(boxes))


def _rows(boxes: Iterable[Box]) -> list[list[Box]]:
    """The boxes by lines: one whose middle lies within the first box of a line belongs to that line."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda each: -(each[1] + each[3])):
        first = rows[-1][0] if rows else None
        if first is not None and first[1] < (box[1] + box[3]) / 2 < first[3]:
            rows[-1].append(box)
        else:
            rows.append([box])
    return rows
