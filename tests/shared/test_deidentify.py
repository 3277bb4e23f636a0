"""Stand-ins are the same for the same patient, dates keep their form and their distances, offsets follow the text."""

from __future__ import annotations

import base64
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.case import Identifier
from shared.crypto import Fingerprint
from shared.deidentify import dates, documents
from shared.deidentify.pseudonyms import Pseudonyms
from shared.deidentify.redaction import Redaction, redact

TEXT = "Mr. Smith (John Smith) came on 03/14/2024, again 03/20/2024. Smith is 93 years old, takes 5 mg."


def pseudonyms(tenant: str = "a", subject: str = "p1", key: str = "secret") -> Pseudonyms:
    return Pseudonyms(Fingerprint(key), tenant, subject)


def marked(text: str, *words: tuple[str, str]) -> list[Identifier]:
    spans, done = [], 0
    for kind, each in words:
        start = text.index(each, done)
        spans.append(Identifier(kind, start, start + len(each)))
        done = start + len(each)
    return spans


def redacted(**who: str) -> Redaction:
    words = [
        ("name", "Smith"),
        ("name", "John Smith"),
        ("date", "03/14/2024"),
        ("date", "03/20/2024"),
        ("name", "Smith"),
        ("age", "93"),
    ]
    return redact(TEXT, marked(TEXT, *words), pseudonyms(**who))


def test_one_person_has_one_stand_in_whichever_part_of_the_name_is_said() -> None:
    labels = [redacted().text[each.start : each.end] for each in redacted().pieces if each.identifier.kind == "name"]
    assert len(set(labels)) == 1
    assert labels[0].startswith("[NAME-")


def test_nothing_but_the_identifiers_changes() -> None:
    made = redacted()
    rest = made.text
    for piece in reversed(made.pieces):
        rest = rest[: piece.start] + TEXT[piece.identifier.start : piece.identifier.end] + rest[piece.end :]
    assert rest == TEXT
    assert "Smith" not in made.text
    assert "is 90 years old, takes 5 mg." in made.text


def test_dates_keep_their_distance() -> None:
    made = redacted()
    days = [made.text[each.start : each.end] for each in made.pieces if each.identifier.kind == "date"]
    first, second = (date(int(each[6:]), int(each[:2]), int(each[3:5])) for each in days)
    assert (second - first).days == 6
    assert days[0] != "03/14/2024"


def test_stand_ins_depend_on_tenant_and_key_and_dates_on_the_patient_too() -> None:
    labels = {redacted(**who).text.split(" ")[1] for who in ({}, {"tenant": "b"}, {"key": "other"})}
    assert len(labels) == 3
    assert len({pseudonyms(subject=f"p{number}").days for number in range(30)}) > 20
    assert all(-364 <= pseudonyms(subject=f"p{number}").days <= -1 for number in range(200))


def test_offsets_follow_the_text() -> None:
    made = redacted()
    for words in ("came on", "again", "years old", "takes 5 mg"):
        start = TEXT.index(words)
        assert made.text[made.offset(start) : made.offset(start + len(words), end=True)] == words
    inside = TEXT.index("John") + 2
    assert made.text[made.offset(inside) : made.offset(inside + 3, end=True)].startswith("[NAME-")


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("03/14/1956", "03/04/1956"),
        ("3/14/56", "3/4/56"),
        ("1.5.2020", "21.4.2020"),
        ("2024-03-05", "2024-02-24"),
        ("13/02/2020", "03/02/2020"),
        ("March 3rd, 2024", "February 22nd, 2024"),
        ("3 de enero de 2021", "24 de diciembre de 2020"),
        ("MAY 2019", "MAY 2019"),
        ("Jan. 5", "Dec. 26"),
        ("31/31/2020", None),
        ("99.99", None),
    ],
)
def test_a_date_moves_within_its_own_form(text: str, moved: str | None) -> None:
    assert dates.shifted(text, -10) == moved


def test_a_day_comes_first_where_the_language_has_it_so() -> None:
    assert dates.shifted("03/04/2021", -10, day_first=True) == "24/03/2021"


@given(st.dates(date(1900, 6, 1), date(2090, 1, 1)), st.integers(-364, -1))
def test_a_shifted_iso_date_is_that_many_days_away(day: date, days: int) -> None:
    assert (date.fromisoformat(dates.shifted(day.isoformat(), days) or "") - day).days == days
    assert dates.iso(f"{day.isoformat()}T10:00:00Z", days)[10:] == "T10:00:00Z"
    assert dates.iso(str(day.year), days) == str(day.year)


def test_a_result_is_moved_with_its_text() -> None:
    start = TEXT.index("takes 5 mg")
    place = {"start": start, "end": start + 10, "quote_hash": "old"}
    made = documents.result(
        {
            "job_id": "x",
            "metadata": {"ward": "7"},
            "clinical_summary": {"patient_age": 93, "narrative_summary": "Smith, 93 years old, takes 5 mg."},
            "facts": [{"text": "takes 5 mg", "evidence": [place]}],
        },
        redacted(),
        pseudonyms(),
    )
    [moved] = made["facts"][0]["evidence"]
    assert made["text"][moved["start"] : moved["end"]] == "takes 5 mg"
    assert moved["quote_hash"] != "old"
    assert made["clinical_summary"]["patient_age"] == 90
    assert "Smith" not in made["clinical_summary"]["narrative_summary"]
    assert "90 years old" in made["clinical_summary"]["narrative_summary"]
    assert not {"job_id", "metadata"} & made.keys()


def test_a_bundle_keeps_the_gender_and_loses_who_it_is() -> None:
    name = "0f0f0f0f-0f0f-5f0f-8f0f-0f0f0f0f0f0f"
    note = {"contentType": "text/plain", "data": base64.b64encode(TEXT.encode()).decode(), "title": "Smith"}
    patient = {"resourceType": "Patient", "gender": "male", "birthDate": "1956-03-14", "name": [{"family": "Smith"}]}
    source = {"resourceType": "DocumentReference", "date": "2024-03-14T10:00:00Z", "content": [{"attachment": note}]}
    entries = [{"fullUrl": f"urn:uuid:{name}", "resource": each} for each in (patient, source)]
    made = documents.bundle({"resourceType": "Bundle", "entry": entries}, redacted(), pseudonyms())
    assert made["entry"][0]["resource"] == {"resourceType": "Patient", "gender": "male"}
    assert "Smith" not in base64.b64decode(made["entry"][1]["resource"]["content"][0]["attachment"]["data"]).decode()
    assert name not in str(made)
    assert "2024-03-14" not in str(made)
    assert made["meta"]["security"][0]["code"] == "PSEUDED"
