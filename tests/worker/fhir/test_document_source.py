"""A document in the Bundle: what was submitted, its text that was made of it, and which page holds what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.case import Case, Page
from shared.job import Document
from worker.fhir.bundle import bundle
from worker.fhir.check import problems
from worker.fhir.codes import AI_LABEL


def submitted(note: Case, *, recognised: bool = False) -> Case:
    document = Document(blob="b", content_type="application/pdf", sha256="ab" * 32, size_bytes=4321)
    whole = len(note.text or "")
    pages = (Page(1, 0, 30), Page(2, 30, whole, recognised))
    return replace(note, origin=replace(note.origin, document=document), pages=pages)


def references(case: Case) -> list[dict[str, Any]]:
    resources = [each["resource"] for each in json.loads(bundle(case))["entry"]]
    return [each for each in resources if each["resourceType"] == "DocumentReference"]


@pytest.mark.parametrize("recognised", [False, True])
def test_the_bundle_of_a_document_passes_the_check(note: Case, recognised: bool) -> None:
    assert problems(json.loads(bundle(submitted(note, recognised=recognised)))) == []


def test_the_document_stands_beside_the_text_that_was_made_of_it(note: Case) -> None:
    case = submitted(note)
    entries = json.loads(bundle(case))["entry"]
    original, text = references(case)

    attachment = original["content"][0]["attachment"]
    assert (attachment["contentType"], attachment["size"]) == ("application/pdf", 4321)
    assert attachment["title"].endswith("ab" * 32)
    assert text["content"][0]["attachment"]["title"] == "Text of the document"
    (related,) = text["relatesTo"]
    assert related["code"] == "transforms"
    assert {each["fullUrl"]: each["resource"] for each in entries}[related["target"]["reference"]] == original


def test_the_text_says_which_offsets_stand_on_which_page(note: Case) -> None:
    whole = len(note.text or "")
    _, text = references(submitted(note, recognised=True))
    assert text["description"] == f"Pages, by code points of the text: 1: 0-30, 2: 30-{whole} (OCR)"


def test_text_that_was_recognised_is_labelled_and_text_that_was_there_is_not(note: Case) -> None:
    labels = [references(submitted(note, recognised=each))[1].get("meta", {}) for each in (False, True)]
    assert labels[0] == {}
    assert AI_LABEL in labels[1]["security"]
