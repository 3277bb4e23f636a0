"""The text of documents: character sets, HTML as a reader sees it, and pages that are built to take for ever."""

from __future__ import annotations

import time

import pytest

from shared.documents import FHIR, UNKNOWN, kind_of, text_of
from shared.errors import BadDocumentError, UnsupportedDocumentError
from shared.html_text import html_text


@pytest.mark.parametrize(
    ("content_type", "data", "text"),
    [
        ("text/plain", "Tos 🤒\r\n".encode(), "Tos 🤒\r\n"),
        ("text/plain", b"\xef\xbb\xbfCough", "Cough"),
        ('TEXT/PLAIN; Charset="ISO-8859-1"', b"\xdcber", "Über"),
        ("text/plain; charset=windows-1252", b"\x93x\x94", "“x”"),
        ("text/plain; format=flowed; charset=utf-16", "x".encode("utf-16"), "x"),
        ("text/plain; charset=utf-8", b"\xff\xfex\x00", "x"),
        ("text/markdown", b"# Plan", "# Plan"),
        ("text/html", "<p>Übelkeit</p>".encode(), "Übelkeit"),
        ("text/html; charset=iso-8859-1", b"<p>\xdcbelkeit</p>", "Übelkeit"),
        ("text/html", b'<meta charset="iso-8859-1"><p>\xdcbelkeit</p>', "Übelkeit"),
    ],
)
def test_a_text_is_read_in_the_character_set_that_it_names(content_type, data, text):
    assert text_of(content_type, data) == text


@pytest.mark.parametrize(
    "content_type", ["application/pdf", "text/rtf", "", "text/plain; charset=utf-7", "text/plain; charset=zlib"]
)
def test_a_kind_that_is_not_read_is_refused(content_type):
    with pytest.raises(UnsupportedDocumentError):
        text_of(content_type, b"x")


@pytest.mark.parametrize(("content_type", "data"), [("text/plain", b"\xff"), ("text/html", b"<p>" * 2_000_000)])
def test_what_is_not_what_it_says_is_refused_without_a_word_of_it(content_type, data):
    with pytest.raises(BadDocumentError) as error:
        text_of(content_type, data)
    assert "xff" not in str(error.value)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b'{"content": [], "status": "current"', FHIR),
        (b'\xef\xbb\xbf{\n  "resourceType": "Bundle"', FHIR),
        (rb"{\rtf1\ansi No fever.}", UNKNOWN),
        (b'<ClinicalDocument classCode="DOCCLIN" xmlns="urn:hl7-org:v3">', UNKNOWN),
        (b"MSH|^~\\&|LAB", UNKNOWN),
        (b"%!PS-Adobe-3.0", UNKNOWN),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', "text/html"),
        (b'[{"resourceType": "Patient"', FHIR),
        (b"[1] {patient} denies fever", "text/plain"),
        (b"<Name> denies fever", "text/plain"),
        ("Tos".encode("utf-16"), "text/plain"),
    ],
)
def test_what_is_written_for_programs_is_no_clinical_text(head, kind):
    assert kind_of(head) == kind


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("Cough&nbsp;and   fever &lt; 3 days", "Cough and fever < 3 days"),
        (
            "<html><head><title>x</title></head><body><h1>Plan</h1><p>Rest.<br/>Drink.</p></body></html>",
            "Plan\nRest.\nDrink.",
        ),
        ("<ul><li>Aspirin 81 mg<li>Metformin</ul>", "- Aspirin 81 mg\n- Metformin"),
        ("<table><tr><th>BP</th><td>120/80</td></tr><tr><td>HR</td><td>72</td></tr></table>", "BP 120/80\nHR 72"),
        ("<p>BP < 90, SpO2 > 92</p>", "BP < 90, SpO2 > 92"),
        ("den<b>ies</b> pain", "denies pain"),
        ("a<!-- <p>no fever</p> -->b", "ab"),
        ("a<script>if (1 < 2) { document.write('fever') }</script>b<style>p > a {}</style >c", "abc"),
        ('<p title="a > b">pain</p>', "pain"),
        ("pain<!-- never closed fever", "pain"),
        ("pain<script>never closed fever", "pain"),
        ("<!DOCTYPE html><?xml version='1.0'?>pain", "pain"),
    ],
)
def test_a_page_is_read_as_it_is_seen(page, text):
    assert html_text(page) == text


@pytest.mark.parametrize(
    "piece", ["<!--", "<a", '<a "', "<a '", "<script>", "&", "<![CDATA[", "</", "<a x='", "<p>", "&#", "<!", "<a\"<b'"]
)
def test_a_page_that_is_built_to_be_slow_is_read_in_linear_time(piece):
    times = []
    for size in (20_000, 160_000):
        page = piece * (size // len(piece))
        began = time.perf_counter()
        html_text(page)
        times.append(time.perf_counter() - began)
    assert times[1] < 40 * times[0] + 0.05, "eight times the page takes about eight times as long"
