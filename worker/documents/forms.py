"""What people have filled in or put on a page, which stands beside its drawing: fields of forms, typed notes."""

from __future__ import annotations

from collections.abc import Iterable
from ctypes import byref
from dataclasses import dataclass
from typing import Any

from pypdfium2 import PdfDocument, PdfPage, PdfTextPage, raw  # type: ignore[import-untyped]

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""
TICKED, EMPTY = "☒", "☐"
BOXES = frozenset({raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON})


@dataclass(frozen=True, slots=True)
class Filled:
    """A page with all that is drawn over it as part of it."""

    page: PdfPage
    form: bool = False
    """Whether it has fields of a form."""
    marks: tuple[tuple[Box, str], ...] = ()
    """Its boxes to tick, each as a sign that shows whether it is."""


def opened(document: PdfDocument, number: int) -> Filled:
    """The page with this number, from 0; the document's forms have to be ready (`init_forms`)."""
    page = document[number]
    kinds, marks = set[int](), list[tuple[Box, str]]()
    for each in range(raw.FPDFPage_GetAnnotCount(page)):
        note = raw.FPDFPage_GetAnnot(page, each)
        if not note:
            continue
        kinds.add(raw.FPDFAnnot_GetSubtype(note))
        shown = not raw.FPDFAnnot_GetFlags(note) & (raw.FPDF_ANNOT_FLAG_HIDDEN | raw.FPDF_ANNOT_FLAG_NOVIEW)
        if shown and document.formenv and raw.FPDFAnnot_GetFormFieldType(document.formenv, note) in BOXES:
            ticked = raw.FPDFAnnot_IsChecked(document.formenv, note)
            marks.append((_box(note), TICKED if ticked else EMPTY))
        raw.FPDFPage_CloseAnnot(note)
    if not kinds - {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP}:
        return Filled(page)
    raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
    page.close()
    return Filled(document[number], raw.FPDF_ANNOT_WIDGET in kinds, tuple(marks))


def by_place(page: PdfTextPage, marks: Iterable[tuple[Box, str]]) -> str:
    """The words from top to bottom and from left to right: what was filled in stands behind its label."""
    signs = dict(marks)
    drawn: list[Box] = [page.get_rect(each) for each in range(page.count_rects())]
    words = {box: page.get_text_bounded(*box).strip() for box in drawn if not any(_within(box, sign) for sign in signs)}
    every = words | signs
    return "\n".join(" ".join(every[box] for box in sorted(row)) for row in _rows(every))


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


def _within(box: Box, other: Box) -> bool:
    """Whether the middle of a box lies in another one: the tick's own drawing."""
    across, up = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return other[0] <= across <= other[2] and other[1] <= up <= other[3]


def _box(note: Any) -> Box:
    found = raw.FS_RECTF()
    raw.FPDFAnnot_GetRect(note, byref(found))
    left, right = sorted((found.left, found.right))
    bottom, top = sorted((found.bottom, found.top))
    return left, bottom, right, top
