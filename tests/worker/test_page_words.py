"""The words of a page: cut words are whole again, compounds and numbers stay, nothing unseen is left."""

from __future__ import annotations

import pytest

from worker.documents.words import plain


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("hyperten\x02sion", "hypertension"),
        ("Hiper-\r\ntensión", "Hipertensión"),
        ("HIPERTEN-\nSIÓN", "HIPERTENSIÓN"),
        ("a follow\x02up", "a follow-up"),
        ("a 45-year-\nold man", "a 45-year-old man"),
        ("COVID-\n19 and ST-\nelevation", "COVID-19 and ST-elevation"),
        ("10-\n20 mg", "10-20 mg"),
        ("none -\n- rash", "none -\n- rash"),
        ("12\n-\n14", "12\n-\n14"),
    ],
)
def test_a_word_that_a_line_has_cut_is_one_word_and_a_compound_keeps_its_hyphen(page: str, text: str):
    assert plain(page) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("e\u0301l", "él"),
        ("\ufb01brillation, o\ufb03ce", "fibrillation, office"),
        ("5\u202fmg\u00a0x\u00ady\u200bz", "5 mg xyz"),
        ("\fFever. \r\n\tCough.\v\n", "Fever.\n\tCough."),
        ("a\x01b\x00c\x06d", "abcd"),
    ],
)
def test_what_is_not_seen_on_a_page_is_not_in_its_text(page: str, text: str):
    assert plain(page) == text
