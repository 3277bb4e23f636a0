"""Evidence points at the very words, whatever characters stand before them."""

from __future__ import annotations

import base64
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.worker.fhir.cases import mention, one, resources, sound
from worker.fhir.bundle import bundle
from worker.fhir.elements import read

TEXTS = [
    "Plain cough",
    "😀🤧 cough",
    "👨\u200d👩\u200d👧 then\r\ncough\r\n",
    "re\u0301sume\u0301 of a cough",
    "\ufeffcough after a byte order mark",
    "nul\x00 and \x0b before cough",
    "half \ud800 surrogate, cough",
    "日本語 and cough",
]


def selected(resource: dict, document: dict) -> str:
    """What a receiver finds: decode the attachment, count code points."""
    text = base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
    part = {each["url"]: each for each in resource["extension"][0]["extension"]}
    start = part["offset"]["valueInteger"]
    return text[start : start + part["length"]["valueInteger"]]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_the_offsets_select_the_words_in_the_decoded_source(case_of, text):
    case = replace(case_of(text), mentions=(mention(text, "symptom", "cough"),))
    sound(case)
    received = read(bundle(case).encode().decode())
    (document,) = resources(received, "DocumentReference")
    assert selected(one(received, "Observation"), document) == "cough"


def test_line_ends_of_the_source_are_kept(case_of):
    (document,) = resources(sound(case_of("one\r\ntwo\rthree\n")), "DocumentReference")
    assert base64.b64decode(document["content"][0]["attachment"]["data"]) == b"one\r\ntwo\rthree\n"


def test_an_empty_span_points_at_nothing(case_of):
    text = "cough"
    stated = mention(text, "symptom", "cough", {"severity": ("mild", "")})
    assert len(one(sound(replace(case_of(text), mentions=(stated,))), "Observation")["extension"]) == 1


@pytest.mark.parametrize("words", ["BP < 90 & falling", "<script>alert(1)</script>", 'x" onload="y', "]]>", "a\x00b"])
def test_the_notes_words_are_escaped_in_narratives(case_of, words):
    case = replace(case_of(words), mentions=(mention(words, "symptom", words),))
    div = one(sound(case), "Observation")["text"]["div"]
    assert [each.tag.split("}")[1] for each in ElementTree.fromstring(div).iter()] == ["div", "p"]  # noqa: S314 - ours
