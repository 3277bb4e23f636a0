"""Drugs and operations that no table has, by the endings of their names."""

from __future__ import annotations

from shared.case import MentionKind
from worker.clinical.tokens import word_set

FEWEST_LETTERS = 7
DRUGS = (
    "azepam", "caine", "cillin", "cycline", "dipine", "dronate", "fibrate", "floxacin", "gatran", "gliflozin",
    "gliptin", "glitazone", "glutide", "lukast", "mycin", "oxetine", "parin", "platin", "prazole", "conazole",
    "nidazole", "rubicin", "sartan", "setron", "statin", "taxel", "terol", "thiazide", "tidine", "tinib", "triptan",
    "triptyline", "xaban", "umab", "ximab", "zolam", "olol", "nazine", "semide", "ciclib", "vudine", "navir",
    "tegravir", "buvir", "ciclovir", "cyclovir", "bactam", "penem", "trexate", "profen",
)  # fmt: skip
"""Stems of the United States Adopted Names (USAN Council) that no everyday word ends in."""
OPERATIONS = (
    "ectomy", "plasty", "ostomy", "otomy", "centesis", "pexy", "rrhaphy", "oscopy",
    "ectomia", "plastia", "ostomia", "otomia", "rrafia", "oscopia",
)  # fmt: skip
NONE = word_set("dichotomy anatomy microscopy spectroscopy microscopia dicotomia cholesterol")
"""Words with such an ending that are something else, or do not name what was done."""
_ALL = (*DRUGS, *OPERATIONS)


def kind_of(stem: str) -> MentionKind | None:
    """What a word without its plural ending names: medication, procedure or None."""
    if len(stem) < FEWEST_LETTERS or not stem.endswith(_ALL) or stem in NONE:
        return None
    return "procedure" if stem.endswith(OPERATIONS) else "medication"
