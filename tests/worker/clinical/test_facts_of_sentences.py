"""Sentence by sentence: what is found, in which words, in which sense, with which attributes."""

from __future__ import annotations

import pytest

from shared.case import Mention
from tests.worker.clinical import english, spanish
from worker.clinical.facts import facts

CASES = [
    *(("en", text, expected) for text, expected in english.SENTENCES.items()),
    *(("es", text, expected) for text, expected in spanish.SENTENCES.items()),
]


@pytest.mark.parametrize(("language", "text", "expected"), CASES, ids=[each[1][:40] for each in CASES])
def test_a_sentence_says_exactly_this(language: str, text: str, expected: tuple[str, ...]) -> None:
    found = facts(text, language).mentions
    assert [head(each) for each in found] == [parts_of(line)[0] for line in expected]
    for mention, line in zip(found, expected, strict=True):
        for name, value in parts_of(line)[1].items():
            assert mention.attribute(name) == value, (mention.text, name)


@pytest.mark.parametrize(("language", "text", "expected"), CASES, ids=[each[1][:40] for each in CASES])
def test_offsets_select_the_words_of_mentions_attributes_and_cues(
    language: str, text: str, expected: tuple[str, ...]
) -> None:
    for mention in facts(text, language).mentions:
        assert text[mention.start : mention.end] == mention.text
        spans = [each.span for each in mention.attributes if each.span] + list(mention.cues)
        for span in spans:
            words = text[span.start : span.end]
            assert words
            assert words == words.strip()


def head(mention: Mention) -> tuple[str, str, str]:
    sense = [] if mention.assertion == "present" else [mention.assertion]
    if mention.experiencer != "patient":
        sense.append(f"{mention.experiencer}:{mention.relation}")
    if mention.temporality != "current":
        sense.append(mention.temporality)
    return mention.kind, mention.text, " ".join(sense)


def parts_of(line: str) -> tuple[tuple[str, str, str], dict[str, str]]:
    kind, words, sense, *rest = (each.strip() for each in line.split("|"))
    attributes: dict[str, str] = {}
    name = ""
    for token in " ".join(rest).split():
        if "=" in token and token.split("=")[0].replace("_", "").isalpha():
            name, _, attributes[name] = token.partition("=")
        else:
            attributes[name] += f" {token}"
    return (kind, words, sense), attributes


def test_the_clinician_s_own_view_behind_a_question_for_the_family_is_about_the_patient():
    found = facts(
        "Doctor: And in the family?\nPatient: My father had a stroke.\nDoctor: Okay. I think this is a migraine."
    )
    who = {each.concept: each.experiencer for each in found.mentions}
    assert who == {"stroke": "family", "migraine": "patient"}
