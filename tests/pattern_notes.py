"""Notes that pass through the rules, so that expressions compiled only then are seen."""

from __future__ import annotations

from shared.deidentify.redaction import Redaction
from shared.html_text import html_text
from shared.job import Patient
from tests.quality.bundles import judge
from tests.quality.made_notes import made_notes
from worker.clinical import plans
from worker.clinical.wording import looks_clinical, read
from worker.identifiers.find import identifiers

NOTES = 24


def read_notes() -> None:
    """Through the rules of every stage, through the Bundle, and out of the house without a name."""
    for number, note in enumerate(made_notes(NOTES)):
        judge(number, note)
    read("No cough.")
    plans.vocabulary()
    looks_clinical("nephrosclerosis")
    identifiers("Ada Byron, 12 St James's Square", patient=Patient(name="Ada Byron"))
    Redaction("Ada", "Eve", [], {"Ada": "Eve"}).words("Ada Byron")
    html_text("<style>p {}</style><p>Cough.")
