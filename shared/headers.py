"""The section headers of MTS-Dialog (Ben Abacha 2023), and where what stands under them belongs."""

from __future__ import annotations

from typing import NamedTuple

FAMILY_OR_SOCIAL = "FAM/SOCHX"


class Place(NamedTuple):
    """Where the words under a header belong."""

    part: str
    """Of a note: one of the names in worker/clinical/sections.py."""
    summary: str
    """Of a summary: one of the sections in worker/clinical/outline.py."""


SECTIONS = {
    "ALLERGY": Place("allergies", "allergies"),
    "ASSESSMENT": Place("assessment", "assessment"),
    "CC": Place("chief_complaint", "subjective"),
    "DIAGNOSIS": Place("assessment", "assessment"),
    "DISPOSITION": Place("instructions", "plan"),
    "EDCOURSE": Place("other", "objective"),
    "EXAM": Place("exam", "objective"),
    FAMILY_OR_SOCIAL: Place("social_history", "history"),
    "GENHX": Place("present_illness", "subjective"),
    "GYNHX": Place("past_history", "history"),
    "IMAGING": Place("results", "objective"),
    "IMMUNIZATIONS": Place("immunizations", "history"),
    "LABS": Place("results", "objective"),
    "MEDICATIONS": Place("medications", "medications"),
    "OTHER_HISTORY": Place("past_history", "history"),
    "PASTMEDICALHX": Place("past_history", "history"),
    "PASTSURGICAL": Place("surgical_history", "history"),
    "PLAN": Place("plan", "plan"),
    "PROCEDURES": Place("procedures", "objective"),
    "ROS": Place("review_of_systems", "subjective"),
}
